"""Harvesting a folder in the layout of hpde."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
