"""Exporting records: a folder that knows what it wrote."""

from pathlib import Path

import pytest

from spase.export import Export
from spase.read import read
from spase.record import Record
from spase.write import write
from vo_server.budget import Budget
from vo_server.errors import BadArgument

_PATH = "Own/NumericalData/Probe/MAG/PT1M.xml"


@pytest.fixture
def record(good: bytes) -> Record:
    return read(good, Budget())[0][0]


def _other(good: bytes) -> Record:
    return read(good.replace(b"PT1M</ResourceID>", b"PT2M</ResourceID>"), Budget())[0][0]


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_records_give_the_same_tree(record: Record, tmp_path: Path) -> None:
    for _ in range(2):
        with Export(tmp_path) as made:
            made.put(record)
        tree = _tree(tmp_path)
        assert tree[_PATH] == write(record)
    assert (made.written, made.same, made.removed) == (0, 1, 0)
    assert set(tree) == {_PATH, ".vo-server-export.json"}


def test_only_what_was_written_is_removed(record: Record, good: bytes, tmp_path: Path) -> None:
    with Export(tmp_path) as made:
        made.put(record)
        made.put(_other(good))
    (tmp_path / "Own/NumericalData/Probe/MAG/mine.xml").write_text("mine")
    with Export(tmp_path) as made:
        made.put(_other(good))
    assert made.removed == 1
    assert {Path(name).name for name in _tree(tmp_path)} == {
        "PT2M.xml", "mine.xml", ".vo-server-export.json"
    }  # fmt: skip
    (tmp_path / "Own/NumericalData/Probe/MAG/PT2M.xml").write_text("edited")
    with Export(tmp_path) as made:
        pass
    assert made.removed == 0
    assert (tmp_path / "Own/NumericalData/Probe/MAG/PT2M.xml").read_text() == "edited"


def test_a_file_of_somebody_else_is_left_alone(record: Record, tmp_path: Path) -> None:
    file = tmp_path / _PATH
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with Export(tmp_path) as made:
        made.put(record)
    assert made.in_the_way == [file]
    assert file.read_text() == "mine"


def test_an_export_that_breaks_off_removes_nothing(
    record: Record, good: bytes, tmp_path: Path
) -> None:
    with Export(tmp_path) as made:
        made.put(record)
    broken = read(good.replace(b"spase://Own", b"http://Own"), Budget())[0][0]
    with pytest.raises(BadArgument), Export(tmp_path) as made:
        made.put(broken)
    assert (tmp_path / _PATH).is_file()
    with Export(tmp_path) as made:
        made.put(record)
    assert made.removed == 1


@pytest.mark.parametrize("id", ["spase://Own/../../etc/x", "http://a/b/c", "spase://Own", ""])
def test_an_id_that_is_no_path_is_refused(id: str, good: bytes, tmp_path: Path) -> None:
    bad = good.replace(b"spase://Own/NumericalData/Probe/MAG/PT1M", id.encode())
    with Export(tmp_path / "out") as made, pytest.raises(BadArgument):
        made.put(read(bad, Budget())[0][0])


def test_a_list_that_names_other_places_removes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "precious").write_text("x")
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    (folder / ".vo-server-export.json").write_text(f'{{"../precious": "{digest}"}}')
    with Export(folder) as made:
        pass
    assert made.removed == 0
    assert (tmp_path / "precious").exists()
