"""Values of variables at located points, by several methods.

`linear` and `nearest` equal SciPy's RegularGridInterpolator to the bit, `cubic` to 1e-12;
`nearest-cell` and `corner-averaged` are there to compare with other programs.
"""

from collections.abc import Callable, Sequence

import numpy as np

from interpolation import engine
from interpolation.cellwise import corner_averaged, nearest_cell
from interpolation.cubic import cubic
from interpolation.layout import FlatVariable, Values, Variables, prepare
from interpolation.locate import Plan
from interpolation.rectilinear import Floats

# Points that NumPy works on at a time: their eight corners stay in the processor's cache.
BLOCK = 8_192

_Kernel = Callable[[Plan, Sequence[FlatVariable], Floats], None]


def gather(plan: Plan, values: Sequence[Values] | Variables, method: str = "linear") -> Floats:
    """Interpolate V variables at the n points of a plan, giving (V, n) float64.

    Each variable is an array of the grid's shape, of any real type, byte order and memory
    order; it is read in place. The method is one of METHODS. Points outside the domain and
    bad points are NaN, and so is a point with a NaN node in its stencil. Raises ValueError
    for another method, shape or type.
    """
    variables = prepare(plan.grid, values)
    if method in _WHOLE:
        result = _WHOLE[method](plan, variables)
        result[:, ~plan.inside] = np.nan
        return result
    kernel = _kernel(method)
    result = np.empty((len(variables.values), len(plan.inside)))
    if engine.kernels() is None:
        _by_numpy(kernel, plan, variables.flat, result)
        return result
    _compiled(plan, variables, method, result)
    if others := list(variables.others):
        rows = np.empty((len(others), result.shape[1]))
        _by_numpy(kernel, plan, [variables.flat[v] for v in others], rows)
        result[others] = rows
    return result


def masked_share(plan: Plan, values: Sequence[Values] | Variables) -> Floats:
    """Tell how much of each trilinear value (V, n) would come from nodes that are NaN, 0 to 1.

    Points outside and bad points are NaN. Raises ValueError as `gather` does.
    """
    variables = prepare(plan.grid, values)
    result = np.empty((len(variables.values), len(plan.inside)))
    for start in range(0, len(plan.inside), BLOCK):
        block = slice(start, start + BLOCK)
        part = plan.part(block)
        weights, upper = _weights(part.fraction), part.upper()
        for flat, row in zip(variables.flat, result[:, block], strict=True):
            nodes = flat.at(flat.layout.corners(part.index, upper))
            np.sum(weights, axis=0, where=np.isnan(nodes), out=row)
    result[:, ~plan.inside] = np.nan
    return result


def _compiled(plan: Plan, variables: Variables, method: str, result: Floats) -> None:
    """Fill the rows of the variables that compiled kernels can read."""
    kernels = engine.kernels()
    assert kernels is not None
    for group in variables.groups:
        whole = len(group.rows) == len(result)
        part = result if whole else np.empty((len(group.rows), result.shape[1]))
        kernels.values.gather(
            plan.index,
            plan.fraction,
            plan.inside,
            plan.bad,
            plan.grid.numbers,
            group.addresses,
            group.like,
            group.line,
            method == "nearest",
            part,
        )
        if not whole:
            result[group.rows] = part


def _by_numpy(
    kernel: _Kernel, plan: Plan, variables: Sequence[FlatVariable], result: Floats
) -> None:
    """Fill all rows: the reference that the compiled kernels equal to the bit."""
    # 0 * inf and inf - inf are NaN by right; so is a signalling NaN in a file.
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, len(plan.inside), BLOCK):
            block = slice(start, start + BLOCK)
            kernel(plan.part(block), variables, result[:, block])
    result[:, ~plan.inside] = np.nan


def _linear(plan: Plan, variables: Sequence[FlatVariable], result: Floats) -> None:
    weights = _weights(plan.fraction)
    terms = np.empty_like(weights)
    upper = plan.upper()
    corners = {
        layout: layout.corners(plan.index, upper)
        for layout in {variable.layout for variable in variables}
    }
    for variable, value in zip(variables, result, strict=True):
        np.multiply(variable.at(corners[variable.layout]), weights, out=terms)
        # SciPy's sum starts from zero, which turns a leading -0.0 into 0.0.
        np.add(terms[0], 0.0, out=value)
        for term in terms[1:]:
            value += term


def _nearest(plan: Plan, variables: Sequence[FlatVariable], result: Floats) -> None:
    nodes = plan.nearest()
    places = {layout: layout.place(nodes) for layout in {variable.layout for variable in variables}}
    for variable, value in zip(variables, result, strict=True):
        value[:] = variable.at(places[variable.layout])


_KERNELS: dict[str, _Kernel] = {"linear": _linear, "nearest": _nearest}
_WHOLE: dict[str, Callable[[Plan, Variables], Floats]] = {
    "cubic": cubic,
    "nearest-cell": nearest_cell,
    "corner-averaged": corner_averaged,
}
METHODS = (*_KERNELS, *_WHOLE)


def _kernel(method: str) -> _Kernel:
    if method not in _KERNELS:
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
    return _KERNELS[method]


def _weights(fraction: Floats) -> Floats:
    """Weights (8, n) of the corners of the cells, from fractions (3, n)."""
    x, y, z = np.stack([1 - fraction, fraction], axis=1)
    faces = x[:, None] * y
    weights: Floats = faces[:, :, None] * z
    return weights.reshape(8, -1)
