"""Patches: the same numbers whatever is read, and no more read than is needed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from interpolation.body import Sphere
from interpolation.locate import locate
from interpolation.rectilinear import Grid
from interpolation.sample import sample
from vo_server.block_cache import BlockCache, Kept
from vo_server.blocks import Array, Chunking, Shape, Window
from vo_server.budget import Budget, spend
from vo_server.errors import TooMuch
from vo_server.patches import HALO, patches, sample_parts


class Held:
    """An array in memory that can only be asked for parts, and counts their nodes."""

    def __init__(self, values: NDArray[Any], chunking: Chunking) -> None:
        self.values = values
        self.dtype = values.dtype
        self.chunking = chunking
        self.nodes = 0

    @property
    def shape(self) -> Shape:
        x, y, z = self.values.shape
        return x, y, z

    def window(self, window: Window) -> Array:
        part = self.values[window].copy()
        self.nodes += part.size
        return part


class NeverWhole(Kept):
    """Kept blocks that are always read by parts."""

    def pays(self, chunks: int) -> bool:
        return False


_LENGTHS = st.tuples(*[st.integers(2, 12)] * 3)
_CHUNKS = st.tuples(*[st.integers(1, 7)] * 3)


@settings(derandomize=True, deadline=None)
@given(
    shape=_LENGTHS,
    sizes=st.lists(st.tuples(_CHUNKS, _CHUNKS, st.booleans()), min_size=1, max_size=3),
    down=st.tuples(*[st.booleans()] * 3),
    round_and_round=st.tuples(*[st.booleans()] * 3),
    single=st.booleans(),
    count=st.integers(0, 60),
    method=st.sampled_from(sorted(HALO)),
    boundary=st.sampled_from([None, 1.5, 4.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_numbers_do_not_depend_on_chunks(
    shape: Shape,
    sizes: list[tuple[Shape, Shape, bool]],
    down: tuple[bool, bool, bool],
    round_and_round: tuple[bool, bool, bool],
    single: bool,
    count: int,
    method: str,
    boundary: float | None,
    seed: int,
) -> None:
    cubic = method == "cubic"
    assume(not cubic or min(shape) >= 4)
    assume(boundary is None or not any(round_and_round))
    rng = np.random.default_rng(seed)
    axes = [np.cumsum(rng.uniform(0.1, 2.0, n)) - n / 2 for n in shape]
    u, v, w = (
        float(np.ptp(axis)) + 0.7 if goes_on else None
        for axis, goes_on in zip(axes, round_and_round, strict=True)
    )
    turned = (axis[::-1] if turn else axis for axis, turn in zip(axes, down, strict=True))
    grid = Grid(*turned, period=(u, v, w))
    arrays = [rng.standard_normal(shape).astype("f4" if single else "f8") for _ in sizes]
    for array in arrays:
        array[rng.uniform(size=shape) < (0.0 if cubic else 0.1)] = np.nan
    points = rng.uniform(grid.lower - 0.5, grid.upper + 0.5, (count, 3))
    nodes = np.column_stack([rng.choice(axis, count) for axis in grid.axes])
    on_nodes = rng.uniform(size=(count, 3)) < 0.2
    points[on_nodes] = nodes[on_nodes]
    points[rng.uniform(size=(count, 3)) < 0.02] = np.nan
    body = None if boundary is None else Sphere((0.0, 0.0, 0.0), boundary)
    cache = BlockCache(4096)
    kept = [
        NeverWhole(Held(array, Chunking(size, _shift(shift, size), whole)), cache)
        for array, (size, shift, whole) in zip(arrays, sizes, strict=True)
    ]
    values, status = sample_parts(grid, kept, points, method, body)
    expected, told = sample(grid, arrays, points, method=method, body=body)
    if cubic:
        np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-9)
    else:
        np.testing.assert_array_equal(values.view(np.uint64), expected.view(np.uint64))
    np.testing.assert_array_equal(status, told)


def _shift(shift: Shape, size: Shape) -> Shape:
    x, y, z = (a % b for a, b in zip(shift, size, strict=True))
    return x, y, z


_GRID = Grid(*[np.arange(40.0)] * 3)
_VALUES = np.arange(40.0**3).reshape(40, 40, 40)


def _read(points: Any, *, whole: bool) -> int:
    """Give how many nodes are read for some points."""
    held = Held(_VALUES, Chunking((10, 10, 10), whole=whole))
    sample_parts(_GRID, [NeverWhole(held, BlockCache(10**6))], np.asarray(points), "linear", None)
    return held.nodes


def test_only_what_is_needed_is_read() -> None:
    assert _read([[3.5, 3.5, 3.5], [4.5, 3.5, 3.5]], whole=True) == 1000
    assert _read([[3.5, 3.5, 3.5], [4.5, 3.5, 3.5]], whole=False) == 3 * 2 * 2
    assert _read([[9.5, 3.5, 3.5]], whole=True) == 2000
    assert _read([[9.5, 9.5, 9.5]], whole=True) == 8000
    assert _read([[99.0, 3.5, 3.5], [np.nan, 0.0, 0.0]], whole=True) == 0


def test_tiny_chunks_are_read_several_at_a_time() -> None:
    held = Held(_VALUES, Chunking((2, 1, 1), (1, 0, 0), whole=True))
    kept = NeverWhole(held, BlockCache(10**6))
    values, _ = sample_parts(_GRID, [kept], np.array([[20.5, 20.5, 20.5]]), "linear", None)
    np.testing.assert_array_equal(values, sample(_GRID, [_VALUES], [[20.5] * 3])[0])
    assert kept.chunking == Chunking((8, 8, 8), (1, 0, 0), whole=True)
    assert held.nodes == 8**3


@pytest.mark.parametrize("method", ["linear", "cubic"])
def test_the_budget_is_asked_between_patches(method: str) -> None:
    points = np.random.default_rng(2).uniform(0, 39, (20, 3))
    kept = [NeverWhole(Held(_VALUES, Chunking((9, 9, 9), whole=True)), BlockCache(10**6))]
    sample_parts(_GRID, kept, points, method, None)
    with Budget(seconds=0.0).at_work(), pytest.raises(TooMuch, match="took longer"):
        sample_parts(_GRID, kept, points, method, None)
    spend()


def test_patches_follow_the_flight_and_cross_a_face_beside_their_chunk() -> None:
    x = np.concatenate([np.arange(35.5, 0.0, -1.0), [38.5]])
    points = np.column_stack([x, np.full((len(x), 2), 5.0)])
    plan = locate(_GRID, points)
    found = patches(_GRID, Chunking((10, 10, 10)), plan, 1)
    assert [(p.window[0].start, p.window[0].stop) for p in found] == [
        (30, 40), (29, 31), (20, 30), (19, 21), (10, 20), (9, 11), (0, 10)
    ]  # fmt: skip
    assert sorted(int(i) for p in found for i in p.points) == list(range(len(x)))


def test_a_wider_stencil_reads_further_nodes() -> None:
    plan = locate(_GRID, [[5.5, 20.5, 38.5]])
    (patch,) = patches(_GRID, Chunking((40, 40, 40)), plan, 4)
    assert patch.window == (slice(2, 10), slice(17, 25), slice(35, 40))


@pytest.mark.parametrize("room", [10**6, 400_000])
def test_the_whole_is_read_where_it_pays_and_fits(room: int) -> None:
    held = Held(_VALUES, Chunking((10, 10, 10), whole=True))
    kept = Kept(held, BlockCache(room))
    points = np.random.default_rng(1).uniform(0.0, 39.0, (500, 3))
    values, _ = sample_parts(_GRID, [kept], points, "linear", None)
    np.testing.assert_array_equal(values, sample(_GRID, [_VALUES], points)[0])
    assert (kept.in_memory() is not None) == (room == 10**6)
