"""The walls at which lines and particles end, compiled; see `interpolation.walls`."""

from typing import Any

import numpy as np
from numba import types

from interpolation.ends import EndReason
from interpolation.kernels.compile import called, inlined
from interpolation.march import GOING

LEFT_DOMAIN, LEFT_REGION = int(EndReason.LEFT_DOMAIN), int(EndReason.LEFT_REGION)
REACHED_BODY, NULL_FIELD = int(EndReason.REACHED_BODY), int(EndReason.NULL_FIELD)
MASKED, BAD_SEED = int(EndReason.MASKED), int(EndReason.BAD_SEED)
CLOSED_LOOP = int(EndReason.CLOSED_LOOP)

_F8 = types.float64
# Domain, region and sphere, see `interpolation.walls.Walls.numbers`.
WALLS = types.Tuple((types.UniTuple(_F8, 6), types.UniTuple(_F8, 6), types.UniTuple(_F8, 4)))


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
def _to_sphere(point: Any, way: Any, sphere: Any, bulge: float) -> float:
    """Give how far a sphere is ahead; see `interpolation.walls.Walls`."""
    x, y, z = point[0] - sphere[0], point[1] - sphere[1], point[2] - sphere[2]
    approach = x * way[0] + y * way[1] + z * way[2]
    if sphere[3] > 0.0 and approach < 0.0:
        square = way[0] * way[0] + way[1] * way[1] + way[2] * way[2]
        radius = max(sphere[3] - bulge * np.sqrt(square), 0.0)
        beside = x * x + y * y + z * z - radius * radius
        root = approach * approach - square * beside
        if radius > 0.0 and root >= 0.0:
            return (-approach - np.sqrt(root)) / square
    return np.inf


@inlined
def met(point: Any, end: Any, walls: Any, bulge: float) -> int:
    """Say which wall a step meets; see `interpolation.walls.Walls.met`."""
    wall = beyond(end, walls)
    way = (end[0] - point[0], end[1] - point[1], end[2] - point[2])
    if wall == GOING and _to_sphere(point, way, walls[2], bulge) < 1.0:
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
    ahead = _to_sphere(point, way, sphere, 0.0)
    if ahead < nearest:
        nearest = ahead
    return max(nearest, 0.0)
