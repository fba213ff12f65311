"""Record JSON: a document of XML as JSON, element by element, as landing sites of SPASE give it.

Attributes are keys like children; what repeats is an array, what does not an object; an element
that has attributes and text keeps the text as `value`.
"""

from typing import Any

import orjson
from lxml import etree
from lxml.etree import _Element as Element

from spase.read import parsed

_XSI = "http://www.w3.org/2001/XMLSchema-instance"


def as_json(content: bytes) -> bytes:
    """Give a document as JSON."""
    root = parsed(content)
    spaces = {f"xmlns:{prefix}" if prefix else "xmlns": uri for prefix, uri in root.nsmap.items()}
    made = _value(root)
    inside = made if isinstance(made, dict) else {"value": made} if made else {}
    return orjson.dumps({_name(root): {**spaces, **inside}}, option=orjson.OPT_INDENT_2)


def _value(element: Element) -> Any:
    found: dict[str, Any] = {}
    for key, text in element.attrib.items():
        name = etree.QName(key)
        prefix = "xsi:" if name.namespace == _XSI else ""
        found[f"{prefix}{name.localname}"] = text
    for child in element.iterchildren(etree.Element):
        name_of_child, value = _name(child), _value(child)
        if name_of_child not in found:
            found[name_of_child] = value
        elif isinstance(found[name_of_child], list):
            found[name_of_child].append(value)
        else:
            found[name_of_child] = [found[name_of_child], value]
    text = element.text or ""
    if not found:
        return text
    if text.strip():
        found["value"] = text
    return found


def _name(element: Element) -> str:
    return etree.QName(element).localname
