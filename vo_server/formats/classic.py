"""netCDF classic (CDF-1 and CDF-2) as bytes: encoder and decoder.

Source: netCDF Classic and 64-bit Offset File Formats, NASA ESDS-RFC-011v2.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadTable
from vo_server.formats.classic_header import (
    ATTRIBUTES,
    CLASSIC,
    DIMENSIONS,
    TYPES,
    VARIABLES,
    Attributes,
    Placed,
    read_header,
)

_CODES = {TYPES[code]: code for code in range(1, CLASSIC + 1)}
_PIECE = 262_144
_STREAMING = 0xFFFFFFFF
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
    total = sum(_padded(variable.data.nbytes) for variable in dataset.variables)
    wide = total + 1_048_576 > 2**31
    yield _header(dataset, wide=wide)
    for variable in dataset.variables:
        flat = variable.data.reshape(-1)
        stored = flat.dtype.newbyteorder(">")
        step = max(1, _PIECE // stored.itemsize)
        for start in range(0, len(flat), step):
            yield flat[start : start + step].astype(stored).tobytes()
        yield bytes(-flat.nbytes % 4)


def _header(dataset: Dataset, *, wide: bool) -> bytes:
    """Give the header for variables that lie one behind the other after it."""
    numbers = {name: i for i, name in enumerate(dataset.dimensions)}
    dimensions = [_text(name) + _int(length) for name, length in dataset.dimensions.items()]
    magic = b"CDF\x02" if wide else b"CDF\x01"
    front = magic + _int(0) + _list(DIMENSIONS, dimensions) + _attributes(dataset.attributes)
    told = [_variable(variable, numbers) for variable in dataset.variables]
    address = 8 if wide else 4
    begin = len(front) + len(_list(VARIABLES, [])) + sum(len(own) + address for own, _ in told)
    placed = []
    for own, size in told:
        placed.append(own + begin.to_bytes(address, "big"))
        begin += size
    return front + _list(VARIABLES, placed)


def _variable(variable: Variable, numbers: Mapping[str, int]) -> tuple[bytes, int]:
    """Give what the header says of a variable but where it begins, and the bytes it takes."""
    array = variable.data
    # A length of zero makes the dimension the record dimension: sizes are then of one record.
    size = _padded(math.prod(length or 1 for length in array.shape) * array.itemsize)
    told = (
        _text(variable.name)
        + _int(len(variable.dimensions))
        + b"".join(_int(numbers[name]) for name in variable.dimensions)
        + _attributes(variable.attributes)
        + _int(_CODES[array.dtype.newbyteorder(">")])
        + _int(min(size, _STREAMING))
    )
    return told, size


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
    return _list(ATTRIBUTES, entries)


def _int(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _text(text: str) -> bytes:
    raw = text.encode()
    return _int(len(raw)) + raw + bytes(-len(raw) % 4)


def _padded(size: int) -> int:
    return size + -size % 4


def decode(data: bytes) -> Dataset:
    """Read a dataset; its variables are views of `data`. Raises BadTable for any broken file."""
    header = read_header(lambda start, length: data[start : start + length], len(data), (1, 2))
    return Dataset(
        header.dimensions, header.attributes, [_view(data, placed) for placed in header.variables]
    )


def _view(data: bytes, placed: Placed) -> Variable:
    """Give a variable as a view of the file."""
    shape, dtype = placed.shape, placed.stored
    if len(shape) > _MAX_RANK:
        raise BadTable(f"a netCDF variable has more than {_MAX_RANK} dimensions")
    if math.prod(shape):
        view: NDArray[np.generic] = np.ndarray(shape, dtype, data, placed.offset, placed.strides)
    else:
        view = np.zeros([min(length, 1) for length in shape], dtype)[:0]
    return Variable(placed.name, placed.dimensions, view, placed.attributes)
