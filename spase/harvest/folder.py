"""Folder: harvests a folder of records, one a file, such as a git checkout in hpde's layout."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from spase.harvest.document import only
from vo_server.budget import Budget
from vo_server.errors import BadArgument, TooMuch
from vo_server.harvester import Ground, Haul
from vo_server.row import Row

_LARGEST = 2**24  # bytes of a record


class FolderOptions(BaseModel):
    """Options of `folder`; path: of the folder, relative to the node file's."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: Path


class FolderHarvester:
    """Harvests a folder; it is read again when a file in it is new, changed or gone."""

    Options = FolderOptions

    def __init__(self, options: FolderOptions, ground: Ground) -> None:
        self._folder = ground.folder / options.path
        self._ground = ground

    def hauls(self, budget: Budget) -> Iterator[Haul]:
        """Give the records; raises BadArgument where there is no such folder, or none in it."""
        if not self._folder.is_dir():
            raise BadArgument(f"there is no folder {self._folder}", argument="path")
        files = sorted(_files(self._folder))
        if not files:
            raise BadArgument(f"no .xml file is in {self._folder}", argument="path")
        digest = hashlib.sha256()
        for file in files:
            stat = file.stat()
            digest.update(f"{file}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
        haul = Haul(self._ground.source, cursor=digest.hexdigest())
        if self._ground.state(haul.source).cursor != haul.cursor:
            haul.rows = self._rows(files, haul, budget)
        yield haul

    def _rows(self, files: list[Path], haul: Haul, budget: Budget) -> Iterator[Row]:
        """Give the row of each file that holds a record; one that cannot be opened keeps its."""
        for file in files:
            budget.spend()
            try:
                with file.open("rb") as stream:
                    content = stream.read(_LARGEST + 1)
            except OSError:
                haul.complete = False
                continue
            with suppress(BadArgument, TooMuch):
                found = only(content, haul.source, budget) if len(content) <= _LARGEST else None
                if found is not None:
                    yield found


def _files(folder: Path) -> Iterator[Path]:
    """Give the records in a folder: no hidden ones, and none that lie elsewhere."""
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(place) / name
            if name.endswith(".xml") and not name.startswith(".") and not path.is_symlink():
                yield path
