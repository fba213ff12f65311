"""netCDF classic (CDF-1 and CDF-2) as bytes: encoder, and a decoder that believes no count.

Source: netCDF Classic and 64-bit Offset File Formats, NASA ESDS-RFC-011v2.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadTable, excerpt

Attributes = Mapping[str, str | NDArray[np.generic]]

_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
_TYPES = {
    code: np.dtype(text) for code, text in enumerate(("i1", "S1", ">i2", ">i4", ">f4", ">f8"), 1)
}
_CODES = {dtype: code for code, dtype in _TYPES.items()}
_PIECE = 262_144
_STREAMING = 0xFFFFFFFF
_MAX_ENTRIES = 65_536  # dimensions, variables and attributes of one file that is read
_MAX_RANK = 8


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: names of its dimensions, an array of one of the six types, attributes."""

    name: str
    dimensions: tuple[str, ...]
    data: NDArray[np.generic]
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a file holds; dimensions by name, in order."""

    dimensions: Mapping[str, int]
    attributes: Attributes
    variables: Sequence[Variable]


def encode(dataset: Dataset) -> Iterator[bytes]:
    """Write a dataset in pieces; CDF-2 where CDF-1 cannot address all of it."""
    arrays = [
        np.ascontiguousarray(v.data, v.data.dtype.newbyteorder(">")) for v in dataset.variables
    ]
    total = sum(_padded(array.nbytes) for array in arrays)
    wide = total + 1_048_576 > 2**31
    size = len(_header(dataset, arrays, 0, wide=wide))
    yield _header(dataset, arrays, size, wide=wide)
    for array in arrays:
        raw = array.reshape(-1).view(np.uint8)
        for start in range(0, len(raw), _PIECE):
            yield raw[start : start + _PIECE].tobytes()
        yield bytes(-len(raw) % 4)


def _header(
    dataset: Dataset, arrays: Sequence[NDArray[np.generic]], begin: int, *, wide: bool
) -> bytes:
    """Give the header for variables that lie one behind the other from `begin` on."""
    numbers = {name: i for i, name in enumerate(dataset.dimensions)}
    dimensions = [_text(name) + _int(length) for name, length in dataset.dimensions.items()]
    variables = []
    for variable, array in zip(dataset.variables, arrays, strict=True):
        ids = b"".join(_int(numbers[name]) for name in variable.dimensions)
        # A length of zero makes the dimension the record dimension: sizes are then of one record.
        lengths = [length or 1 for length in array.shape]
        size = _padded(math.prod(lengths) * array.itemsize)
        variables.append(
            _text(variable.name)
            + _int(len(variable.dimensions))
            + ids
            + _attributes(variable.attributes)
            + _int(_CODES[array.dtype])
            + _int(min(size, _STREAMING))
            + begin.to_bytes(8 if wide else 4, "big")
        )
        begin += size
    magic = b"CDF\x02" if wide else b"CDF\x01"
    parts = (_list(_DIMENSIONS, dimensions), _attributes(dataset.attributes))
    return magic + _int(0) + b"".join(parts) + _list(_VARIABLES, variables)


def _list(tag: int, entries: Sequence[bytes]) -> bytes:
    return _int(tag if entries else 0) + _int(len(entries)) + b"".join(entries)


def _attributes(attributes: Attributes) -> bytes:
    entries = []
    for name, value in attributes.items():
        if isinstance(value, str):
            raw, code, count = value.encode(), 2, len(value.encode())
        else:
            array = np.atleast_1d(value).astype(value.dtype.newbyteorder(">"))
            raw, code, count = array.tobytes(), _CODES[array.dtype], array.size
        entries.append(_text(name) + _int(code) + _int(count) + raw + bytes(-len(raw) % 4))
    return _list(_ATTRIBUTES, entries)


def _int(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _text(text: str) -> bytes:
    raw = text.encode()
    return _int(len(raw)) + raw + bytes(-len(raw) % 4)


def _padded(size: int) -> int:
    return size + -size % 4


def decode(data: bytes) -> Dataset:
    """Read a dataset; its variables are views of `data`. Raises BadTable for any broken file."""
    reader = _Reader(data)
    records = reader.integer()
    dimensions = [(reader.text(), reader.integer()) for _ in range(reader.count(_DIMENSIONS))]
    attributes = reader.attributes()
    entries = [_entry(reader, dimensions) for _ in range(reader.count(_VARIABLES))]
    recorded = [entry for entry in entries if entry.recorded]
    stride = sum(_padded(entry.size) for entry in recorded)
    if len(recorded) == 1:
        stride = recorded[0].size
    if records == _STREAMING:
        start = min((entry.begin for entry in recorded), default=len(data))
        records = max(0, len(data) - start) // max(1, stride)
    lengths = {name: length or records for name, length in dimensions}
    return Dataset(lengths, attributes, [_view(data, entry, records, stride) for entry in entries])


@dataclass(frozen=True, slots=True)
class _Entry:
    """A variable as the header tells it; size: bytes of its data, or of one record of it."""

    name: str
    dimensions: tuple[str, ...]
    lengths: tuple[int, ...]
    attributes: Attributes
    dtype: np.dtype[np.generic]
    begin: int

    @property
    def recorded(self) -> bool:
        return bool(self.lengths) and self.lengths[0] == 0

    @property
    def size(self) -> int:
        return math.prod(self.lengths[1:] if self.recorded else self.lengths) * self.dtype.itemsize


def _entry(reader: "_Reader", dimensions: Sequence[tuple[str, int]]) -> _Entry:
    name = reader.text()
    numbers = [reader.integer() for _ in range(reader.rank())]
    if any(number >= len(dimensions) for number in numbers):
        raise BadTable(f"netCDF variable {excerpt(name)} has a dimension that is not there")
    chosen = [dimensions[number] for number in numbers]
    if any(length == 0 for _, length in chosen[1:]):
        raise BadTable(f"netCDF variable {excerpt(name)} has records in a wrong place")
    attributes = reader.attributes()
    dtype = reader.type()
    reader.integer()  # the size as the file tells it is never used
    return _Entry(
        name,
        tuple(dimension for dimension, _ in chosen),
        tuple(length for _, length in chosen),
        attributes,
        dtype,
        reader.offset(),
    )


def _view(data: bytes, entry: _Entry, records: int, stride: int) -> Variable:
    """Give a variable as a view of the file."""
    shape = (records, *entry.lengths[1:]) if entry.recorded else entry.lengths
    reach = (records - 1) * stride + entry.size if entry.recorded else entry.size
    if math.prod(shape) and entry.begin + reach > len(data):
        raise BadTable(
            f"netCDF variable {excerpt(entry.name)} is larger than the file; is it cut off?"
        )
    if not math.prod(shape):
        array = np.zeros([min(length, 1) for length in shape], entry.dtype)[:0]
        return Variable(entry.name, entry.dimensions, array, entry.attributes)
    strides = [entry.dtype.itemsize] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        strides[i] = strides[i + 1] * shape[i + 1]
    if entry.recorded:
        strides[0] = stride
    view: NDArray[np.generic] = np.ndarray(shape, entry.dtype, data, entry.begin, strides)
    return Variable(entry.name, entry.dimensions, view, entry.attributes)


class _Reader:
    """Goes through a header; raises BadTable where it ends too early or is none."""

    def __init__(self, data: bytes) -> None:
        if data[:3] != b"CDF" or data[3:4] not in (b"\x01", b"\x02"):
            raise BadTable("this is not netCDF classic (CDF-1 or CDF-2)")
        self._data = data
        self._place = 4
        self._entries = 0
        self._wide = data[3] == 2

    def integer(self) -> int:
        """Read a count or a tag; a negative number is a huge one, and refused as such."""
        return int.from_bytes(self._take(4), "big")

    def offset(self) -> int:
        """Read where a variable begins."""
        return int.from_bytes(self._take(8 if self._wide else 4), "big")

    def text(self) -> str:
        """Read a name."""
        length = self.integer()
        raw = self._take(length)
        self._take(-length % 4)
        return raw.decode(errors="replace")

    def type(self) -> np.dtype[np.generic]:
        """Read the type of a variable or attribute."""
        code = self.integer()
        if code not in _TYPES:
            raise BadTable(f"the netCDF header names a type {code} that classic files do not have")
        return _TYPES[code]

    def count(self, tag: int) -> int:
        """Read how many entries a list has."""
        found, length = self.integer(), self.integer()
        if found not in (0, tag) or (found == 0 and length):
            raise BadTable("the netCDF header is broken")
        self._entries += length
        if self._entries > _MAX_ENTRIES:
            raise BadTable(f"the netCDF header has more than {_MAX_ENTRIES} entries")
        return length

    def rank(self) -> int:
        """Read how many dimensions a variable has."""
        rank = self.integer()
        if rank > _MAX_RANK:
            raise BadTable(f"a netCDF variable has more than {_MAX_RANK} dimensions")
        return rank

    def attributes(self) -> dict[str, str | NDArray[np.generic]]:
        """Read a list of attributes."""
        found: dict[str, str | NDArray[np.generic]] = {}
        for _ in range(self.count(_ATTRIBUTES)):
            name, dtype, length = self.text(), self.type(), self.integer()
            raw = self._take(length * dtype.itemsize)
            self._take(-len(raw) % 4)
            if dtype.char == "S":
                found[name] = raw.rstrip(b"\0").decode(errors="replace")
            else:
                found[name] = np.frombuffer(raw, dtype)
        return found

    def _take(self, length: int) -> bytes:
        start, self._place = self._place, self._place + length
        if self._place > len(self._data):
            raise BadTable("the netCDF header ends too early; is the file cut off?")
        return self._data[start : self._place]
