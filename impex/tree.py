"""Tree: what a node serves in the IMPEx data model, and the configuration that names it.

Valid against versions 1.0.2 and 1.0.3 of the model. It is the records of the node in the words of
IMPEx; what these cannot express is left out and named in a comment.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from lxml import etree

from schemas.impex import IMPEX
from spase.mapping import to_impex
from spase.own import described
from spase.record import Node as Element
from spase.record import Record
from spase.rows import record_of
from spase.write import document
from vo_server.check import Finding
from vo_server.context import Context
from vo_server.errors import TooMuch, UnknownResource, excerpt
from vo_server.harvester import document as document_of
from vo_server.harvester import kept_in
from vo_server.model.resource import Kind, Resource
from vo_server.ports import Link
from vo_server.row import Query
from vo_server.settings import Node

_MOST = 20_000  # records of one tree
_HEADER = (Element("Version", "2.2.2"),)
_CONFIGURATION = "http://www.impex.org/2012/configuration.xsd"


def tree(
    node: Node,
    resources: Sequence[Resource],
    links: Callable[[Resource], Sequence[Link]],
    now: np.datetime64,
) -> bytes:
    """Give the tree of a node; links: what serves a resource; now: date of what tells none."""
    shown = [resource for resource in resources if resource.kind is not Kind.ORBIT]
    records: list[Record] = []
    left_out: list[str] = []
    for found in described(node, shown, links, now):
        if isinstance(found, Finding):
            left_out.append(found.message)
            continue
        made, told = to_impex(found)
        if made is not None:
            records.append(made)
        else:
            left_out.append(f"{found.id} is left out: {told[-1].message}")
    return document(records, left_out)


def original(context: Context, source: str) -> Path | None:
    """Give the file of the tree of a harvested source, as it came; None where it came otherwise.

    Raises UnknownResource where there is no such source.
    """
    if source not in {state.name for state in context.records.states()}:
        raise UnknownResource(f"source {excerpt(source)} is not harvested here", argument="source")
    path = document_of(kept_in(context.settings), source)
    return path if path.is_file() else None


def harvested(context: Context, source: str) -> bytes:
    """Give a tree of the records of a harvested source.

    Raises UnknownResource where there is none that IMPEx has, TooMuch where there are too many.
    """
    rows = context.records.page(Query(sources=(source,)), limit=_MOST + 1)
    if len(rows) > _MOST:
        raise TooMuch(f"source {excerpt(source)} has more than {_MOST} records; ask /oai for them")
    records = [found for row in rows if not row.deleted and (found := _in_impex(record_of(row)))]
    if not records:
        raise UnknownResource(f"source {excerpt(source)} has no tree", argument="source")
    return document(records)


def _in_impex(record: Record) -> Record | None:
    """Give a record in IMPEx, None where it cannot be or is wrong."""
    if record.namespace != IMPEX:
        return to_impex(record)[0]
    return None if record.findings else replace(record, header=_HEADER, attributes=())


def configuration(node: Node, methods: Sequence[str], tree_path: str) -> bytes:
    """Give the configuration.xml that an IMPEx portal reads.

    methods: paths of the descriptions of services; tree_path: path of the tree, below the host.
    """
    nsmap: Any = {None: _CONFIGURATION}
    root = etree.Element(f"{{{_CONFIGURATION}}}impexconfiguration", nsmap=nsmap)
    address = urlsplit(node.base_url)

    def add(parent: Any, tag: str, text: str = "", **attributes: str) -> Any:
        element = etree.SubElement(parent, f"{{{_CONFIGURATION}}}{tag}", attributes)
        element.text = text or None
        return element

    told = {"id": f"spase://{node.authority}/Repository/Node", "type": "simulation"}
    database = add(root, "database", **told, portal="true")
    add(database, "name", node.authority)
    add(database, "description", node.title)
    add(database, "dns", address.netloc)
    for path in methods:
        add(database, "methods", f"{address.path}{path}")
    add(database, "tree", f"{address.path}{tree_path}")
    add(database, "protocol", address.scheme)
    add(database, "info", node.base_url)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
