"""Kernels that interpolate at the points of a plan, or find, interpolate and judge in one go."""

from typing import Any

import numpy as np
from numba import types

from interpolation.kernels.cells import B1, BLOCK, F8, I8, SCATTERED, find, find_memory, runs_room
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
def _runs(index: Any, start: int, size: int, runs: Any) -> int:
    """Find the runs of points start:start + size of a plan; gives how many there are."""
    begins, cells, _ = runs
    count = 0
    i = j = m = np.int64(-1)
    for k in range(size):
        at = start + k
        if i != index[0, at] or j != index[1, at] or m != index[2, at]:
            i, j, m = index[0, at], index[1, at], index[2, at]
            cells[0, count], cells[1, count], cells[2, count] = i, j, m
            begins[count] = k
            count += 1
    begins[count] = size
    return count


@called
def _corners(cells: Any, count: int, line: Any, wraps: Any, corners: Any) -> None:
    """Give the places (count, 8) of the corners of cells on the line of nodes."""
    origin, _, sx, sy, sz = line
    for run in range(count):
        i, j, m = cells[0, run], cells[1, run], cells[2, run]
        dx = sx if i + 1 < wraps[0] else -i * sx
        dy = sy if j + 1 < wraps[1] else -j * sy
        dz = sz if m + 1 < wraps[2] else -m * sz
        at = origin + i * sx + j * sy + m * sz
        corners[run, 0], corners[run, 1] = at, at + dz
        corners[run, 2], corners[run, 3] = at + dy, at + dy + dz
        corners[run, 4], corners[run, 5] = at + dx, at + dx + dz
        corners[run, 6], corners[run, 7] = at + dx + dy, at + dx + dy + dz


@called
def _weigh(fraction: Any, at: int, size: int, weights: Any) -> None:
    """Give the weights (8, size) of the corners."""
    for k in range(np.uint64(size)):
        here = np.uint64(at) + k
        x, y, z = fraction[0, here], fraction[1, here], fraction[2, here]
        u, v, w = 1.0 - x, 1.0 - y, 1.0 - z
        uv, uy, xv, xy = u * v, u * y, x * v, x * y
        weights[0, k], weights[1, k] = uv * w, uv * z
        weights[2, k], weights[3, k] = uy * w, uy * z
        weights[4, k], weights[5, k] = xv * w, xv * z
        weights[6, k], weights[7, k] = xy * w, xy * z


@inlined
def _ask(address: int, like: Any, corners: Any, run: int) -> None:
    """Ask the memory for a cell that is wanted soon."""
    for corner in range(8):
        prefetch(address, corners[run, corner], like)


@called
def _linear(
    address: int, like: Any, runs: Any, corners: Any, weights: Any, soon: int, row: Any
) -> None:
    """Interpolate one variable, adding the corners up in SciPy's order, from zero.

    soon: how many runs ahead the memory is asked for; 0 where it was asked before.
    """
    begins, count = runs
    for run in range(count):
        if soon > 0 and run + soon < count:
            _ask(address, like, corners, run + soon)
        a = np.float64(load(address, corners[run, 0], like))
        b = np.float64(load(address, corners[run, 1], like))
        c = np.float64(load(address, corners[run, 2], like))
        d = np.float64(load(address, corners[run, 3], like))
        e = np.float64(load(address, corners[run, 4], like))
        f = np.float64(load(address, corners[run, 5], like))
        g = np.float64(load(address, corners[run, 6], like))
        h = np.float64(load(address, corners[run, 7], like))
        for k in range(np.uint64(begins[run]), np.uint64(begins[run + 1])):
            row[k] = (
                0.0 + a * weights[0, k] + b * weights[1, k] + c * weights[2, k]
                + d * weights[3, k] + e * weights[4, k] + f * weights[5, k]
                + g * weights[6, k] + h * weights[7, k]
            )  # fmt: skip


@called
def _linear_fours(
    address: int, like: Any, runs: Any, corners: Any, weights: Any, result: Any, start: int
) -> int:
    """Interpolate variables that lie side by side, four at a time; gives how many that were."""
    begins, count = runs
    fours = len(result) - len(result) % 4
    apart = result.shape[1]
    for run in range(count):
        if run + _SOON < count:
            # The lower node's first variable and the upper one's last: what lies between is asked
            # for with them.
            for corner in range(0, 8, 2):
                prefetch(address, corners[run + _SOON, corner], like)
                prefetch(address, corners[run + _SOON, corner + 1] + fours - 1, like)
        places = (
            corners[run, 0], corners[run, 1], corners[run, 2], corners[run, 3],
            corners[run, 4], corners[run, 5], corners[run, 6], corners[run, 7],
        )  # fmt: skip
        for k in range(begins[run], begins[run + 1]):
            shares = (
                weights[0, k], weights[1, k], weights[2, k], weights[3, k],
                weights[4, k], weights[5, k], weights[6, k], weights[7, k],
            )  # fmt: skip
            for first in range(0, fours, 4):
                at_four = address + np.uint64(first * size_of(like))
                to = np.uint64(result.ctypes.data) + np.uint64((first * apart + start + k) * 8)
                mix_four(at_four, places, shares, to, apart, like)
    return fours


