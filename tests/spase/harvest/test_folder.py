"""Harvesting a folder in the layout of hpde."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spase.harvest import folder as folder_module
from vo_server.context import Context
from vo_server.harvest import run
from vo_server.row import Query

Node = Callable[..., Context]

_SOURCE = '[[harvest]]\nname = "files"\nuse = "folder"\npath = "records"\n'


def _one(context: Context) -> Any:
    (outcome,) = run(context, context.settings.harvest[0])
    return outcome


def test_real_records_keep_their_bytes(node: Node, shared: Path, tmp_path: Path) -> None:
    records = shared / "standards/spase/records"
    (tmp_path / "records").symlink_to(records)
    context = node(_SOURCE)
    outcome = _one(context)
    assert outcome.error == ""
    files = [path.read_bytes() for path in records.rglob("*.xml")]
    assert outcome.changes.doubled == ("spase://CCMC/SimulationModel/TIE-GCM/2.0",)
    assert outcome.changes.new == len(files) - 1
    rows = context.records.search(Query(sources=("files",)), limit=100)
    assert {row.content for row in rows} < set(files)
    assert len(rows) == len(files) - 1
    assert _one(context).changes.new == 0


@pytest.fixture
def folder(tmp_path: Path, good: bytes) -> Path:
    made = tmp_path / "records"
    (made / ".git").mkdir(parents=True)
    (made / ".git/hidden.xml").write_bytes(good.replace(b"PT1M<", b"HIDDEN<"))
    for name in ("A", "B"):
        (made / f"{name}.xml").write_bytes(
            good.replace(b"PT1M</ResourceID>", b"%s</ResourceID>" % name.encode())
        )
    return made


def test_only_what_changed_is_new(node: Node, folder: Path, good: bytes) -> None:
    context = node(_SOURCE)
    assert _one(context).changes.new == 2
    (folder / "A.xml").unlink()
    (folder / "C.xml").write_bytes(good)
    (folder / "D.xml").symlink_to("/etc/hostname")
    (folder / "E.xml").write_bytes(b"<!DOCTYPE a><a/>")
    changes = _one(context).changes
    assert (changes.new, changes.modified, changes.deleted) == (1, 0, 1)


def test_a_folder_that_is_gone_leaves_what_was_there(node: Node, folder: Path) -> None:
    context = node(_SOURCE)
    _one(context)
    folder.rename(folder.with_name("elsewhere"))
    assert "no folder" in _one(context).error
    folder.mkdir()
    assert "no .xml file" in _one(context).error
    assert len(list(context.records.identities(Query(sources=("files",))))) == 2


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the names of the files that are read."""
    names: list[str] = []
    whole = folder_module._Reading._record

    def record(reading: Any, path: Path) -> Any:
        names.append(path.name)
        return whole(reading, path)

    monkeypatch.setattr(folder_module._Reading, "_record", record)
    return names


def _ids(context: Context) -> list[str]:
    return [id[-1] for id, *_ in context.records.identities(Query(sources=("files",)))]


def _put(folder: Path, name: str, id: str, good: bytes, more: bytes = b"") -> None:
    content = good.replace(b"PT1M</ResourceID>", b"%s</ResourceID>" % id.encode())
    (folder / name).write_bytes(content.replace(b"Minutes.", b"Minutes." + more))


def test_only_changed_files_are_read(
    node: Node, folder: Path, good: bytes, read: list[str]
) -> None:
    context = node(_SOURCE)
    for name in "CDE":
        _put(folder, f"{name}.xml", name, good)
    (folder / "no.xml").write_text("<html/>")
    assert _one(context).changes.new == 5
    assert len(read) == 6
    read.clear()
    _put(folder, "B.xml", "B", good, b" More.")
    _put(folder, "F.xml", "F", good)
    (folder / "C.xml").unlink()
    (folder / "D.xml").rename(folder / "elsewhere.xml")
    changes = _one(context).changes
    assert (changes.new, changes.modified, changes.deleted) == (1, 1, 1)
    assert sorted(read) == ["B.xml", "F.xml", "elsewhere.xml"]
    assert _ids(context) == list("ABDEF")
    read.clear()
    assert _one(context).changes.new == 0
    assert read == []


