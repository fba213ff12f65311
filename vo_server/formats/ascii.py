"""ASCII: cells parted by blanks below a comment line of column names.

    # Time X Y Z Density
    # units: - km km km cm-3
    # name: Mars_RunB
    # frame: MSO
    2005-01-01T00:00:00.000Z -4061.77 -3891.32 4537.05 nan
    # points ok: 1

`numpy.loadtxt` reads it when all columns are numbers, `numpy.genfromtxt(names=True)` with the
names. Reading also takes the plain style of other nodes, `#x y z B`, which tells no units. The
names are the last comment line before the rows that has a word for each column. A missing number
is `nan`, missing text `-`; logicals are 1 and 0. Blanks and `#` within text and names become `_`,
blanks within units `.`. Array columns become one column an element, complex ones two. Where
components of vectors tell their frame, a line `# frames: - - GSM` has a word for each column.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from vo_server.budget import Budget
from vo_server.errors import BadTable
from vo_server.formats import comments, untyped
from vo_server.formats.rows import Spelling, batches, begun, gathered, text
from vo_server.formats.scalars import flat_header, flat_table
from vo_server.formats.source import lines, text_of
from vo_server.model.table import Table

_BREAKING = re.compile(r"[\s#]+")
_WORDS = re.compile(r"(?:units|frames)\s*:", re.IGNORECASE)
_NO_NAMES = "the table has no line of column names; begin it with '# X Y Z' and '# units: km km km'"


def words(cells: Sequence[str]) -> list[str]:
    """Give text cells as single words."""
    return [_BREAKING.sub("_", cell) or "-" for cell in cells]


_SPELLING = Spelling(
    separator=" ",
    within=" ",
    nan="nan",
    infinite=("inf", "-inf"),
    null="nan",
    logical={True: "1", False: "0", None: "nan"},
    text=words,
)


class AsciiFormat:
    """Numbers and words in columns."""

    name = "ascii"
    extensions = ("txt", "dat", "asc")
    media_type = "text/plain"

    def write(self, tables: Iterable[Table]) -> Iterator[bytes]:
        """Write a stream of blocks; raises ValueError where there is none."""
        yield from gathered(_texts(tables))

    def read(self, stream: BinaryIO, budget: Budget) -> Iterator[Table]:
        """Read blocks of int64, float64 and text columns.

        Raises BadTable naming the line, TooMuch beyond the budget's bytes, points or seconds.
        """
        yield from untyped.tables(_Document(text_of(stream, budget, "ASCII")), budget)


def _texts(tables: Iterable[Table]) -> Iterator[str | bytes]:
    first, blocks = begun(tables)
    header = flat_header(first)
    yield f"# {' '.join(_names([p.name for p in header.parameters]))}\n"
    yield f"# units: {' '.join(_unit(p.unit) for p in header.parameters)}\n"
    frames = [_unit(p.frame) for p in header.parameters]
    if set(frames) != {"-"}:
        yield f"# frames: {' '.join(frames)}\n"
    yield from comments.describe(header)
    notes: list[comments.Note] = []
    for table in blocks:
        notes += table.notes
        for part in batches(flat_table(table, header)):
            yield text(part, _SPELLING) + b"\n"
    yield "".join(comments.comment(key, value) for key, value in notes)


def _names(names: Sequence[str]) -> list[str]:
    """Give column names as words that no reader takes for a `key: value` remark."""
    return [name.replace(":", "_") for name in words(names)]


def _unit(unit: str | None) -> str:
    return ".".join(unit.split()).replace("#", "_") if unit and unit.strip() else "-"


def _told(key: str, said: Sequence[comments.Note], count: int) -> list[str | None]:
    """Give what a comment line tells of each column, None where it is `-` or not there."""
    words = next((value.split() for name, value in said if name.lower() == key), ["-"] * count)
    if len(words) != count:
        raise BadTable(f"the table has {count} columns, but {len(words)} {key}")
    return [None if word == "-" else word for word in words]


class _Document:
    """The text of an ASCII table."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._after: list[str] = []

    def layout(self) -> untyped.Layout:
        """Read the comments before the rows: names, units and the rest."""
        before, width = self._before()
        statements = [comments.statement(line) for line in before]
        candidates = [
            i
            for i, (line, said) in enumerate(zip(before, statements, strict=True))
            if said is None and width in (None, len(line.split()))
        ]
        names = before.pop(candidates[-1]).split() if candidates else []
        if not names:
            raise BadTable(_NO_NAMES)
        said = [s for s in statements if s is not None]
        told = comments.remarks([line for line in before if not _WORDS.match(line)])
        return untyped.Layout(
            names,
            _told("units", said, len(names)),
            told.name,
            told.description,
            told.constants,
            _told("frames", said, len(names)),
        )

    def _before(self) -> tuple[list[str], int | None]:
        """Give the comments before the first row, and its number of cells."""
        before: list[str] = []
        for _, line in lines(self._data):
            if line.lstrip().startswith("#"):
                comments.keep(before, line.lstrip()[1:].strip())
            elif cells := line.split():
                return before, len(cells)
        return before, None

    def rows(self) -> Iterator[untyped.Row]:
        """Give the rows."""
        self._after = []
        begun = False
        for number, line in lines(self._data):
            if line.lstrip().startswith("#"):
                if begun:
                    comments.keep(self._after, line.lstrip()[1:])
            elif cells := line.split():
                begun = True
                yield number, cells

    def notes(self) -> tuple[comments.Note, ...]:
        """Give the comments after the first row."""
        return tuple(filter(None, map(comments.statement, self._after)))
