"""Rules: what can be wrong with a record that no schema sees.

Each rule is given a record at a glance, and its marks by their names; it gives pairs of a mark and
a sentence with what was expected.
"""

import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from spase.dictionary import SAME_KIND, kind_in_id
from spase.glance import ORDER, TIMES, Glance, Mark
from vo_server import units
from vo_server.check import Finding
from vo_server.errors import BadArgument, WrongUnit, excerpt
from vo_server.model.time import parse_time

Broken = Iterator[tuple[Mark, str]]
Marks = defaultdict[str, list[Mark]]

# Styles of access that mean nothing without the key of a product.
_KEYED = ("HAPI",)
# Elements whose text is the id of another resource, beyond those whose name ends with ID.
_NO_REFERENCE = ("ResourceID", "PriorID", "PopulationID", "VersionID")
# What stands for a pure number, and words that people read and parsers do not.
_PURE = ("", "unitless", "dimensionless", "none", "n/a", "counts", "count", "cnts", "#", "index")
_WORDS = {"degree": "deg", "degrees": "deg", "°": "deg", "hour": "h", "hours": "h", "days": "d"}
_RADIUS = re.compile(r"R_?[A-Za-z]{1,3}")  # of a planet, which the region names


def broken(record: Glance) -> Iterator[Finding]:
    """Give what is wrong with a record by `RULES`; nothing of what is of no data model."""
    if not record.judge:
        return
    named: Marks = defaultdict(list)
    for mark in record.marks:
        named[mark.name].append(mark)
    for name, rule in RULES.items():
        for mark, message in rule(record, named):
            yield Finding(name, f"{mark.name}: {message}", mark.line or None)


def references(record: Glance) -> Iterator[tuple[str, Mark]]:
    """Give every id of another resource that a record names, and where."""
    for mark in record.marks:
        name = mark.name
        if name.endswith("ID") and name not in _NO_REFERENCE and "://" in mark.text:
            yield mark.text.strip(), mark


def _id(record: Glance, named: Marks) -> Broken:
    """Judge an id by its form and by the kind of resource that it names."""
    mark = record.first("ResourceID")
    if mark is None:
        return
    id, kind = mark.text.strip(), record.top.name
    scheme, colon, rest = id.partition("://")
    parts = rest.split("/")
    if not colon or scheme not in ("spase", "impex") or len(parts) < 2 or not all(parts):
        yield mark, f"{excerpt(id, 80)} is no id; expected spase://Authority/Kind/..."
        return
    if mark.text != id:
        yield mark, "there are blanks around the id; expected none"
    if any(part in (".", "..") for part in parts) or any(c in rest for c in "?#\\ "):
        yield mark, f"{excerpt(rest, 80)} has a step, blank or query that an id may not have"
    if kind_in_id(parts[1]) != kind_in_id(kind):
        expected = " or ".join(_names(kind))
        yield mark, f"the id says {excerpt(parts[1])}; expected {expected}"


def _names(kind: str) -> list[str]:
    return sorted({kind, kind_in_id(kind), *(old for old, new in SAME_KIND.items() if new == kind)})


def _order(record: Glance, named: Marks) -> Broken:
    """Judge times that follow one another."""
    groups: dict[Mark | None, dict[str, Mark]] = {}
    for mark in record.marks:
        if mark.name in TIMES:
            groups.setdefault(mark.around, {}).setdefault(mark.name, mark)
    for around, times in groups.items():
        for first, last in ORDER if len(times) > 1 else ():
            if first not in times or last not in times:
                continue
            end = times[last]
            early, late = _moment(times[first].text), _moment(end.text)
            if around is not None and early is not None and late is not None and late < early:
                yield end, f"{excerpt(end.text.strip())} is before the {first} of its {around.name}"


@lru_cache(maxsize=4096)
def _moment(text: str) -> np.datetime64 | None:
    """Give a time, None for what is none, which the schema tells."""
    try:
        return parse_time(text)
    except BadArgument:
        return None


def _unit(record: Glance, named: Marks) -> Broken:
    """Judge units by whether they can be read; each spelling once a record."""
    seen: set[str] = set()
    for mark in named["Units"]:
        text = mark.text.strip()
        if text in seen:
            continue
        seen.add(text)
        if not _is_unit(text):
            yield mark, f"{excerpt(text)} is no unit that can be read; expected such as 'km/s'"


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


def _key(record: Glance, named: Marks) -> Broken:
    """Judge keys of parameters, which name one each."""
    seen: dict[str, int] = {}
    for mark in named["ParameterKey"]:
        if not _is_in(mark, "Parameter", record.top):
            continue
        text = mark.text.strip()
        if text in seen:
            yield mark, f"{excerpt(text)} is the key of the parameter in line {seen[text]} too"
        seen.setdefault(text, mark.line)


def _access(record: Glance, named: Marks) -> Broken:
    """Judge ways of access that need the key of a product."""
    styles, keys = (
        {mark.around: mark.text.strip() for mark in reversed(named[name])}
        for name in ("Style", "ProductKey")
    )
    for mark in named["AccessURL"]:
        style = styles.get(mark, "")
        if style in _KEYED and not keys.get(mark) and _is_in(mark, "AccessInformation", record.top):
            yield mark, f"Style {style} without a ProductKey; expected the id of the dataset"


def _is_in(mark: Mark, name: str, top: Mark) -> bool:
    """Tell whether an element is in one of a name, a child of the resource."""
    around = mark.around
    return around is not None and around.name == name and around.around is top


RULES: dict[str, Callable[[Glance, Marks], Broken]] = {
    "id": _id,
    "order": _order,
    "unit": _unit,
    "key": _key,
    "access": _access,
}
