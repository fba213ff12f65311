"""Where points lie on a grid: found once, used for every variable and time step."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interpolation import engine
from interpolation.rectilinear import Floats, Grid, real_numbers

# Periods that a coordinate may lie away from the first before its fraction means nothing.
MAX_PERIODS = 1e6

Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


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
    index: Indices
    fraction: Floats
    inside: Mask
    bad: Mask

    def upper(self) -> Indices:
        """Give the upper node (3, n) of each cell, which is node 0 at the end of a period."""
        upper = self.index + 1
        for nodes, count, periodic in zip(upper, self.grid.shape, self.grid.periodic, strict=True):
            if periodic:
                nodes[nodes == count] = 0
        return upper

    def nearest(self) -> Indices:
        """Give the node (3, n) nearest along each axis; the lower one of two as near."""
        return np.where(self.fraction <= 0.5, self.index, self.upper())

    def part(self, block: slice) -> "Plan":
        """Give the plan of some of the points."""
        return Plan(
            self.grid,
            self.index[:, block],
            self.fraction[:, block],
            self.inside[block],
            self.bad[block],
        )


def locate(grid: Grid, points: npt.ArrayLike) -> Plan:
    """Find the cell and the fraction of each point, points (n, 3) in the unit of the axes.

    Cell i holds g[i] <= x < g[i + 1], the last one its upper end too, and the fraction is
    (x - g[i]) / (g[i + 1] - g[i]): the rule of SciPy's RegularGridInterpolator, which turns
    descending axes round first. A coordinate along a periodic axis is first moved by whole
    periods into the first one. Raises ValueError for points of another shape or type.
    """
    positions = points_array(points)
    count = len(positions)
    index, fraction = np.empty((3, count), dtype=np.intp), np.empty((3, count))
    inside, bad = np.empty(count, dtype=np.bool_), np.empty(count, dtype=np.bool_)
    plan = Plan(grid, index, fraction, inside, bad)
    kernels = engine.kernels()
    if kernels is None:
        _locate(positions, plan)
    else:
        kernels.cells.locate(positions, grid.numbers, index, fraction, inside, bad)
    return plan


def points_array(points: npt.ArrayLike) -> Floats:
    """Give points as (n, 3) float64; raises ValueError if they are of another shape or type."""
    array = np.ascontiguousarray(real_numbers("points", points), dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"points have shape {array.shape}; (n, 3) is wanted")
    return array


def _locate(positions: Floats, plan: Plan) -> None:
    """Fill a plan: the reference that the compiled kernel equals to the bit."""
    grid = plan.grid
    coordinates = positions.T.copy()
    plan.bad[:] = ~np.all(np.isfinite(coordinates), axis=0)
    for x, periodic, nodes in zip(coordinates, grid.periodic, grid.nodes, strict=True):
        if periodic:
            _wrap(x, nodes[0], nodes[-1])
    lower, upper = grid.lower[:, None], grid.upper[:, None]
    plan.inside[:] = np.all((lower <= coordinates) & (coordinates <= upper), axis=0)
    safe = np.where(plan.inside, coordinates, lower)
    for x, nodes, cell, part in zip(safe, grid.nodes, plan.index, plan.fraction, strict=True):
        np.minimum(nodes.searchsorted(x, side="right") - 1, len(nodes) - 2, out=cell)
        low = nodes.take(cell)
        np.divide(x - low, nodes[1:].take(cell) - low, out=part)


def _wrap(x: Floats, low: float, high: float) -> None:
    """Move coordinates by whole periods into [low, high), in place; NaN where that is too far."""
    period = high - low
    with np.errstate(invalid="ignore"):
        turns = np.floor((x - low) / period)
        x -= turns * period
    # Rounding can leave a point a hair outside its period.
    x[(x < low) | (x >= high)] = low
    x[~(np.abs(turns) <= MAX_PERIODS)] = np.nan
