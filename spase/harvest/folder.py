"""Folder: harvests a folder of records, one a file, such as a git checkout in hpde's layout."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict

from spase.harvest.document import only
from vo_server.budget import Budget
from vo_server.errors import BadArgument, TooMuch
from vo_server.harvester import Ground, Haul, listing
from vo_server.row import Row

# Size, and when its content and its entry were changed, in ns.
Stamp = tuple[int, int, int]

_LARGEST = 2**24  # bytes of a record


class FolderOptions(BaseModel):
    """Options of `folder`; path: of the folder, relative to the node file's."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: Path


class FolderHarvester:
    """Harvests a folder, of which only new and changed files are read again."""

    Options = FolderOptions

    def __init__(self, options: FolderOptions, ground: Ground) -> None:
        self._folder = ground.folder / options.path
        self._ground = ground

    def hauls(self, budget: Budget) -> Iterator[Haul]:
        """Give the records; raises BadArgument where there is no such folder, or none in it."""
        if not self._folder.is_dir():
            raise BadArgument(f"there is no folder {self._folder}", argument="path")
        now = _stamps(self._folder)
        if not now:
            raise BadArgument(f"no .xml file is in {self._folder}", argument="path")
        haul = Haul(self._ground.source, cursor=_digest(self._folder, now))
        state = self._ground.state(haul.source)
        if state.cursor == haul.cursor:
            yield haul
            return
        kept = listing(self._ground.kept, haul.source)
        reading = _Reading(self._folder, now, _ids(kept, state.cursor), haul, budget)
        haul.rows = reading.rows()
        yield haul
        if haul.cursor and self._ground.state(haul.source).cursor == haul.cursor:
            _keep(kept, haul.cursor, reading.ids)


class _Reading:
    """One harvest; ids: by file, that of its record with the stamp that the file had."""

    def __init__(
        self,
        folder: Path,
        now: Mapping[str, Stamp],
        before: Mapping[str, tuple[Stamp, str]],
        haul: Haul,
        budget: Budget,
    ) -> None:
        self._folder, self._now, self._haul, self._budget = folder, now, haul, budget
        self._stale = {id for file, (stamp, id) in before.items() if id and now.get(file) != stamp}
        self.ids = {
            file: (stamp, id)
            for file, (stamp, id) in before.items()
            if now.get(file) == stamp and id not in self._stale
        }
        haul.complete = not before

    def rows(self) -> Iterator[Row]:
        """Give the rows of what changed; of several files with one id the first counts."""
        held: dict[str, str] = {}
        for file, (_, id) in self.ids.items():
            held[id] = min(file, held.get(id, file))
        for file, stamp in self._now.items():
            if file in self.ids:
                continue
            self._budget.spend()
            try:
                found = self._record(self._folder / file)
            except OSError:  # nothing is taken for gone, and next time all is read
                self._haul.complete, self._haul.cursor = False, ""
                self._stale.clear()
                continue
            id = found.id if found is not None else ""
            self.ids[file] = stamp, id
            if found is not None and held.get(id, file) >= file:
                yield found
        there = {id for _, id in self.ids.values()}
        for id in self._stale - there:
            yield Row(id, "", b"", deleted=True)

    def _record(self, path: Path) -> Row | None:
        """Give the record of a file; raises OSError where it cannot be opened."""
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            return None
        with suppress(BadArgument, TooMuch):
            return only(content, self._haul.source, self._budget)
        return None


def _stamps(folder: Path) -> dict[str, Stamp]:
    """Give what tells a file's state from another, by its path in the folder, in order."""
    found: dict[str, Stamp] = {}
    for path in sorted(_files(folder)):
        with suppress(FileNotFoundError):
            stat = path.stat()
            stamp = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
            found[str(path.relative_to(folder))] = stamp
    return found


def _digest(folder: Path, stamps: Mapping[str, Stamp]) -> str:
    digest = hashlib.sha256(f"{folder}\0".encode(errors="surrogateescape"))
    for file, stamp in stamps.items():
        digest.update(f"{file}\0{stamp}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _ids(path: Path, cursor: str) -> dict[str, tuple[Stamp, str]]:
    """Give what the last harvest found, none where the list is not that of this cursor."""
    try:
        told = orjson.loads(path.read_bytes())
        if not cursor or told["cursor"] != cursor:
            return {}
        return {
            file: ((int(size), int(modified), int(changed)), str(id))
            for file, size, modified, changed, id in told["files"]
        }
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _keep(path: Path, cursor: str, ids: Mapping[str, tuple[Stamp, str]]) -> None:
    """Keep what was found for the next time; what cannot be kept is read again then."""
    files = [[file, *stamp, id] for file, (stamp, id) in ids.items()]
    part = path.with_name(f".{path.name}.part")
    with suppress(OSError, TypeError):  # a name that is no text
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(orjson.dumps({"cursor": cursor, "files": files}))
        part.replace(path)


def _files(folder: Path) -> Iterator[Path]:
    """Give the records in a folder: no hidden ones, and none that lie elsewhere."""
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(place) / name
            if name.endswith(".xml") and not name.startswith(".") and not path.is_symlink():
                yield path
