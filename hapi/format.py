"""Format `hapi`: what a HAPI server answers to a data request, in CSV with its header in front.

A URL of such a request is asked for in that form, whatever form it names.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import BinaryIO
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import orjson

from hapi.remote import remote
from vo_server.budget import Budget
from vo_server.errors import BadArgument, BadTable, UpstreamFailed
from vo_server.formats.source import check_rows, whole
from vo_server.model.table import Table

_DATA = "/hapi/data"
_FORM = {"format": "csv", "include": "header"}
_LINES = 20_000  # records of a block
_MARK = b"#"


class HapiFormat:
    """Records of a HAPI server, to be read only."""

    name = "hapi"
    extensions = ()
    media_type = "application/x-hapi"

    def address(self, url: str) -> str:
        """Give the URL under which a data request is answered with its header, others as is."""
        parts = urlsplit(url)
        if not parts.path.endswith(_DATA):
            return url
        asked = [(n, v) for n, v in parse_qsl(parts.query, True) if n not in _FORM]
        query = urlencode([*asked, *_FORM.items()], safe="/:,", quote_via=quote)
        return urlunsplit(parts._replace(query=query))

    def write(self, tables: Iterable[Table]) -> Iterator[bytes]:
        """Refuse: records of HAPI are what the front of that name serves."""
        raise BadArgument("tables are not written as records of HAPI", argument="format")

    def read(self, stream: BinaryIO, budget: Budget) -> Iterator[Table]:
        """Read blocks of records; fills are NaN. Raises BadTable and TooMuch."""
        lines = whole(stream, budget).splitlines(keepends=True)
        header = list(itertools.takewhile(lambda line: line.startswith(_MARK), lines))
        records = lines[len(header) :]
        check_rows(len(records), budget)
        try:
            info = orjson.loads(b"".join(line[1:] for line in header))
            source = remote("", "", info, "", "data", "")
        except (ValueError, TypeError, AttributeError) as err:
            raise BadTable("the header of the HAPI records is no document of HAPI") from err
        except UpstreamFailed as err:
            raise BadTable(f"the header of the HAPI records cannot be read: {err.message}") from err
        try:
            for start in range(0, max(len(records), 1), _LINES):
                budget.spend()
                yield source.from_csv(b"".join(records[start : start + _LINES]))
        except UpstreamFailed as err:
            raise BadTable(f"the HAPI records cannot be read: {err.message}") from err
