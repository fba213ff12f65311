"""Check: what is wrong with a document of records, or with a folder of them."""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from spase.dictionary import kind_in_id
from spase.look import Seen, look, looks
from vo_server.budget import Budget
from vo_server.check import Finding
from vo_server.errors import BadArgument, excerpt


class SpaseChecker:
    """The checker `spase`: of SPASE records, IMPEx trees, and folders of them.

    processes: that a folder is shared out to; by its size where that is not told.
    """

    def __init__(self, processes: int | None = None) -> None:
        self._processes = processes

    def recognises(self, target: str) -> bool:
        """Tell whether a target is a folder; documents of many kinds are called `.xml`."""
        return Path(target).is_dir()

    def check(self, target: str, budget: Budget) -> Iterator[Finding]:
        """Give what is wrong; raises BadArgument where there is nothing to read.

        In a folder every file has the budget for itself, and an id must be the path of its file.
        """
        place = Path(target)
        if not place.is_dir():
            yield from _checked(iter([look(place, budget, at_id=False)]), 1)
            return
        files = _files(place)
        if not files:
            raise BadArgument(f"no .xml file is in {target}", argument="target")
        yield from _checked(looks(files, budget, self._processes), len(files))


@dataclass(slots=True)
class _Known:
    """What a check has seen: where each id is, who names which, and whose child is whose."""

    places: dict[str, str] = field(default_factory=dict)
    named: dict[str, Finding] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)


def _files(folder: Path) -> list[Path]:
    """Give every document below a folder, in the order of their paths."""
    found = [
        Path(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if name.endswith(".xml")
    ]
    return sorted(path for path in found if path.is_file())


def _checked(told: Iterator[Iterable[Finding | Seen]], count: int) -> Iterator[Finding]:
    known = _Known()
    quiet = not sys.stderr.isatty() or count == 1
    console = Console(stderr=True)
    for document in track(told, "checking", count, console=console, disable=quiet):
        for each in document:
            if isinstance(each, Finding):
                yield each
            else:
                yield from _kept(each, known)
    yield from _dangling(known)
    yield from _cycles(known)


def _kept(seen: Seen, known: _Known) -> Iterator[Finding]:
    """Keep what a record is called and names; tell of a second one of the same id."""
    id = seen.id
    place = f"{seen.file}:{seen.line or None}"
    if id in known.places:
        other = known.places[id]
        message = f"{excerpt(id, 120)} is in {other} too; expected once"
        yield Finding("twice", message, seen.line or None, seen.file)
    known.places.setdefault(id, place)
    if seen.parent:
        known.parents[id] = seen.parent
    for name, by, line in seen.named:
        if name not in known.named:
            known.named[name] = Finding("reference", f"{by}: ", line or None, seen.file)


def _dangling(known: _Known) -> Iterator[Finding]:
    """Tell of ids that nobody has, of authorities of whom records of that kind were seen."""
    ids = {_key(id) for id in known.places}
    held = {_shelf(id) for id in known.places}
    for id, first in known.named.items():
        if _shelf(id) in held and _key(id) not in ids:
            told = f"{first.message}{excerpt(id, 120)} is nowhere here; expected a record of it"
            yield replace(first, message=told)


def _cycles(known: _Known) -> Iterator[Finding]:
    """Tell of resources that are among their own parents, once each circle."""
    done: set[str] = set()
    for start in known.parents:
        way: dict[str, None] = {}
        at: str | None = start
        while at is not None and at not in done and at not in way:
            way[at] = None
            at = known.parents.get(at)
        if at is not None and at in way:
            yield Finding("circle", f"{excerpt(at, 120)} is a parent of itself", None,
                          known.places[at])  # fmt: skip
        done |= way.keys()


def _shelf(id: str) -> tuple[str, str]:
    """Give authority and kind of an id."""
    parts = id.partition("://")[2].split("/")
    return parts[0], kind_in_id(parts[1]) if len(parts) > 1 else ""


def _key(id: str) -> str:
    """Give an id by which it is found: scheme and names of kinds make no difference."""
    authority, kind = _shelf(id)
    return "/".join([authority, kind, *id.partition("://")[2].split("/")[2:]])
