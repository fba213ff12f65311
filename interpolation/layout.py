"""How variables lie in memory, so that their nodes can be read through one flat index."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from interpolation.rectilinear import Grid, real_numbers

Indices = npt.NDArray[np.intp]
Values = npt.NDArray[Any]
_Triple = tuple[int, int, int]


class Layout(NamedTuple):
    """A line of nodes: the bytes between them, how many, and where a grid's nodes are.

    `origin` is the place of node (0, 0, 0) of the ascending axes, `strides` the way from
    node to node along each axis.
    """

    unit: int
    length: int
    origin: int
    strides: _Triple

    def place(self, index: Indices) -> Indices:
        """Give the place on the line of nodes (3, ...)."""
        return self.origin + sum(
            (part * stride for part, stride in zip(index, self.strides, strict=True)),
            start=np.zeros((), dtype=np.intp),
        )

    def corners(self, lower: Indices, upper: Indices) -> Indices:
        """Give the places (8, n) of the corners 000, 001, 010 ... of cells.

        lower, upper: the lower and upper node (3, n) of each cell along each axis.
        """
        x, y, z = (
            np.stack([low * stride, high * stride])
            for low, high, stride in zip(lower, upper, self.strides, strict=True)
        )
        x += self.origin
        places: Indices = (x[:, None] + y)[:, :, None] + z
        return places.reshape(8, -1)


@dataclass(frozen=True, slots=True, eq=False)
class FlatVariable:
    """The memory of one variable as a line of nodes, never copied, and its layout."""

    memory: Values
    layout: Layout

    def at(self, places: Indices) -> Values:
        """Read the nodes at places on the line, in the variable's own type."""
        # take() is the quicker way, but copies the whole variable first unless it can
        # walk it in place.
        flags = self.memory.flags
        if flags.c_contiguous and flags.aligned:
            return self.memory.take(places)
        return self.memory[places]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Variables of one native type and layout, as the compiled kernels read them.

    rows: which variables they are; addresses: of their memory; like: a number of their type;
    line: origin and length of the line of nodes and its three strides.
    """

    rows: list[int]
    addresses: npt.NDArray[np.uint64]
    like: np.floating[Any]
    line: tuple[int, int, int, int, int]


# Types that the compiled kernels read, each with a number of it.
_LIKE = {np.dtype(kind).str: kind(0) for kind in (np.float32, np.float64)}


@dataclass(frozen=True, eq=False)
class Variables:
    """Variables on one grid, looked at once and then gathered as often as one likes.

    values: arrays of the grid's shape, of any real type, byte order and memory order, read in
    place. Raises ValueError, where there is one of another shape or type.
    """

    grid: Grid
    values: tuple[Values, ...]

    def __post_init__(self) -> None:
        for variable in self.values:
            real_numbers("a variable", variable)
            if variable.shape != self.grid.shape:
                raise ValueError(
                    f"a variable has shape {variable.shape}; the grid has {self.grid.shape}"
                )

    @cached_property
    def flat(self) -> tuple[FlatVariable, ...]:
        """The variables as NumPy reads them."""
        return tuple(_flatten(self.grid, variable) for variable in self.values)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The variables that compiled kernels can read; NumPy has to read the others."""
        found: dict[tuple[str, Layout], list[int]] = {}
        for row, variable in enumerate(self.values):
            layout, kind = _layout_of(self.grid, variable), variable.dtype.str
            native = layout.unit == variable.itemsize and variable.flags.aligned
            if native and kind in _LIKE:
                found.setdefault((kind, layout), []).append(row)
        return tuple(
            Group(
                rows,
                np.array([_lowest_address(self.values[row]) for row in rows], dtype=np.uint64),
                _LIKE[kind],
                (layout.origin, layout.length, *layout.strides),
            )
            for (kind, layout), rows in found.items()
        )

    @cached_property
    def others(self) -> tuple[int, ...]:
        """The variables that are in no group."""
        grouped = {row for group in self.groups for row in group.rows}
        return tuple(row for row in range(len(self.values)) if row not in grouped)


def prepare(grid: Grid, values: "Sequence[Values] | Variables") -> Variables:
    """Give variables ready for gathering: worth keeping where they are used many times."""
    if isinstance(values, Variables):
        if values.grid is not grid:
            raise ValueError("these variables were prepared for another grid")
        return values
    return Variables(grid, tuple(values))


def _lowest_address(values: Values) -> int:
    address: int = values.ctypes.data
    for nodes, stride in zip(values.shape, values.strides, strict=True):
        if stride < 0:
            address += (nodes - 1) * stride
    return address


def _flatten(grid: Grid, values: Values) -> FlatVariable:
    """View a variable of the grid's shape as a line, whatever its order, type and strides."""
    layout = _layout_of(grid, values)
    first = values[tuple(slice(None, None, -1 if way < 0 else 1) for way in values.strides)]
    memory = np.lib.stride_tricks.as_strided(
        first, shape=(layout.length,), strides=(layout.unit,), writeable=False
    )
    return FlatVariable(memory, layout)


def _layout_of(grid: Grid, values: Values) -> Layout:
    return _layout(grid.shape, values.strides, values.itemsize, grid.descending)


@lru_cache(maxsize=256)
def _layout(
    shape: _Triple, strides: _Triple, itemsize: int, descending: tuple[bool, bool, bool]
) -> Layout:
    """Lay a line from the lowest address of an array to its highest."""
    unit = math.gcd(itemsize, *strides)
    steps = [stride // unit for stride in strides]
    spans = [(nodes - 1) * step for nodes, step in zip(shape, steps, strict=True)]
    turned = [-step if down else step for step, down in zip(steps, descending, strict=True)]
    origin = sum(abs(span) for span, step in zip(spans, turned, strict=True) if step < 0)
    return Layout(unit, 1 + sum(map(abs, spans)), origin, (turned[0], turned[1], turned[2]))
