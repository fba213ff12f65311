"""Values of variables at located points: trilinear or nearest, equal to SciPy to the bit."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from interpolation.layout import FlatVariable, Indices, flatten
from interpolation.locate import Plan, nearest_nodes
from interpolation.rectilinear import Floats

# Points worked on at a time: the eight corners of so many stay in the processor's cache.
BLOCK = 8_192

# In the order in which SciPy adds them up; sums in another order differ in the last bit.
_CORNERS = np.indices((2, 2, 2)).reshape(3, 8)

_Kernel = Callable[[Indices, Floats, list[FlatVariable], Floats], None]


def gather(plan: Plan, values: Sequence[npt.NDArray[Any]], method: str) -> Floats:
    """Interpolate V variables at the n points of a plan, giving (V, n) float64.

    Each variable is an array of the grid's shape, of any real type, byte order and memory
    order; it is read in place. The method is 'linear' or 'nearest'. Points outside the
    domain and bad points are NaN, and so is a point with a NaN node in its stencil. Raises
    ValueError for another method, shape or type.
    """
    kernel = _kernel(method)
    variables = [flatten(plan.grid, variable) for variable in values]
    result = np.empty((len(variables), len(plan.inside)))
    # 0 * inf and inf - inf are NaN by right; so is a signalling NaN in a file.
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, len(plan.inside), BLOCK):
            block = slice(start, start + BLOCK)
            kernel(plan.index[:, block], plan.fraction[:, block], variables, result[:, block])
    result[:, ~plan.inside] = np.nan
    return result


def _linear(
    index: Indices, fraction: Floats, variables: list[FlatVariable], result: Floats
) -> None:
    weights = _weights(fraction)
    terms = np.empty_like(weights)
    corners = {
        layout: layout.offset(_CORNERS)[:, None] + layout.place(index)
        for layout in {variable.layout for variable in variables}
    }
    for variable, value in zip(variables, result, strict=True):
        np.multiply(variable.at(corners[variable.layout]), weights, out=terms)
        # SciPy's sum starts from zero, which turns a leading -0.0 into 0.0.
        np.add(terms[0], 0.0, out=value)
        for term in terms[1:]:
            value += term


def _nearest(
    index: Indices, fraction: Floats, variables: list[FlatVariable], result: Floats
) -> None:
    nodes = nearest_nodes(index, fraction)
    places = {layout: layout.place(nodes) for layout in {variable.layout for variable in variables}}
    for variable, value in zip(variables, result, strict=True):
        value[:] = variable.at(places[variable.layout])


_KERNELS: dict[str, _Kernel] = {"linear": _linear, "nearest": _nearest}


def _kernel(method: str) -> _Kernel:
    if method not in _KERNELS:
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(_KERNELS)}")
    return _KERNELS[method]


def _weights(fraction: Floats) -> Floats:
    """Weights (8, n) of the corners of the cells, from fractions (3, n)."""
    x, y, z = np.stack([1 - fraction, fraction], axis=1)
    faces = x[:, None] * y
    weights: Floats = faces[:, :, None] * z
    return weights.reshape(8, -1)
