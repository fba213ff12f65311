"""Envelope: bytes of a request to the elements of its SOAP body, without believing any of them.

The parser knows no DTD, no entities and no network, and counts as it goes: what is too deep or
too many ends the parse. It leaves prefixes as they are written, so that no name costs more than
its text. Elements come out as plain values; of attributes only `href`, by which encoded messages
point at values elsewhere, and `xsi:nil` are looked at.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

from vo_server.errors import BadArgument, TooMuch, excerpt

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"

_MAX_DEPTH = 32
_MAX_ELEMENTS = 20_000
_MAX_ATTRIBUTES = 64  # of one element, declarations of prefixes not counted

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


def read_body(
    content: bytes, charset: str = "", admit: Callable[[str], None] = lambda name: None
) -> list[Element]:
    """Give the elements of the SOAP body.

    charset: as the transport says, "" where it does not; admit: is told the name of the body's
    first element before anything behind it is read, and may refuse it. Raises what `admit` does,
    BadArgument or TooMuch saying what is wrong with the message.
    """
    if not content.strip():
        raise BadArgument("the request is empty; a SOAP 1.1 envelope is wanted")
    text = _decode(content, charset)
    if "\0" in text:  # by which the parser would take it for UTF-16
        raise BadArgument("the request is not well-formed XML: it has the character U+0000")
    builder = _Builder(admit)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = 65_536
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text, True)
    except expat.ExpatError as err:
        raise BadArgument(
            f"the request is not well-formed XML, line {err.lineno}, column {err.offset + 1}"
        ) from err
    return builder.body()


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


def _refuse_doctype(*declaration: object) -> None:
    raise BadArgument("a document type declaration (DOCTYPE) is not accepted")


@dataclass(slots=True)
class _Open:
    """An element whose end has not come: the pieces of its text, the prefixes it declares."""

    element: Element
    prefixes: dict[str, str]
    nil: bool = False
    pieces: list[str] = field(default_factory=list)


class _Builder:
    """What the parser calls: builds elements and stops at the first excess."""

    def __init__(self, admit: Callable[[str], None]) -> None:
        self._admit = admit
        self._bodies: list[Element] = []
        self._open: list[_Open] = []
        self._count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        prefixes = {
            name[6:]: uri
            for name, uri in attributes.items()
            if name.startswith("xmlns") and name[5:6] in ("", ":")
        }
        self._count += 1
        for what, count, limit in (
            ("elements", self._count, _MAX_ELEMENTS),
            ("nested elements", len(self._open) + 1, _MAX_DEPTH),
            ("attributes of one element", len(attributes) - len(prefixes), _MAX_ATTRIBUTES),
        ):
            if count > limit:
                raise TooMuch(f"the request has more than {limit} {what}")
        self._open.append(_Open(Element("", tag), prefixes))
        self._name(self._open[-1].element)
        self._place(self._open[-1].element)
        if self._in_body:
            self._look_at(attributes)

    @property
    def _in_body(self) -> bool:
        """Whether the innermost element is one inside the body."""
        bodies = self._bodies
        return len(self._open) > 2 and bodies != [] and self._open[1].element is bodies[-1]

    def _name(self, element: Element) -> None:
        """Put the namespace in the place of a prefix, where that is declared."""
        prefix, _, name = element.name.rpartition(":")
        namespace = self._namespace(prefix)
        if namespace is not None:
            element.namespace, element.name = namespace, name

    def _namespace(self, prefix: str) -> str | None:
        """Give what a prefix stands for here, None where nothing declares it."""
        for around in reversed(self._open):
            if prefix in around.prefixes:
                return around.prefixes[prefix]
        return None if prefix else ""

    def _place(self, element: Element) -> None:
        """Put an element where it belongs: into the one around it."""
        if len(self._open) == 1:
            _check_envelope(element)
            return
        parent = self._open[-2].element
        if len(self._open) == 2 and (element.namespace, element.name) == (SOAP, "Body"):
            self._bodies.append(element)
        if len(self._open) == 3 and self._in_body and not parent.children:
            self._admit(element.name)
        parent.children.append(element)

    def _look_at(self, attributes: dict[str, str]) -> None:
        """Take what attributes in the body say: that a value is elsewhere, or none."""
        innermost = self._open[-1]
        if "href" in attributes:
            raise BadArgument(
                f"{excerpt(innermost.element.name)} refers to a value elsewhere (href); send every "
                "value in its place, document/literal",
                argument=innermost.element.name,
            )
        for name, value in attributes.items():
            prefix, _, local = name.rpartition(":")
            if local == "nil" and prefix and self._namespace(prefix) == _XSI:
                innermost.nil = value.strip() in ("true", "1")

    def data(self, data: str) -> None:
        """Take text, piece by piece."""
        self._open[-1].pieces.append(data)

    def end(self, tag: str) -> None:
        """End an element."""
        ended = self._open.pop()
        element = ended.element
        element.text = "".join(ended.pieces).strip()
        if ended.nil and (element.text or element.children):
            raise BadArgument(
                f"{excerpt(element.name)} is nil and has content; send one or the other",
                argument=element.name,
            )

    def body(self) -> list[Element]:
        """Give the children of the envelope's body."""
        if len(self._bodies) != 1:
            raise BadArgument(
                f"the envelope has {len(self._bodies)} Body elements; exactly one is wanted"
            )
        if not self._bodies[0].children:
            raise BadArgument("the Body of the envelope is empty")
        return self._bodies[0].children


def _check_envelope(root: Element) -> None:
    """Refuse a root that is no envelope of SOAP 1.1."""
    if (root.namespace, root.name) == (_SOAP_12, "Envelope"):
        raise BadArgument("this is a SOAP 1.2 envelope; this service speaks SOAP 1.1")
    if (root.namespace, root.name) != (SOAP, "Envelope"):
        raise BadArgument(
            f"the request is no SOAP 1.1 envelope: its root element is {excerpt(root.name)} "
            f"of the namespace {excerpt(root.namespace, 60)}"
        )
