"""Record format: a form in which records are given away, such as Dublin Core; a plug-in each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol, cast, runtime_checkable

from vo_server import plugins
from vo_server.row import Row

GROUP = "vo_server.record_formats"
# Lists that a row is found by, beyond its own: forms it can be given in, and its names in them.
PREFIX, IDENTIFIER = "metadataPrefix", "identifier"


class RecordFormat(Protocol):
    """A form of records, constructed with the node's `Context`; its entry point is its prefix.

    namespace: of the documents written; schema: URL of what they are valid against.
    """

    namespace: str
    schema: str

    def identifier(self, row: Row) -> str:
        """Give the name of a record in this form."""
        ...

    def write(self, row: Row) -> bytes | None:
        """Give a record as a document, None where it has no such form."""
        ...


@runtime_checkable
class RowSource(Protocol):
    """A form that tells of more than others know, such as of the registry itself.

    source: its name as a source of rows.
    """

    source: str

    def rows(self) -> Iterable[Row]:
        """Give its own rows as they are now."""
        ...


def record_formats(context: Any) -> dict[str, RecordFormat]:
    """Give every installed form by its prefix."""
    return {
        prefix: cast(RecordFormat, plugins.load(GROUP, prefix)(context))
        for prefix in plugins.installed(GROUP)
    }


def offered(rows: Iterable[Row], formats: Mapping[str, RecordFormat]) -> Iterator[Row]:
    """Give rows with the forms they can be given in, and their names there."""
    for row in rows:
        if row.deleted:
            yield row
            continue
        forms = {prefix: form for prefix, form in formats.items() if form.write(row) is not None}
        names = {form.identifier(row) for form in forms.values()} - {row.id}
        lists = {PREFIX: tuple(forms), IDENTIFIER: tuple(sorted(names))}
        yield replace(row, facets={**row.facets, **lists})
