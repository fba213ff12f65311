"""Document: the rows of a document of records that somebody else wrote."""

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from spase.read import records
from spase.record import Record
from spase.rows import row
from vo_server.budget import Budget
from vo_server.check import Finding
from vo_server.errors import BadArgument
from vo_server.harvester import Haul
from vo_server.row import Row

_WHOLE = "NCName"  # in findings about ids that are none in XML, with which nothing is lost


def rows(stream: BinaryIO, haul: Haul, budget: Budget) -> Iterator[Row]:
    """Give the row of each record; what cannot be one document any more makes a haul incomplete.

    Raises BadArgument where the document is none of records, or has none, so that what was
    harvested before stays.
    """
    count = 0
    for found in records(stream, budget):
        budget.spend()
        if isinstance(found, Finding):
            if found.rule in ("root", "empty"):
                raise BadArgument(
                    f"this is no document of records: {found.message}", argument="url"
                )
            if found.rule == "xml" and _WHOLE not in found.message:
                haul.complete = False
            continue
        if found.id:
            count += 1
            yield row(found, haul.source, None)
    if not count:
        raise BadArgument("this document has no record", argument="url")


def only(content: bytes, source: str, budget: Budget) -> Row | None:
    """Give the row of a document with one record and its own bytes; None where it has none."""
    found = [each for each in records(BytesIO(content), budget) if isinstance(each, Record)]
    named = [each for each in found if each.id]
    if not named:
        return None
    return row(named[0], source, content if len(found) == 1 else None)
