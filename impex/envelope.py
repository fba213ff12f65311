"""Envelope: bytes of a request to the elements of its SOAP body, without believing any of them.

The parser knows no DTD, no entities and no network, and counts as it goes: what is too deep or
too many ends the parse. Elements come out as plain values; of attributes only `href`, by which
encoded messages point at values elsewhere, and `xsi:nil` are looked at.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from vo_server.errors import BadArgument, TooMuch, excerpt

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"

_MAX_DEPTH = 32
_MAX_ELEMENTS = 20_000
_MAX_ATTRIBUTES = 64  # of one element

# Character encodings understood, by each of their names in lower case; the value is Python's name.
_CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"

# First bytes that settle the encoding whatever else is said; a BOM, or UTF-16 without one.
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_BARE_UTF16 = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,100}?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")


@dataclass(slots=True)
class Element:
    """One element of a request: its names, its text without surrounding blanks, its children."""

    namespace: str
    name: str
    text: str = ""
    children: "list[Element]" = field(default_factory=list)


def read_body(content: bytes, charset: str = "") -> list[Element]:
    """Give the elements of the SOAP body.

    charset: as the transport says, "" where it does not. Raises BadArgument or TooMuch saying
    what is wrong with the message.
    """
    if not content.strip():
        raise BadArgument("the request is empty; a SOAP 1.1 envelope is wanted")
    text = _decode(content, charset)
    builder: Any = _Builder()
    parser = etree.XMLParser(
        target=builder,
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root: Any = etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError as err:
        line, column = err.position
        raise BadArgument(
            f"the request is not well-formed XML, line {line}, column {column}"
        ) from err
    return _body(root)


def _decode(content: bytes, charset: str) -> str:
    """Give the text; a BOM comes before the transport's word, that before the XML declaration."""
    codec = next((name for mark, name in _BOMS if content.startswith(mark)), None)
    if codec is None and not charset:
        codec = next((name for mark, name in _BARE_UTF16 if content.startswith(mark)), None)
    if codec is None:
        declared = _DECLARED.match(content)
        name = charset or (declared[1].decode("ascii") if declared else "utf-8")
        codec = _CHARSETS.get(name.strip().lower())
        if codec is None:
            raise BadArgument(f"charset {excerpt(name)} is not understood here; send UTF-8")
    try:
        return content.decode(codec)
    except UnicodeDecodeError as err:
        raise BadArgument(f"the request is not in its charset {codec}; send UTF-8") from err


class _Builder:
    """What lxml's parser calls: builds elements and stops at the first excess."""

    def __init__(self) -> None:
        self._root: Element | None = None
        self._open: list[tuple[Element, list[str]]] = []
        self._nil: list[Element] = []
        self._count = 0

    def doctype(self, *declaration: str | None) -> None:
        """Refuse any document type."""
        raise BadArgument("a document type declaration (DOCTYPE) is not accepted")

    def start(self, tag: str, attributes: Any) -> None:
        """Begin an element."""
        self._count += 1
        for what, count, limit in (
            ("elements", self._count, _MAX_ELEMENTS),
            ("nested elements", len(self._open) + 1, _MAX_DEPTH),
            ("attributes of one element", len(attributes), _MAX_ATTRIBUTES),
        ):
            if count > limit:
                raise TooMuch(f"the request has more than {limit} {what}")
        namespace, _, name = tag.rpartition("}")
        element = Element(namespace.removeprefix("{"), name)
        in_body = len(self._open) > 1 and self._open[1][0].name == "Body"
        if in_body and "href" in attributes:
            raise BadArgument(
                f"{excerpt(name)} refers to a value elsewhere (href); send every value in its "
                "place, document/literal",
                argument=name,
            )
        if in_body and attributes.get(_NIL, "").strip() in ("true", "1"):
            self._nil.append(element)
        if self._open:
            self._open[-1][0].children.append(element)
        else:
            self._root = element
        self._open.append((element, []))

    def data(self, data: str) -> None:
        """Take text, piece by piece."""
        self._open[-1][1].append(data)

    def end(self, tag: str) -> None:
        """End an element."""
        element, pieces = self._open.pop()
        element.text = "".join(pieces).strip()
        if self._nil and self._nil[-1] is element:
            self._nil.pop()
            if element.text or element.children:
                raise BadArgument(
                    f"{excerpt(element.name)} is nil and has content; send one or the other",
                    argument=element.name,
                )

    def close(self) -> Element | None:
        """Give the root element, None where the parse ended before it."""
        return self._root


def _body(root: Element) -> list[Element]:
    """Give the children of the envelope's body."""
    if (root.namespace, root.name) == (_SOAP_12, "Envelope"):
        raise BadArgument("this is a SOAP 1.2 envelope; this service speaks SOAP 1.1")
    if (root.namespace, root.name) != (SOAP, "Envelope"):
        raise BadArgument(
            f"the request is no SOAP 1.1 envelope: its root element is {excerpt(root.name)} "
            f"of the namespace {excerpt(root.namespace, 60)}"
        )
    bodies = [child for child in root.children if (child.namespace, child.name) == (SOAP, "Body")]
    if len(bodies) != 1:
        raise BadArgument(f"the envelope has {len(bodies)} Body elements; exactly one is wanted")
    if not bodies[0].children:
        raise BadArgument("the Body of the envelope is empty")
    return bodies[0].children
