"""How far off a value may be: an estimate, never a bound.

The first measure is the cubic spline less the linear value; where holes or short axes leave no
spline, how far it lies on average from those on the grids of every second node. Both are scaled
so that on smooth fields most true errors are below them. On a noisy run they measure its roughness.
A value of another method is off by no more than the linear one is and its distance to that. Of
the spline itself nothing better is known, so that its values have no estimate.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from interpolation.body import Sphere
from interpolation.cubic import SHORTEST
from interpolation.gather import gather
from interpolation.layout import Values, Variables, prepare
from interpolation.locate import locate, points_array
from interpolation.rectilinear import Floats, Grid
from interpolation.sample import sample

Estimated = Literal["linear", "nearest", "nearest-cell"]
# Methods whose values have an estimate.
ESTIMATED: tuple[Estimated, ...] = ("linear", "nearest", "nearest-cell")
# Factors of the measures: on fields with exact values 9 true errors of 10 and more are below.
WIDENED, WIDENED_COARSER = 1.5, 0.75


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Of n points and V variables.

    error: (V, n), in the unit of the variable, NaN where the variable has no value or no
    measure. edge: (n,), distance to the nearest face of the domain in the unit of the axes,
    infinite where every axis is periodic, NaN outside.
    """

    error: Floats
    edge: Floats


def estimate(
    grid: Grid,
    values: Sequence[Values] | Variables,
    points: npt.ArrayLike,
    *,
    method: str = "linear",
    body: Sphere | None = None,
    spline: bool = True,
) -> Estimate:
    """Estimate the error of the values that `sample` gives at points (n, 3).

    The method is one of ESTIMATED. Without `spline` only the coarser grid is asked, which takes
    much less time. Raises ValueError for another method, and as `sample` does.
    """
    if method not in ESTIMATED:
        raise ValueError(f"{method} values have no estimate; those of {', '.join(ESTIMATED)} have")
    positions = points_array(points)
    variables = prepare(grid, values)
    plan = locate(grid, positions)
    linear = gather(plan, variables, "linear")
    error = np.full(linear.shape, np.nan)
    if spline and min(grid.shape) >= SHORTEST:
        error = WIDENED * np.abs(gather(plan, variables, "cubic") - linear)
    missing = np.isnan(error) & ~np.isnan(linear)
    asked = missing.any(axis=0)
    if asked.any():
        coarser = WIDENED_COARSER * _coarser(grid, variables, positions[asked], linear[:, asked])
        error[:, asked] = np.where(missing[:, asked], coarser, error[:, asked])
    value = sample(grid, variables, positions, method=method, body=body)[0]
    with np.errstate(invalid="ignore"):  # of an infinite value
        error += np.abs(value - linear)  # NaN wherever there is no value
    return Estimate(error, _edge(grid, positions, plan.inside))


def _coarser(grid: Grid, variables: Variables, points: Floats, linear: Floats) -> Floats:
    """Compare with the eight grids of every second node: the mean difference of those that can."""
    total, count = np.zeros(linear.shape), np.zeros(linear.shape)
    for offsets in itertools.product((0, 1), repeat=3):
        parts = tuple(slice(offset, None, 2) for offset in offsets)
        axes = [axis[part] for axis, part in zip(grid.axes, parts, strict=True)]
        if min(map(len, axes)) < 2:
            continue
        coarse = Grid(axes[0], axes[1], axes[2], period=grid.period)
        arrays = [values[parts] for values in variables.values]
        with np.errstate(invalid="ignore"):  # of an infinite value
            difference = np.abs(gather(locate(coarse, points), arrays, "linear") - linear)
        known = np.isfinite(difference)
        total[known] += difference[known]
        count += known
    with np.errstate(invalid="ignore"):
        return total / count


def _edge(grid: Grid, points: Floats, inside: npt.NDArray[np.bool_]) -> Floats:
    distances = np.full(len(points), np.inf)
    for x, low, high, periodic in zip(points.T, grid.lower, grid.upper, grid.periodic, strict=True):
        if not periodic:
            distances = np.fmin(distances, np.fmin(x - low, high - x))
    return np.where(inside, distances, np.nan)
