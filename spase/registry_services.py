"""Registry services: resolver, search and status of the SPASE registry server.

Arguments and answers have the shapes of that server; what cannot be found is told in a `Message`,
with HTTP status 200.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from lxml import etree
from lxml.etree import _Element as Element

from spase.catalogue import Catalogue
from spase.dictionary import NAMESPACES
from spase.glance import glance
from spase.read import parsed
from spase.record import Record
from spase.rows import PARAMETER, kinds_named, record_of
from spase.rules import references
from vo_server.errors import BadArgument
from vo_server.leaf import plain
from vo_server.model.time import parse_time, print_time
from vo_server.row import Query, Row, SourceState

_MOST = 1000  # records of one answer
_FEW = 100  # of a search that says no number
_NO = ("", "no", "n", "false", "0")
# Arguments of the services by their long names.
RESOLVER = {
    "i": "id", "r": "recursive", "t": "tree", "g": "granules", "b": "startdate", "e": "stopdate",
    "s": "size", "u": "url", "c": "check", "n": "scan", "x": "connect",
}  # fmt: skip
STATUS = {
    "a": "authority", "b": "startdate", "e": "stopdate", "u": "updated", "i": "inventory",
    "d": "details",
}  # fmt: skip
# Arguments of a search by the list of words that they ask.
_LISTS = {
    "region": "ObservedRegion",
    "measurement": "MeasurementType",
    "parameter": PARAMETER,
    "quantity": "Quantity",
    "instrument": "InstrumentID",
}
SEARCH = {name: name for name in ("words", "all", "category", "authority", "startdate", "stopdate",
                                  "source", "limit", "skip", *_LISTS)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answers."""

    content: bytes
    media_type: str = "text/xml"


def arguments(pairs: Iterable[tuple[str, str]], names: Mapping[str, str]) -> dict[str, str]:
    """Give the arguments of a service by their long names; raises BadArgument for others."""
    found: dict[str, str] = {}
    for key, text in pairs:
        name = names.get(key, key)
        if name not in names.values():
            known = ", ".join(dict.fromkeys(names.values()))
            raise BadArgument(f"there is no argument '{plain(key[:40])}'; there are: {known}")
        found[name] = text
    return found


