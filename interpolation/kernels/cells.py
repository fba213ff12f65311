"""Kernels that find the cells of points and interpolate in them."""

from typing import Any

import numpy as np
from numba import carray, types

from interpolation.kernels.compile import (
    GRID,
    array,
    called,
    inlined,
    kernel,
    load,
    mix_four,
    pointer,
    prefetch,
    size_of,
)
from interpolation.locate import MAX_PERIODS
from interpolation.status import Status

# Points worked on at a time: what is noted of so many stays in the processor's nearest cache.
_BLOCK = 512
# How many of these may lie in another cell than the point before; above, they lie anywhere.
_JUMPS = 128
# How many points ahead the memory is asked for cells that lie anywhere.
_SOON = 12
OK, TOUCHES_BODY, MASKED = int(Status.OK), int(Status.TOUCHES_BODY), int(Status.MASKED)
INSIDE_BODY, OUTSIDE = int(Status.INSIDE_BODY), int(Status.OUTSIDE)
BAD_INPUT = int(Status.BAD_INPUT)

_F8 = types.float64
_I8 = types.int64
_B1 = types.boolean


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
def _locate(points: Any, start: int, size: int, grid: Any, work: Any, plan: Any, at: int) -> None:
    """Locate points start:start + size, into a plan from `at` on.

    work: the cell of the last point along each axis and its two ends, and how many points of
    the last block left the cell of the one before. A point of the same cell is not sought.
    """
    nodes, counts, buckets, sizes, scale, periodic, _ = grid
    index, fraction, inside, bad = plan
    cells, ends, jumps = work
    lowest = (load(nodes[0], 0, 0.0), load(nodes[1], 0, 0.0), load(nodes[2], 0, 0.0))
    highest = (
        load(nodes[0], counts[0] - 1, 0.0),
        load(nodes[1], counts[1] - 1, 0.0),
        load(nodes[2], counts[2] - 1, 0.0),
    )
    turning = periodic[0] or periodic[1] or periodic[2]
    # Of points that lie anywhere all are sought: a guess that fails costs more than seeking.
    anywhere = jumps[0] > _JUMPS
    i, j, m = cells[0], cells[1], cells[2]
    low_x, low_y, low_z = ends[0], ends[1], ends[2]
    high_x, high_y, high_z = ends[3], ends[4], ends[5]
    changes = 0
    for k in range(size):
        x, y, z = points[start + k, 0], points[start + k, 1], points[start + k, 2]
        if turning:
            x = wrapped(x, lowest[0], highest[0]) if periodic[0] else x
            y = wrapped(y, lowest[1], highest[1]) if periodic[1] else y
            z = wrapped(z, lowest[2], highest[2]) if periodic[2] else z
        within = (
            (lowest[0] <= x) & (x <= highest[0])
            & (lowest[1] <= y) & (y <= highest[1])
            & (lowest[2] <= z) & (z <= highest[2])
        )  # fmt: skip
        inside[at + k] = within
        bad[at + k] = False
        if not within:
            place = points[start + k]
            bad[at + k] = not (
                np.isfinite(place[0]) and np.isfinite(place[1]) and np.isfinite(place[2])
            )
            index[0, at + k] = index[1, at + k] = index[2, at + k] = 0
            fraction[0, at + k] = fraction[1, at + k] = fraction[2, at + k] = 0.0
            continue
        before = i + j + m
        if anywhere or not (low_x <= x < high_x):
            i = np.int64(cell(x, nodes[0], counts[0], buckets[0], sizes[0], scale[0]))
            low_x, high_x = load(nodes[0], i, 0.0), load(nodes[0], i + 1, 0.0)
        if anywhere or not (low_y <= y < high_y):
            j = np.int64(cell(y, nodes[1], counts[1], buckets[1], sizes[1], scale[1]))
            low_y, high_y = load(nodes[1], j, 0.0), load(nodes[1], j + 1, 0.0)
        if anywhere or not (low_z <= z < high_z):
            m = np.int64(cell(z, nodes[2], counts[2], buckets[2], sizes[2], scale[2]))
            low_z, high_z = load(nodes[2], m, 0.0), load(nodes[2], m + 1, 0.0)
        changes += i + j + m != before
        index[0, at + k], index[1, at + k], index[2, at + k] = i, j, m
        fraction[0, at + k] = (x - low_x) / (high_x - low_x)
        fraction[1, at + k] = (y - low_y) / (high_y - low_y)
        fraction[2, at + k] = (z - low_z) / (high_z - low_z)
    cells[0], cells[1], cells[2] = i, j, m
    ends[0], ends[1], ends[2] = low_x, low_y, low_z
    ends[3], ends[4], ends[5] = high_x, high_y, high_z
    jumps[0] = changes


@called
def _search() -> Any:
    """Give what `_locate` works with, before the first point: a cell that holds none."""
    return np.zeros(3, dtype=np.int64), np.full(6, np.inf), np.zeros(1, dtype=np.int64)


