"""OAI answer: what the six verbs of OAI-PMH 2.0 give, from the store of records."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from lxml import etree
from lxml.etree import _Element as Element

from spase.catalogue import Catalogue
from spase.dictionary import kind_in_id
from spase.oai import Ask, OaiError, Stretch, read, token
from spase.oai import stretch as stretch_of
from spase.rows import kinds_named
from vo_server.errors import excerpt
from vo_server.leaf import plain
from vo_server.record_format import IDENTIFIER, PREFIX, SET, RecordFormat, RowSource
from vo_server.row import Query, Row
from vo_server.settings import Node

_OAI = "http://www.openarchives.org/OAI/2.0/"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA = f"{_OAI} http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd"
PAGE = 100  # records of one answer that lists them
_AUTHORITY, _TYPE = "authority", "type"  # sets, each with a word of their own behind a colon
_PLACE = etree.tostring(etree.ProcessingInstruction("document"))
_NO_WORD = re.compile(r"[^A-Za-z0-9\-_.!~*'()]")
_EMAIL = re.compile(r"[^\s@]+@([^\s@.]+\.)+[^\s@.]+")


class Provider:
    """The answers of one node."""

    def __init__(
        self, catalogue: Catalogue, node: Node, url: str, formats: Mapping[str, RecordFormat]
    ) -> None:
        self._catalogue = catalogue
        self._node = node
        self._url = url
        self._formats = formats
        self._verbs = {
            "Identify": self._identify,
            "ListMetadataFormats": self._list_formats,
            "ListSets": self._list_sets,
            "GetRecord": self._get_record,
            "ListIdentifiers": self._list,
            "ListRecords": self._list,
        }

    def answer(self, pairs: list[tuple[str, str]], now: datetime) -> bytes:
        """Answer a request; an error is an answer too."""
        # No default namespace: records of the IVOA have elements that are in none.
        spaces: Any = {"oai": _OAI, "xsi": _XSI}
        root = etree.Element(f"{{{_OAI}}}OAI-PMH", nsmap=spaces)
        root.set(f"{{{_XSI}}}schemaLocation", _SCHEMA)
        _add(root, "responseDate", _stamp(int(now.timestamp())))
        request = _add(root, "request", self._url)
        documents: list[bytes] = []
        try:
            ask = read(pairs)
            request.set("verb", ask.verb)
            for name, text in ask.arguments.items():
                request.set(name, text)
            answer = etree.Element(f"{{{_OAI}}}{ask.verb}")
            self._verbs[ask.verb](ask, answer, documents)
            root.append(answer)
        except OaiError as err:
            if err.code in ("badVerb", "badArgument"):
                request.attrib.clear()
            _add(root, "error", err.message).set("code", err.code)
            documents.clear()
        parts = etree.tostring(root, xml_declaration=True, encoding="UTF-8").split(_PLACE)
        whole = zip(parts, [*documents, b""], strict=True)
        return b"".join(chain.from_iterable(whole))

    # -- what the verbs give: elements in `answer`, and the documents that stand in these

    def _identify(self, ask: Ask, answer: Element, documents: list[bytes]) -> None:
        first, _ = self._catalogue.records.span()
        for name, text in (
            ("repositoryName", self._node.title),
            ("baseURL", self._url),
            ("protocolVersion", "2.0"),
            ("adminEmail", _email(self._node, self._url)),
            ("earliestDatestamp", _stamp(first)),
            ("deletedRecord", "persistent"),
            ("granularity", "YYYY-MM-DDThh:mm:ssZ"),
        ):
            _add(answer, name, text)
        for form in self._formats.values():
            row = self._catalogue.find(form.about) if isinstance(form, RowSource) else None
            content = None if row is None else form.write(row)
            if content is not None:
                _put(_add(answer, "description"), content, documents)

    def _list_formats(self, ask: Ask, answer: Element, documents: list[bytes]) -> None:
        prefixes = list(self._formats)
        if "identifier" in ask.arguments:
            row = self._row(ask.arguments["identifier"])
            prefixes = [prefix for prefix in prefixes if prefix in row.facets.get(PREFIX, ())]
            if row.deleted or not prefixes:
                raise OaiError("noMetadataFormats", "the record has no form any more")
        for prefix in prefixes:
            made = _add(answer, "metadataFormat")
            _add(made, "metadataPrefix", prefix)
            _add(made, "schema", self._formats[prefix].schema)
            _add(made, "metadataNamespace", self._formats[prefix].namespace)

    def _list_sets(self, ask: Ask, answer: Element, documents: list[bytes]) -> None:
        if ask.arguments:
            raise OaiError("badResumptionToken", "the list of sets is given at once")
        counts = self._catalogue.records.counts()
        kinds = {kind_in_id(count.kind) for count in counts}
        authorities = {count.authority for count in counts if count.authority}
        for spec, name in (
            *(pair for form in self._formats.values() for pair in form.sets.items()),
            *((f"{_AUTHORITY}:{_word(a)}", f"Naming authority {a}") for a in sorted(authorities)),
            *((f"{_TYPE}:{_word(kind)}", f"Records of type {kind}") for kind in sorted(kinds)),
        ):
            made = _add(answer, "set")
            _add(made, "setSpec", spec)
            _add(made, "setName", name)

    def _get_record(self, ask: Ask, answer: Element, documents: list[bytes]) -> None:
        row = self._row(ask.arguments["identifier"])
        prefix = ask.arguments["metadataPrefix"]
        form = self._formats.get(prefix)
        known = form is not None and prefix in row.facets.get(PREFIX, ())
        if form is None or not known or not _record(answer, row, form, documents):
            raise OaiError("cannotDisseminateFormat", f"{row.id} is not given as {excerpt(prefix)}")

    def _list(self, ask: Ask, answer: Element, documents: list[bytes]) -> None:
        records = self._catalogue.records
        stretch = stretch_of(ask, records.epoch())
        form = self._formats.get(stretch.prefix)
        if form is None:
            known = ", ".join(self._formats)
            raise OaiError(
                "cannotDisseminateFormat",
                f"there is no form {excerpt(stretch.prefix)}; there are: {known}",
            )
        query = self._query(stretch)
        within: dict[str, Any] = {"since": stretch.since, "until": stretch.until}
        found = records.page(
            query, after=stretch.after, limit=PAGE + 1, form=stretch.prefix, **within
        )
        rows = found[:PAGE]
        if not rows and not stretch.given:
            raise OaiError("noRecordsMatch", "no record matches")
        for row in rows:
            if ask.verb == "ListIdentifiers":
                _header(answer, row, form)
            else:
                _record(answer, row, form, documents, row.forms.get(stretch.prefix))
        last = rows[-1].place if rows else stretch.after
        more = found[PAGE:] or records.page(query, after=last, limit=1, **within)
        if not more and not stretch.given:
            return
        size = stretch.size or records.size(query, **within)
        given = stretch.given + len(rows)
        told = _add(answer, "resumptionToken")
        told.set("completeListSize", str(max(size, given)))
        told.set("cursor", str(stretch.given))
        if more:
            rest = replace(stretch, after=last, given=given, size=size)
            told.text = token(rest, records.epoch())

    # -- rows

    def _row(self, identifier: str) -> Row:
        """Give the row of an identifier, by whichever name; raises OaiError."""
        is_ivo = identifier.lower().startswith("ivo:")  # which are the same in either case
        name = identifier.lower() if is_ivo else identifier
        row = self._catalogue.find(name)
        if row is None:
            named = self._catalogue.records.page(Query(facets={IDENTIFIER: (name,)}), limit=1)
            row = next(iter(named), None)
        if row is None:
            raise OaiError("idDoesNotExist", f"{excerpt(identifier, 200)} is not known here")
        return row

    def _query(self, stretch: Stretch) -> Query:
        """Give what a set has in a form; raises OaiError for a set that is none."""
        facets = {PREFIX: (stretch.prefix,)}
        category, _, word = stretch.set.partition(":")
        records = self._catalogue.records
        if not stretch.set:
            return Query(facets=facets)
        if any(stretch.set in form.sets for form in self._formats.values()):
            return Query(facets={**facets, SET: (stretch.set,)})
        if category == _AUTHORITY:
            for count in records.counts():
                if _word(count.authority) == word:
                    return Query(authority=count.authority, facets=facets)
        if category == _TYPE:
            return Query(kinds=kinds_named(word), facets=facets)
        raise OaiError("noRecordsMatch", f"there is no set {excerpt(stretch.set)}")


def _record(
    answer: Element, row: Row, form: RecordFormat, documents: list[bytes], kept: bytes | None = None
) -> bool:
    """Give a record with its header, unless it is not given in this form any more.

    kept: its document, where that is kept.
    """
    content = None if row.deleted else kept or form.write(row)
    if content is None and not row.deleted:
        return False
    made = _add(answer, "record")
    _header(made, row, form)
    if content is not None:
        _put(_add(made, "metadata"), content, documents)
    return True


def _put(parent: Element, content: bytes, documents: list[bytes]) -> None:
    """Leave a place for a document in an element; no text can be one."""
    parent.append(etree.ProcessingInstruction("document"))
    documents.append(content)


def _header(parent: Element, row: Row, form: RecordFormat) -> None:
    made = _add(parent, "header")
    if row.deleted:
        made.set("status", "deleted")
    _add(made, "identifier", form.identifier(row))
    _add(made, "datestamp", _stamp(row.datestamp))
    if row.authority:
        _add(made, "setSpec", f"{_AUTHORITY}:{_word(row.authority)}")
    _add(made, "setSpec", f"{_TYPE}:{_word(kind_in_id(row.kind))}")
    for name in row.facets.get(SET, ()):
        _add(made, "setSpec", name)


def _add(parent: Element, name: str, text: str | None = None) -> Element:
    made = etree.SubElement(parent, f"{{{_OAI}}}{name}")
    made.text = None if text is None else plain(text)
    return made


def _word(text: str) -> str:
    """Give a word as the name of a set may hold it."""
    return _NO_WORD.sub("_", text)


@lru_cache(maxsize=1024)
def _stamp(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _email(node: Node, url: str) -> str:
    """Give whom to ask; the protocol wants an address even where the node names none."""
    email = node.contact.email
    return email if _EMAIL.fullmatch(email) else f"nobody@{urlsplit(url).hostname}.invalid"
