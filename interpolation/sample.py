"""Sampling: values and a status for each point, in one call."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from interpolation import engine
from interpolation.body import Sphere, inside_body, refuse_images, touches_body
from interpolation.gather import gather
from interpolation.layout import Values, Variables, prepare
from interpolation.locate import Plan, locate, points_array
from interpolation.rectilinear import Floats, Grid
from interpolation.status import Status

Statuses = npt.NDArray[np.uint8]

# Points worked on at a time, so that the memory needed beside the result is bounded.
_BLOCK = 32_768


def sample(
    grid: Grid,
    values: Sequence[Values] | Variables,
    points: npt.ArrayLike,
    *,
    method: str = "linear",
    body: Sphere | None = None,
) -> tuple[Floats, Statuses]:
    """Sample V variables at points (n, 3), giving values (V, n) float64 and status (n,).

    The status of a point is the worst that applies. Values are NaN where it is BAD_INPUT,
    OUTSIDE or INSIDE_BODY; where it is MASKED, those variables are NaN that have no number
    there. Raises ValueError as `gather` and `locate` do, and for a body on a periodic grid.
    """
    refuse_images(body, grid.periodic)
    positions = points_array(points)
    variables = prepare(grid, values)
    result = np.empty((len(variables.values), len(positions)))
    status = np.empty(len(positions), dtype=np.uint8)
    if not _compiled(variables, positions, method, body, result, status):
        for start in range(0, max(len(positions), 1), _BLOCK):
            block = slice(start, start + _BLOCK)
            plan = locate(grid, positions[block])
            part = gather(plan, variables, method)
            status[block] = _judge(plan, positions[block], part, method, body)
            result[:, block] = part
    return result, status


def _compiled(
    variables: Variables,
    points: Floats,
    method: str,
    body: Sphere | None,
    result: Floats,
    status: Statuses,
) -> bool:
    """Sample in one call of a compiled kernel, where there is one for these variables."""
    kernels = engine.kernels()
    if kernels is None or method not in ("linear", "nearest") or len(variables.groups) != 1:
        return False
    group = variables.groups[0]
    if len(group.rows) != len(result):
        return False
    kernels.values.sample(
        points,
        variables.grid.numbers,
        group.addresses,
        group.like,
        group.line,
        method == "nearest",
        (0.0, 0.0, 0.0, 0.0) if body is None else (*body.centre, body.radius),
        result,
        status,
    )
    return True


def _judge(
    plan: Plan, points: Floats, result: Floats, method: str, body: Sphere | None
) -> Statuses:
    """Give the status of points, and take the values of points that have none."""
    status = np.zeros(len(points), dtype=np.uint8)
    if body is not None:
        status[touches_body(plan, body, method)] = Status.TOUCHES_BODY
    status[np.isnan(result).any(axis=0)] = Status.MASKED
    if body is not None:
        status[inside_body(points, body)] = Status.INSIDE_BODY
    status[~plan.inside] = Status.OUTSIDE
    status[plan.bad] = Status.BAD_INPUT
    result[:, status >= Status.INSIDE_BODY] = np.nan
    return status