@called
def _nearest(
    address: int, like: Any, runs: Any, corners: Any, fraction: Any, at: int, row: Any
) -> None:
    """Take one variable from the nearest node; the lower one of two as near."""
    begins, count = runs
    for run in range(count):
        for k in range(begins[run], begins[run + 1]):
            corner = (
                4 * (fraction[0, at + k] > 0.5) + 2 * (fraction[1, at + k] > 0.5)
                + (fraction[2, at + k] > 0.5)
            )  # fmt: skip
            row[k] = load(address, corners[run, corner], like)


@called
def _fill(
    runs: Any, plan: Any, at: int, size: int, grid: Any, variables: Any, room: Any, result: Any,
    start: int,
) -> None:  # fmt: skip
    """Interpolate at the points at:at + size of a plan, into a result from `start` on."""
    begins, cells, count = runs
    fraction, inside, _ = plan
    addresses, like, line, nearest = variables
    corners, weights, side_by_side = room
    _corners(cells, count, line, grid[6], corners)
    soon = _SOON if count * SCATTERED > size else 0
    if soon == 0:
        for v in range(len(addresses)):
            for run in range(count):
                _ask(addresses[v], like, corners, run)
    done = 0
    if not nearest:
        _weigh(fraction, at, size, weights)
        if soon > 0 and side_by_side and len(addresses) >= 4:
            done = _linear_fours(
                addresses[0], like, (begins, count), corners, weights, result, start
            )
    for v in range(done, len(addresses)):
        row = result[v, start : start + size]
        if nearest:
            _nearest(addresses[v], like, (begins, count), corners, fraction, at, row)
        else:
            _linear(addresses[v], like, (begins, count), corners, weights, soon, row)
    within = 0
    for k in range(size):
        within += inside[at + k]
    for k in range(size if within < size else 0):
        if not inside[at + k]:
            for v in range(len(addresses)):
                result[v, start + k] = np.nan


@called
def _room(addresses: Any, size_of_one: int) -> Any:
    """Give room to interpolate in, and whether all variables lie side by side."""
    side_by_side = len(addresses) > 1
    for v in range(1, len(addresses)):
        side_by_side &= addresses[v] == addresses[v - 1] + np.uint64(size_of_one)
    return np.empty((BLOCK, 8), dtype=np.int64), np.empty((8, _APART)), side_by_side


@called
def _judge(
    points: Any, start: int, size: int, grid: Any, runs: Any, plan: Any, body: Any, nearest: bool,
    result: Any, status: Any,
) -> None:  # fmt: skip
    """Give the status of points whose plan begins at 0, and take values that are none."""
    _, inside, bad = plan
    here = status[start : start + size]
    here[:] = OK
    if body[3] > 0.0:
        _judge_touch(grid, runs, plan, body, nearest, here)
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
    for k in range(size):
        here[k] = here[k] if inside[k] else OUTSIDE
        here[k] = BAD_INPUT if bad[k] else here[k]
    if body[3] > 0.0:
        for k in range(size):
            if here[k] == INSIDE_BODY:
                for v in range(len(result)):
                    result[v, start + k] = np.nan


@called
def _judge_touch(grid: Any, runs: Any, plan: Any, body: Any, nearest: bool, status: Any) -> None:
    """Mark the points of which a node that counts lies inside the body."""
    begins, cells, count = runs
    fraction, inside, _ = plan
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
    plan = (fraction, inside, bad)
    variables = (addresses, like, line, nearest)
    room, runs = _room(addresses, size_of(like)), runs_room()
    for start in range(0, len(inside), BLOCK):
        size = min(BLOCK, len(inside) - start)
        found = (runs[0], runs[1], _runs(index, start, size, runs))
        _fill(found, plan, start, size, grid, variables, room, result, start)


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
    room = _room(addresses, size_of(like))
    plan = np.empty((3, BLOCK)), np.empty(BLOCK, dtype=np.bool_), np.empty(BLOCK, dtype=np.bool_)
    variables = (addresses, like, line, nearest)
    for start in range(0, len(points), BLOCK):
        size = min(BLOCK, len(points) - start)
        found = (runs[0], runs[1], find(points, start, size, grid, memory, runs, plan, 0))
        _fill(found, plan, 0, size, grid, variables, room, result, start)
        _judge(points, start, size, grid, found, plan, body, nearest, result, status)
