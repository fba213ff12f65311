"""How a variable lies in memory, so that its nodes can be read through one flat index."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from interpolation.rectilinear import Grid

Indices = npt.NDArray[np.intp]
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

    def offset(self, index: Indices) -> Indices:
        """Give the way along the line for steps (3, ...) along the axes."""
        x, y, z = self.strides
        offset: Indices = index[0] * x
        offset += index[1] * y
        offset += index[2] * z
        return offset

    def place(self, index: Indices) -> Indices:
        """Give the place on the line of nodes (3, ...)."""
        return self.offset(index) + self.origin


@dataclass(frozen=True, slots=True, eq=False)
class FlatVariable:
    """The memory of one variable as a line of nodes, never copied, and its layout."""

    memory: npt.NDArray[Any]
    layout: Layout

    def at(self, places: Indices) -> npt.NDArray[Any]:
        """Read the nodes at places on the line, in the variable's own type."""
        # take() is the quicker way, but copies the whole variable first unless it can
        # walk it in place.
        flags = self.memory.flags
        if flags.c_contiguous and flags.aligned:
            return self.memory.take(places)
        return self.memory[places]


def flatten(grid: Grid, values: npt.NDArray[Any]) -> FlatVariable:
    """View a variable of the grid's shape as a line, whatever its order, type and strides.

    Raises ValueError if the shape is not the grid's or the values are not real numbers.
    """
    if values.shape != grid.shape:
        raise ValueError(f"a variable has shape {values.shape}; the grid has {grid.shape}")
    if values.dtype.kind not in "biuf":
        raise ValueError(f"a variable has type {values.dtype}; real numbers are wanted")
    layout = _layout(grid.shape, values.strides, values.itemsize, grid.descending)
    first = values[tuple(slice(None, None, -1 if way < 0 else 1) for way in values.strides)]
    memory = np.lib.stride_tricks.as_strided(
        first, shape=(layout.length,), strides=(layout.unit,), writeable=False
    )
    return FlatVariable(memory, layout)


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
