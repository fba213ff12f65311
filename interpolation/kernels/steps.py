"""Steps along a vector, compiled: the classical method, and that of Dormand and Prince."""

from typing import Any

import numpy as np

from interpolation.kernels.compile import called, inlined
from interpolation.kernels.stencil import mixed, stencil
from interpolation.kernels.walls import MASKED, NULL_FIELD, beyond, met
from interpolation.march import (
    DIFFERENCE,
    DORMAND_PRINCE,
    GOING,
    GROW,
    LARGE,
    RK4,
    SHRINK,
    SMALL,
)

STAGES = len(RK4)
# Squares of vectors of which no component is beyond SMALL or LARGE.
_FEW, _MANY = 8.0 * SMALL * SMALL, LARGE * LARGE


@inlined
def slope(point: Any, field: Any, walls: Any) -> Any:
    """Give the unit vector along which a line runs, and why there is none (then 0)."""
    addresses, like, line, direction, grid, sphere = field
    places, weights, within = stencil(point, grid, sphere, line)
    x = y = z = np.nan
    if within:
        x = mixed(addresses[0], like, places, weights)
        y = mixed(addresses[1], like, places, weights)
        z = mixed(addresses[2], like, places, weights)
    square = x * x + y * y + z * z
    if not (_FEW <= square <= _MANY):
        largest = max(abs(x), abs(y), abs(z))
        if not (np.isfinite(x) and np.isfinite(y) and np.isfinite(z)):
            wall = beyond(point, walls)
            return (0.0, 0.0, 0.0), MASKED if wall == GOING else wall
        if largest == 0.0:
            return (0.0, 0.0, 0.0), NULL_FIELD
        if largest < SMALL or largest > LARGE:
            scale = GROW if largest < SMALL else SHRINK
            x, y, z = x * scale, y * scale, z * scale
            square = x * x + y * y + z * z
    whole = direction / np.sqrt(square)
    return (x * whole, y * whole, z * whole), GOING


@inlined
def _shifted(point: Any, reach: float, way: Any) -> Any:
    return point[0] + reach * way[0], point[1] + reach * way[1], point[2] + reach * way[2]


@inlined
def dot(a: Any, b: Any) -> float:
    """Give the scalar product of two vectors."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@inlined
def first_stage(point: Any) -> Any:
    """Give a step by the classical method before its first slope.

    That is where the next slope is taken, the first slope, the sum of all, what forbids the
    step, and the least cosine between the first slope and another.
    """
    return point, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), GOING, 1.0


@inlined
def next_stage(step: Any, stage: int, point: Any, length: float, field: Any, walls: Any) -> Any:
    """Give a step after the next of its slopes."""
    at, first, total, stop, straight = step
    weight, reach = RK4[stage]
    way, halt = slope(at, field, walls)
    if stage == 0:
        first = way
    else:
        straight = min(straight, dot(first, way))
    return (
        _shifted(point, reach * length, way),
        first,
        _shifted(total, weight, way),
        halt if stop == GOING else stop,
        straight,
    )


@inlined
def last_stage(step: Any, point: Any, length: float, walls: Any) -> Any:
    """Give where a step ends after its last slope, what forbids it, how straight it is."""
    _, _, total, stop, straight = step
    end = _shifted(point, length / 6.0, total)
    return end, met(point, end, walls, bulge(straight)) if stop == GOING else stop, straight


@inlined
def bulge(straight: float) -> float:
    """Give how far a step leaves the straight way; see `interpolation.march.bulge`."""
    return np.sqrt(max(2.0 - 2.0 * straight, 0.0)) * 0.125


@called
def rk4(point: Any, length: float, field: Any, walls: Any) -> Any:
    """Give where a step by the classical method ends, what forbids it, how straight it is."""
    step = first_stage(point)
    for stage in range(STAGES):
        step = next_stage(step, stage, point, length, field, walls)
    return last_stage(step, point, length, walls)


@called
def dormand_prince(point: Any, length: float, field: Any, walls: Any) -> Any:
    """Try a step by the method of Dormand and Prince.

    Gives where it ends, its error, what forbids it, and how straight it is.
    """
    f = DORMAND_PRINCE
    a, stop = slope(point, field, walls)
    if stop != GOING:
        return point, 0.0, stop, 1.0
    b, stop = slope(_ahead(point, length, f[0], (a,)), field, walls)
    if stop != GOING:
        return point, 0.0, stop, 1.0
    c, stop = slope(_ahead(point, length, f[1], (a, b)), field, walls)
    if stop != GOING:
        return point, 0.0, stop, 1.0
    d, stop = slope(_ahead(point, length, f[2], (a, b, c)), field, walls)
    if stop != GOING:
        return point, 0.0, stop, 1.0
    e, stop = slope(_ahead(point, length, f[3], (a, b, c, d)), field, walls)
    if stop != GOING:
        return point, 0.0, stop, 1.0
    g, stop = slope(_ahead(point, length, f[4], (a, b, c, d, e)), field, walls)
    if stop != GOING:
        return point, 0.0, stop, 1.0
    end = _ahead(point, length, f[5], (a, b, c, d, e, g))
    h, stop = slope(end, field, walls)
    if stop != GOING:
        return point, 0.0, stop, 1.0
    x, y, z = _combined(DIFFERENCE, (a, b, c, d, e, g, h))
    error = max(abs(length * x), abs(length * y), abs(length * z))
    straight = min(1.0, dot(a, b), dot(a, c), dot(a, d), dot(a, e), dot(a, g), dot(a, h))
    return end, error, met(point, end, walls, bulge(straight)), straight


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
