"""Read: records of SPASE documents, IMPEx trees and dataRoot trees, one at a time.

Hints of where a schema lies are never followed, no entity is known, and a document that is not
well-formed is read as far as it can be, which is told. Comments between resources are not kept.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO

from lxml import etree
from lxml.etree import _Element as Element

from schemas.model import Model
from spase.dictionary import HEADER, NAMESPACES, is_known, nearest, title
from spase.judge import judged
from spase.record import COMMENT, Node, Record
from vo_server.budget import Budget
from vo_server.check import Finding
from vo_server.errors import BadArgument, TooMuch, excerpt
from vo_server.formats.source import chunks

_DEEPEST = 64  # levels of elements
_LARGEST = 500_000  # elements of one resource
_HEADERS = 100  # elements that stand before the resources


def read(document: bytes, budget: Budget) -> tuple[list[Record], list[Finding]]:
    """Give all records of a document, and what is wrong with the document itself."""
    found = list(records(BytesIO(document), budget))
    return (
        [each for each in found if isinstance(each, Record)],
        [each for each in found if isinstance(each, Finding)],
    )


def records(stream: BinaryIO, budget: Budget) -> Iterator[Record | Finding]:
    """Give each record of a document, with what is wrong with it, and findings about the whole.

    Memory is bounded by the largest resource. Raises TooMuch beyond the budget or where a resource
    is too large or too deep, BadArgument where the document is no XML or has a DOCTYPE.
    """
    document = _Document()
    for chunk in chunks(stream, budget):
        document.parser.feed(chunk)
        yield from document.events()
    root = document.closed()
    yield from document.events()
    yield from document.rest(root)
    yield from document.errors()


def parsed(content: bytes) -> Element:
    """Give the root of a document that was read before: errors are passed over once more."""
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False)
    root: Element | None = etree.fromstring(content, parser)
    return etree.Element("Spase") if root is None else root


def alone(content: bytes, judge: str) -> Record | None:
    """Give the record of a document that was read and judged before, None where it has none."""
    root = parsed(content)
    dialect = NAMESPACES.get(etree.QName(root).namespace or "", "spase" if judge else "")
    for element in root.iterchildren(etree.Element):
        if not _is_header(element, dialect):
            return replace(_record(root, element, dialect), judge=judge)
    return None


class _Document:
    """A document that is being read: what is above the resources, and where reading stands."""

    def __init__(self) -> None:
        self.parser: Any = etree.XMLPullParser(
            events=("start", "end"),
            recover=True,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
        )
        self.root: Element | None = None
        self.depth = 0
        self.size = 0
        self.headers = 0
        self.count = 0
        self.dialect = ""

    def events(self) -> Iterator[Record | Finding]:
        for event, element in self.parser.read_events():
            if event == "end":
                self.depth -= 1
                if self.depth == 1:
                    yield from self.ended(element)
                continue
            self.depth += 1
            self.size += 1
            if self.depth == 1:
                yield from self.started(element)
            if self.depth > _DEEPEST:
                raise TooMuch(f"elements lie deeper in each other than {_DEEPEST} levels")
            if self.size > _LARGEST:
                raise TooMuch(f"a resource has more than {_LARGEST} elements")

    def started(self, root: Element) -> Iterator[Finding]:
        tree: Any = root.getroottree()
        if tree.docinfo.doctype:
            raise BadArgument("the document has a DOCTYPE, which is not read", argument="document")
        self.root = root
        name = etree.QName(root)
        self.dialect = NAMESPACES.get(name.namespace or "", "")
        if name.localname == "Spase" and not self.dialect:
            self.dialect = "spase"
            said = excerpt(name.namespace or "", 80)
            yield Finding("namespace", f"{said} is neither that of SPASE nor of IMPEx", _line(root))
        elif name.localname not in ("Spase", "dataRoot"):
            yield Finding("root", f"{excerpt(name.localname)} is no Spase", _line(root))

    def ended(self, element: Element) -> Iterator[Record]:
        """Give the record of a resource that is complete, and let go of it."""
        if _is_header(element, self.dialect):
            self.headers += 1
            if self.headers > _HEADERS:
                raise TooMuch(f"more than {_HEADERS} elements stand before the resources")
            return
        self.size = 0
        yield self.record(element)
        element.clear()
        element.tag = _DONE
        before, root = element.getprevious(), element.getparent()
        if before is not None and root is not None and before.tag == _DONE:
            root.remove(before)

    def closed(self) -> Element:
        try:
            root: Element | None = self.parser.close()
        except etree.XMLSyntaxError as err:
            line = f"line {err.lineno}: " if err.lineno else ""
            reason = (err.msg or "it is empty")[:200]
            raise BadArgument(f"{line}this is no XML: {reason}", argument="document") from err
        if root is None:
            raise BadArgument("this is no XML", argument="document")
        return root

    def rest(self, root: Element) -> Iterator[Record | Finding]:
        """Give a resource that never ended, and tell of a document without any."""
        for element in root.iterchildren(etree.Element):
            if not _is_header(element, self.dialect) and element.tag != _DONE:
                yield self.record(element)
        if self.count == 0:
            yield Finding("empty", "the document has no resource", _line(root))

    def errors(self) -> Iterator[Finding]:
        """Give each kind of error in the XML once, where it came first."""
        log = list(self.parser.feed_error_log)
        count = Counter(error.type for error in log)
        for error in {error.type: error for error in reversed(log)}.values():
            more = count[error.type] - 1
            told = f" (and {more} or more such)" if more else ""
            yield Finding("xml", error.message.strip()[:200] + told, error.line)

    def record(self, element: Element) -> Record:
        self.count += 1
        root = element.getparent()
        assert root is not None
        made = _record(root, element, self.dialect)
        if not self.dialect:
            return made
        model = nearest(self.dialect, made.version)
        made = replace(made, judge=model.name)
        first = self.count == 1
        findings = (*_version(made, self.dialect, model, first), *judged(root, element, made))
        return replace(made, findings=findings)


_DONE = "{vo-server}done"


def _record(root: Element, resource: Element, dialect: str) -> Record:
    _flatten(resource)
    own = etree.QName(root).namespace
    header = tuple(node_of(each, own) for each in root.iterchildren() if _is_header(each, dialect))
    return Record(node_of(resource, own), header, own, "", _attributes(root))


def _is_header(element: Element, dialect: str) -> bool:
    """Tell whether an element of the root is none that holds a resource."""
    if not isinstance(element.tag, str) or element.tag == _DONE:
        return False
    if not dialect:
        return etree.QName(element).localname == "Version"
    return element.find("{*}ResourceID") is None and etree.QName(element).localname in HEADER


def node_of(element: Element, own: str | None) -> Node:
    """Give an element as a node; `own` is the namespace that need not be said."""
    children = tuple(
        node_of(child, own) for child in element if isinstance(child.tag, str) or _is_comment(child)
    )
    text, tail = element.text or "", element.tail or ""
    if children and not text.strip():
        text = ""
    if _is_comment(element):
        return Node(COMMENT, text, tail=tail if tail.strip() else "", line=_line(element))
    namespace, name = _split(element)
    return Node(
        name,
        text,
        _attributes(element),
        children,
        None if namespace == (own or "") else namespace,
        tail if tail.strip() else "",
        _line(element),
    )


def _split(element: Element) -> tuple[str, str]:
    """Give namespace and name; `etree.QName` checks them too, which takes most of reading."""
    tag = str(element.tag)
    namespace, _, name = tag.rpartition("}")
    return namespace[1:], name


def _flatten(element: Element) -> None:
    """Make text of entities that are not known, and leave out processing instructions."""
    for entity in list(element.iter(etree.Entity)):
        entity.tail = f"{entity.text}{entity.tail or ''}"
    etree.strip_tags(element, etree.Entity, etree.ProcessingInstruction)


def _is_comment(element: Element) -> bool:
    tag: Any = element.tag
    return tag is etree.Comment


def _attributes(element: Element) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in element.attrib.items())


def _version(record: Record, dialect: str, model: Model, first: bool) -> Iterator[Finding]:
    """Tell of a version that is missing or unknown, once a document."""
    if not first:
        return
    said = record.version
    if not said:
        yield Finding("version", f"no Version is stated; judged by {title(model)}", None)
    elif not is_known(dialect, said):
        message = f"{excerpt(said)} is no version known here; judged by {title(model)}"
        yield Finding("version", message, record.header[0].line)


def _line(element: Element) -> int:
    found: Any = element
    return int(found.sourceline or 0)
