"""Cuts: the points of planes and of spherical shells, to be sampled like any others."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interpolation.rectilinear import Floats, real_numbers

_Corners = tuple[npt.ArrayLike, npt.ArrayLike]


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A rectangle of evenly spaced points.

    points: (nu * nv, 3), v running fastest. u, v: (nu,) and (nv,), coordinates in the plane
    along the unit vectors `along_u` and `along_v` (3,), from the plane's own point.
    """

    points: Floats
    u: Floats
    v: Floats
    along_u: Floats
    along_v: Floats


def plane(
    point: npt.ArrayLike,
    normal: npt.ArrayLike,
    resolution: float,
    domain: _Corners,
    *,
    most: int = 10_000_000,
) -> Plane:
    """Lay points on the plane through a point (3,) with a normal (3,), within a box.

    The rectangle holds all of the plane that lies in the box `domain`, lower and upper corner;
    its points lie `resolution` apart, and `point` is one of them. Its first direction is that
    axis of coordinates, x before y before z, that lies nearest to the plane. Raises ValueError
    for a normal of no length, a resolution that is not positive, a bad number, a plane that
    misses the box, or more points than `most`.
    """
    base, way = _triple("point", point), _triple("normal", normal)
    if not way.any():
        raise ValueError("normal has no length")
    if not 0 < resolution < np.inf:
        raise ValueError(f"resolution is {resolution}; it must be positive and finite")
    # Scaled first: the squares of its components may be too large or too small for numbers.
    way = way / np.abs(way).max()
    way /= np.linalg.norm(way)
    nearest = int(np.argmin(np.abs(way)))
    along_u = np.eye(3)[nearest] - way[nearest] * way
    along_u /= np.linalg.norm(along_u)
    along_v = np.cross(way, along_u)
    corners = _section(base, way, domain) - base
    spans = [np.ptp(corners @ along) / resolution for along in (along_u, along_v)]
    if (spans[0] + 1) * (spans[1] + 1) > most:
        raise ValueError(f"a plane of this resolution has more than {most} points")
    u, v = (_steps(corners @ along, resolution) for along in (along_u, along_v))
    points = base + u[:, None, None] * along_u + v[None, :, None] * along_v
    return Plane(points.reshape(-1, 3), u, v, along_u, along_v)


def shell(
    centre: npt.ArrayLike, radius: float, resolution: float, *, most: int = 10_000_000
) -> Floats:
    """Lay points (n, 3) on a sphere, latitude by latitude from the south, about evenly.

    Neighbours on a circle of latitude, and the circles, lie at most `resolution` apart along
    the sphere; the poles are points. Raises ValueError for lengths that are not positive and
    for more points than `most`.
    """
    middle = _triple("centre", centre)
    for name, number in (("radius", radius), ("resolution", resolution)):
        if not 0 < number < np.inf:
            raise ValueError(f"{name} is {number}; it must be positive and finite")
    if 4 * np.pi * (radius / resolution + 1) ** 2 > most:
        raise ValueError(f"a shell of this resolution has more than {most} points")
    circles = int(np.ceil(np.pi * radius / resolution)) + 1
    rows = []
    for latitude in np.linspace(-np.pi / 2, np.pi / 2, circles):
        around = 2 * np.pi * radius * np.cos(latitude)
        count = max(1, int(np.ceil(around / resolution - 1e-9)))
        longitude = np.arange(count) * (2 * np.pi / count)
        x, y = (np.cos(latitude) * way(longitude) for way in (np.cos, np.sin))
        rows.append(np.stack([x, y, np.full(count, np.sin(latitude))], axis=1))
    return np.asarray(middle + radius * np.concatenate(rows))


def _triple(name: str, numbers: npt.ArrayLike) -> Floats:
    triple = np.asarray(real_numbers(name, numbers), dtype=np.float64)
    if triple.shape != (3,) or not np.isfinite(triple).all():
        raise ValueError(f"{name} is {numbers!r}; three finite numbers are wanted")
    return triple


def _section(base: Floats, way: Floats, domain: _Corners) -> Floats:
    """Give where a plane meets the edges of a box, (n, 3)."""
    lower, upper = (np.asarray(corner, dtype=np.float64) for corner in domain)
    bounds = np.stack([lower, upper])
    met = []
    for axis in range(3):
        first, second = (other for other in range(3) if other != axis)
        for i in (0, 1):
            for j in (0, 1):
                start, end = lower.copy(), upper.copy()
                start[first] = end[first] = bounds[i, first]
                start[second] = end[second] = bounds[j, second]
                heights = np.array([(start - base) @ way, (end - base) @ way])
                if heights.min() <= 0 <= heights.max():
                    span = heights[0] - heights[1]
                    part = heights[0] / span if span else 0.0
                    met.append(start + part * (end - start))
                    met.append(end if not span else met[-1])
    if not met:
        raise ValueError("the plane does not meet the domain")
    return np.array(met)


def _steps(along: Floats, resolution: float) -> Floats:
    """Give the multiples of a length between the least and the greatest of some numbers."""
    first = np.ceil(along.min() / resolution - 1e-9)
    last = np.floor(along.max() / resolution + 1e-9)
    return np.asarray(np.arange(first, max(last, first) + 1) * resolution)
