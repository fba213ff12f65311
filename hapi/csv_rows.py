"""CSV records: times, numbers in their shortest exact spelling, text quoted where it must be.

Columns of one type that stand side by side are written together, and times with the numbers that
follow: tens of times faster than cell by cell. Every cell is spelled by itself, so a column reads
the same whatever else is asked for.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hapi.wire import Wire
from vo_server.formats.spelled import spelled

_NUMERIC = ("double", "integer")
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
        groups = self._groups
        if len(groups) == 1 and groups[0].is_numeric:
            return groups[0].text(cells) + b"\n"
        if len(groups) == 2 and groups[0].is_stamp and groups[1].is_numeric:
            return groups[1].text(cells, groups[0].stamps(cells)) + b"\n"
        parts = [group.lines(cells) for group in groups]
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
        if wire.type in _NUMERIC and groups and wires[groups[-1][-1]].type == wire.type:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


class _Group:
    """Columns of one type that stand side by side."""

    def __init__(self, wires: Sequence[Wire], places: Sequence[int]) -> None:
        first = wires[places[0]]
        self._places = tuple(places)
        self._type = first.type
        self.is_numeric = first.type in _NUMERIC
        self.is_stamp = first.type == "isotime" and first.fill is None  # all of one length

    def lines(self, cells: Sequence[NDArray[Any]]) -> list[bytes]:
        """Give for each record the cells of these columns with commas between."""
        if self.is_numeric:
            return self.text(cells).split(b"\n")
        return _texts(self._matrix(cells), plain=self._type == "isotime")

    def text(self, cells: Sequence[NDArray[Any]], lead: NDArray[np.uint8] | None = None) -> bytes:
        """Give the cells of columns of numbers as lines; lead (n, w): a cell before each."""
        matrix = self._matrix(cells)
        odd = [(np.isnan(matrix), b"NaN")] if self._type == "double" else ()
        return spelled(matrix, b",", b"\n", odd, lead)

    def stamps(self, cells: Sequence[NDArray[Any]]) -> NDArray[np.uint8]:
        """Give the one column of times as bytes (n, length)."""
        stamps = np.ascontiguousarray(cells[self._places[0]])
        return stamps.view(np.uint8).reshape(len(stamps), -1)

    def _matrix(self, cells: Sequence[NDArray[Any]]) -> NDArray[Any]:
        count = len(cells[0])
        flat = [cells[i].reshape(count, -1) for i in self._places]
        return flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1)


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
