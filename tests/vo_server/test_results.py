"""The result store: whole files or none, bounded room, several processes."""

import errno
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vo_server.budget import Budget
from vo_server.errors import Refusal, Stopping, StorageFull, TooMuch
from vo_server.results import ResultStore
from vo_server.settings import Results

BASE = "https://sims.example.org/node"
DAY = 86400.0


def store(folder: Path, max_bytes: int = 1000, days: float = 30.0) -> ResultStore:
    return ResultStore(folder, BASE, Results(max_bytes=max_bytes, days=days))


def put(results: ResultStore, part: str, size: int, age: float | None = None) -> str:
    """Put a result of a size; its mtime is `age` seconds ago where given."""
    name = results.put(results.key(part), "vot", [bytes(size)], Budget())
    path = results.path(name)
    assert path is not None
    if age is not None:
        os.utime(path, (time.time() - age,) * 2)
    return name


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files be on the disk before they have a name."""
    monkeypatch.setattr("vo_server.settle._FILES", 0)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_key_tells_parts_apart() -> None:
    key = ResultStore.key("a", "bc")
    assert len(key) == 32
    assert set(key) <= set("0123456789abcdef")
    assert key == ResultStore.key("a", "bc")
    others = [("ab", "c"), ("abc",), ("a", "bc", ""), ("", "a", "bc"), ("bc", "a"), (), ("ä", "bc")]
    assert len({ResultStore.key(*parts) for parts in others} | {key}) == len(others) + 1


def test_a_result_is_there_after_put_and_not_before(tmp_path: Path) -> None:
    results = store(tmp_path / "state" / "results")
    key = results.key("x")
    assert results.find(key, "vot") is None
    name = results.put(key, "vot", iter([b"ab", b"", b"c"]), Budget())
    assert name == f"{key}.vot"
    assert results.find(key, "vot") == name
    assert results.find(key, "nc") is None
    path = results.path(name)
    assert path is not None
    assert path.read_bytes() == b"abc"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert names(path.parent) == {name}
    assert results.url(name) == f"{BASE}/results/{name}"
    assert results.own(results.url(name)) == name


def test_nothing_shows_while_a_result_is_written(tmp_path: Path) -> None:
    results = store(tmp_path)
    key = results.key("x")
    seen: list[object] = []

    def blocks() -> Iterator[bytes]:
        yield b"ab"
        seen.extend([results.find(key, "vot"), results.path(f"{key}.vot"), len(names(tmp_path))])
        yield b"cd"

    results.put(key, "vot", blocks(), Budget())
    assert seen == [None, None, 1]


def test_the_newer_result_of_the_same_key_stands_whole(tmp_path: Path) -> None:
    results = store(tmp_path)
    key = results.key("x")
    results.put(key, "vot", [b"old, and longer"], Budget())
    name = results.put(key, "vot", [b"new"], Budget())
    assert (tmp_path / name).read_bytes() == b"new"
    assert names(tmp_path) == {name}


@pytest.mark.parametrize(
    "error", [RuntimeError("x"), OSError(errno.ENOSPC, "x"), KeyboardInterrupt()]
)
def test_an_error_of_the_blocks_goes_up_and_leaves_nothing(
    tmp_path: Path, error: BaseException
) -> None:
    results = store(tmp_path)

    def blocks() -> Iterator[bytes]:
        yield b"ab"
        raise error

    with pytest.raises(type(error)) as caught:
        results.put(results.key("x"), "vot", blocks(), Budget())
    assert caught.value is error
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "the disk of this node is full"),
        (errno.EDQUOT, "the disk of this node is full"),
        (errno.EFBIG, "the disk of this node is full"),
        (errno.EROFS, "cannot store results (Read-only file system)"),
    ],
)
@pytest.mark.parametrize("call", ["write", "fsync", "replace", "open"])
def test_a_disk_that_refuses_is_a_clear_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str, call: str
) -> None:
    results = store(tmp_path)
    kept = put(results, "kept", 10)
    closed: list[bool] = []

    def blocks() -> Iterator[bytes]:
        try:
            yield b"ab"
            yield b"cd"
        finally:
            closed.append(True)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StorageFull) as refusal:
            results.put(results.key("x"), "vot", blocks(), Budget())
    assert says in refusal.value.message
    assert str(tmp_path) not in refusal.value.message
    assert names(tmp_path) == {kept}
    assert closed == ([] if call == "open" else [True])


def test_a_real_file_size_limit_is_a_clear_refusal(tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from vo_server.budget import Budget
from vo_server.errors import StorageFull
from vo_server.results import ResultStore
from vo_server.settings import Results
results = ResultStore(Path(sys.argv[1]), "http://x", Results())
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    results.put(results.key("x"), "vot", (bytes(65536) for _ in range(4)), Budget())
except StorageFull as refusal:
    print(refusal)
"""
    said = _run(program, str(tmp_path)).communicate(timeout=60)[0]
    assert said.startswith("the disk of this node is full")
    assert names(tmp_path) == set()


