"""JSON records: the description with `data` as its last member, arrays nested by their size."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from hapi.wire import Wire


class JsonRows:
    """Writes records as arrays of one JSON document."""

    media_type = "application/json"

    def __init__(self, wires: Sequence[Wire]) -> None:
        self._wires = tuple(wires)
        self._begun = False

    def begin(self, info: bytes, *, asked: bool) -> bytes:
        """Give the description, which is always there, up to the first record."""
        return info.rstrip().removesuffix(b"}").rstrip() + b',"data":[\n'

    def rows(self, cells: Sequence[NDArray[Any]]) -> bytes:
        """Write a block of records; cells: as `Wire.cells` gives them, n at least 1."""
        pairs = zip(self._wires, cells, strict=True)
        parts = [_values(wire, column) for wire, column in pairs]
        separator = b",\n[" if self._begun else b"["
        self._begun = True
        lines = parts[0] if len(parts) == 1 else map(b",".join, zip(*parts, strict=True))
        return separator + b"],\n[".join(lines) + b"]"

    def end(self) -> bytes:
        """Give what stands after the records."""
        return b"\n]}\n"


def _values(wire: Wire, column: NDArray[Any]) -> list[bytes]:
    """Write each cell of a column as a JSON value."""
    count = len(column)
    if wire.type in ("double", "integer"):
        shaped = column.reshape(count, *(wire.size or (1,)))
        text = orjson.dumps(shaped, option=orjson.OPT_SERIALIZE_NUMPY)
        depth = len(wire.size)
        if not depth:
            return text[2:-2].split(b"],[")
        close, open_ = b"]" * depth, b"[" * depth
        return text[1:-1].replace(close + b"," + open_, close + b"\n" + open_).split(b"\n")
    if not wire.size and wire.type == "isotime":
        return _quoted(np.ascontiguousarray(column))
    flat = np.ascontiguousarray(column).reshape(count, -1).tolist()
    return [orjson.dumps(_nested(row, wire.size)) for row in flat]


def _quoted(times: NDArray[np.bytes_]) -> list[bytes]:
    """Put times (n,) in quotes."""
    length = times.dtype.itemsize
    text = np.full((len(times), length + 2), ord('"'), np.uint8)
    text[:, 1:-1] = times.view(np.uint8).reshape(-1, length)
    quoted: list[bytes] = text.view(f"S{length + 2}").reshape(-1).tolist()
    return quoted


def _nested(row: list[bytes], size: tuple[int, ...]) -> Any:
    texts = [cell.decode() for cell in row]
    return np.array(texts, object).reshape(size).tolist() if size else texts[0]