def test_a_file_of_old_date_and_same_size_is_seen(
    node: Node, folder: Path, good: bytes, read: list[str]
) -> None:
    context = node(_SOURCE)
    _one(context)
    before = (folder / "A.xml").stat()
    _put(folder, "A.xml", "Z", good)
    os.utime(folder / "A.xml", ns=(before.st_atime_ns, before.st_mtime_ns))
    read.clear()
    changes = _one(context).changes
    assert (changes.new, changes.deleted) == (1, 1)
    assert read == ["A.xml"]
    assert _ids(context) == ["B", "Z"]


def test_of_two_files_with_one_id_the_first_counts_and_then_the_other(
    node: Node, folder: Path, good: bytes
) -> None:
    context = node(_SOURCE)
    _put(folder, "C.xml", "A", good, b" Second.")
    assert _one(context).changes.doubled == ("spase://Own/NumericalData/Probe/MAG/A",)

    def told() -> bytes:
        row = context.records.get("spase://Own/NumericalData/Probe/MAG/A", "files")
        assert row is not None
        return row.content

    assert b"Second" not in told()
    _put(folder, "C.xml", "A", good, b" Second anew.")
    assert _one(context).changes.modified == 0
    assert b"Second" not in told()
    (folder / "A.xml").unlink()
    changes = _one(context).changes
    assert (changes.modified, changes.deleted) == (1, 0)
    assert b"Second anew" in told()
    _put(folder, "0.xml", "A", good, b" Third.")
    _one(context)
    assert b"Third" in told()


def test_what_cannot_be_opened_keeps_its_record(
    node: Node, folder: Path, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = node(_SOURCE)
    _one(context)
    _put(folder, "B.xml", "B", good, b" More.")
    with monkeypatch.context() as patched:

        def refuse(reading: Any, path: Path) -> Any:
            raise PermissionError

        patched.setattr(folder_module._Reading, "_record", refuse)
        changes = _one(context).changes
    assert (changes.modified, changes.deleted) == (0, 0)
    assert _ids(context) == ["A", "B"]
    assert _one(context).changes.modified == 1


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"cursor": 1, "files": [[]]}', b"\xff"])
def test_a_lost_list_of_files_costs_only_time(
    node: Node, folder: Path, good: bytes, damage: bytes, tmp_path: Path
) -> None:
    context = node(_SOURCE)
    _one(context)
    (tmp_path / "state/harvested/files.files").write_bytes(damage)
    (folder / "A.xml").unlink()
    _put(folder, "B.xml", "B", good, b" More.")
    changes = _one(context).changes
    assert (changes.new, changes.modified, changes.deleted) == (0, 1, 1)


def test_a_checkout_is_read_and_none_of_its_hooks_runs(
    node: Node, tmp_path: Path, good: bytes, program: Callable[[str], str], read: list[str]
) -> None:
    told = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")

    def git(place: Path, *words: str) -> None:
        alone = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        command = [program("git"), "-C", str(place), *told, *words]
        subprocess.run(command, check=True, capture_output=True, env=alone, timeout=60)

    origin, checkout, mark = tmp_path / "origin", tmp_path / "records", tmp_path / "ran"
    (origin / "Own/NumericalData/Probe/MAG").mkdir(parents=True)
    for name in "AB":
        _put(origin / "Own/NumericalData/Probe/MAG", f"{name}.xml", name, good)
    git(origin, "init")
    git(origin, "add", ".")
    git(origin, "commit", "-m", "first")
    git(tmp_path, "clone", str(origin), str(checkout))
    hooks = checkout / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-checkout", "post-merge", "fsmonitor-watchman", "pre-auto-gc"):
        (hooks / hook).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (hooks / hook).chmod(0o755)
    (checkout / ".git/evil.xml").write_bytes(good)
    context = node(_SOURCE)
    assert _one(context).changes.new == 2
    _put(origin / "Own/NumericalData/Probe/MAG", "B.xml", "B", good, b" More.")
    git(origin, "commit", "-am", "second")
    assert _one(context).changes.modified == 0  # pulling is not the node's affair
    assert not mark.exists()
    git(checkout, "-c", f"core.hooksPath={os.devnull}", "pull", "--ff-only")
    read.clear()
    assert _one(context).changes.modified == 1
    assert read == ["B.xml"]
    assert not mark.exists()
