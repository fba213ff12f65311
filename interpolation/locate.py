"""Where points lie on a grid: found once, used for every variable and time step."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interpolation.rectilinear import Floats, Grid


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Cells and fractions of n points on a grid.

    index: (3, n) intp, the cell along each axis, counted on the ascending axes.
    fraction: (3, n) float64 in [0, 1], the place within the cell.
    inside: (n,) bool, whether the point lies in the closed domain; points outside have cell
    and fraction 0, so that a gather is safe.
    bad: (n,) bool, whether a coordinate is NaN or infinite.
    """

    grid: Grid
    index: npt.NDArray[np.intp]
    fraction: Floats
    inside: npt.NDArray[np.bool_]
    bad: npt.NDArray[np.bool_]


def locate(grid: Grid, points: npt.ArrayLike) -> Plan:
    """Find the cell and the fraction of each point, points (n, 3) in the unit of the axes.

    Cell i holds g[i] <= x < g[i + 1], the last one its upper end too, and the fraction is
    (x - g[i]) / (g[i + 1] - g[i]): the rule of SciPy's RegularGridInterpolator, which turns
    descending axes round first. Raises ValueError for points of another shape.
    """
    coordinates = np.ascontiguousarray(points_array(points).T)
    lower, upper = grid.lower[:, None], grid.upper[:, None]
    inside = np.all((lower <= coordinates) & (coordinates <= upper), axis=0)
    safe = np.where(inside, coordinates, lower)
    index = np.empty(safe.shape, dtype=np.intp)
    fraction = np.empty(safe.shape)
    for x, nodes, cell, part in zip(safe, grid.ascending, index, fraction, strict=True):
        np.minimum(nodes.searchsorted(x, side="right") - 1, len(nodes) - 2, out=cell)
        low = nodes.take(cell)
        np.divide(x - low, nodes[1:].take(cell) - low, out=part)
    bad = ~np.all(np.isfinite(coordinates), axis=0)
    return Plan(grid, index, fraction, inside, bad)


def nearest_nodes(index: npt.NDArray[np.intp], fraction: Floats) -> npt.NDArray[np.intp]:
    """Give the node nearest to each point along each axis; the lower one of two as near."""
    return np.where(fraction <= 0.5, index, index + 1)


def points_array(points: npt.ArrayLike) -> Floats:
    """Give points as (n, 3) float64; raises ValueError if they have another shape."""
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"points have shape {array.shape}; (n, 3) is wanted")
    return array