@inlined
def _mix(values: Any, at: int, dx: int, dy: int, dz: int, x: float, y: float, z: float) -> float:
    """Interpolate in one cell, adding the corners up in SciPy's order."""
    u, v, w = 1.0 - x, 1.0 - y, 1.0 - z
    uv, uy, xv, xy = u * v, u * y, x * v, x * y
    total = 0.0 + values[np.uint64(at)] * (uv * w)
    total += values[np.uint64(at + dz)] * (uv * z)
    total += values[np.uint64(at + dy)] * (uy * w)
    total += values[np.uint64(at + dy + dz)] * (uy * z)
    total += values[np.uint64(at + dx)] * (xv * w)
    total += values[np.uint64(at + dx + dz)] * (xv * z)
    total += values[np.uint64(at + dx + dy)] * (xy * w)
    total += values[np.uint64(at + dx + dy + dz)] * (xy * z)
    return total


@inlined
def _ask(address: int, like: Any, at: int, dx: int, dy: int, dz: int) -> None:
    """Ask the memory for a cell that is wanted soon."""
    prefetch(address, at, like)
    prefetch(address, at + dz, like)
    prefetch(address, at + dy, like)
    prefetch(address, at + dy + dz, like)
    prefetch(address, at + dx, like)
    prefetch(address, at + dx + dz, like)
    prefetch(address, at + dx + dy, like)
    prefetch(address, at + dx + dy + dz, like)


@called
def _linear(values: Any, place: Any, step: Any, fraction: Any, row: Any) -> None:
    """Interpolate one variable, with the way to each upper node given point by point."""
    for k in range(len(row)):
        row[k] = _mix(
            values, place[k], step[0, k], step[1, k], step[2, k],
            fraction[0, k], fraction[1, k], fraction[2, k],
        )  # fmt: skip


@called
def _linear_plain(
    values: Any, place: Any, line: Any, fraction: Any, row: Any, address: int, like: Any, soon: int
) -> None:
    """Interpolate one variable on a grid without periodic axes.

    soon: how many points ahead the memory is asked for; 0 for points that lie near one another.
    """
    _, _, dx, dy, dz = line
    for k in range(len(row)):
        if soon > 0 and k + soon < len(row):
            _ask(address, like, place[k + soon], dx, dy, dz)
        row[k] = _mix(values, place[k], dx, dy, dz, fraction[0, k], fraction[1, k], fraction[2, k])


@called
def _linear_many(
    values: Any, place: Any, step: Any, fraction: Any, size: int, result: Any, start: int,
    address: int, like: Any, soon: int,
) -> None:  # fmt: skip
    """Interpolate variables that lie side by side in memory; soon: see `_linear_plain`."""
    variables = len(result)
    fours = variables - variables % 4
    apart = result.shape[1]
    for k in range(size):
        if soon > 0 and k + soon < size:
            n = k + soon
            _ask(address, like, place[n], step[0, n], step[1, n], step[2, n])
        x, y, z = fraction[0, k], fraction[1, k], fraction[2, k]
        u, v, w = 1.0 - x, 1.0 - y, 1.0 - z
        uv, uy, xv, xy = u * v, u * y, x * v, x * y
        weights = (uv * w, uv * z, uy * w, uy * z, xv * w, xv * z, xy * w, xy * z)
        at, dx, dy, dz = place[k], step[0, k], step[1, k], step[2, k]
        places = (
            at, at + dz, at + dy, at + dy + dz,
            at + dx, at + dx + dz, at + dx + dy, at + dx + dy + dz,
        )  # fmt: skip
        for first in range(0, fours, 4):
            at_four = address + np.uint64(first * size_of(like))
            to = np.uint64(result.ctypes.data) + np.uint64((first * apart + start + k) * 8)
            mix_four(at_four, places, weights, to, apart, like)
        for last in range(fours, variables):
            result[last, start + k] = _mix(values, at + last, dx, dy, dz, x, y, z)


@called
def _gather(
    plan: Any, at: int, size: int, grid: Any, variables: Any, work: Any, result: Any, start: int
) -> None:
    """Interpolate at the points at:at + size of a plan, into a result from `start` on."""
    index, fraction, inside, _ = plan
    addresses, like, line, nearest = variables
    place, step, weight, side_by_side = work
    origin, length, sx, sy, sz = line
    wraps, periodic = grid[6], grid[5]
    plain = not (periodic[0] or periodic[1] or periodic[2])
    changes, before = 0, np.int64(-1)
    for k in range(size):
        i, j, m = index[0, at + k], index[1, at + k], index[2, at + k]
        step[0, k] = sx if i + 1 < wraps[0] else -i * sx
        step[1, k] = sy if j + 1 < wraps[1] else -j * sy
        step[2, k] = sz if m + 1 < wraps[2] else -m * sz
        place[k] = origin + i * sx + j * sy + m * sz
        changes += place[k] != before
        before = place[k]
        for axis in range(3):
            weight[axis, k] = fraction[axis, at + k]
            if nearest and weight[axis, k] > 0.5:
                place[k] += step[axis, k]
    soon = _SOON if changes > _JUMPS else 0
    if side_by_side and not nearest:
        values = carray(pointer(addresses[0], like), (length + len(addresses) - 1,))
        _linear_many(values, place, step, weight, size, result, start, addresses[0], like, soon)
    else:
        for v in range(len(addresses)):
            values = carray(pointer(addresses[v], like), (length,))
            row = result[v, start : start + size]
            if nearest:
                for k in range(size):
                    row[k] = values[np.uint64(place[k])]
            elif plain:
                _linear_plain(values, place, line, weight, row, addresses[v], like, soon)
            else:
                _linear(values, place, step, weight, row)
    for k in range(size):
        if not inside[at + k]:
            for v in range(len(addresses)):
                result[v, start + k] = np.nan


