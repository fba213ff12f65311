"""Glance: what rules see of a record: the few elements that they look at, and what is around them.

Most of a record is text that no rule asks for; a folder of records is checked without making nodes
of it.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lxml import etree
from lxml.etree import _Element as Element

from spase.record import COMMENT, Node, Record
from vo_server.check import Finding

# Times that follow one another in pairs: the second of each is no earlier than the first.
ORDER = (
    ("StartDate", "StopDate"),
    ("TimeStart", "TimeStop"),
    ("ReleaseDate", "ExpirationDate"),
)
TIMES = frozenset(name for pair in ORDER for name in pair)
_WATCHED = TIMES | {"Units", "ParameterKey", "AccessURL", "Style", "ProductKey"}


@dataclass(slots=True, eq=False)
class Mark:
    """An element: its name, its text as written, its line, and the one around it."""

    name: str
    text: str
    line: int
    around: "Mark | None"


@dataclass(slots=True)
class Glance:
    """A record at a glance.

    top: its resource; marks: what rules look at inside, in the order of the document; judge: name
    of the model that judged it, '' for none; findings: what is wrong with it by that.
    """

    top: Mark
    marks: list[Mark]
    judge: str
    findings: tuple[Finding, ...] = ()

    def first(self, name: str) -> Mark | None:
        """Give the first child of the resource that has a name, None where there is none."""
        top = self.top
        return next((m for m in self.marks if m.name == name and m.around is top), None)

    @property
    def id(self) -> str:
        """The ResourceID without outer blanks; '' where there is none."""
        mark = self.first("ResourceID")
        return "" if mark is None else mark.text.strip()


def glance(record: Record) -> Glance:
    """Give a record at a glance."""
    return Glance(*_of_node(record.resource), record.judge, record.findings)


def marks(resource: Element, own: str | None) -> tuple[Mark, list[Mark]] | None:
    """Give the mark of a resource, and those inside; `own` is the namespace of its document.

    None where something in it is of another namespace.
    """
    top = Mark(_name(resource.tag), "", _line(resource), None)
    known: dict[Element | None, Mark] = {resource: top}
    found = []
    for element in resource.iterdescendants(etree.Element):
        name = _watched(element.tag, own)
        if name is None:
            return None
        if name:
            around = known.get(element.getparent()) or _around(element.getparent(), known)
            mark = Mark(name, element.text or "", _line(element), around)
            known[element] = mark
            found.append(mark)
    return top, found


def _around(element: Element | None, known: dict[Element | None, Mark]) -> Mark:
    """Give the mark of an element that is around one, which has none yet."""
    assert element is not None
    parent = element.getparent()
    around = known.get(parent) or _around(parent, known)
    mark = known[element] = Mark(_name(element.tag), "", _line(element), around)
    return mark


def _of_node(resource: Node) -> tuple[Mark, list[Mark]]:
    """Give the mark of a resource, and those inside that are of its own namespace."""
    top = Mark(resource.name, resource.text, resource.line, None)
    found = []
    waiting = [(child, top) for child in reversed(resource.children)]
    while waiting:
        node, around = waiting.pop()
        if node.namespace is not None or node.name == COMMENT:
            continue
        mark = Mark(node.name, node.text, node.line, around)
        if _is_watched(node.name):
            found.append(mark)
        waiting += [(child, mark) for child in reversed(node.children)]
    return top, found


def _is_watched(name: str) -> bool:
    return name in _WATCHED or name.endswith("ID")


@lru_cache(maxsize=4096)
def _watched(tag: str, own: str | None) -> str | None:
    """Give the name of an element that a rule looks at, '' of any other, None of foreign ones."""
    namespace, _, name = tag.rpartition("}")
    if namespace[1:] != (own or ""):
        return None
    return name if _is_watched(name) else ""


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


def _line(element: Element) -> int:
    found: Any = element
    return found.sourceline or 0
