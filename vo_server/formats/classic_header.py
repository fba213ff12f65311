"""Header of netCDF classic files (CDF-1, CDF-2, CDF-5): where each variable lies in the file.

No count is believed before the bytes that it speaks of are there. Source: netCDF Classic and 64-bit
Offset File Formats, NASA ESDS-RFC-011v2, and Unidata's description of CDF-5, whose counts and
offsets have 64 bits.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadTable, excerpt

Attributes = Mapping[str, str | NDArray[np.generic]]
# Gives so many bytes of the file from a place on, all of which are there.
Read = Callable[[int, int], bytes]

DIMENSIONS, VARIABLES, ATTRIBUTES = 10, 11, 12
TYPES = {
    code: np.dtype(text)
    for code, text in enumerate(
        ("i1", "S1", ">i2", ">i4", ">f4", ">f8", "u1", ">u2", ">u4", ">i8", ">u8"), 1
    )
}
CLASSIC = 6  # types that CDF-1 and CDF-2 have, the first of these
_LIMIT = 16_777_216  # bytes that a header may have
_MAX_ENTRIES = 65_536  # dimensions, variables and attributes of one file
_MAX_RANK = 1024


@dataclass(frozen=True, slots=True)
class Placed:
    """A variable in the file: names, lengths and strides (in bytes) of its dimensions."""

    name: str
    dimensions: tuple[str, ...]
    attributes: Attributes
    stored: np.dtype[np.generic]
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


@dataclass(frozen=True, slots=True)
class Header:
    """What a header tells; dimensions by name, in order."""

    dimensions: Mapping[str, int]
    attributes: Attributes
    variables: Sequence[Placed]


def read_header(read: Read, size: int, kinds: Sequence[int] = (1, 2, 5)) -> Header:
    """Read the header of a file of so many bytes, of one of these kinds.

    Raises BadTable where it is broken, or a variable lies beyond the file's end; netCDF-C gives
    zeros for what lies there.
    """
    reader = _Reader(read, size, kinds)
    records = reader.count()
    dimensions = [(reader.text(), reader.count()) for _ in range(reader.entries(DIMENSIONS))]
    attributes = reader.attributes()
    entries = [_entry(reader, dimensions) for _ in range(reader.entries(VARIABLES))]
    recorded = [entry for entry in entries if entry.recorded]
    stride = sum(entry.size + -entry.size % 4 for entry in recorded)
    if len(recorded) == 1:
        stride = recorded[0].size
    if records == reader.streaming:
        start = min((entry.begin for entry in recorded), default=size)
        records = max(0, size - start) // max(1, stride)
    placed = [entry.placed(records, stride) for entry in entries]
    for variable in placed:
        if variable.end > size:
            told = excerpt(variable.name)
            raise BadTable(f"netCDF variable {told} lies beyond the end of the file: truncated?")
    return Header({name: length or records for name, length in dimensions}, attributes, placed)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A variable as the header tells it; lengths: 0 for the dimension of records."""

    name: str
    dimensions: tuple[str, ...]
    lengths: tuple[int, ...]
    attributes: Attributes
    stored: np.dtype[np.generic]
    begin: int

    @property
    def recorded(self) -> bool:
        return bool(self.lengths) and self.lengths[0] == 0

    @property
    def size(self) -> int:
        """Bytes of its values, or of one record of them."""
        lengths = self.lengths[1:] if self.recorded else self.lengths
        return math.prod(lengths) * self.stored.itemsize

    def placed(self, records: int, stride: int) -> Placed:
        """Give its place, for so many records at such a stride."""
        shape = (records, *self.lengths[1:]) if self.recorded else self.lengths
        strides = [self.stored.itemsize] * len(shape)
        for i in range(len(shape) - 2, -1, -1):
            strides[i] = strides[i + 1] * shape[i + 1]
        if self.recorded:
            strides[0] = stride
        return Placed(
            self.name, self.dimensions, self.attributes, self.stored, self.begin, shape,
            tuple(strides),
        )  # fmt: skip


def _entry(reader: "_Reader", dimensions: Sequence[tuple[str, int]]) -> _Entry:
    name = reader.text()
    rank = reader.count()
    if rank > _MAX_RANK:
        raise BadTable(f"netCDF variable {excerpt(name)} has more than {_MAX_RANK} dimensions")
    numbers = [reader.count() for _ in range(rank)]
    if any(number >= len(dimensions) for number in numbers):
        raise BadTable(f"netCDF variable {excerpt(name)} has a dimension that is not there")
    chosen = [dimensions[number] for number in numbers]
    if any(length == 0 for _, length in chosen[1:]):
        raise BadTable(f"netCDF variable {excerpt(name)} has records in a wrong place")
    attributes = reader.attributes()
    stored = reader.type()
    reader.count()  # the size as the file tells it is wrong for large variables
    names = tuple(dimension for dimension, _ in chosen)
    lengths = tuple(length for _, length in chosen)
    return _Entry(name, names, lengths, attributes, stored, reader.begin())


class _Reader:
    """Goes through a header; raises BadTable where it ends too early or is none."""

    def __init__(self, read: Read, size: int, kinds: Sequence[int]) -> None:
        self._read = read
        self._size = size
        self._place = 0
        self._entries = 0
        magic = self._take(min(4, size))
        if magic[:3] != b"CDF" or len(magic) < 4 or magic[3] not in kinds:
            told = ", ".join(f"CDF-{kind}" for kind in kinds)
            raise BadTable(f"this is no netCDF classic file of the kinds {told}")
        wide = magic[3] == 5
        self._count_bytes = 8 if wide else 4
        self._begin_bytes = 4 if magic[3] == 1 else 8
        self._types = len(TYPES) if wide else CLASSIC
        self.streaming = 2 ** (8 * self._count_bytes) - 1

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

    def type(self) -> np.dtype[np.generic]:
        """Read the type of a variable or attribute."""
        code = self._integer(4)
        if not 1 <= code <= self._types:
            raise BadTable(f"the netCDF header is broken: its kind of file has no type {code}")
        return TYPES[code]

    def entries(self, tag: int) -> int:
        """Read how many entries a list has."""
        found, length = self._integer(4), self.count()
        if found not in (0, tag) or (found == 0 and length):
            raise BadTable("the netCDF header is broken")
        self._entries += length
        if self._entries > _MAX_ENTRIES:
            raise BadTable(f"the netCDF header has more than {_MAX_ENTRIES} entries")
        return length

    def attributes(self) -> dict[str, str | NDArray[np.generic]]:
        """Read a list of attributes."""
        found: dict[str, str | NDArray[np.generic]] = {}
        for _ in range(self.entries(ATTRIBUTES)):
            name, dtype, length = self.text(), self.type(), self.count()
            raw = self._take(length * dtype.itemsize)
            self._take(-len(raw) % 4)
            if dtype.char == "S":
                found[name] = raw.rstrip(b"\0").decode(errors="replace")
            else:
                found[name] = np.frombuffer(raw, dtype)
        return found

    def _integer(self, length: int) -> int:
        return int.from_bytes(self._take(length), "big")

    def _take(self, length: int) -> bytes:
        start, self._place = self._place, self._place + length
        if self._place > min(self._size, _LIMIT):
            raise BadTable("the netCDF header ends too early: truncated?")
        return self._read(start, length)
