"""The kernel that follows lines of a vector on a grid; `interpolation.march` is its reference."""

from typing import Any

import numpy as np
from numba import types

from interpolation import nulls
from interpolation.ends import EndReason
from interpolation.kernels.cells import cell, wrapped
from interpolation.kernels.compile import GRID, array, called, inlined, kernel, load
from interpolation.march import (
    DIFFERENCE,
    DORMAND_PRINCE,
    GOING,
    GROW,
    HALVED_TO,
    LANDINGS,
    LARGE,
    LEAST,
    MOST,
    NEAR,
    PARTS,
    SAFETY,
    SHORTEST,
    SHRINK,
    SMALL,
)

LEFT_DOMAIN, LEFT_REGION = int(EndReason.LEFT_DOMAIN), int(EndReason.LEFT_REGION)
REACHED_BODY, NULL_FIELD = int(EndReason.REACHED_BODY), int(EndReason.NULL_FIELD)
MASKED, BAD_SEED = int(EndReason.MASKED), int(EndReason.BAD_SEED)
CLOSED_LOOP = int(EndReason.CLOSED_LOOP)

_TRIES, _DAMPING, _REACH = nulls.TRIES, nulls.DAMPING, nulls.REACH
_CLOSE, _LEFT, _AWAY = nulls.NEAR, nulls.LEFT, nulls.AWAY

_F8 = types.float64
_I8 = types.int64
# Domain, region and sphere, see `interpolation.walls.Walls.numbers`.
WALLS = types.Tuple((types.UniTuple(_F8, 6), types.UniTuple(_F8, 6), types.UniTuple(_F8, 4)))


@inlined
def _place(x: float, axis: int, grid: Any) -> Any:
    """Give the cell and the fraction of a coordinate, and whether it has one."""
    nodes, count = grid[0][axis], grid[1][axis]
    first, last = load(nodes, 0, 0.0), load(nodes, count - 1, 0.0)
    if grid[5][axis]:
        x = wrapped(x, first, last)
    if not (first <= x <= last):
        return np.int64(0), 0.0, False
    i = np.int64(cell(x, nodes, count, grid[2][axis], grid[3][axis], grid[4][axis]))
    low = load(nodes, i, 0.0)
    return i, (x - low) / (load(nodes, i + 1, 0.0) - low), True


@inlined
def stencil(point: Any, grid: Any, sphere: Any, line: Any) -> Any:
    """Give places (8) and weights (8) of the corners round a point, and whether it has any."""
    i, x, in_x = _place(point[0], 0, grid)
    j, y, in_y = _place(point[1], 1, grid)
    k, z, in_z = _place(point[2], 2, grid)
    within = in_x and in_y and in_z and not in_sphere(point, sphere)
    origin, _, sx, sy, sz = line
    wraps = grid[6]
    a = origin + i * sx + j * sy + k * sz
    dx = sx if i + 1 < wraps[0] else -i * sx
    dy = sy if j + 1 < wraps[1] else -j * sy
    dz = sz if k + 1 < wraps[2] else -k * sz
    u, v, w = 1.0 - x, 1.0 - y, 1.0 - z
    uv, uy, xv, xy = u * v, u * y, x * v, x * y
    places = (a, a + dz, a + dy, a + dy + dz, a + dx, a + dx + dz, a + dx + dy, a + dx + dy + dz)
    return places, (uv * w, uv * z, uy * w, uy * z, xv * w, xv * z, xy * w, xy * z), within


@inlined
def mixed(address: int, like: Any, places: Any, weights: Any) -> float:
    """Interpolate one component, adding the corners up in SciPy's order."""
    total = 0.0 + load(address, places[0], like) * weights[0]
    total += load(address, places[1], like) * weights[1]
    total += load(address, places[2], like) * weights[2]
    total += load(address, places[3], like) * weights[3]
    total += load(address, places[4], like) * weights[4]
    total += load(address, places[5], like) * weights[5]
    total += load(address, places[6], like) * weights[6]
    total += load(address, places[7], like) * weights[7]
    return total


