"""Rules: what can be wrong with a record that no schema sees.

Each rule gives pairs of a node and a sentence with what was expected.
"""

import re
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache

from schemas.simple_type import SimpleType
from spase.dictionary import SAME_KIND, kind_in_id, value
from spase.record import COMMENT, Node, Record
from vo_server import units
from vo_server.check import Finding
from vo_server.errors import BadArgument, WrongUnit, excerpt

Broken = Iterator[tuple[Node, str]]

# Pairs of elements of which the second is no earlier than the first.
_ORDER = (
    ("StartDate", "StopDate"),
    ("TimeStart", "TimeStop"),
    ("ReleaseDate", "ExpirationDate"),
)
_TIMES = frozenset(name for pair in _ORDER for name in pair)
# Styles of access that mean nothing without the key of a product.
_KEYED = ("HAPI",)
# Elements whose text is the id of another resource, beyond those whose name ends with ID.
_NO_REFERENCE = ("ResourceID", "PriorID", "PopulationID", "VersionID")
# What stands for a pure number, and words that people read and parsers do not.
_PURE = ("", "unitless", "dimensionless", "none", "n/a", "counts", "count", "cnts", "#", "index")
_WORDS = {"degree": "deg", "degrees": "deg", "°": "deg", "hour": "h", "hours": "h", "days": "d"}
_RADIUS = re.compile(r"R_?[A-Za-z]{1,3}")  # of a planet, which the region names


def broken(record: Record) -> Iterator[Finding]:
    """Give what is wrong with a record by `RULES`; nothing of what is of no data model."""
    if record.model is None:
        return
    for name, rule in RULES.items():
        for node, message in rule(record):
            yield Finding(name, f"{node.name}: {message}", node.line or None)


def references(record: Record) -> Iterator[tuple[str, Node]]:
    """Give every id of another resource that a record names, and where."""
    for node in _nodes(record.resource):
        text = node.text.strip()
        if node.name.endswith("ID") and node.name not in _NO_REFERENCE and "://" in text:
            yield text, node


def _id(record: Record) -> Broken:
    """Judge an id by its form and by the kind of resource that it names."""
    node = next(record.resource.all("ResourceID"), None)
    if node is None:
        return
    scheme, mark, rest = node.text.strip().partition("://")
    parts = rest.split("/")
    if not mark or scheme not in ("spase", "impex") or len(parts) < 2 or not all(parts):
        yield (
            node,
            f"{excerpt(node.text.strip(), 80)} is no id; expected spase://Authority/Kind/...",
        )
        return
    if node.text != node.text.strip():
        yield node, "there are blanks around the id; expected none"
    if any(part in (".", "..") for part in parts) or any(c in rest for c in "?#\\ "):
        yield node, f"{excerpt(rest, 80)} has a step, blank or query that an id may not have"
    if kind_in_id(parts[1]) != kind_in_id(record.kind):
        expected = " or ".join(_names(record.kind))
        yield node, f"the id says {excerpt(parts[1])}; expected {expected}"


def _names(kind: str) -> list[str]:
    return sorted({kind, kind_in_id(kind), *(old for old, new in SAME_KIND.items() if new == kind)})


def _order(record: Record) -> Broken:
    """Judge times that follow one another."""
    for parent in _nodes(record.resource):
        times = {node.name: node for node in reversed(parent.children) if node.name in _TIMES}
        for first, last in _ORDER if len(times) > 1 else ():
            if first not in times or last not in times:
                continue
            end = times[last]
            try:
                early, late = (value(times[name].text, _TIME) for name in (first, last))
            except BadArgument:
                continue  # the schema says so
            if late < early:  # type: ignore[operator]
                yield end, f"{excerpt(end.text.strip())} is before the {first} of its {parent.name}"


_TIME = SimpleType("dateTime")


def _unit(record: Record) -> Broken:
    """Judge units by whether they can be read; each spelling once a record."""
    seen: set[str] = set()
    for node in _nodes(record.resource):
        text = node.text.strip()
        if node.name != "Units" or text in seen:
            continue
        seen.add(text)
        if not _is_unit(text):
            yield node, f"{excerpt(text)} is no unit that can be read; expected such as 'km/s'"


@lru_cache(maxsize=4096)
def _is_unit(text: str) -> bool:
    if text.lower() in _PURE or _RADIUS.fullmatch(text):
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old units are units
        try:
            units.to_si(_WORDS.get(text.lower(), text[:_LONG]))
        except WrongUnit:
            return False
    return True


_LONG = 200  # characters of a unit


def _key(record: Record) -> Broken:
    """Judge keys of parameters, which name one each."""
    seen: dict[str, int] = {}
    for parameter in record.resource.all("Parameter"):
        for node in parameter.all("ParameterKey"):
            text = node.text.strip()
            if text in seen:
                yield node, f"{excerpt(text)} is the key of the parameter in line {seen[text]} too"
            seen.setdefault(text, node.line)


def _access(record: Record) -> Broken:
    """Judge ways of access that need the key of a product."""
    for node in record.resource.all("AccessInformation/AccessURL"):
        style = node.get("Style")
        if style in _KEYED and not node.get("ProductKey"):
            yield node, f"Style {style} without a ProductKey; expected the id of the dataset"


RULES: dict[str, Callable[[Record], Broken]] = {
    "id": _id,
    "order": _order,
    "unit": _unit,
    "key": _key,
    "access": _access,
}


def _nodes(top: Node) -> Iterator[Node]:
    """Give a node and all below it that are of the record's own namespace, in their order."""
    waiting = [top]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [
            child
            for child in reversed(node.children)
            if child.namespace is None and child.name != COMMENT
        ]
