"""Kernels that interpolate at the points of a plan, or find, interpolate and judge in one go."""

from typing import Any

import numpy as np
from numba import types

from interpolation.kernels.cells import (
    B1,
    BLOCK,
    F8,
    I8,
    SCATTERED,
    divide,
    enter,
    find_memory,
    follow,
    runs_room,
    scattered,
    seek,
)
from interpolation.kernels.compile import (
    GRID,
    array,
    called,
    inlined,
    kernel,
    load,
    mix_four,
    prefetch,
    size_of,
)
from interpolation.status import Status

# Numbers from row to row of the weights: rows 4096 bytes apart would share a set of the cache.
_APART = BLOCK + 8
# How many cells ahead the memory is asked for those that lie anywhere.
_SOON = 12
OK, TOUCHES_BODY, MASKED = int(Status.OK), int(Status.TOUCHES_BODY), int(Status.MASKED)
INSIDE_BODY, OUTSIDE = int(Status.INSIDE_BODY), int(Status.OUTSIDE)
BAD_INPUT = int(Status.BAD_INPUT)


@called
def _runs(index: Any, start: int, size: int, each: bool, runs: Any) -> int:
    """Find the runs of points start:start + size of a plan; gives how many there are.

    each: whether every point is to be a run by itself.
    """
    begins, cells = runs[0], runs[1]
    count = 0
    i = j = m = np.int64(-1)
    for k in range(size):
        at = start + k
        if each or i != index[0, at] or j != index[1, at] or m != index[2, at]:
            i, j, m = index[0, at], index[1, at], index[2, at]
            cells[0, count], cells[1, count], cells[2, count] = i, j, m
            begins[count] = k
            count += 1
    begins[count] = size
    return count


@called
def _places(fraction: Any, start: int, size: int, runs: Any, count: int) -> None:
    """Give the places of points of a plan, each in a cell from 0 to 1."""
    place, low, span = runs[2], runs[3], runs[4]
    for axis in range(3):
        for k in range(size):
            place[axis, k] = fraction[axis, start + k]
        for run in range(count):
            low[axis, run], span[axis, run] = 0.0, 1.0


@inlined
def _cube(cell: Any, line: Any, wraps: Any) -> Any:
    """Give the places of the eight corners of a cell on the line of nodes."""
    origin, _, sx, sy, sz = line
    i, j, m = cell
    dx = sx if i + 1 < wraps[0] else -i * sx
    dy = sy if j + 1 < wraps[1] else -j * sy
    dz = sz if m + 1 < wraps[2] else -m * sz
    at = origin + i * sx + j * sy + m * sz
    return (
        at, at + dz, at + dy, at + dy + dz,
        at + dx, at + dx + dz, at + dx + dy, at + dx + dy + dz,
    )  # fmt: skip


@called
def _corners(cells: Any, count: int, line: Any, wraps: Any, corners: Any) -> None:
    """Give the places (count, 8) of the corners of cells."""
    for run in range(count):
        (
            corners[run, 0], corners[run, 1], corners[run, 2], corners[run, 3],
            corners[run, 4], corners[run, 5], corners[run, 6], corners[run, 7],
        ) = _cube((cells[0, run], cells[1, run], cells[2, run]), line, wraps)  # fmt: skip


@inlined
def _shares(x: float, y: float, z: float) -> Any:
    """Give the weights of the corners, of how far a point is along its cell."""
    u, v, w = 1.0 - x, 1.0 - y, 1.0 - z
    uv, uy, xv, xy = u * v, u * y, x * v, x * y
    return uv * w, uv * z, uy * w, uy * z, xv * w, xv * z, xy * w, xy * z


@called
def _weigh(fraction: Any, size: int, weights: Any) -> None:
    """Give the weights (8, size) of the corners."""
    for k in range(np.uint64(size)):
        (
            weights[0, k], weights[1, k], weights[2, k], weights[3, k],
            weights[4, k], weights[5, k], weights[6, k], weights[7, k],
        ) = _shares(fraction[0, k], fraction[1, k], fraction[2, k])  # fmt: skip


@inlined
def _ask(address: int, like: Any, corners: Any, run: int) -> None:
    """Ask the memory for a cell that is wanted soon."""
    for corner in range(8):
        prefetch(address, corners[run, corner], like)


