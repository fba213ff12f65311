"""BINARY and BINARY2: rows of bytes in base64, as columns."""

import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadTable, excerpt
from vo_server.formats.cells import objects
from vo_server.model.parameter import TEXT
from vo_server.model.table import Column
from votable.field import Field
from votable.tabledata import MAX_TEXT

# Type of one element where it is not a byte; then the size and encoding of a character.
_ELEMENTS = {
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "float": ">f4",
    "double": ">f8",
    "floatComplex": ">c8",
    "doubleComplex": ">c16",
}
CHARACTERS = {"char": (1, "utf-8"), "unicodeChar": (2, "utf-16-be")}
_LOGICALS: dict[int, bool | None] = {
    **dict.fromkeys(b"tT1", True),
    **dict.fromkeys(b"fF0", False),
    **dict.fromkeys(b"? \0", None),
}


@dataclass(frozen=True, slots=True)
class _Segment:
    """Neighbouring fields of a fixed size, or one field of variable length.

    dtype: of the fixed fields together; unit: bytes of an element of variable length, else 0.
    """

    fields: tuple[int, ...]
    dtype: np.dtype[np.void]
    unit: int


def element(datatype: str) -> np.dtype[np.generic]:
    """Give the type of one element of a cell, as it lies in the file."""
    return np.dtype(_ELEMENTS.get(datatype, "u1"))


class BinaryData:
    """Takes base64 text in pieces and gives columns."""

    def __init__(self, fields: Sequence[Field], *, masked: bool, nulls: bool = False) -> None:
        """Take rows of these fields.

        masked: each row begins with its null flags (BINARY2); nulls: columns are masked arrays.
        """
        self._fields = fields
        self._nulls = nulls
        self._segments = _segments(fields, masked=masked)
        self._parts: list[list[bytes]] = [[] for _ in self._segments]
        self._text = ""  # fewer than four letters of base64
        self._ended = False
        self._bytes = bytearray()  # the row that is not whole yet
        self._first = 1
        self.rows = 0

    def feed(self, text: str) -> None:
        """Take the next piece of text; raises BadTable where it is no base64."""
        letters = self._text + "".join(text.split())
        usable = len(letters) // 4 * 4
        self._text = letters[usable:]
        if self._ended and letters:
            raise BadTable("the base64 text goes on behind its end")
        try:
            self._bytes += binascii.a2b_base64(letters[:usable], strict_mode=True)
        except ValueError as err:
            raise BadTable("the STREAM is no base64 text") from err
        self._ended = letters[:usable].endswith("=")
        if len(self._segments) == 1 and not self._segments[0].unit:
            self._take_rows()
        else:
            self._walk_rows()

    def finish(self) -> None:
        """Raise BadTable where the text ended within a row."""
        if self._text or self._bytes:
            raise BadTable(f"the STREAM ends within row {self._first + self.rows}")

    def take(self) -> tuple[Column, ...]:
        """Give the whole rows that wait as columns; raises BadTable naming row and column."""
        rows, self.rows = self.rows, 0
        parts, self._parts = self._parts, [[] for _ in self._segments]
        missing: NDArray[np.bool_] | None = None
        columns: dict[int, Column] = {}
        for segment, pieces in zip(self._segments, parts, strict=True):
            if segment.unit:
                index = segment.fields[0]
                columns[index] = self._variable(index, pieces, _of(missing, index))
                continue
            records = np.frombuffer(b"".join(pieces), segment.dtype, rows)
            if "flags" in (segment.dtype.names or ()):
                missing = np.unpackbits(records["flags"], axis=1).astype(bool)
            for index in segment.fields:
                field, raw = self._fields[index], records[f"f{index}"]
                columns[index] = self._convert(field, raw, _of(missing, index))
        if self._nulls:
            for index, column in columns.items():
                columns[index] = _masked(self._fields[index], column, _of(missing, index))
        self._first += rows
        return tuple(columns[index] for index in range(len(self._fields)))

    def _take_rows(self) -> None:
        """Move the whole rows out of the bytes at hand, where all rows are of one size."""
        size = self._segments[0].dtype.itemsize
        rows = len(self._bytes) // size
        if rows:
            self._parts[0].append(bytes(self._bytes[: rows * size]))
            del self._bytes[: rows * size]
            self.rows += rows

    def _walk_rows(self) -> None:
        """Move the whole rows out of the bytes at hand, row by row."""
        done = 0
        with memoryview(self._bytes) as data:
            while bounds := self._bounds(data, done):
                for part, (start, stop) in zip(self._parts, bounds, strict=True):
                    part.append(bytes(data[start:stop]))
                done = bounds[-1][1]
                self.rows += 1
        del self._bytes[:done]

    def _bounds(self, data: memoryview, place: int) -> list[tuple[int, int]]:
        """Give where the segments of the row at a place lie, none where it is not whole."""
        bounds = []
        for segment in self._segments:
            size = segment.dtype.itemsize
            if segment.unit:
                size = int.from_bytes(data[place : place + 4], "big") * segment.unit
                if len(data) < place + 4:
                    return []
                if size > MAX_TEXT:
                    raise BadTable(f"row {self._first + self.rows} has a cell of more than 1 MB")
                place += 4
            if len(data) < place + size:
                return []
            bounds.append((place, place + size))
            place += size
        return bounds

    def _convert(
        self, field: Field, raw: NDArray[np.generic], missing: NDArray[np.bool_] | None
    ) -> Column:
        parameter = field.parameter
        if parameter.dtype == TEXT:
            return _text(field, raw.tolist(), missing)
        if parameter.dtype.kind == "b":
            return self._logicals(field, raw.reshape(len(raw), -1), missing)
        values = raw.astype(parameter.dtype).reshape(len(raw), *parameter.shape)
        gap = parameter.null if parameter.dtype.kind in "iu" else np.nan
        if field.fill is not None:
            values[values == field.fill] = np.nan
        if missing is not None and missing.any():
            values[missing] = gap
        return values

    def _variable(
        self, index: int, cells: Sequence[bytes], missing: NDArray[np.bool_] | None
    ) -> Column:
        """Give text, or arrays as objects."""
        field = self._fields[index]
        if not field.varies:
            return _text(field, cells, missing)
        column = np.empty(len(cells), TEXT)
        for row, cell in enumerate(cells):
            raw = np.frombuffer(cell, element(field.datatype))
            if len(raw) % field.inner:
                name = excerpt(field.parameter.name)
                raise BadTable(f"row {self._first + row}, column {name}: the array is not whole")
            whole = replace(
                field, parameter=replace(field.parameter, shape=field.parameter.shape[1:])
            )
            column[row] = self._convert(whole, raw.reshape(-1, field.inner), None)
        return column

    def _logicals(
        self, field: Field, raw: NDArray[np.generic], missing: NDArray[np.bool_] | None
    ) -> Column:
        """Give True, False and None for bytes of a boolean, or packed bits."""
        if field.datatype == "bit" and field.length == 1:
            # The standard's bit is the first of the byte; astropy writes another one.
            column = objects([bool(code) for code in raw.reshape(-1).tolist()])
        elif field.datatype == "bit":
            bits = np.unpackbits(raw.astype(np.uint8), axis=1)[:, : field.length]
            column = objects([bool(bit) for bit in bits.reshape(-1).tolist()])
        else:
            codes = raw.reshape(-1).tolist()
            for index, code in enumerate(codes):
                if code not in _LOGICALS:
                    row = self._first + index // (field.length or 1)
                    name = excerpt(field.parameter.name)
                    raise BadTable(f"row {row}, column {name}: byte {code} is no boolean")
            column = objects([_LOGICALS[code] for code in codes])
        column = column.reshape(len(raw), *field.parameter.shape)
        if missing is not None:
            column[missing] = None
        return column


