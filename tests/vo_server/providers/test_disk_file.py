"""Disk files: one state of a file, and errors that name it."""

import os
from pathlib import Path

import pytest

from vo_server.errors import BadFile
from vo_server.providers.disk_file import DiskFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file of ten letters."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"abcdefghij")
    return path


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_reads_and_closes(path: Path) -> None:
    file, before = DiskFile(path), _open_files()
    assert file.read(2, 3, "b").tobytes() == b"cde"
    assert _open_files() == before
    with file.held(), file.held():
        assert file.read(0, 10, "b").tobytes() == b"abcdefghij"
        assert _open_files() == before + 1
    assert _open_files() == before


def test_what_lies_beyond_the_end_is_no_zero(path: Path) -> None:
    file = DiskFile(path)
    for offset, length in ((8, 3), (10, 1), (2**40, 5)):
        with pytest.raises(BadFile, match=r"a\.bin is truncated: Bx ends too early"):
            file.read(offset, length, "Bx")
    with pytest.raises(BadFile, match=r"a\.bin is truncated: Bx ends too early"):
        file.read(0, 2**60, "Bx")


def test_a_file_cut_off_while_it_is_held(path: Path) -> None:
    file = DiskFile(path)
    with file.held():
        os.truncate(path, 4)
        with pytest.raises(BadFile, match=r"a\.bin is truncated"):
            file.read(2, 4, "Bx")
        with pytest.raises(BadFile, match="removed or replaced just now"):
            file.read(0, 2, "Bx")


def test_a_held_file_outlives_its_name(path: Path) -> None:
    file = DiskFile(path)
    with file.held():
        (path.parent / "new").write_bytes(b"0123456789")
        (path.parent / "new").replace(path)
        assert file.read(0, 3, "b").tobytes() == b"abc"
    with pytest.raises(BadFile, match="removed or replaced just now"):
        file.read(0, 3, "b")
    with pytest.raises(BadFile, match="ask again"):
        file.check()
    assert DiskFile(path).read(0, 3, "b").tobytes() == b"012"


def test_a_file_that_is_gone_or_never_was(path: Path) -> None:
    file, before = DiskFile(path), _open_files()
    path.unlink()
    with pytest.raises(BadFile, match=r"a\.bin cannot be read"):
        file.read(0, 1, "b")
    path.mkdir()
    with pytest.raises(BadFile, match="replaced just now"):
        file.read(0, 1, "b")
    assert _open_files() == before
