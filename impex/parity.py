"""Parity: what a service of old did otherwise, for clients that count on it; never the default."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from vo_server.model.request import Join, Method
from vo_server.model.table import Table


@dataclass(frozen=True, slots=True)
class Parity:
    """How one dialect answers.

    outside: what stands for a value that there is not; linear: the method behind Linear;
    votable: version of the results; snapshots: how they are joined, None for what is like the
    method.
    """

    outside: float = math.nan
    linear: Method = "linear"
    votable: str = "1.4"
    snapshots: Join | None = None

    def filled(self, tables: Iterable[Table], width: int) -> Iterator[Table]:
        """Put `outside` in place of NaN in all columns of numbers behind the first `width`."""
        if math.isnan(self.outside):
            yield from tables
            return
        for table in tables:
            columns = (
                np.where(np.isnan(column), self.outside, column)
                if i >= width and column.dtype.kind == "f"
                else column
                for i, column in enumerate(table.columns)
            )
            yield Table(table.header, tuple(columns), table.notes)
