"""Kernels that find the cells of points: runs of points that follow one another in one cell."""

from typing import Any

import numpy as np
from numba import types

from interpolation.kernels.compile import GRID, array, called, inlined, kernel, load
from interpolation.locate import MAX_PERIODS

# Points worked on at a time: what is noted of so many stays in the processor's nearer caches.
BLOCK = 512
# Points that a path stays in a cell, on average; points of which fewer do lie anywhere.
SCATTERED = 4
# Points of a block of which the way tells how many cells they cross.
_LOOK = 64
# Points looked at together for whether they stay in a cell.
_STRIDE = 16

F8 = types.float64
I8 = types.int64
B1 = types.boolean


@inlined
def wrapped(x: float, low: float, high: float) -> float:
    """Move a coordinate by whole periods into [low, high), as `interpolation.locate` does."""
    period = high - low
    turns = np.floor((x - low) / period)
    if not abs(turns) <= MAX_PERIODS:
        return np.nan
    x -= turns * period
    return low if x < low or x >= high else x


@inlined
def cell(x: float, nodes: int, count: int, buckets: int, size: int, scale: float) -> int:
    """Find the cell of a coordinate that lies between the first and the last of its nodes.

    nodes, buckets: addresses; count, size: how many there are.
    """
    last = np.int32(count - 2)
    guess = np.int32((x - load(nodes, 0, 0.0)) * scale)
    if size == 0:
        i = max(min(guess, last), np.int32(0))
        i -= x < load(nodes, np.int64(i), 0.0)
        i += (x >= load(nodes, np.int64(i + 1), 0.0)) & (i < last)
        return i
    guess = max(min(guess, np.int32(size - 2)), np.int32(0))
    i = load(buckets, np.int64(guess), np.int32(0))
    end = load(buckets, np.int64(guess) + 1, np.int32(0)) + np.int32(1)
    while end - i > 1:
        middle = (i + end) // np.int32(2)
        if x >= load(nodes, np.int64(middle), 0.0):
            i = middle
        else:
            end = middle
    while x < load(nodes, np.int64(i), 0.0):
        i -= np.int32(1)
    while i < last and x >= load(nodes, np.int64(i) + 1, 0.0):
        i += np.int32(1)
    return i


@called
def find(
    points: Any, start: int, size: int, grid: Any, memory: Any, runs: Any, inside: Any, bad: Any
) -> Any:
    """Locate points start:start + size; gives how many runs there are, and how many lie outside.

    memory: see `find_memory`; runs: see `runs_room`; inside, bad: a value for each of them, as in
    `interpolation.locate.Plan`. Points outside the domain have cell and fraction 0.
    """
    outside = enter(points, start, size, grid, runs, inside, bad)
    return follow(size, grid, memory, runs), outside


@called
def enter(points: Any, start: int, size: int, grid: Any, runs: Any, inside: Any, bad: Any) -> int:
    """Give the places of points in the domain, and judge them; gives how many lie outside.

    The arguments are those of `find`. Points outside are put at the domain's lowest corner.
    """
    nodes, counts, periodic = grid[0], grid[1], grid[5]
    place = runs[2]
    lowest = (load(nodes[0], 0, 0.0), load(nodes[1], 0, 0.0), load(nodes[2], 0, 0.0))
    highest = (
        load(nodes[0], counts[0] - 1, 0.0),
        load(nodes[1], counts[1] - 1, 0.0),
        load(nodes[2], counts[2] - 1, 0.0),
    )
    given = points[start : start + size]
    for k in range(size):
        place[0, k], place[1, k], place[2, k] = given[k, 0], given[k, 1], given[k, 2]
    for axis in range(3):
        if periodic[axis]:
            for k in range(size):
                place[axis, k] = wrapped(place[axis, k], lowest[axis], highest[axis])
    outside = 0
    for k in range(size):
        x, y, z = place[0, k], place[1, k], place[2, k]
        within = (
            (lowest[0] <= x) & (x <= highest[0])
            & (lowest[1] <= y) & (y <= highest[1])
            & (lowest[2] <= z) & (z <= highest[2])
        )  # fmt: skip
        inside[k] = within
        outside += not within
    bad[:size] = False
    for k in range(size if outside > 0 else 0):
        x, y, z = given[k, 0], given[k, 1], given[k, 2]
        bad[k] = not (np.isfinite(x) and np.isfinite(y) and np.isfinite(z))
        if not inside[k]:
            place[0, k], place[1, k], place[2, k] = lowest
    return outside


