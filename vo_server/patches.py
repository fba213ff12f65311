"""Patches: sampling arrays of which only the parts that the points need are read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from interpolation.body import Sphere
from interpolation.cubic import STRETCHED_HALO, TILE
from interpolation.locate import Plan, locate
from interpolation.rectilinear import Grid
from interpolation.sample import sample
from vo_server.block_cache import Kept, fit, windows
from vo_server.blocks import Array, Chunking, Window
from vo_server.budget import spend
from vo_server.model.space import Points

# Nodes that a method needs on either side of a point, along each axis.
HALO = {
    "linear": 1,
    "nearest": 1,
    "nearest-cell": 1,
    "corner-averaged": 2,
    "cubic": STRETCHED_HALO + 1,
}

Sampled = tuple[NDArray[np.float64], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Patch:
    """Points (by number) that need the same chunks, and the nodes they need all together."""

    window: Window
    points: NDArray[np.intp]


def patches(grid: Grid, chunking: Chunking, plan: Plan, halo: int) -> list[Patch]:
    """Group the points that lie in the domain by the chunks that they need."""
    inside = np.flatnonzero(plan.inside)
    if not len(inside):
        return []
    bounds = [
        _nodes(grid, axis, cell - halo + 1, cell + halo)
        for axis, cell in enumerate(plan.index[:, inside])
    ]
    first: list[NDArray[np.intp]] = []
    beyond: list[NDArray[np.intp]] = []
    for (low, high), size, shift in zip(bounds, chunking.size, chunking.shift, strict=True):
        chunk = (low + shift) // size
        first.append(chunk)
        beyond.append((high + shift) // size - chunk)
    return _grouped(inside, bounds, _number((*first, *beyond)), _number(first))


def tiles(grid: Grid, plan: Plan) -> list[Patch]:
    """Group the points that lie in the domain by the tiles in which splines are made.

    What they need begins with a tile, so that it is divided into the same ones.
    """
    inside = np.flatnonzero(plan.inside)
    if not len(inside):
        return []
    cells = plan.index[:, inside]
    bounds = [
        _nodes(grid, axis, (cell // TILE - 1) * TILE, cell + HALO["cubic"])
        for axis, cell in enumerate(cells)
    ]
    tile = _number(cells // TILE)
    return _grouped(inside, bounds, tile, tile)


def _grouped(
    inside: NDArray[np.intp],
    bounds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    key: NDArray[np.intp],
    chunk: NDArray[np.intp],
) -> list[Patch]:
    """Make a patch of the points of each key; bounds: first and last node of each, by axis."""
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    edges = [
        (np.minimum.reduceat(low[order], starts), np.maximum.reduceat(high[order], starts) + 1)
        for low, high in bounds
    ]
    members = np.split(inside[order], starts[1:])
    return [
        Patch(_window([(low[i], high[i]) for low, high in edges]), members[i])
        for i in _along(inside[order[starts]], chunk[order[starts]])
    ]


def _number(parts: Sequence[NDArray[np.intp]] | NDArray[np.intp]) -> NDArray[np.intp]:
    """Give one number for each combination of the parts."""
    return np.ravel_multi_index(tuple(parts), [int(part.max()) + 1 for part in parts])


def _along(first: NDArray[np.intp], chunk: NDArray[np.intp]) -> NDArray[np.intp]:
    """Order patches by chunk and chunks by their first point, so that few have to be kept.

    first: number of a patch's first point; chunk: the lowest one that it needs.
    """
    _, place = np.unique(chunk, return_inverse=True)
    earliest = np.full(len(first), np.iinfo(np.intp).max)
    np.minimum.at(earliest, place, first)
    return np.lexsort((first, earliest[place]))


def _window(edges: Sequence[tuple[np.intp, np.intp]]) -> Window:
    x, y, z = (slice(int(start), int(stop)) for start, stop in edges)
    return x, y, z


def _nodes(
    grid: Grid, axis: int, low: NDArray[np.intp], high: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the first and last node from low to high, in the order of the array.

    Along a periodic axis these are all: the last cell, and points of other periods, need its ends.
    """
    last = grid.shape[axis] - 1
    if grid.periodic[axis]:
        return np.zeros_like(low), np.full_like(high, last)
    low, high = np.maximum(low, 0), np.minimum(high, last)
    return (last - high, last - low) if grid.descending[axis] else (low, high)


