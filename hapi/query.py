"""Query: the query string of a request to typed requests, by the rules of a version.

Nothing here repeats what was asked: the standard forbids to echo it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal
from urllib.parse import parse_qsl

import numpy as np

from hapi import status
from hapi.status import Rejected
from hapi.version import V2_1, V3_0, V3_2, V3_3, Mount
from vo_server.errors import BadArgument
from vo_server.model.time import TimeInterval, parse_restricted

Format = Literal["csv", "binary", "json"]
FORMATS: tuple[Format, ...] = ("csv", "binary", "json")
_MOST_FIELDS = 20

# The names of one thing: that of 2.x first, that of 3.x after it.
_NAMES = {"id": ("id", "dataset"), "start": ("time.min", "start"), "stop": ("time.max", "stop")}


@dataclass(frozen=True, slots=True)
class CatalogQuery:
    """What of the catalog is asked for."""

    everything: bool
    resolve: bool


@dataclass(frozen=True, slots=True)
class InfoQuery:
    """Which dataset's description is asked for; parameters as they were written, None for all."""

    id: str
    parameters: str | None
    resolve: bool


@dataclass(frozen=True, slots=True)
class DataQuery:
    """Which records are asked for."""

    id: str
    parameters: str | None
    start: np.datetime64
    stop: np.datetime64
    header: bool
    format: Format


def nothing(mount: Mount, query: str) -> None:
    """Take the query of an endpoint that has no parameters; raises Rejected where there is any."""
    _fields(query, ())


def catalog_query(mount: Mount, query: str) -> CatalogQuery:
    """Read the query of `catalog`."""
    allowed = [
        *(["depth"] if mount.version >= V3_2 else []),
        *(["resolve_references"] if mount.version >= V3_3 else []),
    ]
    fields = _fields(query, allowed)
    depth = fields.get("depth", "dataset")
    if depth not in ("dataset", "all"):
        raise Rejected(status.BAD_DEPTH, "depth is dataset or all")
    return CatalogQuery(depth == "all", _resolve(fields))


def info_query(mount: Mount, query: str) -> InfoQuery:
    """Read the query of `info`."""
    references = ["resolve_references"] if mount.version >= V3_0 else []
    fields = _fields(query, [*_spellings(mount, "id"), "parameters", *references])
    id = _one(fields, "id", status.USER_INPUT)
    return InfoQuery(id, fields.get("parameters") or None, _resolve(fields))


def data_query(mount: Mount, query: str) -> DataQuery:
    """Read the query of `data`."""
    names = [name for key in _NAMES for name in _spellings(mount, key)]
    fields = _fields(query, [*names, "parameters", "include", "format"])
    id = _one(fields, "id", status.USER_INPUT)
    start = _time(_one(fields, "start", status.BAD_START), "start", status.BAD_START)
    stop = _time(_one(fields, "stop", status.BAD_STOP), "stop", status.BAD_STOP)
    if not start < stop:
        raise Rejected(status.START_AFTER_STOP)
    if fields.get("include", "header") != "header":
        raise Rejected(status.BAD_INCLUDE, "include is header")
    wanted = fields.get("format", "csv")
    known: dict[str, Format] = {name: name for name in FORMATS}
    if wanted not in known:
        raise Rejected(status.BAD_FORMAT, f"there are {', '.join(FORMATS)}")
    parameters = fields.get("parameters") or None
    return DataQuery(id, parameters, start, stop, "include" in fields, known[wanted])


def choose(mount: Mount, written: str | None, known: Sequence[str]) -> tuple[str, ...]:
    """Give the names of the wanted columns, the time first; known: all of them, in their order.

    Raises Rejected for a name that is not known and, from 2.1, for wrong order and repetition.
    """
    if written is None:
        return tuple(known)
    place = {name: i for i, name in enumerate(known)}
    found = [place.get(name, -1) for name in written.split(",", len(known) + 1)]
    if -1 in found:
        raise Rejected(status.UNKNOWN_COLUMN)
    if mount.version >= V2_1 and any(b <= a for a, b in pairwise(found)):
        raise Rejected(status.BAD_ORDER)
    return tuple(known[i] for i in sorted({0, *found}))


def within(query: DataQuery, coverage: TimeInterval) -> TimeInterval:
    """Give the interval asked for; raises Rejected outside what the dataset has."""
    if query.start < coverage.start or query.stop > coverage.stop:
        raise Rejected(
            status.OUTSIDE, f"the dataset goes from {coverage.start}Z to {coverage.stop}Z"
        )
    return TimeInterval(query.start, query.stop)


def _spellings(mount: Mount, key: str) -> tuple[str, ...]:
    """Give the names that a mount takes for one thing."""
    return _NAMES[key] if mount.lenient or mount.version >= V3_0 else _NAMES[key][:1]


def _fields(query: str, allowed: Sequence[str]) -> dict[str, str]:
    """Take a query apart; raises Rejected for a name that is not allowed, or given twice.

    A plus is a plus, as ids and parameters of ions have it and several clients do not encode it.
    """
    literal = query.replace("+", "%2B")
    try:
        pairs = parse_qsl(literal, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as err:
        raise Rejected(status.USER_INPUT, "there are too many request parameters") from err
    fields = dict(pairs)
    if not fields.keys() <= set(allowed):
        takes = ", ".join(allowed) or "none"
        raise Rejected(status.UNKNOWN_REQUEST, f"the request parameters taken here are: {takes}")
    if len(fields) != len(pairs):
        raise Rejected(status.USER_INPUT, "a request parameter is given twice")
    return fields


def _one(fields: Mapping[str, str], key: str, code: int) -> str:
    """Give the value of one thing by either of its names."""
    given = [fields[name] for name in _NAMES[key] if name in fields]
    if not given:
        raise Rejected(code, f"{' or '.join(_NAMES[key])} is missing")
    if len(given) > 1:
        raise Rejected(status.USER_INPUT, f"{' and '.join(_NAMES[key])} are the same")
    return given[0]


def _resolve(fields: Mapping[str, str]) -> bool:
    text = fields.get("resolve_references", "true")
    if text not in ("true", "false"):
        raise Rejected(status.BAD_REFERENCES, "resolve_references is true or false")
    return text == "true"


def _time(text: str, argument: str, code: int) -> np.datetime64:
    try:
        return parse_restricted(text, argument=argument)
    except BadArgument as err:
        raise Rejected(code, err.message) from err