@called
def _room(addresses: Any, size_of_one: int) -> Any:
    """Give room to gather in, and whether all variables lie side by side."""
    side_by_side = len(addresses) > 1
    for v in range(1, len(addresses)):
        side_by_side &= addresses[v] == addresses[v - 1] + np.uint64(size_of_one)
    return (
        np.empty(_BLOCK, dtype=np.int64),
        np.empty((3, _BLOCK), dtype=np.int64),
        np.empty((3, _BLOCK)),
        side_by_side,
    )


@called
def _judge(
    points: Any, start: int, size: int, grid: Any, plan: Any, body: Any, nearest: bool, out: Any
) -> None:
    """Give the status of points whose plan begins at 0, and take values that are none."""
    index, fraction, inside, bad = plan
    result, status = out
    limit = body[3] * body[3]
    for k in range(size):
        found = OK
        if body[3] > 0.0 and inside[k]:
            least = 0.0
            for axis in range(3):
                i = index[axis, k]
                low = load(grid[0][axis], i, 0.0) - body[axis]
                high = load(grid[0][axis], i + 1, 0.0) - body[axis]
                if nearest:
                    way = low if fraction[axis, k] <= 0.5 else high
                    least += way * way
                else:
                    least += min(low * low, high * high)
            if least < limit:
                found = TOUCHES_BODY
        for v in range(len(result)):
            if np.isnan(result[v, start + k]):
                found = MASKED
                break
        if body[3] > 0.0:
            x, y, z = (
                points[start + k, 0] - body[0],
                points[start + k, 1] - body[1],
                points[start + k, 2] - body[2],
            )
            if x * x + y * y + z * z < limit:
                found = INSIDE_BODY
        if bad[k]:
            found = BAD_INPUT
        elif not inside[k]:
            found = OUTSIDE
        if found >= INSIDE_BODY:
            for v in range(len(result)):
                result[v, start + k] = np.nan
        status[start + k] = found


_VARIABLES = tuple(
    (array(types.uint64, 1), number, types.UniTuple(_I8, 5), _B1)
    for number in (types.float32, types.float64)
)
_PLAN = (
    array(_I8, 2, writeable=True),
    array(_F8, 2, writeable=True),
    array(_B1, 1, writeable=True),
    array(_B1, 1, writeable=True),
)


@kernel([types.void(array(_F8, 2), GRID, *_PLAN)])
def locate(points: Any, grid: Any, index: Any, fraction: Any, inside: Any, bad: Any) -> None:
    """Fill a plan; see `interpolation.locate.locate`."""
    work = _search()
    plan = (index, fraction, inside, bad)
    for start in range(0, len(points), _BLOCK):
        size = min(_BLOCK, len(points) - start)
        _locate(points, start, size, grid, work, plan, start)


@kernel([types.void(*_PLAN, GRID, *v, array(_F8, 2, writeable=True)) for v in _VARIABLES])
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
    plan = (index, fraction, inside, bad)
    variables = (addresses, like, line, nearest)
    work = _room(addresses, size_of(like))
    for start in range(0, len(inside), _BLOCK):
        size = min(_BLOCK, len(inside) - start)
        _gather(plan, start, size, grid, variables, work, result, start)


@kernel(
    [
        types.void(
            array(_F8, 2),
            GRID,
            *v,
            types.UniTuple(_F8, 4),
            array(_F8, 2, writeable=True),
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
    finding = _search()
    gathering = _room(addresses, size_of(like))
    plan = (
        np.empty((3, _BLOCK), dtype=np.int64),
        np.empty((3, _BLOCK)),
        np.empty(_BLOCK, dtype=np.bool_),
        np.empty(_BLOCK, dtype=np.bool_),
    )
    variables = (addresses, like, line, nearest)
    for start in range(0, len(points), _BLOCK):
        size = min(_BLOCK, len(points) - start)
        _locate(points, start, size, grid, finding, plan, 0)
        _gather(plan, 0, size, grid, variables, gathering, result, start)
        _judge(points, start, size, grid, plan, body, nearest, (result, status))
