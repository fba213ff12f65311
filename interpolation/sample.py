"""Sampling: values and a status for each point, in one call."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from interpolation.body import Sphere, inside_body, touches_body
from interpolation.gather import gather
from interpolation.locate import locate, points_array
from interpolation.rectilinear import Floats, Grid
from interpolation.status import Status

# Points worked on at a time, so that the memory needed beside the result is bounded.
_BLOCK = 32_768


def sample(
    grid: Grid,
    values: Sequence[npt.NDArray[Any]],
    points: npt.ArrayLike,
    *,
    method: str = "linear",
    body: Sphere | None = None,
) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """Sample V variables at points (n, 3), giving values (V, n) float64 and status (n,).

    The status of a point is the worst that applies. Values are NaN where it is BAD_INPUT,
    OUTSIDE or INSIDE_BODY; where it is MASKED, those variables are NaN that have no number
    there. Raises ValueError as `gather` and `locate` do.
    """
    positions = points_array(points)
    result = np.empty((len(values), len(positions)))
    status = np.empty(len(positions), dtype=np.uint8)
    for start in range(0, max(len(positions), 1), _BLOCK):
        block = slice(start, start + _BLOCK)
        result[:, block], status[block] = _sample_block(
            grid, values, positions[block], method, body
        )
    return result, status


def _sample_block(
    grid: Grid,
    values: Sequence[npt.NDArray[Any]],
    points: Floats,
    method: str,
    body: Sphere | None,
) -> tuple[Floats, npt.NDArray[np.uint8]]:
    plan = locate(grid, points)
    result = gather(plan, values, method)
    status = np.zeros(len(points), dtype=np.uint8)
    if body is not None:
        status[touches_body(plan, body, method)] = Status.TOUCHES_BODY
    status[np.isnan(result).any(axis=0)] = Status.MASKED
    if body is not None:
        status[inside_body(points, body)] = Status.INSIDE_BODY
    status[~plan.inside] = Status.OUTSIDE
    status[plan.bad] = Status.BAD_INPUT
    result[:, status >= Status.INSIDE_BODY] = np.nan
    return result, status
