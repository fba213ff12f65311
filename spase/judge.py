"""Judge: what the schema of its data model finds wrong with a resource.

libxml2 does the work. It takes blanks around times, durations and numbers for errors, so a resource
that it rejects is judged again without them, and a rejection for values alone counts only where a
second processor agrees; of elements and closed lists there are no two opinions.
"""

import copy
import re
from functools import cache
from itertools import islice
from typing import Any

from lxml import etree
from lxml.etree import _Element as Element

from schemas import xsd
from schemas.model import ElementType, Model, model
from schemas.simple_type import SimpleType
from spase.dictionary import HEADER, stated, title
from vo_server.check import Finding

_ENOUGH = 200  # findings of one resource
_SMALL = 20_000  # elements of a resource that the second processor is asked about
_ATTRIBUTES = 20  # of one element, likewise
_LONG = 300  # characters of a message
_NAMESPACE = re.compile(r"\{[a-z]+:[^}' ]*\}")
_SPACE = re.compile(r"\s+")
# Errors in values of built-in types, alone, in lists and in unions.
_UNSURE = frozenset(
    etree.ErrorTypes.__dict__[f"SCHEMAV_CVC_DATATYPE_VALID_1_2_{n}"] for n in (1, 2, 3)
)


def judged(root: Element, resource: Element, source: Model, version: str) -> list[Finding]:
    """Give what is wrong with a resource in its document; other resources are not looked at.

    version: what the document says.
    """
    if _is_valid_alone(root, resource, source):
        return []
    document = _alone(root, resource, source)
    if is_valid(document, source):
        return []
    log: Any = xsd.schema(source.name).error_log
    found = [
        Finding("schema", _message(error.message, version, source), error.line)
        for error in islice(log, _ENOUGH)
    ] or [Finding("schema", "this cannot be judged")]
    is_unsure = all(error.type in _UNSURE for error in log)
    return [] if is_unsure and _is_taken(document, source) else found


def is_header(element: Element) -> bool:
    """Tell whether an element of the root stands before resources, and is none itself."""
    name = element.tag.rpartition("}")[2]
    return name in HEADER and element.find("{*}ResourceID") is None


def _is_valid_alone(root: Element, resource: Element, source: Model) -> bool:
    """Tell whether libxml2 takes a document as it stands, but for its version.

    False as well where it holds more than a header and the one resource, or is of another model.
    """
    space = f"{{{source.namespace}}}"
    if root.tag != f"{space}Spase" or (root.text or "").strip():
        return False
    said = None
    for child in root.iterchildren(etree.Element):
        if child is resource:
            continue
        if not is_header(child):
            return False
        if said is None and child.tag == f"{space}Version":
            said = child
    told = None if said is None else said.text
    if said is not None:
        said.text = stated(source)
    valid = _takes(source, root)
    if said is not None:
        said.text = told
    return valid


def is_valid(document: Element, source: Model) -> bool:
    """Tell whether libxml2 finds nothing wrong with a document.

    Outer blanks of typed values are taken away where they are in the way.
    """
    if _takes(source, document):
        return True
    _strip(document, source.type("Spase"), source)
    return _takes(source, document)


def _takes(source: Model, document: Element) -> bool:
    try:
        return bool(xsd.schema(source.name).validate(document))
    except etree.XMLSchemaValidateError:  # where there are references to entities
        return False


def _alone(root: Element, resource: Element, source: Model) -> Element:
    """Give a document of the header and this resource, in the words of the model."""
    document = etree.Element(f"{{{source.namespace}}}Spase")
    for name, text in root.attrib.items():
        document.set(name, text)
    for child in root.iterchildren(etree.Element):
        if child is resource or is_header(child):
            document.append(copy.deepcopy(child))
    space = etree.QName(root).namespace
    if space != source.namespace:
        for element in document.iter(etree.Element):
            own = etree.QName(element)
            if own.namespace == space:
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


def _is_taken(document: Element, source: Model) -> bool:
    """Tell whether the second processor takes a document.

    It is not asked about large ones: its time grows as the square of attributes.
    """
    for count, element in enumerate(document.iter(etree.Element)):
        if count > _SMALL or len(element.attrib) > _ATTRIBUTES:
            return False
    try:
        return bool(_second(source.name).is_valid(document))
    except (KeyError, ValueError, TypeError):  # of a type that it does not know
        return False


@cache
def _second(name: str) -> Any:
    """Give the second processor; its reading of XSD 1.0 takes the schemas of SPASE for empty."""
    import xmlschema  # takes long, and is seldom asked

    return xmlschema.XMLSchema11(etree.tostring(xsd.document(model(name))))


def _message(text: str, version: str, source: Model) -> str:
    """Shorten a message of libxml2, and say by which version where it is not the record's own."""
    clean = _SPACE.sub(" ", _NAMESPACE.sub("", text)).strip()
    told = clean if len(clean) <= _LONG else f"{clean[:_LONG]}..."
    if version in ("", stated(source)):
        return told
    return f"{told} (judged by {title(source)})"