@inlined
def _read(address: int, like: Any, places: Any) -> Any:
    """Read the corners of a cell at their places."""
    return (
        np.float64(load(address, places[0], like)),
        np.float64(load(address, places[1], like)),
        np.float64(load(address, places[2], like)),
        np.float64(load(address, places[3], like)),
        np.float64(load(address, places[4], like)),
        np.float64(load(address, places[5], like)),
        np.float64(load(address, places[6], like)),
        np.float64(load(address, places[7], like)),
    )


@inlined
def _nodes(address: int, like: Any, corners: Any, run: int) -> Any:
    """Read the corners of a cell whose places are noted."""
    places = (
        corners[run, 0], corners[run, 1], corners[run, 2], corners[run, 3],
        corners[run, 4], corners[run, 5], corners[run, 6], corners[run, 7],
    )  # fmt: skip
    return _read(address, like, places)


@inlined
def _sum(nodes: Any, shares: Any) -> float:
    """Add the corners up in SciPy's order, from zero."""
    return (
        0.0 + nodes[0] * shares[0] + nodes[1] * shares[1] + nodes[2] * shares[2]
        + nodes[3] * shares[3] + nodes[4] * shares[4] + nodes[5] * shares[5]
        + nodes[6] * shares[6] + nodes[7] * shares[7]
    )  # fmt: skip


@inlined
def _weights_of(weights: Any, k: int) -> Any:
    return (
        weights[0, k], weights[1, k], weights[2, k], weights[3, k],
        weights[4, k], weights[5, k], weights[6, k], weights[7, k],
    )  # fmt: skip


@called
def _linear(
    address: int,
    like: Any,
    begins: Any,
    count: int,
    corners: Any,
    weights: Any,
    soon: int,
    row: Any,
) -> None:
    """Interpolate one variable.

    soon: how many runs ahead the memory is asked for; 0 where it was asked before.
    """
    if count == begins[count]:  # a point each
        for k in range(np.uint64(count)):
            if soon > 0 and k + soon < count:
                _ask(address, like, corners, k + soon)
            row[k] = _sum(_nodes(address, like, corners, k), _weights_of(weights, k))
        return
    for run in range(count):
        if soon > 0 and run + soon < count:
            _ask(address, like, corners, run + soon)
        nodes = _nodes(address, like, corners, run)
        for k in range(np.uint64(begins[run]), np.uint64(begins[run + 1])):
            row[k] = _sum(nodes, _weights_of(weights, k))


@called
def _linear_one(
    address: int, like: Any, runs: Any, count: int, corners: Any, soon: int, row: Any
) -> None:
    """Interpolate the only variable; no weight is kept."""
    begins, _, place, low, span = runs
    for run in range(count):
        if soon > 0 and run + soon < count:
            _ask(address, like, corners, run + soon)
        nodes = _nodes(address, like, corners, run)
        x, y, z = low[0, run], low[1, run], low[2, run]
        u, v, w = span[0, run], span[1, run], span[2, run]
        for k in range(np.uint64(begins[run]), np.uint64(begins[run + 1])):
            shares = _shares((place[0, k] - x) / u, (place[1, k] - y) / v, (place[2, k] - z) / w)
            row[k] = _sum(nodes, shares)


