"""CSV: one header line, RFC 4180 quoting, remarks in comment lines.

    # name: Mars_RunB
    # description: Coordinate system: MSO
    # frame: MSO
    Time,X [km],Y [km],Z [km],Density [cm-3]
    2005-01-01T00:00:00.000Z,-4061.77,-3891.32,4537.05,nan
    # points ok: 1

Comment lines stand before the header line and after the last row: remarks and constants before,
notes after. A unit stands in brackets behind its name. A missing integer, logical or text is an
empty cell, a missing float `nan`. Array columns become one column an element, complex ones two.
Reading finds the narrowest type of each column: integer, float, true/false, text. Text that a
spreadsheet would take for a formula (`=`, `+`, `-`, `@` first) is written as it is: the file is
data for programs, and changing it would break what it says.
"""

import csv
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from vo_server.budget import Budget
from vo_server.errors import BadTable
from vo_server.formats import comments, untyped
from vo_server.formats.rows import Spelling, batches, begun, gathered, text
from vo_server.formats.scalars import flat_header, flat_table
from vo_server.formats.source import MAX_LINE, lines, text_of
from vo_server.model.table import Table


def quote(cells: list[str]) -> list[str]:
    """Quote cells where RFC 4180 or a comment sign needs it."""
    return [_quoted(cell) for cell in cells]


def _quoted(cell: str) -> str:
    plain = not any(sign in cell for sign in ',"\r\n') and not cell.startswith("#")
    return cell if plain and cell == cell.strip() else '"' + cell.replace('"', '""') + '"'


_SPELLING = Spelling(
    separator=",",
    within=" ",
    nan="nan",
    infinite=("inf", "-inf"),
    null="",
    logical={True: "true", False: "false", None: ""},
    text=quote,
)


class CsvFormat:
    """Comma-separated values."""

    name = "csv"
    extensions = ("csv",)
    media_type = "text/csv"

    def write(self, tables: Iterable[Table]) -> Iterator[bytes]:
        """Write a stream of blocks; raises ValueError where there is none."""
        yield from gathered(_texts(tables))

    def read(self, stream: BinaryIO, budget: Budget) -> Iterator[Table]:
        """Read blocks of int64, float64, logical and text columns.

        Raises BadTable naming the line, TooMuch beyond the budget's bytes, points or seconds.
        """
        yield from untyped.tables(_Document(text_of(stream, budget, "CSV")), budget)


def _texts(tables: Iterable[Table]) -> Iterator[str | bytes]:
    first, blocks = begun(tables)
    header = flat_header(first)
    yield from comments.describe(header)
    yield ",".join(quote([comments.bracketed(p) for p in header.parameters])) + "\n"
    notes: list[comments.Note] = []
    for table in blocks:
        notes += table.notes
        for part in batches(flat_table(table, header)):
            # The empty cell of a lone column would be a blank line, which means nothing.
            yield text(part, _SPELLING, blank='""') + b"\n"
    yield "".join(comments.comment(key, value) for key, value in notes)


class _Document:
    """The text of a CSV file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._before: list[str] = []
        self._after: list[str] = []
        self._line = 0
        self._length = 0  # characters of the record that is being read

    def layout(self) -> untyped.Layout:
        """Read the header line and the comments before it."""
        _, header = next(self._records(), (0, None))
        if header is None:
            raise BadTable("the table has no header line of column names, such as 'X [km],Y [km]'")
        pairs = [comments.name_and_unit(cell) for cell in header]
        told = comments.remarks(self._before)
        return untyped.Layout(
            [name or f"col{i}" for i, (name, _) in enumerate(pairs, 1)],
            [unit for _, unit in pairs],
            told.name,
            told.description,
            told.constants,
        )

    def rows(self) -> Iterator[untyped.Row]:
        """Give the rows below the header line."""
        records = self._records()
        next(records)
        return records

    def notes(self) -> tuple[comments.Note, ...]:
        """Give the comments after the header line."""
        return tuple(filter(None, map(comments.statement, self._after)))

    def _records(self) -> Iterator[untyped.Row]:
        self._before, self._after, self._line = [], [], 0
        try:
            for cells in csv.reader(self._lines(), strict=True):
                self._length = 0
                if cells:
                    yield self._line, cells
        except csv.Error as err:
            raise BadTable(f"line {self._line}: this is no row of CSV ({err})") from err

    def _lines(self) -> Iterator[str]:
        """Give the lines that are no comments; a line within quotes is none."""
        quoted = begun = False
        for number, line in lines(self._data):
            self._line = number
            if not quoted and line.startswith("#"):
                comments.keep(self._after if begun else self._before, line[1:])
                continue
            begun = begun or not line.isspace()
            quoted ^= line.count('"') % 2 == 1
            self._length += len(line)
            if self._length > MAX_LINE:
                raise BadTable(f"line {self._line}: the row has more than 1 MB")
            yield line