def test_a_folder_that_cannot_be_made_is_a_clear_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFull, match="cannot store results"):
        store(tmp_path / "file" / "results")


@pytest.mark.parametrize(
    ("limits", "max_bytes", "kind"),
    [
        ({"bytes": 99}, 1000, TooMuch),
        ({}, 99, TooMuch),
        ({"seconds": 0}, 1000, TooMuch),
        ({"bytes": 100}, 100, None),
    ],
)
def test_limits_of_request_and_store(
    tmp_path: Path, limits: dict[str, Any], max_bytes: int, kind: type[Refusal] | None
) -> None:
    results, budget = store(tmp_path, max_bytes), Budget(**limits)
    blocks = (bytes(10) for _ in range(10))
    if kind is None:
        assert {results.put(results.key("x"), "vot", blocks, budget)} == names(tmp_path)
        return
    with pytest.raises(kind):
        results.put(results.key("x"), "vot", blocks, budget)
    assert names(tmp_path) == set()


def test_a_result_too_large_evicts_no_more_than_it_wrote(tmp_path: Path) -> None:
    results = store(tmp_path, 1000)
    kept = [put(results, str(number), 100, age=10.0 - number) for number in range(10)]
    blocks = (bytes(50) for _ in range(1000))
    with pytest.raises(TooMuch, match="limit of 200 bytes"):
        results.put(results.key("x"), "vot", blocks, Budget(bytes=200))
    assert names(tmp_path) == set(kept[2:])


def test_a_stopping_node_leaves_nothing(tmp_path: Path) -> None:
    results, budget = store(tmp_path), Budget()

    def blocks() -> Iterator[bytes]:
        yield b"ab"
        budget.stop.set()
        yield b"cd"

    with pytest.raises(Stopping):
        results.put(results.key("x"), "vot", blocks(), budget)
    assert names(tmp_path) == set()


def test_the_oldest_go_first_and_no_more_than_needed(tmp_path: Path) -> None:
    results = store(tmp_path, 1000)
    first = put(results, "first", 300, age=30.0)
    second = put(results, "second", 300, age=20.0)
    third = put(results, "third", 300, age=10.0)
    fourth = put(results, "fourth", 100)
    assert names(tmp_path) == {first, second, third, fourth}
    assert results.find(first.partition(".")[0], "vot") == first  # fresh again
    fifth = put(results, "fifth", 301)
    assert names(tmp_path) == {first, fourth, fifth}
    whole = put(results, "whole", 1000)
    assert names(tmp_path) == {whole}


def test_the_total_never_goes_over_the_limit(tmp_path: Path) -> None:
    results = store(tmp_path, 1000)
    for number in range(60):
        name = put(results, str(number), 37 * number % 400 + 1)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1000
        assert results.path(name) is not None


