"""Plain rows of TABLEDATA: a cell for each field, of ASCII and without markup but the bare tags."""

import re
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_server.formats import engine
from vo_server.formats.cells import objects
from vo_server.model.table import Column
from votable.field import DTYPES, Field

# Blanks between tags, and printable ASCII but & < >. No repeat gives back what it took: no byte is
# gone through twice.
_BLANKS = r"[ \t\r\n]*+"
_TEXT = r"[\t\n -%'-;=?-~]{0,65536}+"
_MUCH = 1_024  # bytes of rows that are worth a call of the kernel


def pattern(row: str, cell: str, width: int) -> re.Pattern[bytes]:
    """Give the pattern of any number of plain rows; of none where names are not ASCII."""
    row, cell = re.escape(row), re.escape(cell)
    cells = f"(?:<{cell}>{_TEXT}</{cell}>{_BLANKS}){{{width}}}"
    rows = f"(?:{_BLANKS}<{row}>{_BLANKS}{cells}</{row}>)*"
    return re.compile(rows.encode() if rows.isascii() else b"")


def floats(field: Field, values: NDArray[np.float64]) -> NDArray[np.generic]:
    """Give numbers as the type of a field, NaN where they are its fill, in the given array too."""
    if field.fill is not None:
        values[values == field.fill] = np.nan
    with np.errstate(over="ignore"):
        return values.astype(field.parameter.dtype)


class PlainRows:
    """Takes plain rows by a compiled kernel, and gives columns."""

    def __init__(
        self, parse: ModuleType, fields: Sequence[Field], row: str, cell: str, *, nulls: bool
    ) -> None:
        """Take rows of these fields, see `plain_rows`; parse: `vo_server.formats.kernels.parse`."""
        self._parse = parse
        self._fields = fields
        self._nulls = nulls
        tags = [f"<{row}>", f"<{cell}>", f"</{cell}>", f"</{row}>"]
        self._tags = _words(tags)
        self._sizes = np.array([len(tag) for tag in tags])
        self._least = sum(map(len, tags[::3])) + len(fields) * sum(map(len, tags[1:3]))
        kinds = {"O": parse.TEXT, "f": parse.REAL, "i": parse.INTEGER, "u": parse.INTEGER}
        self._kinds = np.array([kinds[field.parameter.dtype.kind] for field in fields])
        self._limits = np.array([_limits(field) for field in fields])
        self._idle = self._pause = 0  # calls to take nothing that are to come, that there were last
        self._numbers: list[NDArray[np.uint64]] = []
        self._blanks: list[NDArray[np.bool_]] = []
        self._texts: list[str] = []

    def take(self, document: bytes, start: int) -> tuple[int, int]:
        """Take rows from a place between rows; gives their number and where they end.

        That is before the first row that is not plain or has a cell that the kernel leaves. Where
        there is little to take, more and more calls take nothing: it costs less to leave that.
        """
        if self._idle:
            self._idle -= 1
            return 0, start
        parse = self._parse
        size = len(document) - start
        shape = len(self._fields), size // self._least
        numbers, blanks = np.empty(shape, np.uint64), np.empty(shape, np.bool_)
        texts = np.empty(size, np.uint8)
        count, end, length = parse.rows(
            np.frombuffer(document, np.uint8), start, self._tags, self._sizes, self._kinds,
            self._limits, parse.POWERS, numbers, blanks, texts,
        )  # fmt: skip
        self._idle = self._pause = 0 if end - start > _MUCH else min(2 * self._pause + 1, 63)
        if count:
            self._numbers.append(numbers[:, :count].copy())
            self._blanks.append(blanks[:, :count].copy())
            self._texts += texts[:length].tobytes().decode("ascii").split("<")[:-1]
        return count, end

    def columns(self) -> list[Column]:
        """Give the rows that were taken as columns, once."""
        numbers, blanks = np.concatenate(self._numbers, 1), np.concatenate(self._blanks, 1)
        texts = np.flatnonzero(self._kinds == self._parse.TEXT)
        columns: list[Column] = []
        for index, field in enumerate(self._fields):
            if self._kinds[index] == self._parse.TEXT:
                own = self._texts[np.searchsorted(texts, index) :: len(texts)]
                columns.append(self._masked(objects(own), np.zeros(len(own), bool)))
            else:
                columns.append(self._number(field, numbers[index], blanks[index]))
        self._numbers, self._blanks, self._texts = [], [], []
        return columns

    def _number(self, field: Field, bits: NDArray[np.uint64], null: NDArray[np.bool_]) -> Column:
        """Give a column of numbers; null: cells that are blank."""
        values: Any = bits.view(np.float64 if field.parameter.dtype.kind == "f" else np.int64)
        missing = field.fill if field.parameter.dtype.kind == "f" else field.parameter.null
        if self._nulls and missing is not None:
            null |= values == missing
        if field.parameter.dtype.kind == "f":
            return self._masked(floats(field, values), null)
        return self._masked(values.astype(field.parameter.dtype), null)

    def _masked(self, column: Column, null: NDArray[np.bool_]) -> Column:
        return np.ma.masked_array(column, null) if self._nulls else column


def plain_rows(fields: Sequence[Field], row: str, cell: str, *, nulls: bool) -> PlainRows | None:
    """Give what takes plain rows, None where they are for Python.

    row, cell: names of the elements; nulls: columns are masked arrays, null where a cell is blank.
    """
    kernels = engine.kernels()
    if kernels is None or not f"{row}{cell}".isascii():
        return None
    if any(field.parameter.shape or field.parameter.dtype.kind not in "Ofiu" for field in fields):
        return None
    return PlainRows(kernels.parse, fields, row, cell, nulls=nulls)


def _limits(field: Field) -> tuple[int, int, int]:
    """Give the least and the greatest integer of a field and its null."""
    if field.parameter.dtype.kind not in "iu":
        return 0, 0, 0
    limits, null = np.iinfo(DTYPES[field.datatype].str), field.parameter.null
    assert null is not None
    return int(limits.min), int(limits.max), int(null)


def _words(tags: Sequence[str]) -> NDArray[np.uint64]:
    """Give tags (n, k, 2) as words of eight bytes, and the bits of them that count."""
    size = -(-max(map(len, tags)) // 8) * 8
    rows = [
        [tag.encode().ljust(size, b"\0"), (b"\xff" * len(tag)).ljust(size, b"\0")] for tag in tags
    ]
    words = np.array([[np.frombuffer(side, "<u8") for side in row] for row in rows], np.uint64)
    return np.ascontiguousarray(words.transpose(0, 2, 1))
