"""TABLEDATA: rows of cells of text, as columns."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadTable, excerpt
from vo_server.formats.cells import NotANumber, integers, objects, reals
from vo_server.model.parameter import TEXT
from vo_server.model.table import Column
from votable.field import DTYPES, Field
from votable.plain import floats, pattern, plain_rows

MAX_TEXT = 1_048_576  # characters of one cell

Start = Callable[[str, dict[str, str]], None]
Leave = Callable[[str], None]
Between = Callable[[], bool]

_LOGICALS: dict[str, bool | None] = {
    **dict.fromkeys(("t", "true", "1"), True),
    **dict.fromkeys(("f", "false", "0"), False),
    **dict.fromkeys(("", "?"), None),
}


class TableData:
    """Takes plain rows at once and all others tag by tag, and gives columns.

    The handlers of tags run for every cell, so they do as little as they can.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        prefix: str,
        pieces: list[str],
        leave: Leave,
        *,
        nulls: bool = False,
    ) -> None:
        """Take rows of these fields.

        prefix: of element names, such as 'vot:'; pieces: where the parser puts text; leave: takes
        the end tag of TABLEDATA; nulls: columns are masked arrays, null where a cell is blank.
        """
        self._fields = fields
        self._nulls = nulls
        self._cells: list[str] = []
        self._whole = 0  # cells in whole rows
        self._rows = 0  # since the beginning
        self._compiled_rows: list[range] = []  # those that wait in `_compiled`, of all that wait
        self._compiled_count = 0
        self._pieces = pieces
        row, cell = f"{prefix}TR", f"{prefix}TD"
        self.start, self.end, self.between_rows = self._handlers(row, cell, leave)
        self._plain = pattern(row, cell, len(fields))
        self._compiled = plain_rows(fields, row, cell, nulls=nulls)
        self._cell = re.compile(f"<{re.escape(cell)}>([^<]*+)")

    @property
    def rows(self) -> int:
        """Whole rows that wait to be taken."""
        return self._whole // len(self._fields) + self._compiled_count

    def take_plain(self, document: bytes, start: int) -> int:
        """Take the plain rows at a place between rows, and give where they end."""
        if self._compiled is not None:
            count, start = self._compiled.take(document, start)
            if count:
                self._compiled_rows.append(range(self.rows, self.rows + count))
                self._compiled_count += count
                self._rows += count
        match = self._plain.match(document, start)
        assert match is not None
        self._cells += self._cell.findall(match[0].decode("ascii"))
        self._rows += (len(self._cells) - self._whole) // len(self._fields)
        self._whole = len(self._cells)
        return match.end()

    def check(self) -> None:
        """Raise BadTable where the row that is being read is too long already."""
        if len(self._cells) - self._whole > len(self._fields):
            self._raise_length()

    def take(self) -> tuple[Column, ...]:
        """Give the whole rows that wait as columns; raises BadTable naming row and column."""
        width = len(self._fields)
        cells = self._cells[: self._whole]
        own = np.ones(self.rows, bool)  # rows of cells, not of `_compiled`
        for rows in self._compiled_rows:
            own[rows.start : rows.stop] = False
        numbers = np.flatnonzero(own) + (self._rows - self.rows + 1)
        columns = []
        for index, field in enumerate(self._fields):
            column = _read(field, cells[index::width], numbers)
            columns.append(_masked(field, cells[index::width], column) if self._nulls else column)
        if self._compiled is not None and self._compiled_rows:
            others = self._compiled.columns()
            columns = [_merged(own, *pair) for pair in zip(columns, others, strict=True)]
        del self._cells[: self._whole]
        self._whole = self._compiled_count = 0
        self._compiled_rows.clear()
        return tuple(columns)

    def _handlers(self, row: str, cell: str, leave: Leave) -> tuple[Start, Leave, Between]:
        """Give the handlers of start and end tags, and what tells whether a row may begin."""
        pieces = self._pieces
        add, clear, join = self._cells.append, pieces.clear, "".join
        inside = ""

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal inside
            if inside == row and name == cell:
                if "encoding" in attributes:
                    raise BadTable("cells with an encoding of their own are not read")
                inside = cell
                clear()
            elif not inside and name == row:
                inside = row
            else:
                raise BadTable(f"element {excerpt(name)} has no place in TABLEDATA here")

        def end(name: str) -> None:
            nonlocal inside
            if inside == cell:
                text = pieces[0] if len(pieces) == 1 else join(pieces)
                if len(text) > MAX_TEXT:
                    raise BadTable("a cell has more than 1 MB")
                add(text)
                inside = row
            elif inside:
                self._end_row()
                inside = ""
            else:
                inside = "DATA"
                leave(name)

        return start, end, lambda: not inside

    def _end_row(self) -> None:
        if len(self._cells) - self._whole != len(self._fields):
            self._raise_length()
        self._whole = len(self._cells)
        self._rows += 1

    def _raise_length(self) -> None:
        count = len(self._cells) - self._whole
        raise BadTable(
            f"row {self._rows + 1} has {count} cells, but the table {len(self._fields)} FIELDs"
        )


def _read(field: Field, cells: list[str], numbers: NDArray[np.int64]) -> Column:
    """Read a column; numbers: of its rows."""
    try:
        return _column(field, cells)
    except NotANumber as err:
        raise BadTable(
            f"row {numbers[err.index]}, column {excerpt(field.parameter.name)}: "
            f"{excerpt(cells[err.index].strip())} is no {_what(field)}"
        ) from err


