"""The rectilinear grid: three strictly monotonic axes of nodes."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grid:
    """Axes of a rectilinear grid, each (n,) float64 with n >= 2, ascending or descending.

    The axes are copied and made read-only. Lengths are in whatever unit the points come in
    (metres in this project). Raises ValueError, naming the axis, if an axis is not a
    strictly monotonic sequence of at least two finite nodes.
    """

    x: Floats
    y: Floats
    z: Floats

    def __post_init__(self) -> None:
        for name in ("x", "y", "z"):
            object.__setattr__(self, name, _axis(name, getattr(self, name)))

    @property
    def axes(self) -> tuple[Floats, Floats, Floats]:
        """The three axes as given."""
        return self.x, self.y, self.z

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of nodes along x, y and z: the shape of a variable on this grid."""
        return len(self.x), len(self.y), len(self.z)

    @cached_property
    def descending(self) -> tuple[bool, bool, bool]:
        """Which axes run from high to low."""
        x, y, z = (bool(axis[0] > axis[-1]) for axis in self.axes)
        return x, y, z

    @cached_property
    def ascending(self) -> tuple[Floats, Floats, Floats]:
        """The three axes, each turned to run from low to high."""
        x, y, z = (
            _read_only(axis[::-1]) if turned else axis
            for axis, turned in zip(self.axes, self.descending, strict=True)
        )
        return x, y, z

    @cached_property
    def lower(self) -> Floats:
        """Lower corner of the domain, (3,)."""
        return _read_only([axis[0] for axis in self.ascending])

    @cached_property
    def upper(self) -> Floats:
        """Upper corner of the domain, (3,)."""
        return _read_only([axis[-1] for axis in self.ascending])

    @cached_property
    def step(self) -> float:
        """The smallest distance between neighbouring nodes over all axes."""
        return min(float(np.diff(axis).min()) for axis in self.ascending)


def _axis(name: str, nodes: npt.ArrayLike) -> Floats:
    axis = _read_only(nodes)
    if axis.ndim != 1 or axis.size < 2:
        raise ValueError(f"axis {name} has shape {axis.shape}; at least two nodes are wanted")
    if not np.isfinite(axis).all():
        raise ValueError(f"axis {name} has a node that is not finite")
    rising = axis[1:] > axis[:-1]
    falling = axis[1:] < axis[:-1]
    if not (rising.all() or falling.all()):
        raise ValueError(f"axis {name} is not strictly ascending or descending")
    return axis


def _read_only(numbers: npt.ArrayLike) -> Floats:
    array = np.array(numbers, dtype=np.float64)
    array.flags.writeable = False
    return array
