"""HDP: the questions of NASA's Heliophysics Data Portal, asked of this node's records.

Vocabularies are in the namespace of the portal, records in their own; errors are XHTML.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from lxml import etree

from spase.catalogue import Catalogue
from spase.read import parsed
from spase.rows import LISTS, PARAMETER, kinds_named
from vo_server.errors import BadArgument, TooMuch, UnknownResource, excerpt
from vo_server.leaf import plain
from vo_server.model.time import parse_time
from vo_server.row import Query, Row

_HDP = "http://heliophysicsdata.gsfc.nasa.gov/hdp"
_XHTML = "http://www.w3.org/1999/xhtml"
_BATCH = 100
_MOST_IDS = 200


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """A list of words: element, and the list of rows or the kind whose ids they are."""

    element: str
    facet: str = ""
    kind: str = ""


_VOCABULARIES = {
    **{
        name: _Vocabulary(name, name)
        for name in (
            *("Keyword", "Style", "MeasurementType", "SpectralRange", "PhenomenonType"),
            "ApplicationInterface",
        )
    },
    "ObservedRegion": _Vocabulary("Region", "ObservedRegion"),
    **{
        f"{kind}/ResourceID": _Vocabulary("ResourceID", kind=kind)
        for kind in ("Instrument", "Repository", "Observatory")
    },
    "Observatory/ObservatoryGroupID": _Vocabulary("ObservatoryGroupID", "ObservatoryGroupID"),
}
_LISTS = {*LISTS.values(), PARAMETER}
# Words of a description that only join others.
_JOINS = ("and", "AND")

_DURATION = re.compile(
    r"(<=|>=|[<>=]?)P(?:(\d{1,5})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})D)?"
    r"(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?"
)
_SECONDS = (31_557_600.0, 2_629_800.0, 86_400.0, 3600.0, 60.0, 1.0)
_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "": lambda given, asked: given == asked,
    "=": lambda given, asked: given == asked,
    "<": lambda given, asked: given < asked,
    ">": lambda given, asked: given > asked,
    "<=": lambda given, asked: given <= asked,
    ">=": lambda given, asked: given >= asked,
}


class Portal:
    """The answers over one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def named(self, ids: Sequence[str]) -> list[Row]:
        """Give the records of ids; raises UnknownResource where one is not known."""
        if len(ids) > _MOST_IDS:
            raise TooMuch(f"more than {_MOST_IDS} ids are asked for", argument="ResourceID")
        rows = [self._catalogue.get(id) for id in ids]
        for row in rows:
            if row.deleted:
                raise UnknownResource(f"{row.id} was deleted", argument="ResourceID")
        return rows

    def found(self, path: str, pairs: Sequence[tuple[str, str]]) -> Iterator[Row]:
        """Give the records that are asked for by kinds, an interval and further words."""
        query = self._query(path, pairs)
        ids = {text for name, text in pairs if name == "ResourceID"}
        skip = 0
        while rows := self._catalogue.records.search(query, _BATCH, skip):
            yield from (row for row in rows if not ids or row.id in ids)
            skip += len(rows)

    def vocabulary(self, path: str) -> bytes | None:
        """Give a list of words as a document; None where there is no such list."""
        asked = _VOCABULARIES.get(path)
        if asked is None:
            return None
        root = _response()
        around = etree.SubElement(root, f"{{{_HDP}}}{path.partition('/')[0]}")
        for word in self._words(asked):
            etree.SubElement(around, f"{{{_HDP}}}{asked.element}").text = plain(word)
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8")

    def _words(self, asked: _Vocabulary) -> Iterator[str]:
        records = self._catalogue.records
        if asked.facet:
            return iter(records.values(asked.facet))
        return (id for id, _, _ in records.identities(Query(kinds=(asked.kind,))))

    def _query(self, path: str, pairs: Sequence[tuple[str, str]]) -> Query:
        kinds, _, interval = path.partition("/")
        facets: dict[str, tuple[str, ...]] = {}
        ids = [text for name, text in pairs if name == "ResourceID"]
        words = ""
        for name, text in pairs:
            if name == "Description":
                words = " ".join(w for w in text.replace('"', " ").split() if w not in _JOINS)
            elif name == "Cadence":
                facets[name] = self._cadences(text)
            elif name in _LISTS:
                facets[name] = (*facets.get(name, ()), text)
            elif name != "ResourceID":
                raise BadArgument(f"there is no argument {excerpt(name)}", argument=name)
        start, stop = _interval(interval)
        named = tuple(chain.from_iterable(kinds_named(kind) for kind in kinds.split(";") if kind))
        common = ids[0] if len(ids) == 1 else ""
        return Query(words, named, "", (), facets, "", start, stop, common)

    def _cadences(self, text: str) -> tuple[str, ...]:
        """Give every cadence there is that is as long, shorter or longer than asked."""
        asked = _duration(text)
        if asked is None:
            raise BadArgument(f"Cadence {excerpt(text)} is no duration", argument="Cadence")
        compared = _COMPARED[asked[0]]
        known = ((word, _duration(word)) for word in self._catalogue.records.values("Cadence"))
        return tuple(word for word, given in known if given and compared(given[1], asked[1]))


def documents(rows: Iterator[Row]) -> Iterator[bytes]:
    """Write the documents of records into one, a block each."""
    start, _, end = etree.tostring(
        _response(" "), xml_declaration=True, encoding="UTF-8"
    ).partition(b"> <")
    yield start + b">"
    for row in rows:
        yield etree.tostring(parsed(row.content))
    yield b"<" + end


def error_page(message: str, description: str) -> bytes:
    """Give an error as the portal does."""
    spaces: Any = {None: _XHTML}
    root = etree.Element(f"{{{_XHTML}}}html", nsmap=spaces)
    head = etree.SubElement(root, f"{{{_XHTML}}}head")
    etree.SubElement(head, f"{{{_XHTML}}}title").text = "Error"
    body = etree.SubElement(root, f"{{{_XHTML}}}body")
    for name, label, text in (
        ("ErrorMessage", "Error Message: ", message),
        ("ErrorDescription", "Error Description: ", description),
    ):
        told = etree.SubElement(body, f"{{{_XHTML}}}p", {"class": name})
        bold = etree.SubElement(told, f"{{{_XHTML}}}b")
        bold.text = label
        bold.tail = plain(text)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _response(text: str | None = None) -> Any:
    spaces: Any = {"hdp": _HDP}
    root = etree.Element(f"{{{_HDP}}}Response", nsmap=spaces)
    root.text = text
    return root


def _interval(text: str) -> tuple[np.datetime64 | None, np.datetime64 | None]:
    """Give the two ends of an interval such as `2022-01-01,2022-01-02`."""
    if not text:
        return None, None
    first, mark, last = text.partition(",")
    if not mark:
        raise BadArgument("an interval is two times with a comma between", argument="interval")
    start, stop = (parse_time(each, argument="interval") for each in (first, last))
    if stop < start:
        raise BadArgument("the interval ends before it starts", argument="interval")
    return start, stop


def _duration(text: str) -> tuple[str, float] | None:
    """Give the operator and the seconds of a duration, None where it is none.

    A year is 365.25 days and a month a twelfth of that.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()[1:]):
        return None
    operator, *parts = match.groups()
    lengths = zip(parts, _SECONDS, strict=True)
    return operator, sum(float(part) * length for part, length in lengths if part)