@called
def scattered(size: int, grid: Any, runs: Any) -> bool:
    """Say whether points that have entered lie anywhere, by how many cells the first cross."""
    place = runs[2]
    few = min(size, _LOOK)
    crossed = 0.0
    for axis in range(3):
        way = 0.0
        for k in range(1, few):
            way += abs(place[axis, k] - place[axis, k - 1])
        nodes, last = grid[0][axis], grid[1][axis] - 1
        crossed += way / (load(nodes, last, 0.0) - load(nodes, 0, 0.0)) * np.float64(last)
    return crossed * SCATTERED > few


@called
def follow(size: int, grid: Any, memory: Any, runs: Any) -> int:
    """Find the runs of points that have entered; gives how many there are."""
    if scattered(size, grid, runs):
        return _each(size, grid, runs)
    return _path(size, grid, memory, runs)


@inlined
def seek(point: Any, grid: Any) -> Any:
    """Find the cell of one point in the domain, and how far along its cell it is."""
    nodes, counts, buckets, sizes, scale, _, _ = grid
    x, y, z = point
    i = np.int64(cell(x, nodes[0], counts[0], buckets[0], sizes[0], scale[0]))
    j = np.int64(cell(y, nodes[1], counts[1], buckets[1], sizes[1], scale[1]))
    m = np.int64(cell(z, nodes[2], counts[2], buckets[2], sizes[2], scale[2]))
    low = (load(nodes[0], i, 0.0), load(nodes[1], j, 0.0), load(nodes[2], m, 0.0))
    along = (
        (x - low[0]) / (load(nodes[0], i + 1, 0.0) - low[0]),
        (y - low[1]) / (load(nodes[1], j + 1, 0.0) - low[1]),
        (z - low[2]) / (load(nodes[2], m + 1, 0.0) - low[2]),
    )
    return (i, j, m), along


@called
def _each(size: int, grid: Any, runs: Any) -> int:
    """Find the cell of every point; each is a run."""
    nodes, counts, buckets, sizes, scale, _, _ = grid
    begins, cells, place, low, span = runs
    for axis in range(3):
        for k in range(size):
            x, address = place[axis, k], nodes[axis]
            i = np.int64(cell(x, address, counts[axis], buckets[axis], sizes[axis], scale[axis]))
            cells[axis, k] = i
            low[axis, k] = load(address, i, 0.0)
            span[axis, k] = load(address, i + 1, 0.0) - low[axis, k]
    for k in range(size + 1):
        begins[k] = k
    return size