@inlined
def in_sphere(point: Any, sphere: Any) -> bool:
    """Say whether a point lies inside a sphere; a radius of 0 is none."""
    x, y, z = point[0] - sphere[0], point[1] - sphere[1], point[2] - sphere[2]
    return sphere[3] > 0.0 and x * x + y * y + z * z < sphere[3] * sphere[3]


@inlined
def _in_box(point: Any, box: Any) -> bool:
    return (
        box[0] <= point[0] <= box[3]
        and box[1] <= point[1] <= box[4]
        and box[2] <= point[2] <= box[5]
    )


@inlined
def beyond(point: Any, walls: Any) -> int:
    """Say which wall a point lies beyond; see `interpolation.walls.Walls.beyond`."""
    domain, region, sphere = walls
    if not _in_box(point, domain):
        return LEFT_DOMAIN
    if in_sphere(point, sphere):
        return REACHED_BODY
    return GOING if _in_box(point, region) else LEFT_REGION


@inlined
def _to_sphere(point: Any, way: Any, sphere: Any) -> float:
    """Give how far a sphere is ahead, in lengths of the way; infinite where it is not."""
    x, y, z = point[0] - sphere[0], point[1] - sphere[1], point[2] - sphere[2]
    approach = x * way[0] + y * way[1] + z * way[2]
    if sphere[3] > 0.0 and approach < 0.0:
        square = way[0] * way[0] + way[1] * way[1] + way[2] * way[2]
        beside = x * x + y * y + z * z - sphere[3] * sphere[3]
        root = approach * approach - square * beside
        if root >= 0.0:
            return (-approach - np.sqrt(root)) / square
    return np.inf


@inlined
def met(point: Any, end: Any, walls: Any) -> int:
    """Say which wall a straight step meets; see `interpolation.walls.Walls.met`."""
    wall = beyond(end, walls)
    way = (end[0] - point[0], end[1] - point[1], end[2] - point[2])
    if wall == GOING and _to_sphere(point, way, walls[2]) < 1.0:
        return REACHED_BODY
    return wall


@called
def distance(point: Any, way: Any, walls: Any) -> float:
    """Give how far the first wall is ahead; see `interpolation.walls.Walls.distance`."""
    domain, region, sphere = walls
    nearest = np.inf
    for box in (domain, region):
        for axis in range(3):
            if way[axis] != 0.0:
                wall = box[axis + 3] if way[axis] > 0.0 else box[axis]
                ahead = (wall - point[axis]) / way[axis]
                if ahead < nearest:
                    nearest = ahead
    ahead = _to_sphere(point, way, sphere)
    if ahead < nearest:
        nearest = ahead
    return max(nearest, 0.0)


@inlined
def _slope(point: Any, field: Any, walls: Any) -> Any:
    """Give the unit vector along which a line runs, and why there is none (then 0)."""
    addresses, like, line, direction, grid, sphere = field
    places, weights, within = stencil(point, grid, sphere, line)
    x = y = z = np.nan
    if within:
        x = mixed(addresses[0], like, places, weights) * direction
        y = mixed(addresses[1], like, places, weights) * direction
        z = mixed(addresses[2], like, places, weights) * direction
    largest = max(abs(x), abs(y), abs(z))
    if not (np.isfinite(x) and np.isfinite(y) and np.isfinite(z)):
        wall = beyond(point, walls)
        return (0.0, 0.0, 0.0), MASKED if wall == GOING else wall
    if largest == 0.0:
        return (0.0, 0.0, 0.0), NULL_FIELD
    if largest < SMALL or largest > LARGE:
        scale = GROW if largest < SMALL else SHRINK
        x, y, z = x * scale, y * scale, z * scale
    whole = 1.0 / np.sqrt(x * x + y * y + z * z)
    return (x * whole, y * whole, z * whole), GOING


@inlined
def _shifted(point: Any, reach: float, way: Any) -> Any:
    return point[0] + reach * way[0], point[1] + reach * way[1], point[2] + reach * way[2]


