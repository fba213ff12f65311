"""Table: one block of equal-length columns; a stream of results is an iterator of them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_server.model.parameter import Parameter

Column = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that holds for a whole table (a PARAM of a VOTable)."""

    parameter: Parameter
    value: str | float | int | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What a whole table is: the same object in every block of a stream.

    rows: of all blocks together, None where nobody knows them yet.
    """

    parameters: tuple[Parameter, ...]
    name: str = ""
    description: str = ""
    constants: tuple[Constant, ...] = ()
    rows: int | None = None

    def index(self, name: str) -> int | None:
        """Give the position of the column of this name, None where there is none."""
        return next((i for i, p in enumerate(self.parameters) if p.name == name), None)


@dataclass(frozen=True, slots=True)
class Table:
    """One block of a table.

    columns: one array for each of `header.parameters`, all of the same length along axis 0.
    notes: (name, value) pairs that became known with this block, such as counts per status;
    writers put them where their format has a place for remarks.
    """

    header: Header
    columns: tuple[Column, ...]
    notes: tuple[tuple[str, str], ...] = field(default=())

    def __post_init__(self) -> None:
        lengths = {len(column) for column in self.columns}
        if len(self.columns) != len(self.header.parameters) or len(lengths) > 1:
            raise ValueError(
                f"{len(self.header.parameters)} parameters, columns of lengths {sorted(lengths)}"
            )

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def column(self, name: str) -> Column:
        """Give the column of this name; raises KeyError where there is none."""
        position = self.header.index(name)
        if position is None:
            raise KeyError(name)
        return self.columns[position]


def concatenate(blocks: list[Table]) -> Table:
    """Join the blocks of one stream into a single table."""
    if len(blocks) == 1:
        return blocks[0]
    columns = tuple(
        np.concatenate([block.columns[i] for block in blocks])
        for i in range(len(blocks[0].header.parameters))
    )
    notes = tuple(note for block in blocks for note in block.notes)
    return Table(blocks[0].header, columns, notes)
