"""Record format: a form in which records are given away, such as Dublin Core; a plug-in each."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol, cast, runtime_checkable

from vo_server import plugins
from vo_server.row import Row

GROUP = "vo_server.record_formats"
# Lists that a row is found by, beyond its own: forms it can be given in, its names in them, and
# the sets that it is in by them.
PREFIX, IDENTIFIER, SET = "metadataPrefix", "identifier", "set"


class RecordFormat(Protocol):
    """A form of records, constructed with the node's `Context`; its entry point is its prefix.

    namespace: of the documents written; schema: URL of what they are valid against; sets: by name,
    those of all records in this form, with what they are called; lasting: whether what is written
    follows from the row alone, so that it is kept with it.
    """

    namespace: str
    schema: str
    sets: Mapping[str, str]
    lasting: bool

    def identifier(self, row: Row) -> str:
        """Give the name of a record in this form."""
        ...

    def write(self, row: Row) -> bytes | None:
        """Give a record as a document in UTF-8, None where it has no such form.

        It has no XML declaration, as it stands inside others.
        """
        ...


@runtime_checkable
class RowSource(Protocol):
    """A form that tells of more than others know, such as of the registry itself.

    source: its name as a source of rows; about: id of the row that tells of the node's registry.
    """

    source: str
    about: str

    def rows(self) -> Iterable[Row]:
        """Give its own rows as they are now."""
        ...


def record_formats(context: Any) -> dict[str, RecordFormat]:
    """Give every installed form by its prefix."""
    return {
        prefix: cast(RecordFormat, plugins.load(GROUP, prefix)(context))
        for prefix in plugins.installed(GROUP)
    }


class Forms:
    """The forms that rows can be given in, added before they are kept; see `vo_server.records`.

    stamp: changes with the forms that last.
    """

    def __init__(self, formats: Mapping[str, RecordFormat]) -> None:
        self._formats = formats
        self.stamp = " ".join(sorted(prefix for prefix, form in formats.items() if form.lasting))

    def __call__(self, row: Row, kept: Mapping[str, bytes] | None) -> Row:
        """Give a row with its forms and its names there; kept: those that last, where known."""
        forms = {}
        for prefix, form in self._formats.items():
            content = kept.get(prefix) if kept is not None and form.lasting else form.write(row)
            if content is not None:
                forms[prefix] = content
        offered = {prefix: self._formats[prefix] for prefix in forms}
        names = {form.identifier(row) for form in offered.values()} - {row.id}
        sets = {name for form in offered.values() for name in form.sets}
        lists = {
            PREFIX: tuple(forms),
            IDENTIFIER: tuple(sorted(names)),
            SET: tuple(sorted(sets)),
        }
        lasting = {prefix: forms[prefix] for prefix, form in offered.items() if form.lasting}
        return replace(row, facets={**row.facets, **lists}, forms=lasting)
