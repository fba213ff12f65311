"""Check: what is wrong with a document of records, or with a folder of them."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.progress import track

from spase.dictionary import kind_in_id
from spase.read import records
from spase.record import Record
from spase.rules import broken, references
from vo_server.budget import Budget
from vo_server.check import Finding
from vo_server.errors import BadArgument, Refusal, excerpt


class SpaseChecker:
    """The checker `spase`: of SPASE records, IMPEx trees, and folders of them."""

    def recognises(self, target: str) -> bool:
        """Tell whether a target is a folder; documents of many kinds are called `.xml`."""
        return Path(target).is_dir()

    def check(self, target: str, budget: Budget) -> Iterator[Finding]:
        """Give what is wrong; raises BadArgument where there is nothing to read.

        In a folder every file has the budget for itself, and an id must be the path of its file.
        """
        place = Path(target)
        if not place.is_dir():
            yield from _checked([place], None, budget)
            return
        files = sorted(path for path in place.rglob("*.xml") if path.is_file())
        if not files:
            raise BadArgument(f"no .xml file is in {target}", argument="target")
        yield from _checked(files, place, budget)


@dataclass(slots=True)
class _Known:
    """What a check has seen: where each id is, who names which, and whose child is whose."""

    places: dict[str, str] = field(default_factory=dict)
    named: dict[str, Finding] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)


def _checked(files: list[Path], folder: Path | None, budget: Budget) -> Iterator[Finding]:
    known = _Known()
    quiet = not sys.stderr.isatty() or len(files) == 1
    for file in track(files, "checking", console=Console(stderr=True), disable=quiet):
        own = budget if folder is None else replace(budget, started=monotonic())
        try:
            yield from _file(file, folder, known, own)
        except Refusal as err:
            if folder is None:
                raise
            yield Finding("read", err.message, None, str(file))
    yield from _dangling(known)
    yield from _cycles(known)


def _file(file: Path, folder: Path | None, known: _Known, budget: Budget) -> Iterator[Finding]:
    try:
        stream = file.open("rb")
    except OSError as err:
        raise BadArgument(f"cannot read {file}: {err.strerror}", argument="target") from err
    alone: list[Record] = []
    with stream:
        for found in records(stream, budget):
            if isinstance(found, Finding):
                yield replace(found, path=str(file))
                continue
            for finding in (*found.findings, *broken(found), *_seen(found, file, known)):
                yield replace(finding, path=str(file))
            alone = [*alone[:1], found]
    if folder is not None and len(alone) == 1:
        yield from _path(alone[0], file)


def _seen(record: Record, file: Path, known: _Known) -> Iterator[Finding]:
    """Keep what a record is called and names; tell of a second one of the same id."""
    line = record.resource.line or None
    if record.model is None or not record.id:
        return
    place = f"{file}:{line}"
    if record.id in known.places:
        other = known.places[record.id]
        yield Finding("twice", f"{excerpt(record.id, 120)} is in {other} too; expected once", line)
    known.places.setdefault(record.id, place)
    parent = record.resource.get("ParentID")
    if parent:
        known.parents[record.id] = parent
    for id, node in references(record):
        if id not in known.named:
            known.named[id] = Finding("reference", f"{node.name}: ", node.line or None, str(file))


def _path(record: Record, file: Path) -> Iterator[Finding]:
    rest = record.id.partition("://")[2]
    place = file.absolute().as_posix()
    if record.model is not None and rest and not place.endswith(f"/{rest}.xml"):
        message = f"{excerpt(rest, 120)} is not where it stands; expected .../{rest[:120]}.xml"
        yield Finding("path", message, record.resource.line or None, str(file))


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
