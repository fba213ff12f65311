"""Tables of text whose columns declare no type: read twice, to find types and then to convert."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice
from typing import Protocol

import numpy as np

from vo_server.budget import Budget
from vo_server.errors import BadTable
from vo_server.formats.cells import NotANumber, integers, objects, reals
from vo_server.formats.source import ROWS, check_columns, check_rows, check_size
from vo_server.model.parameter import Parameter
from vo_server.model.table import Column, Constant, Header, Table

Row = tuple[int, Sequence[str]]  # line number and cells

# Stands for a missing integer.
_NULL = int(np.iinfo(np.int64).min)
_LOGICALS: dict[str, bool | None] = {"true": True, "false": False, "": None}


class Kind(Enum):
    """What the cells of a column can be read as, the narrowest first."""

    INTEGER = np.dtype(np.int64)
    REAL = np.dtype(np.float64)
    LOGICAL = np.dtype(np.bool_)
    TEXT = np.dtype(object)


@dataclass(frozen=True, slots=True)
class Layout:
    """What is known of a table before its rows: names, units, and the remarks around it.

    frames: of the columns, empty where none tells its own.
    """

    names: Sequence[str]
    units: Sequence[str | None]
    name: str = ""
    description: str = ""
    constants: tuple[Constant, ...] = ()
    frames: Sequence[str | None] = ()


class Document(Protocol):
    """A text that can be gone through as often as needed."""

    def layout(self) -> Layout:
        """Read what comes before the rows; raises BadTable where it names no columns."""
        ...

    def rows(self) -> Iterator[Row]:
        """Start the rows anew."""
        ...

    def notes(self) -> tuple[tuple[str, str], ...]:
        """Give what was noted after the first row, once the rows were gone through."""
        ...


def tables(document: Document, budget: Budget) -> Iterator[Table]:
    """Give the blocks of a table: columns of int64, float64, bool (as objects) or text.

    Raises BadTable for a row of another length, TooMuch over the budget's points.
    """
    layout = document.layout()
    check_columns(len(layout.names))
    columns = [_Narrowing() for _ in layout.names]
    count = 0
    for block in _blocks(document.rows(), len(columns)):
        budget.spend()
        count += len(block[0])
        check_rows(count, budget)
        check_size(count, 8 * len(columns), budget)
        for narrowing, cells in zip(columns, block, strict=True):
            narrowing.see(cells)
    header = Header(
        tuple(
            replace(narrowing.parameter(name, unit), frame=frame)
            for narrowing, name, unit, frame in zip(
                columns,
                layout.names,
                layout.units,
                layout.frames or [None] * len(columns),
                strict=True,
            )
        ),
        layout.name,
        layout.description,
        layout.constants,
    )
    kinds = [narrowing.kind for narrowing in columns]
    done = 0
    for block in _blocks(document.rows(), len(columns)):
        budget.spend()
        done += len(block[0])
        converted = tuple(_column(kind, c) for kind, c in zip(kinds, block, strict=True))
        yield Table(header, converted, document.notes() if done == count else ())
    if not count:
        yield Table(header, tuple(np.empty(0, kind.value) for kind in kinds), document.notes())


def _blocks(rows: Iterator[Row], width: int) -> Iterator[list[tuple[str, ...]]]:
    """Give blocks of rows as columns of cells; raises BadTable for a row of another length."""
    while block := list(islice(rows, ROWS)):
        for line, cells in block:
            if len(cells) != width:
                raise BadTable(
                    f"line {line}: the row has {len(cells)} cells, the table {width} columns"
                )
        yield list(zip(*(cells for _, cells in block), strict=True))


class _Narrowing:
    """Finds the narrowest kind of a column whose cells come in several parts."""

    def __init__(self) -> None:
        self._possible = [Kind.INTEGER, Kind.REAL, Kind.LOGICAL]
        self._gaps = False
        self._filled = False

    def see(self, cells: Sequence[str]) -> None:
        """Take more cells into account."""
        self._gaps = self._gaps or "" in cells
        self._filled = self._filled or any(cells)
        self._possible = [kind for kind in self._possible if _fits(kind, cells)]

    @property
    def kind(self) -> Kind:
        """The narrowest kind that holds every cell seen; text where all are blank."""
        return self._possible[0] if self._possible and self._filled else Kind.TEXT

    def parameter(self, name: str, unit: str | None) -> Parameter:
        """Describe the column."""
        null = _NULL if self._gaps and self.kind is Kind.INTEGER else None
        return Parameter(name, self.kind.value, unit, null=null)


def _fits(kind: Kind, cells: Sequence[str]) -> bool:
    if kind is Kind.LOGICAL:
        return all(cell.lower() in _LOGICALS for cell in cells)
    try:
        _column(kind, cells)
    except NotANumber:
        return False
    return True


def _column(kind: Kind, cells: Sequence[str]) -> Column:
    if kind is Kind.INTEGER:
        return integers(cells, _NULL)
    if kind is Kind.REAL:
        return reals(cells)
    if kind is Kind.LOGICAL:
        return objects([_LOGICALS[cell.lower()] for cell in cells])
    return objects(cells)