@inlined
def _dot(a: Any, b: Any) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@called
def _rk4(point: Any, length: float, field: Any, walls: Any) -> Any:
    """Give where a step by the classical method ends, what forbids it, whether it turns."""
    a, stop = _slope(point, field, walls)
    if stop != GOING:
        return point, stop, False
    at = _shifted(point, 0.5 * length, a)
    b, stop = _slope(at, field, walls)
    if stop != GOING:
        return point, stop, False
    at = _shifted(point, 0.5 * length, b)
    c, stop = _slope(at, field, walls)
    if stop != GOING:
        return point, stop, False
    at = _shifted(point, 1.0 * length, c)
    d, stop = _slope(at, field, walls)
    if stop != GOING:
        return point, stop, False
    total = (
        0.0 + a[0] + 2.0 * b[0] + 2.0 * c[0] + d[0],
        0.0 + a[1] + 2.0 * b[1] + 2.0 * c[1] + d[1],
        0.0 + a[2] + 2.0 * b[2] + 2.0 * c[2] + d[2],
    )
    end = _shifted(point, length / 6.0, total)
    turned = (_dot(a, b) < 0.0) | (_dot(a, c) < 0.0) | (_dot(a, d) < 0.0)
    return end, met(point, end, walls), turned


@called
def _dormand_prince(point: Any, length: float, field: Any, walls: Any) -> Any:
    """Try a step by the method of Dormand and Prince.

    Gives where it ends, its error, what forbids it, and whether it turns back.
    """
    f = DORMAND_PRINCE
    a, stop = _slope(point, field, walls)
    if stop != GOING:
        return point, 0.0, stop, False
    b, stop = _slope(_ahead(point, length, f[0], (a,)), field, walls)
    if stop != GOING:
        return point, 0.0, stop, False
    c, stop = _slope(_ahead(point, length, f[1], (a, b)), field, walls)
    if stop != GOING:
        return point, 0.0, stop, False
    d, stop = _slope(_ahead(point, length, f[2], (a, b, c)), field, walls)
    if stop != GOING:
        return point, 0.0, stop, False
    e, stop = _slope(_ahead(point, length, f[3], (a, b, c, d)), field, walls)
    if stop != GOING:
        return point, 0.0, stop, False
    g, stop = _slope(_ahead(point, length, f[4], (a, b, c, d, e)), field, walls)
    if stop != GOING:
        return point, 0.0, stop, False
    end = _ahead(point, length, f[5], (a, b, c, d, e, g))
    h, stop = _slope(end, field, walls)
    if stop != GOING:
        return point, 0.0, stop, False
    x, y, z = _combined(DIFFERENCE, (a, b, c, d, e, g, h))
    error = max(abs(length * x), abs(length * y), abs(length * z))
    turned = (
        (_dot(a, b) < 0.0) | (_dot(a, c) < 0.0) | (_dot(a, d) < 0.0)
        | (_dot(a, e) < 0.0) | (_dot(a, g) < 0.0) | (_dot(a, h) < 0.0)
    )  # fmt: skip
    return end, error, met(point, end, walls), turned


@inlined
def _ahead(point: Any, length: float, factors: Any, slopes: Any) -> Any:
    return _shifted(point, length, _combined(factors, slopes))


@inlined
def _combined(factors: Any, slopes: Any) -> Any:
    x = y = z = 0.0
    for i in range(len(factors)):
        x += factors[i] * slopes[i][0]
        y += factors[i] * slopes[i][1]
        z += factors[i] * slopes[i][2]
    return x, y, z


@inlined
def _vector(point: Any, field: Any, size: float) -> Any:
    """Give the vector at a point in parts of a size; NaN where there is none."""
    addresses, like, line, _, grid, sphere = field
    places, weights, within = stencil(point, grid, sphere, line)
    if not within:
        return np.nan, np.nan, np.nan
    return (
        mixed(addresses[0], like, places, weights) / size,
        mixed(addresses[1], like, places, weights) / size,
        mixed(addresses[2], like, places, weights) / size,
    )


