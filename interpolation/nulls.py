"""Null points of a vector: where lines end that run into one.

Beside a null a step of any length overshoots and turns back. Where a step turns, the null is
looked for by damped Gauss-Newton steps (Levenberg 1944, Quart. Appl. Math. 2, 164), which find
the nearest place of a null line as well as a point.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from interpolation.rectilinear import Floats

# How many times the place is bettered, and how much of the trace damps it.
TRIES, DAMPING = 24, 1e-12
# Differences are taken, and the place is good enough, within these parts of the longest step.
REACH, NEAR = 1e-6, 1e-9
# What is left of the vector at a null, of that where the step begins; how many steps away.
LEFT, AWAY = 1e-6, 2.0

_AXES = np.eye(3)


def find(
    vector: Callable[[Floats], Floats], places: Floats, lengths: Floats, step: float
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Look for a null near each place (n, 3), within two lengths (n,) of the steps from there.

    Gives the nulls (n, 3), and at which places one was found (n,). Every operation is written so
    that a null comes out the same bit by bit in the compiled kernel.
    """
    nulls = places.copy()
    found = np.zeros(len(places), dtype=np.bool_)
    size = np.abs(vector(places)).max(axis=1, initial=0.0)
    trying = np.flatnonzero(np.isfinite(size) & (size > 0.0))
    for _ in range(TRIES):
        if not trying.size:
            break
        at, unit = nulls[trying], size[trying, None]
        way, good = _way(_parts(vector, unit), at, REACH * step)
        moved = at - way
        nulls[trying] = moved
        x, y, z = (moved - places[trying]).T
        reach = AWAY * lengths[trying]
        good &= x * x + y * y + z * z <= reach * reach
        near = good & (np.abs(way).max(axis=1) <= NEAR * step)
        arrived = trying[near]
        left = np.abs(vector(nulls[arrived])).max(axis=1, initial=0.0)
        found[arrived] = left <= LEFT * size[arrived]
        trying = trying[good & ~near]
    return nulls, found


def _parts(vector: Callable[[Floats], Floats], unit: Floats) -> Callable[[Floats], Floats]:
    """Give the vector in parts of a size for each place."""
    return lambda points: vector(points) / unit


def _way(
    vector: Callable[[Floats], Floats], at: Floats, reach: float
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Give the way from the null to each place by the vector's slopes, and where it is one."""
    here = vector(at)
    slopes = [
        (vector(at + reach * axis) - vector(at - reach * axis)) / (2.0 * reach) for axis in _AXES
    ]
    a, b, c = (_dot(slopes[i], here) for i in range(3))
    xx, yy, zz = (_dot(slopes[i], slopes[i]) for i in range(3))
    xy, xz, yz = (_dot(slopes[i], slopes[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    damping = DAMPING * (xx + yy + zz)
    xx, yy, zz = xx + damping, yy + damping, zz + damping
    p, q, r = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    s, t, u = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = 1.0 / (xx * p + xy * q + xz * r)
        way = np.stack(
            [
                (p * a + q * b + r * c) * whole,
                (q * a + s * b + t * c) * whole,
                (r * a + t * b + u * c) * whole,
            ],
            axis=1,
        )
    return way, np.asarray(np.isfinite(way).all(axis=1))


def _dot(a: Floats, b: Floats) -> Floats:
    products = a * b
    return np.asarray(products[:, 0] + products[:, 1] + products[:, 2])
