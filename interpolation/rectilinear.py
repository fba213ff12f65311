"""The rectilinear grid: three strictly monotonic axes of nodes, each periodic or not."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Buckets = npt.NDArray[np.int32]

NOT_PERIODIC = (None, None, None)

# Buckets for each cell of a stretched axis: enough that most hold one node or none.
_BUCKETS = 4


@dataclass(frozen=True, eq=False)
class Grid:
    """Axes of a rectilinear grid, each (n,) float64 with n >= 2, ascending or descending.

    The axes are copied and made read-only. Lengths are in whatever unit the points come in
    (metres in this project). `period` gives the length after which an axis repeats, None
    where it does not; the cell from the highest node to the repeated lowest one is part of
    the grid then, and every coordinate lies in the domain. Raises ValueError, naming the
    axis, if an axis is not a strictly monotonic sequence of at least two finite nodes, or
    its period is not longer than the axis.
    """

    x: Floats
    y: Floats
    z: Floats
    period: tuple[float | None, float | None, float | None] = field(
        default=NOT_PERIODIC, kw_only=True
    )

    def __post_init__(self) -> None:
        for name, period in zip("xyz", self.period, strict=True):
            axis = _axis(name, getattr(self, name))
            if period is not None and not np.ptp(axis) < period < np.inf:
                raise ValueError(f"axis {name} has period {period}, not longer than itself")
            object.__setattr__(self, name, axis)

    @property
    def axes(self) -> tuple[Floats, Floats, Floats]:
        """The three axes as given."""
        return self.x, self.y, self.z

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Number of nodes along x, y and z: the shape of a variable on this grid."""
        return len(self.x), len(self.y), len(self.z)

    @cached_property
    def descending(self) -> tuple[bool, bool, bool]:
        """Which axes run from high to low."""
        x, y, z = (bool(axis[0] > axis[-1]) for axis in self.axes)
        return x, y, z

    @cached_property
    def periodic(self) -> tuple[bool, bool, bool]:
        """Which axes repeat."""
        x, y, z = (period is not None for period in self.period)
        return x, y, z

    @cached_property
    def nodes(self) -> tuple[Floats, Floats, Floats]:
        """The three axes from low to high, a periodic one with its lowest node once more."""
        x, y, z = (
            _ascending(axis, turned, period)
            for axis, turned, period in zip(self.axes, self.descending, self.period, strict=True)
        )
        return x, y, z

    @cached_property
    def lower(self) -> Floats:
        """Lower corner of the domain, (3,); of one period along a periodic axis."""
        return _read_only([axis[0] for axis in self.nodes])

    @cached_property
    def upper(self) -> Floats:
        """Upper corner of the domain, (3,); of one period along a periodic axis."""
        return _read_only([axis[-1] for axis in self.nodes])

    @cached_property
    def step(self) -> float:
        """The smallest distance between neighbouring nodes over all axes."""
        return min(float(np.diff(axis).min()) for axis in self.nodes)

    @cached_property
    def buckets(self) -> tuple[Buckets, Buckets, Buckets]:
        """For each axis a table from equal parts of its length to the cell each begins in.

        Empty where the nodes lie so evenly that the table could only say what a
        multiplication does: there the cell by even spacing is at most one off.
        """
        x, y, z = (_buckets(axis) for axis in self.nodes)
        return x, y, z

    @cached_property
    def numbers(self) -> tuple[tuple[Any, ...], ...]:
        """The grid as compiled kernels take it, while it lives.

        Triples for the axes: address and number of the nodes, address and number of the
        buckets, buckets (cells where there are none) in a unit of length, whether periodic, and
        the node after which node 0 comes again.
        """
        scale = tuple(
            (len(table) - 1 if len(table) else len(axis) - 1) / float(axis[-1] - axis[0])
            for axis, table in zip(self.nodes, self.buckets, strict=True)
        )
        addresses, counts = zip(
            *((axis.ctypes.data, len(axis)) for axis in self.nodes), strict=True
        )
        tables, sizes = zip(*((part.ctypes.data, len(part)) for part in self.buckets), strict=True)
        wraps = tuple(
            count if periodic else count + 1
            for count, periodic in zip(self.shape, self.periodic, strict=True)
        )
        return addresses, counts, tables, sizes, scale, self.periodic, wraps


def real_numbers(what: str, numbers: npt.ArrayLike) -> npt.NDArray[Any]:
    """Give an array as it is; raises ValueError, naming it, for what is not real numbers alone.

    A masked array is refused: its mask would be read through.
    """
    if isinstance(numbers, np.ma.MaskedArray):
        raise ValueError(f"{what} is a masked array; put NaN where it is masked")
    array = np.asarray(numbers)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{what} has type {array.dtype}; real numbers are wanted")
    return array


def _axis(name: str, nodes: npt.ArrayLike) -> Floats:
    axis = _read_only(real_numbers(f"axis {name}", nodes))
    if axis.ndim != 1 or axis.size < 2:
        raise ValueError(f"axis {name} has shape {axis.shape}; at least two nodes are wanted")
    if not np.isfinite(axis).all():
        raise ValueError(f"axis {name} has a node that is not finite")
    rising = axis[1:] > axis[:-1]
    falling = axis[1:] < axis[:-1]
    if not (rising.all() or falling.all()):
        raise ValueError(f"axis {name} is not strictly ascending or descending")
    with np.errstate(over="ignore"):
        if not np.isfinite([np.ptp(axis), _BUCKETS * axis.size / np.ptp(axis)]).all():
            raise ValueError(f"axis {name} is too long or too short for numbers of 64 bits")
    return axis


def _ascending(axis: Floats, turned: bool, period: float | None) -> Floats:
    nodes = axis[::-1] if turned else axis
    return _read_only(nodes if period is None else [*nodes, nodes[0] + period])


def _buckets(nodes: Floats) -> Buckets:
    cells = len(nodes) - 1
    length = nodes[-1] - nodes[0]
    even = nodes[0] + np.arange(cells + 1) * (length / cells)
    if np.abs(nodes - even).max() < 0.4 * length / cells:
        return _read_only([], np.int32)
    count = _BUCKETS * cells
    starts = nodes[0] + np.arange(count + 1) * (length / count)
    found = np.searchsorted(nodes, starts, side="right") - 1
    return _read_only(np.clip(found, 0, cells - 1), np.int32)


def _read_only(numbers: npt.ArrayLike, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
    array = np.array(numbers, dtype=dtype)
    array.flags.writeable = False
    return array
