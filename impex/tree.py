"""Tree: what a node serves in the IMPEx data model, and the configuration that names it.

Valid against versions 1.0.2 and 1.0.3 of the model. It is the records of the node in the words of
IMPEx; what these cannot express is left out and named in a comment.
"""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from lxml import etree

from spase.mapping import to_impex
from spase.own import described
from spase.record import Record
from spase.write import document
from vo_server.check import Finding
from vo_server.model.resource import Kind, Resource
from vo_server.ports import Link
from vo_server.settings import Node

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