@called
def _anywhere(
    size: int, grid: Any, runs: Any, variables: Any, found: bool, result: Any, start: int
) -> None:
    """Interpolate variables that lie side by side at points that lie anywhere.

    The cell of a point is found, unless it is `found` already, and its memory asked for some
    points before it is read, so that one goes on while the other is waited for.
    """
    addresses, like, line, _ = variables
    begins, cells, place, _, _ = runs
    address, many, apart = addresses[0], len(addresses), result.shape[1]
    fours = many - many % 4
    for ahead in range(size + _SOON):
        if ahead < size:
            if not found:
                here, along = seek((place[0, ahead], place[1, ahead], place[2, ahead]), grid)
                cells[0, ahead], cells[1, ahead], cells[2, ahead] = here
                place[0, ahead], place[1, ahead], place[2, ahead] = along
                begins[ahead] = ahead
            here = (cells[0, ahead], cells[1, ahead], cells[2, ahead])
            places = _cube(here, line, grid[6])
            # The lower node's first variable and the upper one's last: what lies between is
            # asked for with them.
            prefetch(address, places[0], like)
            prefetch(address, places[1] + many - 1, like)
            prefetch(address, places[2], like)
            prefetch(address, places[3] + many - 1, like)
            prefetch(address, places[4], like)
            prefetch(address, places[5] + many - 1, like)
            prefetch(address, places[6], like)
            prefetch(address, places[7] + many - 1, like)
        k = ahead - _SOON
        if k >= 0:
            places = _cube((cells[0, k], cells[1, k], cells[2, k]), line, grid[6])
            shares = _shares(place[0, k], place[1, k], place[2, k])
            for first in range(0, fours, 4):
                at_four = address + np.uint64(first * size_of(like))
                to = np.uint64(result.ctypes.data) + np.uint64((first * apart + start + k) * 8)
                mix_four(at_four, places, shares, to, apart, like)
            for v in range(fours, many):
                result[v, start + k] = _sum(_read(addresses[v], like, places), shares)


@called
def _nearest(address: int, like: Any, runs: Any, count: int, corners: Any, row: Any) -> None:
    """Take one variable from the nearest node; the lower one of two as near."""
    begins, _, fraction, _, _ = runs
    for run in range(count):
        for k in range(begins[run], begins[run + 1]):
            corner = (
                4 * (fraction[0, k] > 0.5) + 2 * (fraction[1, k] > 0.5) + (fraction[2, k] > 0.5)
            )
            row[k] = load(address, corners[run, corner], like)


@called
def _fill(
    runs: Any, count: int, size: int, grid: Any, variables: Any, room: Any, result: Any, start: int
) -> None:
    """Interpolate at the points of a block, into a result from `start` on."""
    addresses, like, line, nearest = variables
    corners, weights, _ = room
    _corners(runs[1], count, line, grid[6], corners)
    soon = _SOON if count * SCATTERED > size else 0
    if soon == 0:
        for v in range(len(addresses)):
            for run in range(count):
                _ask(addresses[v], like, corners, run)
    one = len(addresses) == 1 and not nearest
    if not one:
        divide(runs, count)
    if not one and not nearest:
        _weigh(runs[2], size, weights)
    for v in range(len(addresses)):
        row = result[v, start : start + size]
        if nearest:
            _nearest(addresses[v], like, runs, count, corners, row)
        elif one:
            _linear_one(addresses[v], like, runs, count, corners, soon, row)
        else:
            _linear(addresses[v], like, runs[0], count, corners, weights, soon, row)


@called
def _empty(inside: Any, result: Any, start: int) -> None:
    """Take the values of points of a block that lie outside."""
    for k in range(len(inside)):
        if not inside[k]:
            for v in range(len(result)):
                result[v, start + k] = np.nan


@called
def _room(addresses: Any, size_of_one: int, nearest: bool) -> Any:
    """Give room to interpolate in, and whether variables lie side by side, four or more."""
    fours = len(addresses) >= 4 and not nearest
    for v in range(1, len(addresses)):
        fours &= addresses[v] == addresses[v - 1] + np.uint64(size_of_one)
    return np.empty((BLOCK, 8), dtype=np.int64), np.empty((8, _APART)), fours


@called
def _judge(
    points: Any, start: int, grid: Any, runs: Any, count: int, inside: Any, bad: Any, outside: int,
    body: Any, nearest: bool, result: Any, status: Any,
) -> None:  # fmt: skip
    """Give the status of the points of a block, and take values that are none."""
    size = len(inside)
    here = status[start : start + size]
    here[:] = OK
    if body[3] > 0.0:
        _judge_touch(grid, runs, count, inside, body, nearest, here)
    for v in range(len(result)):
        row = result[v, start : start + size]
        missing = 0
        for k in range(size):
            missing += row[k] != row[k]
        for k in range(size if missing > 0 else 0):
            if row[k] != row[k]:
                here[k] = MASKED
    if body[3] > 0.0:
        for k in range(size):
            x, y, z = (
                points[start + k, 0] - body[0],
                points[start + k, 1] - body[1],
                points[start + k, 2] - body[2],
            )
            if x * x + y * y + z * z < body[3] * body[3]:
                here[k] = INSIDE_BODY
    for k in range(size if outside > 0 else 0):
        here[k] = here[k] if inside[k] else OUTSIDE
        here[k] = BAD_INPUT if bad[k] else here[k]
    if body[3] > 0.0:
        for k in range(size):
            if here[k] == INSIDE_BODY:
                for v in range(len(result)):
                    result[v, start + k] = np.nan