def _merged(own: NDArray[np.bool_], column: Column, other: Column) -> Column:
    """Put the rows of two columns together; own: those of the first."""
    merged = np.empty(len(own), column.dtype)
    merged[own], merged[~own] = np.ma.getdata(column), np.ma.getdata(other)
    if not isinstance(column, np.ma.MaskedArray):
        return merged
    mask = np.empty(len(own), bool)
    mask[own], mask[~own] = np.ma.getmaskarray(column), np.ma.getmaskarray(other)
    return np.ma.masked_array(merged, mask)


def _masked(field: Field, cells: list[str], column: Column) -> Column:
    """Mask the cells that are null: blank ones, but for text, and what VALUES declares."""
    if field.parameter.dtype == TEXT:
        return np.ma.masked_array(column, np.zeros(len(cells), bool))
    nulls = np.array([not cell or cell.isspace() for cell in cells], bool)
    mask = np.zeros(column.shape, bool)
    mask[nulls] = True
    if field.parameter.null is not None and not field.varies:
        mask |= column == field.parameter.null
    if field.fill is not None and field.length == 1:
        mask |= np.isnan(column) & np.array(["nan" not in cell.lower() for cell in cells], bool)
    if field.parameter.dtype.kind == "b":
        mask |= np.array([cell is None for cell in column.reshape(-1)], bool).reshape(mask.shape)
    return np.ma.masked_array(column, mask)


def _what(field: Field) -> str:
    if field.varies:
        return f"array of {field.datatype}"
    return f"array of {field.length} {field.datatype}" if field.length != 1 else field.datatype


def _column(field: Field, cells: list[str]) -> Column:
    """Read a column; raises NotANumber telling the cell."""
    kind = field.parameter.dtype.kind
    if field.parameter.dtype == TEXT:
        return objects(cells)
    if field.varies:
        return _arrays(field, cells)
    parts = (field.length or 1) * (2 if kind == "c" else 1)
    if kind == "b":
        return _logicals(field, cells, parts)
    words = cells if parts == 1 else _split(cells, parts)
    try:
        values = _integers(field, words) if kind in "iu" else _reals(field, words)
    except NotANumber as err:
        raise NotANumber(err.index // parts) from err
    return values.reshape(len(cells), *field.parameter.shape)


def _arrays(field: Field, cells: list[str]) -> Column:
    """Read arrays whose lengths differ, as objects."""
    kind, inner = field.parameter.dtype.kind, field.inner
    each = inner * (2 if kind == "c" else 1)
    split = [cell.split() for cell in cells]
    for index, found in enumerate(split):
        if len(found) % each:
            raise NotANumber(index)
    whole = replace(field, length=1, parameter=replace(field.parameter, shape=()))
    words = [word for found in split for word in found]
    ends = np.cumsum([len(found) for found in split])
    if kind == "c":
        words = [" ".join(pair) for pair in zip(words[::2], words[1::2], strict=True)]
        ends //= 2
    try:
        flat = _column(whole, words)
    except NotANumber as err:
        raise NotANumber(int(np.searchsorted(ends, err.index, "right"))) from err
    column = np.empty(len(cells), TEXT)
    for index, part in enumerate(np.split(flat, ends[:-1])):
        column[index] = part.reshape(-1, *field.parameter.shape[1:])
    return column


def _split(cells: list[str], parts: int) -> list[str]:
    """Give the words of array cells; a blank cell has blank words."""
    words: list[str] = []
    for index, cell in enumerate(cells):
        found = cell.split() or [""] * parts
        if len(found) != parts:
            raise NotANumber(index)
        words += found
    return words


def _reals(field: Field, words: list[str]) -> NDArray[np.generic]:
    values = reals(words)
    dtype = field.parameter.dtype
    if dtype.kind != "c":
        return floats(field, values)
    if field.fill is not None:
        values[values == field.fill] = np.nan
    return values.view(np.complex128).astype(dtype)


def _integers(field: Field, words: list[str]) -> NDArray[np.generic]:
    parameter = field.parameter
    null = 0 if parameter.null is None else parameter.null
    try:
        values = integers(words, null)
    except NotANumber:
        values = integers([_decimal(word) for word in words], null)
    limits = np.iinfo(DTYPES[field.datatype].str)
    outside = (values != null) & ((values < limits.min) | (values > limits.max))
    if outside.any():
        raise NotANumber(int(np.argmax(outside)))
    return values.astype(parameter.dtype)


def _decimal(word: str) -> str:
    """Give a hexadecimal number in decimal digits, anything else as it is."""
    try:
        return str(int(word, 16)) if word.strip()[:2].lower() == "0x" else word
    except ValueError:
        return word


def _logicals(field: Field, cells: list[str], parts: int) -> Column:
    if field.datatype == "bit":
        cells = [" ".join("".join(cell.split())) for cell in cells]
    words = [cell.strip() for cell in cells] if parts == 1 else _split(cells, parts)
    found: list[bool | None] = []
    for index, word in enumerate(words):
        if word.lower() not in _LOGICALS:
            raise NotANumber(index // parts)
        found.append(_LOGICALS[word.lower()])
    return objects(found).reshape(len(cells), *field.parameter.shape)