def test_the_folder_is_looked_through_once_for_many_small_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look is trusted until a share of the room is gone, and no longer than its time."""
    results = store(tmp_path, 32_000)  # of which a share is 1000
    looks: list[Any] = []
    scandir = os.scandir

    def counted(path: Any) -> Any:
        looks.append(path)
        return scandir(path)

    monkeypatch.setattr("vo_server.results._TRUSTED", 3600.0)
    monkeypatch.setattr("vo_server.results.os.scandir", counted)
    for number in range(10):
        put(results, f"small {number}", 100)
    assert len(looks) == 1
    put(results, "one more", 100)
    assert len(looks) == 2
    monkeypatch.setattr("vo_server.results._TRUSTED", 0.0)
    put(results, "later", 100)
    assert len(looks) > 2


def test_results_go_when_their_days_are_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vo_server.results._TRUSTED", 0.0)
    results = store(tmp_path, days=2.0)
    put(results, "old", 10, age=2.1 * DAY)
    young = put(results, "young", 10, age=1.9 * DAY)
    new = put(results, "new", 10)
    assert names(tmp_path) == {young, new}


def test_the_file_just_written_stays_even_when_the_clock_says_otherwise(tmp_path: Path) -> None:
    results = store(tmp_path, 100)
    future = put(results, "future", 60, age=-DAY)
    new = put(results, "new", 60)
    assert names(tmp_path) == {new}
    assert future != new


def test_what_others_added_meanwhile_goes_before_the_file_just_written(tmp_path: Path) -> None:
    results, other = store(tmp_path, 100), store(tmp_path, 100)

    def blocks() -> Iterator[bytes]:
        yield bytes(60)
        put(other, "other", 60, age=-DAY)

    assert {results.put(results.key("new"), "vot", blocks(), Budget())} == names(tmp_path)


def test_leaves_alone_what_is_no_result(tmp_path: Path) -> None:
    others = {"README", "a.vot", f"{'A' * 32}.vot", f"{'a' * 32}.vot.gz", f".{'a' * 32}-x.part"}
    for other in others:
        (tmp_path / other).write_bytes(bytes(5000))
        os.utime(tmp_path / other, (time.time() - 100 * DAY,) * 2)
    young = tmp_path / ".young.part"
    young.write_bytes(b"x")
    (tmp_path / f"{'d' * 32}.vot").mkdir()
    new = put(store(tmp_path, 100), "new", 60)
    stale = f".{'a' * 32}-x.part"
    assert names(tmp_path) == (others - {stale}) | {".young.part", f"{'d' * 32}.vot", new}


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    results = store(tmp_path / "results")
    name = put(results, "x", 10)
    (tmp_path / "secret.vot").write_bytes(b"secret")
    key = name.partition(".")[0]
    link = f"{'e' * 32}.vot"
    (tmp_path / "results" / link).symlink_to(tmp_path / "secret.vot")
    (tmp_path / "results" / f"{'d' * 32}.vot").mkdir()
    for bad in (
        *("", ".", "..", "/etc/passwd", "../secret.vot", f"../results/{name}", f"./{name}"),
        *(f"{name}\n", f"{name}/", f"{name}\0", f" {name}", name.upper(), f"{key}.vot.gz", key),
        *(f"{key}.", f"{key}.VOT", f"{key}.toolong90", f"{key}x.vot", f"{key[1:]}.vot"),
        *(f"{key}%2evot", f"%2e%2e/{name}", link, f"{'d' * 32}.vot", f"{'f' * 32}.vot"),
    ):
        assert results.path(bad) is None, bad
    assert results.find("e" * 32, "vot") is None
    for key, extension in (("../x", "vot"), ("a" * 32, "../x"), ("a" * 32, ""), ("a" * 31, "vot")):
        with pytest.raises(ValueError, match="is no name of a result"):
            results.put(key, extension, [b""], Budget())
        with pytest.raises(ValueError, match="is no name of a result"):
            results.find(key, extension)


def test_knows_its_own_urls(tmp_path: Path) -> None:
    results = store(tmp_path)
    gone = f"{'a' * 32}.vot"
    own = f"{BASE}/results/{gone}"
    assert results.own(own) == gone
    assert results.path(gone) is None
    for foreign in (
        *(gone, f"/results/{gone}", f"{own}?x", f"{own}#x", f"{own}/", f"{own}\n", f" {own}"),
        *(f"{BASE}/results/", f"{BASE}/results/../{gone}", f"{BASE}/results//{gone}"),
        *(own.replace("https", "http"), own.replace("node", "nodes"), own.replace(".org", ".com")),
        *(
            own.replace("sims", "x@sims"),
            own.replace("example.org", "example.org:443"),
            own.upper(),
        ),
        f"{BASE}/results/{'a' * 32}.VOT",
    ):
        assert results.own(foreign) is None, foreign


def test_files_that_vanish_underneath_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = store(tmp_path, 1000)
    for number in range(9):
        put(results, str(number), 100, age=100.0 - number)
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        real(path, missing_ok=True)  # the other process was faster
        real(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink)
        new = put(results, "new", 950)
    assert names(tmp_path) == {new}


WRITER = """
import hashlib, sys
from pathlib import Path
from vo_server.budget import Budget
from vo_server.results import ResultStore
from vo_server.settings import Results
results = ResultStore(Path(sys.argv[1]), "http://x", Results(max_bytes=20_000))
sys.stdin.readline()
for number in range(150):
    key = results.key(str(number % 40) if number % 3 else sys.argv[2] + str(number))
    block = key.encode() * 16
    name = results.find(key, "txt") or results.put(
        key, "txt", (block for _ in range(1 + int(key[0], 16) // 4)), Budget()
    )
    path = results.path(name)
    try:
        content = path.read_bytes() if path else b""
    except FileNotFoundError:
        content = b""
    assert content in (b"", block * (1 + int(key[0], 16) // 4)), name
print("done")
"""


def _run(program: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_share_a_store(tmp_path: Path) -> None:
    writers = [_run(WRITER, str(tmp_path), name) for name in "ab"]
    for writer in writers:  # both have started before either is told to go
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.communicate(timeout=60)[0] for writer in writers] == ["done\n", "done\n"]
    assert [writer.returncode for writer in writers] == [0, 0]
    files = list(tmp_path.iterdir())
    assert 0 < sum(path.stat().st_size for path in files) <= 20_000
    for path in files:
        key = path.name.partition(".")[0]
        assert path.read_bytes() == key.encode() * 16 * (1 + int(key[0], 16) // 4)
