"""Blocks: chunks by number, and arrays formed of others with their chunks kept in step."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_server.block_cache import BlockCache, Kept
from vo_server.blocks import Array, Chunking, Formed, Loaded, Shape, Window, all_of

_TRIPLE = st.tuples(*[st.integers(1, 9)] * 3)


class Chunks:
    """Numbered nodes in chunks, telling which chunks were read."""

    dtype = np.dtype(np.int64)

    def __init__(self, shape: Shape, size: Shape) -> None:
        self.shape = shape
        self.chunking = Chunking(size, whole=True)
        self.values = np.arange(np.prod(shape)).reshape(shape)
        self.read: list[tuple[int, ...]] = []

    def window(self, window: Window) -> Array:
        touched = self.chunking.touched(window)
        self.read += [(x, y, z) for x in touched[0] for y in touched[1] for z in touched[2]]
        return self.values[window]


@settings(derandomize=True, deadline=None)
@given(shape=_TRIPLE, size=_TRIPLE, shift=_TRIPLE)
def test_chunks_tile_the_array(shape: Shape, size: Shape, shift: Shape) -> None:
    x, y, z = (a % b for a, b in zip(shift, size, strict=True))
    chunking = Chunking(size, (x, y, z))
    count = np.zeros(shape, int)
    first, second, third = chunking.touched(all_of(shape))
    for number in ((i, j, k) for i in first for j in second for k in third):
        window = chunking.window(number, shape)
        count[window] += 1
        assert [list(part) for part in chunking.touched(window)] == [[n] for n in number]
    assert (count == 1).all()


def test_a_formed_array_reads_each_chunk_of_its_source_once() -> None:
    source = Chunks((12, 12, 12), (5, 4, 3))
    formed = Formed(
        (source, source), (9, 8, 7), np.dtype(np.float64), lambda a, b: a + 2.0 * b, (2, 3, 1)
    )
    kept = Kept(formed, BlockCache(10**6))
    part = (slice(1, 9), slice(0, 7), slice(2, 6))
    expected = source.values[2:11, 3:11, 1:8] * 3.0
    np.testing.assert_array_equal(kept.window(part), expected[part])
    np.testing.assert_array_equal(kept.load(), expected)
    assert formed.chunking == Chunking((5, 4, 3), (2, 3, 1), True)
    # The sources are one: twice by the part, twice by the whole.
    assert {source.read.count(chunk) for chunk in source.read} <= {2, 4}


def test_a_loaded_array_gives_parts_of_the_whole() -> None:
    values = np.arange(60.0).reshape(3, 4, 5)
    loaded = Loaded((3, 4, 5), values.dtype, lambda: values)
    part = (slice(1, 2), slice(0, 4), slice(2, 5))
    np.testing.assert_array_equal(loaded.window(part), values[part])
    assert loaded.chunking.touched(part) == (range(1), range(1), range(1))