@dataclass(frozen=True, slots=True)
class _Task:
    """Where and how to sample."""

    grid: Grid
    points: Points
    method: str
    body: Sphere | None

    def whole(self, arrays: Sequence[Array]) -> Sampled:
        """Sample whole arrays at all points."""
        return sample(self.grid, arrays, self.points, method=self.method, body=self.body)

    def part(self, window: Window, arrays: Sequence[Array], members: NDArray[np.intp]) -> Sampled:
        """Sample a part of the arrays at some of the points."""
        x, y, z = (axis[nodes] for axis, nodes in zip(self.grid.axes, window, strict=True))
        u, v, w = (
            length if nodes.stop - nodes.start == count else None
            for length, nodes, count in zip(self.grid.period, window, self.grid.shape, strict=True)
        )
        grid = Grid(x, y, z, period=(u, v, w))
        return sample(grid, arrays, self.points[members], method=self.method, body=self.body)


def sample_parts(
    grid: Grid, arrays: Sequence[Kept], points: Points, method: str, body: Sphere | None
) -> Sampled:
    """Sample arrays that are not in memory, with the numbers that whole ones would give.

    Values are (len(arrays), n) in the arrays' units, status (n,), as `interpolation.sample`
    gives them. The whole of an array is read instead where that is cheaper and all that is
    wanted fits into the cache. Between patches the budget at work is asked. Raises BadFile.
    """
    task = _Task(grid, points, method, body)
    plan = locate(grid, points)
    outside = np.flatnonzero(~plan.inside)
    values = np.empty((len(arrays), len(points)))
    status = np.zeros(len(points), np.uint8)
    fits = fit(arrays)
    for chunking in dict.fromkeys(array.chunking for array in arrays):
        rows = [i for i, array in enumerate(arrays) if array.chunking == chunking]
        chosen = [arrays[i] for i in rows]
        if method == "cubic":
            found = tiles(grid, plan)
        else:
            found = patches(grid, chunking, plan, HALO[method])
        loaded = _pay(chosen, chunking, found) and fits
        if loaded and method != "cubic":
            part, told = task.whole([array.load() for array in chosen])
        else:
            if loaded:
                for array in chosen:
                    array.load()
            part, told = _sample(task, chosen, found, outside)
        values[rows] = part
        # The status of a point is the worst that applies to any of the arrays.
        np.maximum(status, told, out=status)
    return values, status


def _pay(arrays: Sequence[Kept], chunking: Chunking, found: Sequence[Patch]) -> bool:
    """Tell whether whole arrays should be read; each counts what it is asked for."""
    chunks = {number for patch in found for number in product(*chunking.touched(patch.window))}
    paying = [array.pays(len(chunks)) for array in arrays]
    return all(paying)


def _sample(
    task: _Task, arrays: Sequence[Kept], found: Sequence[Patch], outside: NDArray[np.intp]
) -> Sampled:
    """Sample patch by patch; points outside the domain need no values."""
    values = np.empty((len(arrays), len(task.points)))
    status = np.empty(len(task.points), np.uint8)
    nothing = [np.zeros((2, 2, 2))] * len(arrays)
    # What lies outside is told by any method alike.
    beyond = replace(task, method="linear")
    values[:, outside], status[outside] = beyond.part((slice(0, 2),) * 3, nothing, outside)
    for patch in found:
        spend()
        members = patch.points
        read = windows(arrays, patch.window)
        values[:, members], status[members] = task.part(patch.window, read, members)
    return values, status
