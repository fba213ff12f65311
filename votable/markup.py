"""Markup: elements around the rows, and text made fit for XML 1.0.

Text is escaped in one of two places: the standard library's `XMLGenerator` for what stands around
the rows, `escaped` for the cells. Characters that XML 1.0 does not have become U+FFFD.
"""

import re
from collections.abc import Mapping
from io import StringIO
from xml.sax.saxutils import XMLGenerator, escape
from xml.sax.xmlreader import AttributesImpl

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKUP = re.compile("[&<>\r]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Markup:
    """Elements, each on a line of its own; attributes that are None are left out."""

    def __init__(self) -> None:
        self._out = StringIO()
        self._xml = XMLGenerator(self._out, short_empty_elements=True)

    def begin(self, element: str, **attributes: str | None) -> None:
        """Write a start tag; an underscore in a name stands for a hyphen."""
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
            self._xml.characters(legal(text))
            self.end(element)

    def take(self) -> str:
        """Give what was written since the last call."""
        text = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return text

    def _start(self, element: str, attributes: Mapping[str, str | None]) -> None:
        told = {
            name.replace("_", "-"): legal(value)
            for name, value in attributes.items()
            if value is not None
        }
        self._xml.startElement(element, AttributesImpl(told))


def legal(text: str) -> str:
    """Give text with the characters that XML 1.0 does not have replaced."""
    return _ILLEGAL.sub(_REPLACEMENT, text)


def escaped(cells: list[str]) -> list[str]:
    """Give cells as character data; a column without anything to escape is told at once."""
    joined = "".join(cells)
    if _ILLEGAL.search(joined):
        cells = [legal(cell) for cell in cells]
    if _MARKUP.search(joined):
        cells = [escape(cell, {"\r": "&#13;"}) for cell in cells]
    return cells