@called
def _judge_touch(
    grid: Any, runs: Any, count: int, inside: Any, body: Any, nearest: bool, status: Any
) -> None:
    """Mark the points of which a node that counts lies inside the body."""
    begins, cells, fraction, _, _ = runs
    for run in range(count):
        for k in range(begins[run], begins[run + 1]):
            least = 0.0
            for axis in range(3):
                i = cells[axis, run]
                low = load(grid[0][axis], i, 0.0) - body[axis]
                high = load(grid[0][axis], i + 1, 0.0) - body[axis]
                if nearest:
                    way = low if fraction[axis, k] <= 0.5 else high
                    least += way * way
                else:
                    least += min(low * low, high * high)
            if inside[k] and least < body[3] * body[3]:
                status[k] = TOUCHES_BODY


_VARIABLES = tuple(
    (array(types.uint64, 1), number, types.UniTuple(I8, 5), B1)
    for number in (types.float32, types.float64)
)


@kernel(
    [
        types.void(
            array(I8, 2, writeable=True),
            array(F8, 2, writeable=True),
            array(B1, 1, writeable=True),
            array(B1, 1, writeable=True),
            GRID,
            *v,
            array(F8, 2, writeable=True),
        )
        for v in _VARIABLES
    ]
)
def gather(
    index: Any,
    fraction: Any,
    inside: Any,
    bad: Any,
    grid: Any,
    addresses: Any,
    like: Any,
    line: Any,
    nearest: bool,
    result: Any,
) -> None:
    """Interpolate variables of one type and layout; see `interpolation.gather.gather`.

    addresses: of the variables' memory; like: a number of their type; line: see
    `interpolation.layout.Group`; result: a row for each variable.
    """
    variables = (addresses, like, line, nearest)
    room, runs = _room(addresses, size_of(like), nearest), runs_room()
    for start in range(0, len(inside), BLOCK):
        here = inside[start : start + BLOCK]
        size = len(here)
        count = _runs(index, start, size, False, runs)
        anywhere = room[2] and count * SCATTERED > size
        if anywhere:
            count = _runs(index, start, size, True, runs)
        _places(fraction, start, size, runs, count)
        if anywhere:
            _anywhere(size, grid, runs, variables, True, result, start)
        else:
            _fill(runs, count, size, grid, variables, room, result, start)
        if here.sum() < size:
            _empty(here, result, start)


@kernel(
    [
        types.void(
            array(F8, 2),
            GRID,
            *v,
            types.UniTuple(F8, 4),
            array(F8, 2, writeable=True),
            array(types.uint8, 1, writeable=True),
        )
        for v in _VARIABLES
    ]
)
def sample(
    points: Any,
    grid: Any,
    addresses: Any,
    like: Any,
    line: Any,
    nearest: bool,
    body: Any,
    result: Any,
    status: Any,
) -> None:
    """Locate, interpolate and judge; see `interpolation.sample.sample`.

    body: centre and radius, a radius of 0 for none.
    """
    memory, runs = find_memory(), runs_room()
    room = _room(addresses, size_of(like), nearest)
    inside, bad = np.empty(BLOCK, dtype=np.bool_), np.empty(BLOCK, dtype=np.bool_)
    variables = (addresses, like, line, nearest)
    for start in range(0, len(points), BLOCK):
        size = min(BLOCK, len(points) - start)
        outside = enter(points, start, size, grid, runs, inside, bad)
        within, wrong = inside[:size], bad[:size]
        if room[2] and scattered(size, grid, runs):
            _anywhere(size, grid, runs, variables, False, result, start)
            count = size
            runs[0][count] = size
        else:
            count = follow(size, grid, memory, runs)
            _fill(runs, count, size, grid, variables, room, result, start)
        if outside > 0:
            _empty(within, result, start)
        _judge(
            points, start, grid, runs, count, within, wrong, outside, body, nearest, result, status
        )
