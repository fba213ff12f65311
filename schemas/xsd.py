"""XML Schemas of the data models, generated from their tables."""

from functools import cache
from typing import Any as Untyped

from lxml import etree
from lxml.etree import _Element as Element

from schemas.model import Attribute, Child, ElementType, Group, Model, Part, model
from schemas.simple_type import XS, SimpleType

_TNS = "m"


@cache
def schema(name: str) -> etree.XMLSchema:
    """Give the compiled schema of a model of `schemas.model.VERSIONS`."""
    return etree.XMLSchema(document(model(name)))


def document(source: Model) -> Element:
    """Give the schema of a model: same verdicts as the published one, without its prose."""
    space: Untyped = {"xs": XS, _TNS: source.namespace}
    root = etree.Element(f"{{{XS}}}schema", nsmap=space)
    root.set("targetNamespace", source.namespace)
    root.set("elementFormDefault", "qualified")
    root.set("version", source.version)
    for name, type in source.elements.items():
        element = _add(root, "element", name=name, type=_name(type))
        if name in source.defaults:
            element.set("default", source.defaults[name])
    for kind in source.types.values():
        if isinstance(kind, ElementType):
            _element_type(root, kind)
        else:
            _text_type(root, kind)
    return root


def _element_type(root: Element, kind: ElementType) -> None:
    made = _add(root, "complexType", name=kind.name)
    if kind.mixed:
        made.set("mixed", "true")
    if kind.content.parts:
        _group(made, kind.content)
    for attribute in kind.attributes:
        _attribute(made, attribute)


def _attribute(parent: Element, attribute: Attribute) -> None:
    made = _add(parent, "attribute", name=attribute.name, type=_name(attribute.type))
    if attribute.default is not None:
        made.set("default", attribute.default)


def _group(parent: Element, group: Group) -> None:
    made = _often(_add(parent, "choice" if group.choice else "sequence"), group)
    for part in group.parts:
        if isinstance(part, Group):
            _group(made, part)
        elif isinstance(part, Child):
            _child(made, part)
        else:
            wild = _often(_add(made, "any"), part)
            wild.set("processContents", "strict" if part.declared else "lax")


def _child(parent: Element, child: Child) -> None:
    if child.shared:
        _often(_add(parent, "element", ref=f"{_TNS}:{child.name}"), child)
        return
    made = _often(_add(parent, "element", name=child.name, type=_name(child.type)), child)
    if child.fixed is not None:
        made.set("fixed", child.fixed)


def _text_type(root: Element, kind: SimpleType) -> None:
    made = _add(root, "simpleType", name=kind.name)
    if kind.items is not None:
        _add(made, "list", itemType=_qname(kind.items))
    elif kind.union:
        _add(made, "union", memberTypes=" ".join(map(_qname, kind.union)))
    elif kind.base is not None:
        facets = _add(made, "restriction", base=_qname(kind.base))
        for value in kind.values:
            _add(facets, "enumeration", value=value)
        if kind.pattern:
            _add(facets, "pattern", value=kind.pattern)


def _often(element: Element, part: Part) -> Element:
    if part.least != 1:
        element.set("minOccurs", str(part.least))
    if part.most is None:
        element.set("maxOccurs", "unbounded")
    return element


def _add(parent: Element, tag: str, **attributes: str) -> Element:
    return etree.SubElement(parent, f"{{{XS}}}{tag}", attributes)


def _name(type: str) -> str:
    return type if type.startswith("xs:") else f"{_TNS}:{type}"


def _qname(kind: SimpleType) -> str:
    return f"xs:{kind.name}" if kind.namespace == XS else f"{_TNS}:{kind.name}"
