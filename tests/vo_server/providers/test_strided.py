"""Strided blocks: any order and spacing of nodes in a file, and how much of it is read."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_server.blocks import Shape
from vo_server.errors import BadFile
from vo_server.providers import disk_file
from vo_server.providers.disk_file import DiskFile
from vo_server.providers.strided import Strided


@settings(derandomize=True, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    order=st.permutations(range(3)),
    gaps=st.tuples(*[st.integers(0, 9)] * 3),
    offset=st.integers(0, 20),
    dtype=st.sampled_from(["<f4", ">f4", ">f8", ">i2", "u1"]),
    cuts=st.tuples(*[st.tuples(st.integers(0, 8), st.integers(1, 9))] * 3),
)
def test_any_part_in_any_layout(
    tmp_path_factory: pytest.TempPathFactory,
    shape: Shape,
    order: list[int],
    gaps: Shape,
    offset: int,
    dtype: str,
    cuts: tuple[tuple[int, int], ...],
) -> None:
    strides, step = [0, 0, 0], np.dtype(dtype).itemsize
    for axis, gap in zip(order, gaps, strict=True):
        strides[axis] = step + gap
        step = strides[axis] * shape[axis]
    rng = np.random.default_rng(1)
    raw = rng.integers(0, 100, offset + step, np.uint8)
    path = tmp_path_factory.mktemp("strided") / "a.bin"
    path.write_bytes(raw.tobytes())
    x, y, z = strides
    blocks = Strided(DiskFile(path), "n", shape, np.dtype(dtype), offset, (x, y, z))
    expected = np.ndarray(shape, dtype, raw.data, offset, strides)
    start = [min(cut[0], n - 1) for cut, n in zip(cuts, shape, strict=True)]
    part = [slice(a, min(a + cut[1], n)) for a, cut, n in zip(start, cuts, shape, strict=True)]
    read = blocks.window((part[0], part[1], part[2]))
    assert read.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(
        read.view("u1").reshape(-1) if dtype == "u1" else read.astype("f8").reshape(-1),
        expected[tuple(part)].astype("u1" if dtype == "u1" else "f8").reshape(-1),
    )
    assert blocks.end <= offset + step


def _big(tmp_path: Path) -> Strided:
    """Give an array (300, 300, 300) of a file that is all holes."""
    path = tmp_path / "a.bin"
    with path.open("wb") as file:
        file.truncate(300**3 * 4)
    strides = (300 * 300 * 4, 300 * 4, 4)
    return Strided(DiskFile(path), "Bx", (300, 300, 300), np.dtype("<f4"), 0, strides)


def test_little_more_is_read_than_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    plain = disk_file._read

    def counted(descriptor: int, size: int, offset: int, length: int) -> disk_file.Bytes:
        read.append(length)
        return plain(descriptor, size, offset, length)

    monkeypatch.setattr(disk_file, "_read", counted)
    blocks = _big(tmp_path)
    blocks.window((slice(10, 12), slice(10, 12), slice(10, 12)))
    assert read == [1208, 1208]
    read.clear()
    blocks.window((slice(10, 12), slice(0, 300), slice(10, 12)))
    assert read == [8] * 600
    read.clear()
    blocks.window((slice(0, 20), slice(0, 300), slice(0, 300)))
    assert read == [20 * 300 * 300 * 4]


def test_a_file_that_is_too_short_names_file_and_variable(tmp_path: Path) -> None:
    blocks = _big(tmp_path)
    short = Strided(blocks.file, "By", (300, 300, 300), blocks.stored, 4, blocks.strides)
    assert short.end == 300**3 * 4 + 4
    with pytest.raises(BadFile, match=r"a\.bin is truncated: By ends too early"):
        short.window((slice(299, 300), slice(299, 300), slice(299, 300)))
