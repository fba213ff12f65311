"""Write: a record as a document of its own, the same bytes for the same record."""

import re
from collections.abc import Sequence
from typing import Any

from lxml import etree
from lxml.etree import _Element as Element

from spase.record import COMMENT, Node, Record

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_INDENT = "  "


def write(record: Record) -> bytes:
    """Give the document of one record in its own dialect and version: UTF-8, two blanks a level.

    Texts go out as they came in, so that reading what was written gives an equal record.
    """
    return document([record])


def document(records: list[Record], remarks: Sequence[str] = ()) -> bytes:
    """Give one document of records that share their header, such as a tree.

    remarks: what is told behind them, a comment each.

    Raises ValueError where they are of different documents, or there is none.
    """
    root = tree(records, remarks)
    _indent(root, "\n")
    root.tail = "\n"
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def tree(records: list[Record], remarks: Sequence[str] = ()) -> Element:
    """Give the root of a document as elements, see `document`."""
    first = records[0]
    if any(each.header != first.header or each.namespace != first.namespace for each in records):
        raise ValueError("records of one document share its header and namespace")
    bare = any(_has_bare(each.resource) for each in records)
    spaces: Any = {"spase" if bare else None: first.namespace} if first.namespace else {}
    if any(name.startswith(f"{{{_XSI}}}") for name, _ in first.attributes):
        spaces["xsi"] = _XSI
    name = "Spase" if first.judge else "dataRoot"
    root = etree.Element(_tag(name, first.namespace), nsmap=spaces)
    for key, text in first.attributes:
        root.set(key, text)
    for node in (*first.header, *(each.resource for each in records)):
        _put(root, node, first.namespace)
    for remark in remarks:
        told = "".join(c if c.isprintable() else " " for c in remark)
        root.append(etree.Comment(f" {re.sub('-(?=-|$)', '- ', told)} "))
    return root


def path(record: Record) -> str:
    """Give the place of a record's file below a folder: its id, without the scheme.

    Raises ValueError where the id is none that a file may have.
    """
    scheme, _, rest = record.id.partition("://")
    parts = rest.split("/")
    if scheme != "spase" and scheme != "impex":
        raise ValueError("the id of a record begins with spase:// or impex://")
    if len(parts) < 2 or any(not _is_safe(part) for part in parts):
        raise ValueError("the id of the record cannot be the path of a file")
    return f"{rest}.xml"


def _is_safe(part: str) -> bool:
    """Tell whether a step of an id is one name in a folder and nothing else."""
    return (
        part.strip(". ") != ""
        and len(part.encode()) <= _NAME
        and part.isprintable()
        and not set(part) & set('\\:*?"<>|')
    )


_NAME = 240  # bytes of a file's name, with what is added to it


def _has_bare(node: Node) -> bool:
    """Tell whether elements without a namespace are inside, which no default one may cover."""
    if node.namespace == "":
        return True
    return bool(node.children) and any(map(_has_bare, node.children))


def _put(parent: Element, node: Node, own: str | None) -> None:
    if node.name == COMMENT:
        made: Element = etree.Comment(node.text)
        parent.append(made)
    else:
        space = own if node.namespace is None else node.namespace
        made = etree.SubElement(parent, _tag(node.name, space), dict(node.attributes))
        made.text = node.text or None
        for child in node.children:
            _put(made, child, own)
    made.tail = node.tail or None


def _tag(name: str, namespace: str | None) -> str:
    return f"{{{namespace}}}{name}" if namespace else name


def _indent(element: Element, line: str) -> None:
    """Put children on lines of their own, unless there is text between them."""
    if len(element) == 0 or element.text or any(child.tail for child in element):
        return
    element.text = line + _INDENT
    for child in element:
        _indent(child, line + _INDENT)
        child.tail = line + _INDENT
    element[-1].tail = line
