"""Blocks: three-dimensional arrays that are read by parts, and how they are divided."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, int, int]
Window = tuple[slice, slice, slice]  # start and stop given, no step


@dataclass(frozen=True, slots=True)
class Chunking:
    """How an array is divided along each axis.

    size: nodes of a chunk; shift: place of the first node within its chunk; whole: a part costs
    as much as the chunk it lies in, as where chunks are compressed; slow: the axis along which
    the file is read in order.
    """

    size: Shape
    shift: Shape = (0, 0, 0)
    whole: bool = False
    slow: int = 0

    def window(self, number: Sequence[int], shape: Shape) -> Window:
        """Give the nodes of a chunk by its number along each axis."""
        x, y, z = (
            slice(max(0, n * size - shift), min(length, (n + 1) * size - shift))
            for n, size, shift, length in zip(number, self.size, self.shift, shape, strict=True)
        )
        return x, y, z

    def grouped(self, times: Shape) -> "Chunking":
        """Give the division into so many chunks along each axis at a time."""
        x, y, z = (size * count for size, count in zip(self.size, times, strict=True))
        return replace(self, size=(x, y, z))

    def touched(self, window: Window) -> tuple[range, range, range]:
        """Give the numbers of the chunks that a window lies in, along each axis."""
        x, y, z = (
            range((part.start + shift) // size, (part.stop - 1 + shift) // size + 1)
            for part, size, shift in zip(window, self.size, self.shift, strict=True)
        )
        return x, y, z


class Blocks(Protocol):
    """An array of nodes (nx, ny, nz) that gives any part of itself without reading all of it."""

    @property
    def shape(self) -> Shape:
        """Nodes along x, y and z."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in the machine's byte order."""
        ...

    @property
    def chunking(self) -> Chunking:
        """How it is best read."""
        ...

    def window(self, window: Window) -> Array:
        """Read a part, missing values NaN; raises BadFile."""
        ...


@dataclass(frozen=True, slots=True)
class Loaded:
    """An array that can only be had as a whole."""

    shape: Shape
    dtype: np.dtype[Any]
    load: Callable[[], Array]

    @property
    def chunking(self) -> Chunking:
        """One chunk."""
        return Chunking(self.shape, whole=True)

    def window(self, window: Window) -> Array:
        """Load all of it and give a part."""
        return self.load()[window]


@dataclass(frozen=True, slots=True)
class Formed:
    """An array formed node by node from others of the same file.

    sources: all of one shape and chunking; first: their node that is node (0, 0, 0) here;
    formula: from the parts of the sources to the values.
    """

    sources: tuple[Blocks, ...]
    shape: Shape
    dtype: np.dtype[Any]
    formula: Callable[..., Array]
    first: Shape = (0, 0, 0)

    @property
    def chunking(self) -> Chunking:
        """That of the sources, seen from the first node here."""
        own = self.sources[0].chunking
        x, y, z = (
            (shift + first) % size
            for shift, first, size in zip(own.shift, self.first, own.size, strict=True)
        )
        return Chunking(own.size, (x, y, z), own.whole, own.slow)

    def window(self, window: Window) -> Array:
        """Read the parts of the sources and form the values."""
        x, y, z = (
            slice(part.start + first, part.stop + first)
            for part, first in zip(window, self.first, strict=True)
        )
        return self.formula(*(source.window((x, y, z)) for source in self.sources))


def all_of(shape: Shape) -> Window:
    """Give the window of a whole array."""
    x, y, z = (slice(0, length) for length in shape)
    return x, y, z
