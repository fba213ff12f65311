"""A vector between the nodes of its grid: the corners round a point, and their sum."""

from typing import Any

import numpy as np

from interpolation.kernels.cells import cell, wrapped
from interpolation.kernels.compile import inlined, load
from interpolation.kernels.walls import in_sphere


@inlined
def _even(x: float, nodes: int, count: int, scale: float) -> int:
    """Find the cell of a coordinate on an even axis, as `cell` does.

    The guess is right nearly always, so the processor goes on with it before it is proved.
    """
    last = count - 2
    i = max(min(int((x - load(nodes, 0, 0.0)) * scale), last), 0)
    while x < load(nodes, i, 0.0):
        i -= 1
    while i < last and x >= load(nodes, i + 1, 0.0):
        i += 1
    return i


@inlined
def _place(x: float, axis: int, grid: Any) -> Any:
    """Give the cell and the fraction of a coordinate, and whether it has one."""
    nodes, count = grid[0][axis], grid[1][axis]
    first, last = load(nodes, 0, 0.0), load(nodes, count - 1, 0.0)
    if grid[5][axis]:
        x = wrapped(x, first, last)
    if not (first <= x <= last):
        return np.int64(0), 0.0, False
    if grid[3][axis] == 0:
        i = _even(x, nodes, count, grid[4][axis])
    else:
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
