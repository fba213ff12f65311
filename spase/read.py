"""Read: records of SPASE documents, IMPEx trees and dataRoot trees, one at a time.

Hints of where a schema lies are never followed, no entity is known, and a document that is not
well-formed is read as far as it can be, which is told. Comments between resources are not kept.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from io import BytesIO
from itertools import chain
from typing import Any, BinaryIO, Generic, TypeVar

from lxml import etree
from lxml.etree import _Element as Element

from schemas.model import Model
from spase.dictionary import NAMESPACES, is_known, nearest, title
from spase.glance import Glance, glance, marks
from spase.judge import is_header, judged
from spase.record import COMMENT, Node, Record
from vo_server.budget import Budget
from vo_server.check import Finding
from vo_server.errors import BadArgument, TooMuch, excerpt
from vo_server.formats.source import chunks
from vo_server.namespaces import check_namespace

T = TypeVar("T")
# Makes what is given of a resource: of the root, the resource, the dialect, who judged, and what
# was found.
Make = Callable[[Element, Element, str, str, tuple[Finding, ...]], T]

_DEEPEST = 64  # levels of elements
_LARGEST = 500_000  # elements of one resource
_HEADERS = 100  # elements that stand before the resources
_WHOLE = 2**20  # bytes of a document that is parsed at once; it cannot have too many elements
_TOO_DEEP = etree.XPath(f"boolean({'/*' * (_DEEPEST + 1)})")
_PARSING: Any = {
    "recover": True,
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
}


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
    is too large or too deep, BadArgument where the document is no XML, has a DOCTYPE or a namespace
    without end.
    """
    return _read(stream, budget, _record)


def glances(stream: BinaryIO, budget: Budget) -> Iterator[Glance | Finding]:
    """Give what `records` gives, at a glance."""
    return _read(stream, budget, _glance)


def _read(stream: BinaryIO, budget: Budget, make: Make[T]) -> Iterator[T | Finding]:
    pieces = chunks(stream, budget)
    start = b""
    for piece in pieces:
        start += piece
        if len(start) > _WHOLE:
            break
    else:
        parser: Any = etree.XMLPullParser(events=("start-ns",), **_PARSING)
        parser.feed(start)
        root = _closed(parser)
        for _, (_, uri) in parser.read_events():
            check_namespace(uri)
        if not _TOO_DEEP(root):
            yield from _Document(parser, make).whole(root)
            return
    parser = etree.XMLPullParser(events=("start", "end", "start-ns"), **_PARSING)
    document = _Document(parser, make)
    for piece in chain([start], pieces):
        document.parser.feed(piece)
        yield from document.events()
    root = _closed(document.parser)
    yield from document.events()
    yield from document.rest(root)


def parsed(content: bytes) -> Element:
    """Give the root of a document that was read before: errors are passed over once more."""
    root: Element | None = etree.fromstring(content, etree.XMLParser(**_PARSING))
    return etree.Element("Spase") if root is None else root


def alone(content: bytes, judge: str) -> Record | None:
    """Give the record of a document that was read and judged before, None where it has none."""
    root = parsed(content)
    dialect = NAMESPACES.get(_split(root.tag)[0], "spase" if judge else "")
    for element in root.iterchildren(etree.Element):
        if not _is_header(element, dialect):
            _flatten(element)
            return _record(root, element, dialect, judge, ())
    return None


class _Document(Generic[T]):
    """A document that is being read: what is above the resources, and where reading stands."""

    def __init__(self, parser: Any, make: Make[T]) -> None:
        self.parser = parser
        self.make = make
        self.root: Element | None = None
        self.depth = 0
        self.size = 0
        self.headers = 0
        self.count = 0
        self.dialect = ""

    def whole(self, root: Element) -> Iterator[T | Finding]:
        """Give everything in a document that is parsed to its end."""
        yield from self.started(root)
        for element in root.iterchildren(etree.Element):
            if not self.is_header(element):
                yield self.record(element)
        yield from self.end(root)

    def events(self) -> Iterator[T | Finding]:
        for event, element in self.parser.read_events():
            if event == "start-ns":
                check_namespace(element[1])
                continue
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
        namespace, name = _split(root.tag)
        self.dialect = NAMESPACES.get(namespace, "")
        if name == "Spase" and not self.dialect:
            self.dialect = "spase"
            said = excerpt(namespace, 80)
            yield Finding("namespace", f"{said} is neither that of SPASE nor of IMPEx", _line(root))
        elif name not in ("Spase", "dataRoot"):
            yield Finding("root", f"{excerpt(name)} is no Spase", _line(root))

    def ended(self, element: Element) -> Iterator[T]:
        """Give the record of a resource that is complete, and let go of it."""
        if self.is_header(element):
            return
        self.size = 0
        yield self.record(element)
        element.clear()
        element.tag = _DONE
        before, root = element.getprevious(), element.getparent()
        if before is not None and root is not None and before.tag == _DONE:
            root.remove(before)

    def is_header(self, element: Element) -> bool:
        """Tell whether an element stands before the resources; raises TooMuch for too many."""
        found = _is_header(element, self.dialect)
        if found:
            _flatten(element)
            self.headers += 1
        if self.headers > _HEADERS:
            raise TooMuch(f"more than {_HEADERS} elements stand before the resources")
        return found

    def rest(self, root: Element) -> Iterator[T | Finding]:
        """Give a resource that never ended, and what is wrong with the document."""
        for element in root.iterchildren(etree.Element):
            if not _is_header(element, self.dialect) and element.tag != _DONE:
                yield self.record(element)
        yield from self.end(root)

    def end(self, root: Element) -> Iterator[Finding]:
        """Tell of a document without resources, and of each kind of error in the XML once."""
        if self.count == 0:
            yield Finding("empty", "the document has no resource", _line(root))
        log = list(self.parser.feed_error_log)
        count = Counter(error.type for error in log)
        for error in {error.type: error for error in reversed(log)}.values():
            more = count[error.type] - 1
            told = f" (and {more} or more such)" if more else ""
            yield Finding("xml", error.message.strip()[:200] + told, error.line)

    def record(self, element: Element) -> T:
        self.count += 1
        root = element.getparent()
        assert root is not None
        _flatten(element)
        if not self.dialect:
            return self.make(root, element, self.dialect, "", ())
        said = _version(root, self.dialect)
        text = "" if said is None else (said.text or "").strip()
        source = nearest(self.dialect, text)
        findings = judged(root, element, source, text)
        if self.count == 1:
            findings = [*_unknown(said, text, self.dialect, source), *findings]
        return self.make(root, element, self.dialect, source.name, tuple(findings))


