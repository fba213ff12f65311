"""The search for a null of a vector, compiled; `interpolation.nulls` is its reference."""

from typing import Any

import numpy as np

from interpolation import nulls
from interpolation.kernels.compile import called, inlined
from interpolation.kernels.stencil import mixed, stencil
from interpolation.kernels.steps import dot

_TRIES, _DAMPING, _REACH = nulls.TRIES, nulls.DAMPING, nulls.REACH
_CLOSE, _LEFT, _AWAY = nulls.NEAR, nulls.LEFT, nulls.AWAY


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
def find(place: Any, length: float, step: float, field: Any) -> Any:
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
    a, b, c = dot(i, here), dot(j, here), dot(k, here)
    xx, yy, zz = dot(i, i), dot(j, j), dot(k, k)
    xy, xz, yz = dot(i, j), dot(i, k), dot(j, k)
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
