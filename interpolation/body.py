"""The sphere of a planet or moon, and which points and stencils it holds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interpolation.locate import Plan
from interpolation.rectilinear import Floats

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sphere:
    """A sphere, centre (3,) and radius in the unit of the axes; its surface is outside it.

    Raises ValueError if the centre is not three finite numbers or the radius not positive
    and finite.
    """

    centre: tuple[float, float, float]
    radius: float

    def __post_init__(self) -> None:
        if np.shape(self.centre) != (3,) or not np.isfinite(self.centre).all():
            raise ValueError(f"centre is {self.centre}; three finite numbers are wanted")
        if not 0 < self.radius < np.inf:
            raise ValueError(f"radius is {self.radius}; it must be positive and finite")


def refuse_images(body: Sphere | None, periodic: Sequence[bool]) -> None:
    """Refuse a body where an axis is periodic: it would have images without end.

    Raises ValueError.
    """
    if body is not None and any(periodic):
        raise ValueError("a body is not offered on a grid with a periodic axis")


def inside_body(points: Floats, body: Sphere) -> Mask:
    """Say which of the points (n, 3) lie inside the body, as (n,) bool."""
    with np.errstate(over="ignore"):
        squares = (points - np.asarray(body.centre)) ** 2
        return _within(squares[:, 0], squares[:, 1], squares[:, 2], body)


def touches_body(plan: Plan, body: Sphere, method: str) -> Mask:
    """Say whose stencil has a node inside the body, as (n,) bool; points outside have none.

    The stencil of 'linear' is the eight corners of the cell, that of 'nearest' the node the
    value is taken from, that of 'nearest-cell' likewise, that of 'corner-averaged' and of
    'cubic' the four nodes along each axis among which those lie that weigh most.
    """
    below, above = _STENCILS[method]
    single = below == above == 0
    index = plan.nearest() if single else plan.index
    with np.errstate(over="ignore"):
        squares = [
            np.min([_shifted((nodes - centre) ** 2, by) for by in range(below, above + 1)], axis=0)
            for nodes, centre in zip(plan.grid.nodes, body.centre, strict=True)
        ]
        x, y, z = (square[cell] for square, cell in zip(squares, index, strict=True))
        return _within(x, y, z, body) & plan.inside


# The first and last node along each axis of what a value is made of, from the cell's own.
_STENCILS = {
    "linear": (0, 1),
    "nearest": (0, 0),
    "nearest-cell": (0, 0),
    "corner-averaged": (-1, 2),
    "cubic": (-1, 2),
}


def _shifted(squares: Floats, by: int) -> Floats:
    """Give for each node the number of the node `by` further, that of the last at the ends."""
    return squares[np.clip(np.arange(len(squares)) + by, 0, len(squares) - 1)]


def _within(x: Floats, y: Floats, z: Floats, body: Sphere) -> Mask:
    return x + y + z < body.radius**2
