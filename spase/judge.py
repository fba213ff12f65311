"""Judge: what the schema of its data model finds wrong with a resource.

libxml2 does the work. It takes blanks around times, durations and numbers for errors, so a resource
that it rejects is judged again without them, and a rejection counts only where a second processor
agrees.
"""

import copy
import re
from functools import cache
from itertools import islice
from typing import Any

import xmlschema
from lxml import etree
from lxml.etree import _Element as Element

from schemas import xsd
from schemas.model import ElementType, Model, model
from schemas.simple_type import SimpleType
from spase.dictionary import HEADER, stated, title
from spase.record import Record
from vo_server.check import Finding

_ENOUGH = 200  # findings of one resource
_SMALL = 20_000  # elements of a resource that the second processor is asked about
_ATTRIBUTES = 20  # of one element, likewise
_LONG = 300  # characters of a message
_NAMESPACE = re.compile(r"\{[a-z]+:[^}' ]*\}")
_SPACE = re.compile(r"\s+")


def judged(root: Element, resource: Element, record: Record) -> list[Finding]:
    """Give what is wrong with a resource in its document; other resources are not looked at."""
    source = record.model
    assert source is not None
    document = _alone(root, resource, record, source)
    if is_valid(document, source):
        return []
    log: Any = xsd.schema(source.name).error_log
    found = [
        Finding("schema", _message(error.message, record, source), error.line)
        for error in islice(log, _ENOUGH)
    ]
    agreed = not _is_small(document) or not _second(source.name).is_valid(document)
    return found if agreed else []


def is_valid(document: Element, source: Model) -> bool:
    """Tell whether libxml2 finds nothing wrong with a document.

    Outer blanks of typed values are taken away where they are in the way.
    """
    schema = xsd.schema(source.name)
    if schema.validate(document):
        return True
    _strip(document, source.type("Spase"), source)
    return bool(schema.validate(document))


def _alone(root: Element, resource: Element, record: Record, source: Model) -> Element:
    """Give a document of the header and this resource, in the words of the model."""
    document = etree.Element(f"{{{source.namespace}}}Spase")
    for name, text in root.attrib.items():
        document.set(name, text)
    for child in root.iterchildren(etree.Element):
        if child is resource or etree.QName(child).localname in HEADER:
            document.append(copy.deepcopy(child))
    if record.namespace != source.namespace:
        for element in document.iter(etree.Element):
            own = etree.QName(element)
            if own.namespace == record.namespace:
                element.tag = f"{{{source.namespace}}}{own.localname}"
    said = document.find(f"{{{source.namespace}}}Version")
    if said is not None:
        said.text = stated(source)
    return document


def _strip(element: Element, kind: ElementType | SimpleType, source: Model) -> None:
    """Take away outer blanks of texts whose type does not count them."""
    if isinstance(kind, SimpleType):
        if kind.root != "string" and element.text and not kind.union:
            element.text = element.text.strip()
        return
    for child in element.iterchildren(etree.Element):
        place = kind.children.get(etree.QName(child).localname)
        if place is not None:
            _strip(child, source.type(place.type), source)


def _is_small(document: Element) -> bool:
    """Tell whether to ask the second processor, whose time grows as the square of attributes."""
    for count, element in enumerate(document.iter(etree.Element)):
        if count > _SMALL or len(element.attrib) > _ATTRIBUTES:
            return False
    return True


@cache
def _second(name: str) -> xmlschema.XMLSchema11:
    """Give the second processor; its reading of XSD 1.0 takes the schemas of SPASE for empty."""
    return xmlschema.XMLSchema11(etree.tostring(xsd.document(model(name))))


def _message(text: str, record: Record, source: Model) -> str:
    """Shorten a message of libxml2, and say by which version where it is not the record's own."""
    clean = _SPACE.sub(" ", _NAMESPACE.sub("", text)).strip()
    told = clean if len(clean) <= _LONG else f"{clean[:_LONG]}..."
    if record.version in ("", stated(source)):
        return told
    return f"{told} (judged by {title(source)})"