@inlined
def _largest(vector: Any) -> float:
    """Give the largest component; NaN where one is NaN."""
    x, y, z = abs(vector[0]), abs(vector[1]), abs(vector[2])
    return max(x, y, z) if x == x and y == y and z == z else np.nan


@called
def _null(place: Any, length: float, step: float, field: Any) -> Any:
    """Look for a null of the vector; see `interpolation.nulls.find`."""
    size = _largest(_vector(place, field, 1.0))
    at = place
    if not (np.isfinite(size) and size > 0.0):
        return at, False
    for _ in range(_TRIES):
        way = _to_null(at, size, _REACH * step, field)
        at = (at[0] - way[0], at[1] - way[1], at[2] - way[2])
        x, y, z = at[0] - place[0], at[1] - place[1], at[2] - place[2]
        reach = _AWAY * length
        if not x * x + y * y + z * z <= reach * reach:
            return at, False
        if _largest(way) <= _CLOSE * step:
            return at, _largest(_vector(at, field, 1.0)) <= _LEFT * size
    return at, False


@called
def _to_null(at: Any, size: float, reach: float, field: Any) -> Any:
    """Give the way from the null by the vector's slopes; see `interpolation.nulls`."""
    here = _vector(at, field, size)
    i = _slopes(at, (reach, 0.0, 0.0), size, reach, field)
    j = _slopes(at, (0.0, reach, 0.0), size, reach, field)
    k = _slopes(at, (0.0, 0.0, reach), size, reach, field)
    a, b, c = _dot(i, here), _dot(j, here), _dot(k, here)
    xx, yy, zz = _dot(i, i), _dot(j, j), _dot(k, k)
    xy, xz, yz = _dot(i, j), _dot(i, k), _dot(j, k)
    damping = _DAMPING * (xx + yy + zz)
    xx, yy, zz = xx + damping, yy + damping, zz + damping
    p, q, r = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    s, t, u = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    whole = 1.0 / (xx * p + xy * q + xz * r)
    return (
        (p * a + q * b + r * c) * whole,
        (q * a + s * b + t * c) * whole,
        (r * a + t * b + u * c) * whole,
    )


@inlined
def _slopes(at: Any, by: Any, size: float, reach: float, field: Any) -> Any:
    """Give how the vector changes along an axis."""
    high = _vector((at[0] + by[0], at[1] + by[1], at[2] + by[2]), field, size)
    low = _vector((at[0] - by[0], at[1] - by[1], at[2] - by[2]), field, size)
    twice = 2.0 * reach
    return (high[0] - low[0]) / twice, (high[1] - low[1]) / twice, (high[2] - low[2]) / twice


@called
def _land(
    point: Any,
    length: float,
    step: float,
    field: Any,
    walls: Any,
) -> Any:
    """Follow a line to the wall that its next step would cross; says whether it moved."""
    moved = False
    for _ in range(LANDINGS):
        slope, stop = _slope(point, field, walls)
        reach = min(distance(point, slope, walls), length)
        if stop != GOING or not reach > NEAR * step:
            break
        landed = False
        for tried in PARTS:
            end, stop, _ = _rk4(point, tried * reach, field, walls)
            if stop == GOING:
                point, moved, landed = end, True, True
                break
        if not landed:
            break
    return point, moved


@inlined
def _along(point: Any, seed: Any, way: Any) -> float:
    return (
        (point[0] - seed[0]) * way[0] + (point[1] - seed[1]) * way[1]
        + (point[2] - seed[2]) * way[2]
    )  # fmt: skip


