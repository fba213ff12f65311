"""Methods of tools that take nodes for centres of cells, for comparison with their results.

Cells end midway between nodes. The first and last cell of an axis reach as far beyond their
node as they do within it.
"""

import itertools

import numpy as np

from interpolation.layout import Indices, Variables
from interpolation.locate import Plan
from interpolation.rectilinear import Floats


def nearest_cell(plan: Plan, variables: Variables) -> Floats:
    """Give the values (V, n) of the cells that hold the points, a face being of the upper cell."""
    cells, _ = _cells(plan)
    return np.array([flat.at(flat.layout.place(cells)) for flat in variables.flat], dtype=float)


def corner_averaged(plan: Plan, variables: Variables) -> Floats:
    """Give trilinear values (V, n) between the corners of cells.

    The value at a corner is the mean of the cells around it. This smooths: it is what the
    program hcintpol of the HYB code calls linear.
    """
    cells, across = _cells(plan)
    result = np.zeros((len(variables.values), len(plan.inside)))
    sides = [
        _sides(plan, axis, cell, part)
        for axis, (cell, part) in enumerate(zip(cells, across, strict=True))
    ]
    for x, y, z in itertools.product(*sides):
        nodes, share = np.stack([x[0], y[0], z[0]]), x[1] * y[1] * z[1]
        for flat, row in zip(variables.flat, result, strict=True):
            row += flat.at(flat.layout.place(nodes)) * share
    return result


def _cells(plan: Plan) -> tuple[Indices, Floats]:
    """Give the cells (3, n) that hold the points, and how far across them they lie, 0 to 1."""
    upper = plan.fraction >= 0.5
    cells = np.where(upper, plan.upper(), plan.index)
    across = np.empty_like(plan.fraction)
    for nodes, i, up, t, part in zip(
        plan.grid.nodes, plan.index, upper, plan.fraction, across, strict=True
    ):
        widths = np.diff(nodes)
        own = widths[i]
        # The cell reaches half of each neighbouring spacing; the point lies in one of them.
        below = np.where(up, own, widths[np.maximum(i - 1, 0)])
        above = np.where(up, widths[np.minimum(i + 1, len(widths) - 1)], own)
        from_node = np.where(up, (t - 1.0) * own, t * own)
        part[:] = (from_node + below / 2) / ((below + above) / 2)
    return cells, across


def _sides(plan: Plan, axis: int, cell: Indices, across: Floats) -> list[tuple[Indices, Floats]]:
    """Give nodes and weights of the cell below, of the cell itself and of the one above."""
    count, periodic = plan.grid.shape[axis], plan.grid.periodic[axis]
    below, above = cell - 1, cell + 1
    lower, higher = (1.0 - across) / 2, across / 2
    own = np.full(len(cell), 0.5)
    if periodic:
        return [(below % count, lower), (cell, own), (above % count, higher)]
    # At an end there is no other cell round the corner, so that its mean is the cell itself.
    first, last = below < 0, above == count
    own = own + np.where(first, lower, 0.0) + np.where(last, higher, 0.0)
    return [
        (np.maximum(below, 0), np.where(first, 0.0, lower)),
        (cell, own),
        (np.minimum(above, count - 1), np.where(last, 0.0, higher)),
    ]