def _of(missing: NDArray[np.bool_] | None, index: int) -> NDArray[np.bool_] | None:
    return None if missing is None else missing[:, index]


def _segments(fields: Sequence[Field], *, masked: bool) -> list[_Segment]:
    """Group the fields of a row; null flags come first, in a segment of their own if need be."""
    found: list[_Segment] = []
    flags = [("flags", "u1", ((len(fields) + 7) // 8,))] if masked else []
    for varies, group in groupby(range(len(fields)), key=lambda i: fields[i].length is None):
        indices = tuple(group)
        if not varies:
            members = [(f"f{i}", _raw(fields[i])) for i in indices]
            found.append(_Segment(indices, np.dtype([*flags, *members]), 0))
        else:
            if flags:
                found.append(_Segment((), np.dtype(flags), 0))
            units = [_unit(fields[i]) for i in indices]
            empty: np.dtype[np.void] = np.dtype([])
            found += [_Segment((i,), empty, u) for i, u in zip(indices, units, strict=True)]
        flags = []
    return found


def _unit(field: Field) -> int:
    """Give the bytes of an element, by which the length of a cell is counted.

    So do the standard and STILTS; astropy counts groups of the fixed axes instead.
    """
    if field.datatype in CHARACTERS:
        return CHARACTERS[field.datatype][0]
    return element(field.datatype).itemsize


def _masked(field: Field, column: Column, missing: NDArray[np.bool_] | None) -> Column:
    """Mask the cells that are null: those flagged, and what VALUES declares."""
    mask = np.zeros(column.shape, bool)
    if missing is not None:
        mask[missing] = True
    if field.parameter.null is not None and not field.varies and missing is None:
        mask |= column == field.parameter.null
    if field.parameter.dtype.kind == "b" and not field.varies:
        mask |= np.array([cell is None for cell in column.reshape(-1)], bool).reshape(mask.shape)
    return np.ma.masked_array(column, mask)


def _raw(field: Field) -> np.dtype[np.generic]:
    """Give the type of a cell of fixed size."""
    length = field.length or 1
    if field.datatype in CHARACTERS:
        return np.dtype(f"V{length * CHARACTERS[field.datatype][0]}")
    if field.datatype == "bit":
        return np.dtype(f"({(length + 7) // 8},)u1")
    one = element(field.datatype)
    return np.dtype((one, (length,))) if field.parameter.shape else one


def _text(field: Field, cells: Sequence[bytes], missing: NDArray[np.bool_] | None) -> Column:
    """Give text, each cell up to its first NUL."""
    encoding = CHARACTERS[field.datatype][1]
    column = objects([cell.decode(encoding, "replace").partition("\0")[0] for cell in cells])
    if missing is not None:
        column[missing] = ""
    return column