@called
def _path(size: int, grid: Any, memory: Any, runs: Any) -> int:
    """Find runs of points in one cell, beginning with the cell of the last point before."""
    nodes, counts, buckets, sizes, scale, _, _ = grid
    begins, cells, place, low, span = runs
    last, ends = memory
    i, j, m = last[0], last[1], last[2]
    low_x, low_y, low_z = ends[0], ends[1], ends[2]
    high_x, high_y, high_z = ends[3], ends[4], ends[5]
    count = 0
    one, stride, end = np.uint64(1), np.uint64(_STRIDE), np.uint64(size)
    k = np.uint64(0)
    while k < end:
        begins[count] = k
        x, y, z = place[0, k], place[1, k], place[2, k]
        if not (low_x <= x < high_x):
            i = np.int64(cell(x, nodes[0], counts[0], buckets[0], sizes[0], scale[0]))
            low_x, high_x = load(nodes[0], i, 0.0), load(nodes[0], i + 1, 0.0)
        if not (low_y <= y < high_y):
            j = np.int64(cell(y, nodes[1], counts[1], buckets[1], sizes[1], scale[1]))
            low_y, high_y = load(nodes[1], j, 0.0), load(nodes[1], j + 1, 0.0)
        if not (low_z <= z < high_z):
            m = np.int64(cell(z, nodes[2], counts[2], buckets[2], sizes[2], scale[2]))
            low_z, high_z = load(nodes[2], m, 0.0), load(nodes[2], m + 1, 0.0)
        n = k + one
        left = np.int64(0)
        while left == 0 and n + stride <= end:
            stop = min(n + stride, end)  # a length not known before: the loop is vectorised
            for q in range(n, stop):
                left += not (
                    (low_x <= place[0, q]) & (place[0, q] < high_x)
                    & (low_y <= place[1, q]) & (place[1, q] < high_y)
                    & (low_z <= place[2, q]) & (place[2, q] < high_z)
                )  # fmt: skip
            n = stop if left == 0 else n
        while (
            n < end
            and (low_x <= place[0, n]) & (place[0, n] < high_x)
            & (low_y <= place[1, n]) & (place[1, n] < high_y)
            & (low_z <= place[2, n]) & (place[2, n] < high_z)
        ):  # fmt: skip
            n += one
        cells[0, count], cells[1, count], cells[2, count] = i, j, m
        low[0, count], low[1, count], low[2, count] = low_x, low_y, low_z
        span[0, count], span[1, count] = high_x - low_x, high_y - low_y
        span[2, count] = high_z - low_z
        count += 1
        k = n
    begins[count] = end
    last[0], last[1], last[2] = i, j, m
    ends[0], ends[1], ends[2] = low_x, low_y, low_z
    ends[3], ends[4], ends[5] = high_x, high_y, high_z
    return count


@called
def find_memory() -> Any:
    """Give what `find` remembers before the first point: a cell that holds none, and its ends."""
    return np.zeros(3, dtype=np.int64), np.full(6, np.inf)


@called
def runs_room() -> Any:
    """Give room for the runs of a block.

    They are where each begins, the cell of each, the places of the points, and the lower end and
    the width of each cell.
    """
    return (
        np.empty(BLOCK + 1, dtype=np.int64),
        np.empty((3, BLOCK), dtype=np.int64),
        np.empty((3, BLOCK)),
        np.empty((3, BLOCK)),
        np.empty((3, BLOCK)),
    )


@called
def divide(runs: Any, count: int) -> None:
    """Turn the places of points into how far each is along its cell."""
    begins, _, place, low, span = runs
    for axis in range(3):
        if count == begins[count]:  # a point each: one loop for all
            for k in range(np.uint64(count)):
                place[axis, k] = (place[axis, k] - low[axis, k]) / span[axis, k]
            continue
        for run in range(count):
            start, wide = low[axis, run], span[axis, run]
            for k in range(np.uint64(begins[run]), np.uint64(begins[run + 1])):
                place[axis, k] = (place[axis, k] - start) / wide


@kernel(
    [
        types.void(
            array(F8, 2),
            GRID,
            array(I8, 2, writeable=True),
            array(F8, 2, writeable=True),
            array(B1, 1, writeable=True),
            array(B1, 1, writeable=True),
        )
    ]
)
def locate(points: Any, grid: Any, index: Any, fraction: Any, inside: Any, bad: Any) -> None:
    """Fill a plan; see `interpolation.locate.locate`."""
    memory, runs = find_memory(), runs_room()
    begins, cells, place, _, _ = runs
    for start in range(0, len(points), BLOCK):
        size = min(BLOCK, len(points) - start)
        count, _ = find(points, start, size, grid, memory, runs, inside[start:], bad[start:])
        divide(runs, count)
        fraction[:, start : start + size] = place[:, :size]
        for run in range(count):
            for axis in range(3):
                index[axis, start + begins[run] : start + begins[run + 1]] = cells[axis, run]