class RegistryServices:
    """The three services over one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._kinds_of_answer: tuple[tuple[str, Callable[[dict[str, str]], Answer]], ...] = (
            ("tree", self._tree),
            ("connect", self._connect),
            ("granules", self._granules),
            ("check", self._check),
            ("scan", self._scan),
        )

    # -- resolver

    def resolve(self, given: dict[str, str]) -> Answer:
        """Give a record, or what else is asked of its id."""
        for name, answer in self._kinds_of_answer:
            if _is_on(given, name):
                return answer(given)
        id = given.get("id", "")
        if not id:
            return self._tree(given)
        row = self._live(id)
        if _is_on(given, "recursive"):
            package = etree.Element("Package")
            rows = [] if row is None else self._with_all_it_names(row)
            package.extend([parsed(each.content) for each in rows])
            return _written(package if rows else _unresolved(package, id))
        return _written(_unresolved(None, id)) if row is None else Answer(row.content)

    def _live(self, id: str) -> Row | None:
        row = self._catalogue.find(id)
        return None if row is None or row.deleted else row

    def _with_all_it_names(self, first: Row) -> list[Row]:
        """Give a record and those that it and they name, nearest first."""
        found = {first.id: first}
        waiting = [first]
        while waiting and len(found) < _MOST:
            named = dict.fromkeys(id for id, _ in references(glance(record_of(waiting.pop(0)))))
            for id in named:
                row = None if id in found else self._live(id)
                if row is not None and row.id not in found:
                    found[row.id] = row
                    waiting.append(row)
        return list(found.values())[:_MOST]

    def _check(self, given: dict[str, str]) -> Answer:
        id = given.get("id", "")
        response = etree.Element("Response")
        known = self._live(id) is not None
        _add(response, "Known" if known else "Unknown", id)
        if not known:
            _add(response, "Message", "Unable to locate within known authority.")
        return _written(response)

    def _scan(self, given: dict[str, str]) -> Answer:
        response = etree.Element("Response")
        start = given.get("id", "") or "spase://"
        found = self._catalogue.records.identities(Query(start_of_id=start))
        for id, _, _ in found:
            _add(response, "ResourceID", id)
        return _written(response)

    def _tree(self, given: dict[str, str]) -> Answer:
        """Give the next steps below an id: nodes that have more below, leaves that are records."""
        response = etree.Element("Response")
        below = given.get("id", "").replace("@", "").rstrip("/")
        if below in ("", "spase:"):
            for authority in sorted(
                {count.authority for count in self._catalogue.records.counts()}
            ):
                _step(response, "node", f"spase://{authority}", authority)
            return _written(response)
        steps: dict[tuple[str, str], None] = {}
        for id, _, _ in self._catalogue.records.identities(Query(start_of_id=f"{below}/")):
            step, more, _ = id[len(below) + 1 :].partition("/")
            steps["node" if more else "leaf", step] = None
        if not steps:
            _add(response, "Message", f"Invalid resource id: {below}")
        for tag, step in steps:
            _step(response, tag, f"{below}/{'@' if tag == 'node' else ''}{step}", step)
        return _written(response)

    def _connect(self, given: dict[str, str]) -> Answer:
        """Give a record and what it names as nodes with links."""
        row = self._live(given.get("id", ""))
        if row is None:
            told = {"message": f"Invalid resource id: {given.get('id', '')[:200]}"}
            return Answer(orjson.dumps(told), "application/json")
        named = list(dict.fromkeys(id for id, _ in references(glance(record_of(row)))))
        links = [{"target": id} for id in named]
        nodes: list[dict[str, Any]] = [
            {"name": id.rpartition("/")[2], "type": _word(id), "id": id} for id in named
        ]
        nodes.append(
            {"name": row.id.rpartition("/")[2], "type": row.kind, "id": row.id, "links": links}
        )
        return Answer(orjson.dumps({"nodes": nodes}), "application/json")

    def _granules(self, given: dict[str, str]) -> Answer:
        id = given.get("id", "")
        row = self._live(id)
        if row is None:
            return _written(_unresolved(etree.Element("Response"), id))
        start, stop = _moment(given, "startdate"), _moment(given, "stopdate")
        query = Query(kinds=("Granule",), parent=row.id, start=start, stop=stop)
        granules = [record_of(each) for each in self._catalogue.records.search(query, _MOST)]
        response = etree.Element("Response")
        _add(response, "StartDate", given.get("startdate", ""))
        _add(response, "StopDate", given.get("stopdate", ""))
        thanks = record_of(row).resource.get("ResourceHeader/Acknowledgement")
        if thanks:
            _add(response, "Acknowledgement", thanks)
        if not granules:
            _add(response, "Message", "No granules are associated with resource.")
        if _is_on(given, "size"):
            _add(response, "Size", _in_units(sum(map(_size, granules))))
        for granule in granules:
            if _is_on(given, "url"):
                for source in granule.resource.all("Source/URL"):
                    _add(response, "URL", source.text.strip())
            elif not _is_on(given, "size"):
                response.append(parsed(self._catalogue.get(granule.id).content))
        return _written(response)

    # -- search

    def search(self, given: dict[str, str]) -> Answer:
        """Give the records that have words and more in one `Package`."""
        facets = {name: (given[key],) for key, name in _LISTS.items() if given.get(key)}
        category, source = given.get("category", ""), given.get("source", "")
        query = Query(
            given.get("words", ""),
            kinds_named(category) if category else (),
            given.get("authority", ""),
            (source,) if source else (),
            facets,
            "",
            _moment(given, "startdate"),
            _moment(given, "stopdate"),
            any_word=not _is_on(given, "all"),
        )
        limit, skip = _number(given, "limit", _FEW), _number(given, "skip", 0)
        package = etree.Element("Package")
        for row in self._catalogue.records.search(query, min(limit, _MOST), skip):
            if row.namespace in NAMESPACES:
                package.append(parsed(row.content))
        return _written(package)

    # -- status

    def status(self, given: dict[str, str], now: datetime) -> Answer:
        """Give what there is, what changed, and how it stands with each source."""
        response = etree.Element("Response")
        asked = etree.SubElement(response, "Query")
        for name, text in given.items():
            etree.SubElement(asked, "Option", name=name).text = plain(text)
        authority = given.get("authority", "")
        counts = self._catalogue.records.counts()
        if authority and authority not in {count.authority for count in counts}:
            message = etree.SubElement(response, "Message")
            _add(message, "Error", f"Unknown authority: {authority}")
            return _written(response)
        if _is_on(given, "inventory"):
            results = etree.SubElement(response, "Results")
            self._inventory(results, authority, _number(given, "inventory", 1))
        elif _is_on(given, "updated") or _is_on(given, "details"):
            self._updated(etree.SubElement(response, "Results"), given)
        else:
            message = etree.SubElement(response, "Message")
            _add(message, "Info", "No action requested.")
        for state in self._catalogue.records.states():
            _source(response, state, now)
        return _written(response)

    def _inventory(self, results: Element, authority: str, levels: int) -> None:
        """Count the records of each authority, or of each step below one, level by level."""
        held: dict[tuple[str, ...], int] = {}
        start = f"spase://{authority}/" if authority else ""
        for id, _, _ in self._catalogue.records.identities(Query(start_of_id=start)):
            steps = id.partition("://")[2].split("/")[bool(authority) : -1]
            for depth in range(1, min(len(steps), levels, 8) + 1):
                held[tuple(steps[:depth])] = held.get(tuple(steps[:depth]), 0) + 1
        made: dict[tuple[str, ...], Element] = {(): results}
        for way, number in sorted(held.items()):
            made[way] = etree.SubElement(made[way[:-1]], "Folder", name=plain(way[-1]))
            _add(made[way], "Count", str(number))

    def _updated(self, results: Element, given: dict[str, str]) -> None:
        store, authority = self._catalogue.records, given.get("authority", "")
        since, until = (_second(given, name) for name in ("startdate", "stopdate"))
        if _is_on(given, "details"):
            for change, id in store.changes(authority, since, until, _MOST):
                _add(results, change, id)
        summary = etree.SubElement(results, "Summary")
        totals: dict[str, int] = {}
        for changed, change, number in store.changed(since, until):
            if authority in ("", changed):
                totals[change] = totals.get(change, 0) + number
        for change in ("New", "Modified", "Deleted"):
            if totals.get(change):
                _add(summary, change, str(totals[change]))


def _is_on(given: Mapping[str, str], name: str) -> bool:
    return given.get(name, "").lower() not in _NO


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or len(text) > 9:
        raise BadArgument(f"{name} must be a number", argument=name)
    return int(text)


def _moment(given: Mapping[str, str], name: str) -> np.datetime64 | None:
    text = given.get(name, "")
    return parse_time(text, argument=name) if text else None


def _second(given: Mapping[str, str], name: str) -> int | None:
    moment = _moment(given, name)
    return None if moment is None else int(moment.astype("datetime64[s]").astype(np.int64))


def _word(id: str) -> str:
    """Give the word for its kind in an id."""
    return [*id.partition("://")[2].split("/"), ""][1]


def _add(parent: Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = plain(text)


def _step(parent: Element, tag: str, id: str, name: str) -> None:
    etree.SubElement(parent, tag, id=plain(id), text=plain(name), name=plain(name))


def _unresolved(within: Element | None, id: str) -> Element:
    text = plain(f"Unable to resolve id {id[:500]}")
    if within is None:
        message = etree.Element("Message")
        message.text = text
        return message
    _add(within, "Message", text)
    return within


def _written(root: Element) -> Answer:
    return Answer(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _source(response: Element, state: SourceState, now: datetime) -> None:
    """Tell how it stands with a source, and how old its last good copy is."""
    made = etree.SubElement(response, "Source", name=plain(state.name))
    for name, second in (("Tried", state.tried), ("Succeeded", state.succeeded)):
        if second is not None:
            _add(made, name, print_time(np.datetime64(second, "s")))
    if state.succeeded is not None:
        age = now - datetime.fromtimestamp(state.succeeded, UTC)
        _add(made, "Age", f"PT{max(0, int(age.total_seconds()))}S")
    if state.error:
        _add(made, "Error", state.error)


_BYTES = {"": 1, "b": 1, "byte": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40}


def _size(granule: Record) -> int:
    """Give the bytes of a granule's files."""
    total = 0.0
    for extent in granule.resource.all("Source/DataExtent"):
        unit = _BYTES.get(extent.get("Units").lower().removesuffix("s"), 0)
        try:
            total += float(extent.get("Quantity")) * unit
        except ValueError:
            continue
    return int(total) if 0 <= total < 2**60 else 0


def _in_units(size: int) -> str:
    for unit, factor in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"
