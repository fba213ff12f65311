"""Strided blocks: uncompressed arrays that lie in a file at regular steps, read row by row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vo_server.blocks import Array, Chunking, Shape, Window
from vo_server.providers.disk_file import Bytes, DiskFile

# Side of the cubes of nodes by which points are grouped.
_SIDE = 16
# A read of so many bytes costs little more than one of a few.
_GAP = 65_536

Read = Callable[[int, int], Bytes]


@dataclass(frozen=True, slots=True)
class Strided:
    """An array in a file: place of its first node and bytes from node to node along each axis.

    stored: type of a node in the file. What lies between the rows of a part is read along with
    it only where that is cheaper than another read; the pages are the system's to cache.
    """

    file: DiskFile
    name: str
    shape: Shape
    stored: np.dtype[Any]
    offset: int
    strides: Shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a node in the machine's byte order."""
        return self.stored.newbyteorder("=")

    @property
    def chunking(self) -> Chunking:
        """Cubes of nodes, read along the axis of the longest steps."""
        return Chunking((_SIDE,) * 3, slow=self.strides.index(max(self.strides)))

    @property
    def end(self) -> int:
        """Place behind the last node."""
        steps = sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        return self.offset + steps + self.stored.itemsize

    def window(self, window: Window) -> Array:
        """Read a part; raises BadFile."""
        order = sorted(range(3), key=lambda axis: -self.strides[axis])
        lengths = [part.stop - part.start for part in window]
        result = np.empty([lengths[axis] for axis in order], self.dtype)
        start = sum(part.start * step for part, step in zip(window, self.strides, strict=True))
        with self.file.reader(self.name) as read:
            self._fill(read, result, self.offset + start, [self.strides[axis] for axis in order])
        return result.transpose([order.index(axis) for axis in range(3)])

    def _fill(self, read: Read, part: Array, start: int, strides: list[int]) -> None:
        """Read a part in one go, or along its first axis piece by piece."""
        item = self.stored.itemsize
        span = item
        for length, stride in zip(part.shape, strides, strict=True):
            span += (length - 1) * stride
        if not part.ndim or span <= max(_GAP, 2 * part.size * item):
            raw = read(start, span)
            part[...] = np.ndarray(part.shape, self.stored, raw.data, 0, strides)
            return
        for i in range(len(part)):
            self._fill(read, part[i, ...], start + i * strides[0], strides[1:])