_DONE = "{vo-server}done"


def _closed(parser: Any) -> Element:
    try:
        root: Element | None = parser.close()
    except etree.XMLSyntaxError as err:
        line = f"line {err.lineno}: " if err.lineno else ""
        reason = (err.msg or "it is empty")[:200]
        raise BadArgument(f"{line}this is no XML: {reason}", argument="document") from err
    if root is None:
        raise BadArgument("this is no XML", argument="document")
    return root


def _record(
    root: Element, resource: Element, dialect: str, judge: str, findings: tuple[Finding, ...]
) -> Record:
    own = _split(root.tag)[0] or None
    header = tuple(node_of(each, own) for each in root.iterchildren() if _is_header(each, dialect))
    return Record(node_of(resource, own), header, own, judge, _attributes(root), findings)


def _glance(
    root: Element, resource: Element, dialect: str, judge: str, findings: tuple[Finding, ...]
) -> Glance:
    found = marks(resource, _split(root.tag)[0])
    if found is None:
        return glance(_record(root, resource, dialect, judge, findings))
    return Glance(*found, judge, findings)


def _is_header(element: Element, dialect: str) -> bool:
    """Tell whether an element of the root is none that holds a resource."""
    if not isinstance(element.tag, str) or element.tag == _DONE:
        return False
    return is_header(element) if dialect else _split(element.tag)[1] == "Version"


def node_of(element: Element, own: str | None) -> Node:
    """Give an element as a node; `own` is the namespace that need not be said."""
    return _node(element, element.tag, own or "")


def _node(element: Element, tag: Any, own: str) -> Node:
    children: list[Node] = []
    for child in element:
        name = child.tag
        if isinstance(name, str) or name is etree.Comment:
            children.append(_node(child, name, own))
    text, tail = element.text or "", element.tail or ""
    if children and not text.strip():
        text = ""
    if tail and not tail.strip():
        tail = ""
    if tag is etree.Comment:
        return Node(COMMENT, text, tail=tail, line=_line(element))
    namespace, name = _split(tag)
    return Node(
        name,
        text,
        _attributes(element),
        tuple(children),
        None if namespace == own else namespace,
        tail,
        _line(element),
    )


@lru_cache(maxsize=4096)
def _split(tag: str) -> tuple[str, str]:
    """Give namespace and name; `etree.QName` checks them too, which takes most of reading."""
    namespace, _, name = tag.rpartition("}")
    return namespace[1:], name


def _flatten(element: Element) -> None:
    """Make text of entities that are not known, and leave out processing instructions."""
    for entity in list(element.iter(etree.Entity)):
        entity.tail = f"{entity.text}{entity.tail or ''}"
    etree.strip_tags(element, etree.Entity, etree.ProcessingInstruction)


def _attributes(element: Element) -> tuple[tuple[str, str], ...]:
    items = element.items()
    return tuple((str(name), str(value)) for name, value in items) if items else ()


def _version(root: Element, dialect: str) -> Element | None:
    """Give the element that tells the version of a document, None where there is none."""
    for element in root.iterchildren(etree.Element):
        if _split(element.tag)[1] == "Version" and _is_header(element, dialect):
            return element
    return None


def _unknown(element: Element | None, said: str, dialect: str, source: Model) -> Iterator[Finding]:
    """Tell of a version that is missing or unknown."""
    if element is None or not said:
        yield Finding("version", f"no Version is stated; judged by {title(source)}", None)
    elif not is_known(dialect, said):
        message = f"{excerpt(said)} is no version known here; judged by {title(source)}"
        yield Finding("version", message, _line(element))


def _line(element: Element) -> int:
    found: Any = element
    return int(found.sourceline or 0)
