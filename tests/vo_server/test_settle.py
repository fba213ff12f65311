"""Results that have their name before they are on the disk, and machines that go down then."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vo_server import settle
from vo_server.budget import Budget
from vo_server.errors import StorageFull
from vo_server.results import ResultStore
from vo_server.settings import Results

_HOUR = 3600.0


@pytest.fixture
def results(tmp_path: Path) -> Iterator[ResultStore]:
    store = ResultStore(tmp_path, "https://sims.example.org", Results())
    yield store
    store.close()


class _Disk:
    """A disk that takes what it is given when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = threading.Event()
        self.fails = False

    def fsync(self, handle: int) -> None:
        self.asked += 1
        assert os.fstat(handle).st_size
        assert self.go.wait(30.0)
        if self.fails:
            raise OSError(5, "Input/output error")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Disk]:
    made = _Disk()
    monkeypatch.setattr(os, "fsync", made.fsync)
    yield made
    made.go.set()


def _put(results: ResultStore, part: str = "x") -> str:
    return results.put(results.key(part), "vot", [b"some", b"thing"], Budget())


def _third_waits(results: ResultStore, disk: _Disk) -> None:
    """Put a result that has no name before the disk has it, and let the disk go on."""
    waiting = threading.Thread(target=_put, args=(results, "third"))
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive()
    assert results.find(results.key("third"), "vot") is None
    disk.go.set()
    waiting.join(30.0)
    assert not waiting.is_alive()


def _unfinished(folder: Path) -> list[Path]:
    return list(folder.glob(".*"))


def test_a_result_has_its_name_before_the_disk_has_it(
    tmp_path: Path, results: ResultStore, disk: _Disk
) -> None:
    name = _put(results)
    assert (tmp_path / name).read_bytes() == b"something"
    [beside] = _unfinished(tmp_path)
    assert beside.samefile(tmp_path / name)
    assert beside.name.startswith(f".{name}-{settle.boot()}-")
    disk.go.set()
    results.close()
    assert disk.asked == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_newer_of_two_that_wait_stands(
    tmp_path: Path, results: ResultStore, disk: _Disk
) -> None:
    name = _put(results)
    assert results.put(results.key("x"), "vot", [b"new"], Budget()) == name
    disk.go.set()
    results.close()
    assert disk.asked == 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: b"new"}


def test_a_result_that_the_disk_does_not_take_goes(
    tmp_path: Path, results: ResultStore, disk: _Disk, caplog: pytest.LogCaptureFixture
) -> None:
    disk.fails = True
    name = _put(results)
    with caplog.at_level(logging.ERROR):
        disk.go.set()
        results.close()
    assert list(tmp_path.iterdir()) == []
    assert name in caplog.text
    assert str(tmp_path) not in caplog.messages[0]


def test_with_too_many_behind_an_answer_waits_for_the_disk(
    tmp_path: Path, disk: _Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "_FILES", 2)
    results = ResultStore(tmp_path, "https://sims.example.org", Results())
    for number in range(2):
        _put(results, str(number))
    _third_waits(results, disk)
    assert results.find(results.key("third"), "vot")
    results.close()
    assert _unfinished(tmp_path) == []
    _put(results, "after the end")
    assert results.find(results.key("after the end"), "vot")
    assert _unfinished(tmp_path) == []


@pytest.mark.parametrize("why", ["no links", "no boot"])
def test_where_a_crash_could_not_be_told_the_disk_comes_first(
    tmp_path: Path, results: ResultStore, disk: _Disk, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    if why == "no links":
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    else:
        monkeypatch.setattr(settle, "boot", str)
    disk.fails = True
    disk.go.set()
    with pytest.raises(StorageFull, match="cannot store results"):
        _put(results)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("boot", "age", "left"),
    [
        (None, 0.0, {"name", "unfinished"}),  # being written, or its writer has crashed
        (None, 2 * _HOUR, {"name"}),
        ("0123abcd", 0.0, set()),
        ("0123abcd", 2 * _HOUR, set()),
    ],
)
def test_after_a_machine_went_down_what_may_not_be_whole_goes(
    tmp_path: Path, boot: str | None, age: float, left: set[str]
) -> None:
    name = f"{'a' * 32}.nc"
    whole = tmp_path / f"{'b' * 32}.nc"
    whole.write_bytes(b"whole")
    paths = {"name": tmp_path / name}
    paths["unfinished"] = tmp_path / f".{name}-{boot or settle.boot()}-x_1.part"
    for path in paths.values():
        path.write_bytes(b"?")
        os.utime(path, (time.time() - age,) * 2)
    ResultStore(tmp_path, "https://sims.example.org", Results())
    assert {key for key, path in paths.items() if path.exists()} == left
    assert whole.exists()


def test_a_result_that_was_made_again_stays(tmp_path: Path) -> None:
    name = f"{'a' * 32}.nc"
    (tmp_path / f".{name}-0123abcd-x_1.part").write_bytes(b"?")
    for _ in range(2):
        ResultStore(tmp_path, "https://sims.example.org", Results())
        (tmp_path / name).write_bytes(b"whole")
    ResultStore(tmp_path, "https://sims.example.org", Results())
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_waits_is_bounded_in_bytes(tmp_path: Path, disk: _Disk) -> None:
    results = ResultStore(tmp_path, "https://sims.example.org", Results(max_bytes=16 * 20))
    for number in range(2):
        _put(results, str(number))
    _third_waits(results, disk)
    results.close()
    assert _unfinished(tmp_path) == []


def test_the_newer_result_stays_where_the_disk_did_not_take_the_older(
    tmp_path: Path, results: ResultStore, disk: _Disk
) -> None:
    name = _put(results)
    (tmp_path / "other").write_bytes(b"newer")
    (tmp_path / "other").replace(tmp_path / name)
    disk.fails = True
    disk.go.set()
    results.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: b"newer"}


def test_where_no_thread_can_begin_the_disk_comes_first(
    tmp_path: Path, results: ResultStore, disk: _Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    disk.go.set()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        name = _put(results, "first")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    _put(results, "second")
    results.close()
    assert disk.asked == 2
    assert _unfinished(tmp_path) == []


def test_a_folder_that_cannot_be_changed_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    unfinished = tmp_path / f".{'a' * 32}.nc-0123abcd-x_1.part"
    unfinished.write_bytes(b"?")
    monkeypatch.setattr(Path, "unlink", refuse)
    ResultStore(tmp_path, "https://sims.example.org", Results())
    assert unfinished.exists()


def test_this_machine_tells_when_it_went_up() -> None:
    assert len(settle.boot()) == 8
    assert set(settle.boot()) <= set("0123456789abcdef")
