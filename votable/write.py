"""Writer of VOTable 1.2 and 1.4: TABLEDATA, streamed.

Source: IVOA VOTable 1.4. Text is escaped in one of two places: the standard library's
`XMLGenerator` for what stands around the rows, `_escaped` for the cells. Characters that XML 1.0
does not have become U+FFFD.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from xml.sax.saxutils import XMLGenerator, escape
from xml.sax.xmlreader import AttributesImpl

import numpy as np

from vo_server.formats.rows import Spelling, batches, begun, gathered, rows
from vo_server.model.parameter import Parameter
from vo_server.model.table import Constant, Header, Table
from votable.field import word

# The namespace has stayed that of 1.3 since then.
_NAMESPACES = {
    "1.2": "http://www.ivoa.net/xml/VOTable/v1.2",
    "1.4": "http://www.ivoa.net/xml/VOTable/v1.3",
}
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKUP = re.compile("[&<>\r]")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_UCD = re.compile(r"[A-Za-z0-9_.:;\-]*")  # what the schemas allow
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def write(tables: Iterable[Table], version: str = "1.4") -> Iterator[bytes]:
    """Write a stream of blocks as the one TABLE of a document, in pieces of 64 kB or more.

    Floats are the shortest text that gives the same bits back, missing ones NaN, times ISO 8601.
    A UCD with letters that the schema does not allow is left out. Raises ValueError for another
    version, a type that VOTable has no datatype for, or a stream without a block.
    """
    if version not in _NAMESPACES:
        raise ValueError(f"VOTable {version} is not written; choose {' or '.join(_NAMESPACES)}")
    return gathered(_document(tables, version))


def _document(tables: Iterable[Table], version: str) -> Iterator[str]:
    header, blocks = begun(tables)
    xml = _Markup()
    xml.begin("VOTABLE", version=version, xmlns=_NAMESPACES[version])
    xml.begin("RESOURCE", type="results")
    xml.element("INFO", name="QUERY_STATUS", value="OK")
    xml.begin("TABLE", ID="table", name=header.name or None)
    _describe(xml, header)
    xml.begin("DATA")
    xml.begin("TABLEDATA")
    yield '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.take()
    notes: list[tuple[str, str]] = []
    for table in blocks:
        notes += table.notes
        for part in batches(table):
            text = "</TD></TR>\n<TR><TD>".join(rows(part, _SPELLING))
            yield f"<TR><TD>{text}</TD></TR>\n"
    xml.end("TABLEDATA", "DATA")
    for number, (name, value) in enumerate(notes, 1):
        xml.element("INFO", ID=f"note{number}", name=name, value=value)
    xml.end("TABLE", "RESOURCE", "VOTABLE")
    yield xml.take()


def _describe(xml: "_Markup", header: Header) -> None:
    """Write what comes before the rows."""
    xml.text("DESCRIPTION", header.description)
    for number, constant in enumerate(header.constants, 1):
        value = _value(constant)
        datatype = word(constant.parameter.dtype)
        if datatype == "char" and not value.isascii():
            datatype = "unicodeChar"
        size = _constant_size(constant, datatype)
        words = _words(constant.parameter, datatype, size)
        xml.begin("PARAM", ID=f"param{number}", **words, value=value)
        xml.text("DESCRIPTION", constant.parameter.description)
        xml.end("PARAM")
    names = [parameter.name for parameter in header.parameters]
    for number, parameter in enumerate(header.parameters, 1):
        # astropy calls a column by its ID where there is one, so a good name stands alone.
        plain = _PLAIN.fullmatch(parameter.name) and names.count(parameter.name) == 1
        identity = None if plain else f"col{number}"
        datatype = word(parameter.dtype)
        size = "*" if datatype == "char" else "x".join(map(str, reversed(parameter.shape)))
        xml.begin("FIELD", ID=identity, **_words(parameter, datatype, size))
        xml.text("DESCRIPTION", parameter.description)
        if parameter.null is not None and parameter.dtype.kind in "iu":
            xml.element("VALUES", null=str(parameter.null))
        xml.end("FIELD")


def _words(parameter: Parameter, datatype: str, size: str) -> dict[str, str | None]:
    """Give the attributes that FIELD and PARAM share."""
    xtype = parameter.xtype or ("timestamp" if parameter.dtype.kind == "M" else None)
    ucd = parameter.ucd if parameter.ucd and _UCD.fullmatch(parameter.ucd) else None
    return {
        "name": parameter.name,
        "datatype": datatype,
        "arraysize": size or None,
        "unit": parameter.unit or None,
        "ucd": ucd,
        "utype": parameter.utype or None,
        "xtype": xtype,
    }


def _constant_size(constant: Constant, datatype: str) -> str:
    if datatype in ("char", "unicodeChar"):
        return "*"
    return str(len(constant.value)) if isinstance(constant.value, tuple) else ""


def _value(constant: Constant) -> str:
    """Give a constant as text."""
    value, dtype = constant.value, constant.parameter.dtype
    if isinstance(value, tuple):
        return " ".join(value)
    if isinstance(value, str):
        return value
    if dtype.kind in "iufb":
        with np.errstate(over="ignore"):
            column = np.array([value], dtype)
        header = Header((Parameter("", dtype),))
        return rows(Table(header, (column,)), _SPELLING)[0]
    return str(value)


class _Markup:
    """Elements without rows, each on a line of its own; attributes that are None are left out."""

    def __init__(self) -> None:
        self._out = StringIO()
        self._xml = XMLGenerator(self._out, short_empty_elements=True)

    def begin(self, element: str, **attributes: str | None) -> None:
        """Write a start tag."""
        self._start(element, attributes)
        self._xml.ignorableWhitespace("\n")

    def end(self, *elements: str) -> None:
        """Write end tags, the innermost first."""
        for element in elements:
            self._xml.endElement(element)
            self._xml.ignorableWhitespace("\n")

    def element(self, element: str, **attributes: str | None) -> None:
        """Write an empty element."""
        self._start(element, attributes)
        self.end(element)

    def text(self, element: str, text: str) -> None:
        """Write an element of text, nothing where there is none."""
        if text:
            self._start(element, {})
            self._xml.characters(_legal(text))
            self.end(element)

    def take(self) -> str:
        """Give what was written since the last call."""
        text = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return text

    def _start(self, element: str, attributes: Mapping[str, str | None]) -> None:
        told = {name: _legal(value) for name, value in attributes.items() if value is not None}
        self._xml.startElement(element, AttributesImpl(told))


def _legal(text: str) -> str:
    return _ILLEGAL.sub(_REPLACEMENT, text)


def _escaped(cells: list[str]) -> list[str]:
    """Give cells as character data; a column without anything to escape is told at once."""
    joined = "".join(cells)
    if _ILLEGAL.search(joined):
        cells = [_legal(cell) for cell in cells]
    if _MARKUP.search(joined):
        cells = [escape(cell, {"\r": "&#13;"}) for cell in cells]
    return cells


_SPELLING = Spelling(
    separator="</TD><TD>",
    within=" ",
    nan="NaN",
    infinite=("+Inf", "-Inf"),
    null=None,
    logical={True: "T", False: "F", None: "?"},
    text=_escaped,
)
