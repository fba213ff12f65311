"""Cubic: the exact not-a-knot tensor spline, made from no more than the nodes that matter.

What a node adds to a spline on an even axis falls by 2 - sqrt(3) = 0.268 from node to node, so
that a spline over a box with HALO more nodes on each side is the spline over the whole axis to
the last digit. It equals RegularGridInterpolator(method="cubic") with a direct solver.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import BSpline, NdBSpline, make_interp_spline
from scipy.ndimage import maximum_filter1d

from interpolation.layout import Indices, Values, Variables
from interpolation.locate import Plan
from interpolation.rectilinear import Floats, Grid

# Nodes on each side that a value depends on; on a stretched axis the influence falls slower.
HALO, STRETCHED_HALO = 26, 52
# Cells along each axis of the boxes that are worked on, one at a time.
TILE = 64
_ORDER = 3
# Nodes that every axis must have.
SHORTEST = 4


def cubic(plan: Plan, variables: Variables) -> Floats:
    """Give the values (V, n) of the splines at the points of a plan.

    A node that is no finite number takes the value of every point that depends on it. Raises
    ValueError for an axis of fewer than four nodes.
    """
    grid = plan.grid
    if min(grid.shape) < SHORTEST:
        raise ValueError(
            f"cubic wants at least {SHORTEST} nodes along each axis; the grid has {grid.shape}"
        )
    result = np.full((len(variables.values), len(plan.inside)), np.nan)
    for chosen in _tiles(plan):
        box = _Box.around(grid, plan.index[:, chosen])
        points = _coordinates(plan, chosen, box)
        for values, row in zip(variables.values, result, strict=True):
            row[chosen] = _spline(box, box.of(grid, values), points, plan.index[:, chosen])
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _Box:
    """Nodes along each axis, counted on the ascending axes and past their ends where periodic."""

    nodes: tuple[Indices, Indices, Indices]
    axes: tuple[Floats, Floats, Floats]
    halos: tuple[int, int, int]

    @classmethod
    def around(cls, grid: Grid, cells: Indices) -> "_Box":
        """Give the nodes that values in some cells (3, n) depend on."""
        nodes, axes, halos = [], [], []
        for axis in range(3):
            halo = HALO if not len(grid.buckets[axis]) else STRETCHED_HALO
            first = int(cells[axis].min()) - halo
            last = int(cells[axis].max()) + 1 + halo
            count, period = grid.shape[axis], grid.period[axis]
            if period is None:
                # The spline of a shorter axis is another one: at its ends the box takes it all.
                first, last = max(first, 0), min(last, count - 1)
                if last - first < _ORDER:
                    first, last = max(last - _ORDER, 0), min(first + _ORDER, count - 1)
            along = np.arange(first, last + 1)
            turns, within = np.divmod(along, count)
            nodes.append(along)
            axes.append(grid.nodes[axis][within] + turns * (period or 0.0))
            halos.append(halo)
        x, y, z = nodes
        u, v, w = axes
        return cls((x, y, z), (u, v, w), (halos[0], halos[1], halos[2]))

    def of(self, grid: Grid, values: Values) -> Floats:
        """Give a variable's values in the box."""
        for axis, along in enumerate(self.nodes):
            count = grid.shape[axis]
            within = along % count
            if grid.descending[axis]:
                within = count - 1 - within
            # A slice where that will do: it copies nothing.
            if len(along) <= 1 or abs(int(within[-1]) - int(within[0])) == len(along) - 1:
                step = 1 if within[-1] >= within[0] else -1
                stop = int(within[-1]) + step
                part = slice(int(within[0]), stop if stop >= 0 else None, step)
                values = values[(slice(None),) * axis + (part,)]
            else:
                values = values.take(within, axis=axis)
        return np.asarray(values, dtype=np.float64)


def _tiles(plan: Plan) -> Iterator[Indices]:
    """Give the points inside, tile by tile."""
    inside = np.flatnonzero(plan.inside)
    if not inside.size:
        return
    tiles = plan.index[:, inside] // TILE
    keys = np.ravel_multi_index(tuple(tiles), tuple(tiles.max(axis=1) + 1))
    order = np.argsort(keys, kind="stable")
    bounds = np.flatnonzero(np.diff(keys[order])) + 1
    for part in np.split(order, bounds):
        yield inside[part]


def _coordinates(plan: Plan, chosen: Indices, box: _Box) -> Floats:
    """Give the points in the box, (n, 3)."""
    columns = []
    for axis in range(3):
        nodes = plan.grid.nodes[axis]
        cell, part = plan.index[axis, chosen], plan.fraction[axis, chosen]
        along = nodes[cell] + part * (nodes[cell + 1] - nodes[cell])
        columns.append(np.clip(along, box.axes[axis][0], box.axes[axis][-1]))
    return np.stack(columns, axis=1)


def _spline(box: _Box, values: Floats, points: Floats, cells: Indices) -> Floats:
    """Evaluate the spline through the values of a box at points (n, 3) in cells (3, n)."""
    holes = ~np.isfinite(values)
    holed = bool(holes.any())
    coefficients = np.where(holes, 0.0, values) if holed else values
    knots = []
    for axis, nodes in enumerate(box.axes):
        along, coefficients = _coefficients(nodes, coefficients, axis)
        knots.append(along)
    result: Floats = NdBSpline(tuple(knots), np.ascontiguousarray(coefficients), _ORDER)(points)
    if holed:
        result[_felt(box, holes, cells)] = np.nan
    return result


def _coefficients(nodes: Floats, values: Floats, axis: int) -> tuple[Floats, Floats]:
    """Give knots, and the coefficients of the splines through the values along an axis.

    They are those of `make_interp_spline`, which solves for one line of values after the other;
    here the rows of all lines are eliminated together. The matrix of a spline is totally
    positive, so that no pivots need be sought (de Boor & Pinkus 1977, Numer. Math. 27, 485).
    """
    knots: Floats = make_interp_spline(nodes, nodes, k=_ORDER).t
    matrix = BSpline.design_matrix(nodes, knots, _ORDER).toarray()
    lines = np.moveaxis(values, axis, 0)
    rows = np.array(lines.reshape(len(nodes), -1), dtype=np.float64)
    for i in range(len(nodes)):
        below = np.flatnonzero(matrix[i + 1 :, i]) + i + 1
        for row in below:
            factor = matrix[row, i] / matrix[i, i]
            matrix[row, i:] -= factor * matrix[i, i:]
            rows[row] -= factor * rows[i]
    for i in reversed(range(len(nodes))):
        for column in np.flatnonzero(matrix[i, i + 1 :]) + i + 1:
            rows[i] -= matrix[i, column] * rows[column]
        rows[i] /= matrix[i, i]
    return knots, np.moveaxis(rows.reshape(lines.shape), 0, axis)


def _felt(box: _Box, holes: npt.NDArray[np.bool_], cells: Indices) -> npt.NDArray[np.bool_]:
    """Say which cells have a hole among the nodes that their values depend on."""
    near = holes.astype(np.uint8)
    for axis, halo in enumerate(box.halos):
        # Nodes i - halo ... i + 1 + halo of cell i.
        near = maximum_filter1d(near, 2 * halo + 2, axis=axis, mode="constant", cval=0, origin=-1)
    places = tuple(cell - nodes[0] for cell, nodes in zip(cells, box.nodes, strict=True))
    return np.asarray(near[places] > 0)
