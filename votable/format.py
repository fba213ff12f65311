"""The table format `votable`."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from vo_server.budget import Budget
from vo_server.model.table import Table
from votable import read, write


class VotableFormat:
    """VOTable documents: 1.4 out, 1.0 to 1.5 in."""

    name = "votable"
    extensions = ("vot", "votable", "vo", "xml")
    media_type = "application/x-votable+xml"

    def write(self, tables: Iterable[Table]) -> Iterator[bytes]:
        """Write a stream of blocks as one TABLE."""
        return write.write(tables)

    def read(self, stream: BinaryIO, budget: Budget) -> Iterator[Table]:
        """Read the one TABLE with data; see `votable.read.read`."""
        return read.read(stream, budget)