@kernel(
    [
        types.int64(
            array(_F8, 2),
            GRID,
            types.UniTuple(_F8, 4),
            types.UniTuple(types.uint64, 3),
            number,
            types.UniTuple(_I8, 5),
            WALLS,
            types.UniTuple(_F8, 4),
            types.UniTuple(_I8, 2),
            types.Tuple(
                (
                    array(_I8, 1, writeable=True),
                    array(_F8, 1, writeable=True),
                    array(_F8, 2, writeable=True),
                    array(_I8, 1, writeable=True),
                    array(types.uint8, 1, writeable=True),
                )
            ),
        )
        for number in (types.float32, types.float64)
    ]
)
def trace(
    seeds: Any,
    grid: Any,
    body: Any,
    addresses: Any,
    like: Any,
    line: Any,
    walls: Any,
    numbers: Any,
    bounds: Any,
    records: Any,
) -> int:
    """Follow lines until there is no room, patience or line left; gives the points recorded.

    numbers: direction, step, tolerance (0 for steps of one length) and closure; bounds: the most
    steps of a line, and of this call; records: line and steps taken, state of the line, room
    for points, points and end reason of each line. Steps taken of -1 say that the line has not
    begun.
    """
    direction, step, tolerance, closure = numbers
    field = (addresses, like, line, direction, grid, body)
    max_steps, patience = bounds
    at, state, room, counts, reasons = records
    number, taken = at[0], at[1]
    point = (state[0], state[1], state[2])
    length = state[3]
    way = (state[4], state[5], state[6])
    filled = 0
    # A round adds two points at most.
    while number < len(seeds) and filled + 2 < len(room) and patience > 0:
        seed = (seeds[number, 0], seeds[number, 1], seeds[number, 2])
        stop, over = GOING, False
        if taken < 0:
            point, length, taken = seed, step, 0
            room[filled, 0], room[filled, 1], room[filled, 2] = point
            filled += 1
            counts[number] = 1
            stop = beyond(seed, walls)
            if stop == GOING:
                way, stop = _slope(seed, field, walls)
            if stop not in (GOING, NULL_FIELD):
                stop = BAD_SEED
            over = stop != GOING
        else:
            patience -= 1
            error = 0.0
            if tolerance == 0.0:
                end, stop, turned = _rk4(point, length, field, walls)
            else:
                end, error, stop, turned = _dormand_prince(point, length, field, walls)
                error /= tolerance
            clear = stop == GOING
            used = length
            over = not clear
            if tolerance > 0.0:
                if clear:
                    change = min(max(SAFETY / np.sqrt(np.sqrt(error)), LEAST), MOST)
                    length = min(max(length * change, SHORTEST * step), step)
                elif length > HALVED_TO * step:
                    length *= 0.5
                    over = False
            ended = False
            good = clear and (error <= 1.0 or used <= SHORTEST * step)
            if good:
                before, after = _along(point, seed, way), _along(end, seed, way)
                if closure > 0.0 and before < 0.0 and after >= 0.0:
                    part = before / (before - after) * used
                    back, halt, _ = _rk4(point, part, field, walls)
                    x, y, z = back[0] - seed[0], back[1] - seed[1], back[2] - seed[2]
                    reach = closure * used
                    if tolerance > 0.0:
                        reach = min(reach, (taken + 1) * tolerance)
                    if halt == GOING and x * x + y * y + z * z <= reach * reach:
                        end, stop, ended = back, CLOSED_LOOP, True
            if (good and turned and not ended) or stop == NULL_FIELD:
                null, found = _null(point, used, step, field)
                if found and met(point, null, walls) == GOING:
                    end, stop, ended = null, NULL_FIELD, True
            if good or ended:
                taken += 1
                point = end
                room[filled, 0], room[filled, 1], room[filled, 2] = point
                filled += 1
                counts[number] += 1
                over = ended or taken == max_steps
            elif over and stop in (LEFT_DOMAIN, LEFT_REGION, REACHED_BODY):
                point, moved = _land(point, length, step, field, walls)
                if moved:
                    room[filled, 0], room[filled, 1], room[filled, 2] = point
                    filled += 1
                    counts[number] += 1
        if over:
            reasons[number] = stop
            number += 1
            taken = -1
    at[0], at[1] = number, taken
    state[0], state[1], state[2] = point
    state[3] = length
    state[4], state[5], state[6] = way
    return filled
