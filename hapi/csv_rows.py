"""CSV records: times, numbers in their shortest exact spelling, text quoted where it must be.

Columns of one type that stand side by side are written by one call of orjson and cut at the rows,
which is tens of times faster than to write cell by cell. Every cell is spelled by itself, so a
column reads the same whatever else is asked for.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from hapi.wire import Wire

_QUOTED = re.compile(rb'[",\r\n]')


class CsvRows:
    """Writes records as CSV lines."""

    media_type = "text/csv"

    def __init__(self, wires: Sequence[Wire]) -> None:
        self._groups = [_Group(wires, part) for part in _groups(wires)]

    def begin(self, info: bytes, *, asked: bool) -> bytes:
        """Give what stands before the records: the description in comment lines, where asked."""
        return b"#" + info.replace(b"\n", b"\n#") + b"\n" if asked else b""

    def rows(self, cells: Sequence[NDArray[Any]]) -> bytes:
        """Write a block of records; cells: as `Wire.cells` gives them, n at least 1."""
        parts = [group.lines(cells) for group in self._groups]
        if len(parts) == 1:
            return b"\n".join(parts[0]) + b"\n"
        return b"\n".join(map(b",".join, zip(*parts, strict=True))) + b"\n"

    def end(self) -> bytes:
        """Give what stands after the records."""
        return b""


def _groups(wires: Sequence[Wire]) -> list[list[int]]:
    """Put columns of numbers of one type that stand side by side together."""
    groups: list[list[int]] = []
    for i, wire in enumerate(wires):
        numeric = wire.type in ("double", "integer")
        if numeric and groups and wires[groups[-1][-1]].type == wire.type:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


class _Group:
    """Columns of one type that stand side by side."""

    def __init__(self, wires: Sequence[Wire], places: Sequence[int]) -> None:
        self._places = tuple(places)
        self._type = wires[places[0]].type
        self._nan = any(wires[i].type == "double" and wires[i].is_nan for i in places)

    def lines(self, cells: Sequence[NDArray[Any]]) -> list[bytes]:
        """Give for each record the cells of these columns with commas between."""
        count = len(cells[0])
        flat = [cells[i].reshape(count, -1) for i in self._places]
        if flat[0].dtype.kind == "S":
            return _texts(flat[0], plain=self._type == "isotime")
        matrix = flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1)
        text = orjson.dumps(matrix, option=orjson.OPT_SERIALIZE_NUMPY)[2:-2]
        return (text.replace(b"null", b"NaN") if self._nan else text).split(b"],[")


def _texts(matrix: NDArray[Any], *, plain: bool) -> list[bytes]:
    """Write texts; plain: none of them can need quotes."""
    cells: list[bytes] = matrix.reshape(-1).tolist()
    if not plain and _QUOTED.search(b"\0".join(cells)):
        cells = [
            b'"' + cell.replace(b'"', b'""') + b'"' if _QUOTED.search(cell) else cell
            for cell in cells
        ]
    width = matrix.shape[1]
    if width == 1:
        return cells
    return [b",".join(cells[i : i + width]) for i in range(0, len(cells), width)]
