"""Header of netCDF classic files (CDF-1, CDF-2, CDF-5): where each variable lies in the file.

Source: netCDF Classic and 64-bit Offset File Formats, NASA ESDS-RFC-011v2, and Unidata's
description of CDF-5, whose counts and offsets have 64 bits.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vo_server.errors import BadFile
from vo_server.providers.disk_file import DiskFile

_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
_TYPES = {
    code: np.dtype(text)
    for code, text in enumerate(
        ("i1", "S1", ">i2", ">i4", ">f4", ">f8", "u1", ">u2", ">u4", ">i8", ">u8"), 1
    )
}
_PIECE = 65_536
_LIMIT = 16_777_216  # bytes that a header may have
_MAX_RANK = 1024


@dataclass(frozen=True, slots=True)
class Placed:
    """A variable in the file: lengths and strides (in bytes) along its dimensions."""

    stored: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def end(self) -> int:
        """Place behind the last value."""
        if not math.prod(self.shape):
            return 0
        steps = sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        return self.offset + steps + self.stored.itemsize


def read_header(file: DiskFile) -> Mapping[str, Placed]:
    """Give the place of every variable; raises BadFile where one lies beyond the file's end.

    netCDF-C gives zeros for what lies there.
    """
    size = file.path.stat().st_size
    reader = _Reader(file, size)
    records = reader.count()
    dimensions = []
    for _ in range(reader.entries(_DIMENSIONS)):
        reader.text()
        dimensions.append(reader.count())
    reader.skip_attributes()
    entries = {}
    for _ in range(reader.entries(_VARIABLES)):
        name = reader.text()
        entries[name] = _entry(reader, dimensions)
    recorded = [entry for entry in entries.values() if entry.recorded]
    step = sum(entry.size + -entry.size % 4 for entry in recorded)
    if len(recorded) == 1:
        step = recorded[0].size
    placed = {name: entry.placed(records, step) for name, entry in entries.items()}
    for name, variable in placed.items():
        if variable.end > size:
            raise BadFile(f"{file.path.name} is truncated: {name[:100]} lies beyond its end")
    return placed


@dataclass(frozen=True, slots=True)
class _Entry:
    """A variable as the header tells it; lengths: 0 for the dimension of records."""

    lengths: tuple[int, ...]
    stored: np.dtype[Any]
    begin: int

    @property
    def recorded(self) -> bool:
        return bool(self.lengths) and self.lengths[0] == 0

    @property
    def size(self) -> int:
        """Bytes of its values, or of one record of them."""
        lengths = self.lengths[1:] if self.recorded else self.lengths
        return math.prod(lengths) * self.stored.itemsize

    def placed(self, records: int, step: int) -> Placed:
        """Give its place, for so many records at such a step."""
        shape = (records, *self.lengths[1:]) if self.recorded else self.lengths
        strides = [
            math.prod(self.lengths[i + 1 :]) * self.stored.itemsize for i in range(len(shape))
        ]
        if self.recorded:
            strides[0] = step
        return Placed(self.stored, self.begin, shape, tuple(strides))


def _entry(reader: "_Reader", dimensions: list[int]) -> _Entry:
    rank = reader.count()
    if rank > _MAX_RANK:
        raise reader.broken()
    numbers = [reader.count() for _ in range(rank)]
    if any(number >= len(dimensions) for number in numbers):
        raise reader.broken()
    reader.skip_attributes()
    stored = reader.type()
    reader.count()  # the size as the file tells it is wrong for large variables
    return _Entry(tuple(dimensions[number] for number in numbers), stored, reader.begin())


class _Reader:
    """Goes through a header; raises BadFile where it ends too early or is none."""

    def __init__(self, file: DiskFile, size: int) -> None:
        self._file = file
        self._size = size
        self._data = b""
        self._place = 0
        magic = self._take(4)
        if magic[:3] != b"CDF" or magic[3] not in (1, 2, 5):
            raise BadFile(f"{file.path.name} is no netCDF of the kinds CDF-1, CDF-2 and CDF-5")
        self._count_bytes = 8 if magic[3] == 5 else 4
        self._begin_bytes = 4 if magic[3] == 1 else 8

    def broken(self) -> BadFile:
        """Give the error of a header that contradicts itself."""
        return BadFile(f"the netCDF header of {self._file.path.name} is broken")

    def count(self) -> int:
        """Read a count; a negative number is a huge one."""
        return self._integer(self._count_bytes)

    def begin(self) -> int:
        """Read where a variable begins."""
        return self._integer(self._begin_bytes)

    def text(self) -> str:
        """Read a name."""
        length = self.count()
        raw = self._take(length)
        self._take(-length % 4)
        return raw.decode(errors="replace")

    def type(self) -> np.dtype[Any]:
        """Read the type of a variable or attribute."""
        code = self._integer(4)
        if code not in _TYPES:
            raise self.broken()
        return _TYPES[code]

    def entries(self, tag: int) -> int:
        """Read how many entries a list has."""
        found, length = self._integer(4), self.count()
        if found not in (0, tag) or (found == 0 and length):
            raise self.broken()
        return length

    def skip_attributes(self) -> None:
        """Go past a list of attributes, which the library reads."""
        for _ in range(self.entries(_ATTRIBUTES)):
            self.text()
            size = self.type().itemsize
            length = self.count() * size
            self._take(length + -length % 4)

    def _integer(self, length: int) -> int:
        return int.from_bytes(self._take(length), "big")

    def _take(self, length: int) -> bytes:
        start, self._place = self._place, self._place + length
        if self._place > min(self._size, _LIMIT):
            raise BadFile(f"the netCDF header of {self._file.path.name} ends too early: truncated?")
        while self._place > len(self._data):
            piece = min(max(_PIECE, length), self._size - len(self._data))
            self._data += self._file.read(len(self._data), piece, "header").tobytes()
        return self._data[start : self._place]
