"""Run folders: what every provider of cube files does alike, from the pattern to the field."""

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vo_server.block_cache import shared_cache
from vo_server.errors import BadFile, Refusal
from vo_server.field import GridField, GridSpectra
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.run import RUN_FILE, Output, Run, read_run
from vo_server.model.snapshot import snapshot_id
from vo_server.ports import Look, Site
from vo_server.providers.cube import Cube, Tree
from vo_server.providers.disk_file import DiskFile
from vo_server.providers.stamp import stamp
from vo_server.tree_field import TreeField, TreeSpectra

# Seconds after which a refused file is looked at again though nothing seems to have changed.
_AGAIN = 10.0

CubeField = GridField | TreeField

# What a file is looked at with before anything of its run is known.
_DRAFT = Run(id="spase://X/SimulationRun/X", model="spase://X/SimulationModel/X")


class CubeOptions(BaseModel):
    """Options of every provider of cube files.

    path: pattern of the files, relative to the node file's folder, such as `runs/*/*.nc`;
    cache_bytes: memory for values that were read; providers that say the same share it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    cache_bytes: int = Field(536_870_912, gt=0)


@dataclass(frozen=True, slots=True)
class _Served:
    """An output, or one of its snapshots, and its field; files: all whose stamp is its version.

    file: the one that the values are read from, held while a field is open.
    """

    resource: Resource
    field: CubeField
    files: tuple[Path, ...]
    file: DiskFile | None


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found of an output, when (monotonic), and from files of which stamp."""

    found: _Served | Refused
    when: float
    files: tuple[Path, ...]
    stamp: str

    def holds(self) -> bool:
        """Tell whether it would be found again."""
        lasting = isinstance(self.found, _Served) or time.monotonic() - self.when < _AGAIN
        return lasting and stamp(*self.files) == self.stamp


@dataclass(slots=True)
class _Offer:
    """What a look at all folders finds."""

    resources: dict[str, Resource] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    served: dict[str, _Served] = field(default_factory=dict)

    def add(self, run: Run, output: Resource, fields: Sequence[_Served]) -> None:
        """Add an output with its run and model; an id that is there already is refused."""
        if output.id in self.resources:
            self.refused.append(
                Refused(output.source, f"{output.id} is served from elsewhere already")
            )
            return
        self.served |= {served.resource.id: served for served in fields}
        for resource in (*_ancestors(run, output), output):
            self.resources.setdefault(resource.id, resource)


class RunFolders(ABC):
    """A provider of cubes in folders that each hold one run and its `run.toml`.

    A subclass says how to read one file: `inspect(path, run)`.
    """

    Options = CubeOptions
    taken = ""  # how a file is read where that could be doubted

    def __init__(self, options: CubeOptions, site: Site) -> None:
        self._pattern = options.path
        self._site = site
        self._cache = shared_cache(options.cache_bytes)
        self._known: dict[tuple[Path, str], _Known] = {}
        self._served: dict[str, _Served] = {}
        self._refused: tuple[Refused, ...] = ()

    @abstractmethod
    def inspect(self, path: Path, run: Run) -> Cube | Tree:
        """Read what the file holds without its values; raises BadFile."""

    @classmethod
    def look(cls, path: Path) -> Look:
        """Tell what a file holds that no `run.toml` names yet; raises BadFile."""
        provider = cls(CubeOptions(path=path.name), Site("", path.parent))
        return provider.inspect(path, _DRAFT).look(cls.taken)

    def resources(self) -> Sequence[Resource]:
        """Give models, runs and outputs of all files that match the pattern now."""
        folders: dict[Path, list[Path]] = {}
        for path in self._site.match(self._pattern):
            folders.setdefault(path.parent, []).append(path)
        offer = _Offer()
        if not folders:
            offer.refused.append(self._site.unmatched(self._pattern))
        for folder, files in folders.items():
            self._scan(folder, files, offer)
        self._known = {key: known for key, known in self._known.items() if key[0].exists()}
        self._served = offer.served
        self._refused = tuple(offer.refused)
        return list(offer.resources.values())

    def refused(self) -> Sequence[Refused]:
        """Give the files that cannot be served, as of the last `resources()`."""
        return self._refused

    @contextmanager
    def field(self, resource: Resource, names: Sequence[str]) -> Iterator[CubeField]:
        """Open an output; whatever is read of it is of one state of its file.

        Raises BadFile when the file was replaced or is gone.
        """
        replaced = BadFile(f"the file of {resource.id} was removed or replaced just now; ask again")
        served = self._served.get(resource.id)
        if served is None or stamp(*served.files) != resource.version:
            raise replaced
        with nullcontext() if served.file is None else served.file.held():
            yield served.field

    def _scan(self, folder: Path, files: list[Path], offer: "_Offer") -> None:
        """Add what one run's folder offers."""
        run_stamp = stamp(folder / RUN_FILE)
        try:
            run = read_run(folder / RUN_FILE, self._site.authority)
        except Refusal as err:
            offer.refused.extend(Refused(str(path), err.message) for path in files)
            return
        listed = dict.fromkeys(folder / name for output in run.outputs for name in output.files)
        offer.refused.extend(
            Refused(str(path), f"not listed in {RUN_FILE}") for path in files if path not in listed
        )
        matched = set(files)
        for output in run.outputs:
            paths = [path for name in output.files if (path := folder / name) in matched]
            parts = [self._open(path, output, run, run_stamp) for path in paths]
            refused = [part for part in parts if isinstance(part, Refused)]
            offer.refused.extend(refused)
            served = [part for part in parts if isinstance(part, _Served)]
            if not served or refused:
                continue
            described = served[0].resource
            if output.snapshots:
                try:
                    served = _snapshots(output, served)
                except BadFile as err:
                    offer.refused.append(Refused(str(folder), err.message))
                    continue
                described = _changing(output, [part.resource for part in served])
            offer.add(run, described, served)
        offer.refused.extend(
            Refused(str(path), f"named in {RUN_FILE}, but not there")
            for path in listed
            if not path.is_file()
        )

    def _open(self, path: Path, output: Output, run: Run, run_stamp: str) -> _Served | Refused:
        """Inspect one file, or give what was found of it when nothing has changed since."""
        known = self._known.get((path, output.id))
        if known is not None and known.holds():
            return known.found
        files: tuple[Path, ...] = (path, path.parent / RUN_FILE)
        before = version = stamp(*files)
        found: _Served | Refused
        try:
            cube = self.inspect(path, run)
            files += cube.beside
            version = stamp(*files)
            made, remarks = cube.field(output, run, self._cache)
            resource = _resource(path, version, output, run, made, remarks)
            found = _Served(resource, made, files, cube.file)
        except Refusal as err:
            found = Refused(str(path), err.message)
        if stamp(*files[:2]) != before or stamp(files[1]) != run_stamp:
            return Refused(str(path), "changed while it was looked at")
        self._known[path, output.id] = _Known(found, time.monotonic(), files, version)
        return found


def _snapshots(output: Output, parts: Sequence[_Served]) -> list[_Served]:
    """Give the files of an output that changes as its snapshots.

    Raises BadFile where one is missing, or differs from the first in what they must share.
    """
    if len(parts) < len(output.snapshots):
        raise BadFile(
            f"{output.id}: of its {len(output.snapshots)} snapshots only {len(parts)} are there"
        )
    first = parts[0]
    for part in parts[1:]:
        for what, shared in _SHARED.items():
            if shared(part) != shared(first):
                names = " and ".join(Path(one.resource.source).name for one in (part, first))
                raise BadFile(f"{output.id}: its snapshots {names} differ in {what}")
    made = []
    for part, told in zip(parts, output.snapshots, strict=True):
        time = told.moment
        named = replace(
            part.resource, id=snapshot_id(output.id, time), time=time, url=told.url or ""
        )
        made.append(replace(part, resource=named))
    return made


def _energies(served: _Served) -> list[list[float]] | None:
    field = served.field
    return field.energies.tolist() if isinstance(field, GridSpectra | TreeSpectra) else None


# What all snapshots of an output have in common.
_SHARED: dict[str, Callable[[_Served], Any]] = {
    "parameters": lambda one: [(p.name, p.unit, p.ucd) for p in one.resource.parameters],
    "frame": lambda one: one.resource.frame,
    "body": lambda one: one.resource.body,
    "domain": lambda one: one.resource.domain,
    "energies": _energies,
}


def _changing(output: Output, snapshots: Sequence[Resource]) -> Resource:
    """Describe an output by its snapshots."""
    versions = "|".join(snapshot.version for snapshot in snapshots)
    return replace(
        snapshots[0],
        id=output.id,
        time=None,
        url="",
        step=min(s.step for s in snapshots if s.step is not None),
        version=hashlib.sha256(versions.encode()).hexdigest(),
        remarks=tuple(dict.fromkeys(r for s in snapshots for r in s.remarks)),
        snapshots=tuple(snapshots),
    )


def _resource(
    path: Path,
    version: str,
    output: Output,
    run: Run,
    made: CubeField,
    remarks: tuple[str, ...],
) -> Resource:
    """Describe one output."""
    own = output.id.rpartition("/")[2]
    return Resource(
        id=output.id,
        kind=Kind.OUTPUT,
        title=output.title or f"{run.title or run.id}: {output.population or own}",
        parameters=made.parameters,
        frame=made.frame,
        body=made.body,
        domain=made.domain,
        step=made.step,
        parent=run.id,
        model=run.model,
        population=output.population,
        release_date=run.release_date,
        version=version,
        source=str(path),
        remarks=remarks,
    )


def _ancestors(run: Run, output: Resource) -> tuple[Resource, Resource]:
    """Describe the model and the run of an output."""
    model = Resource(
        id=run.model,
        kind=Kind.MODEL,
        title=run.model.rpartition("/")[2],
        method=run.model_type,
        source=str(Path(output.source).parent / RUN_FILE),
    )
    described = Resource(
        id=run.id,
        kind=Kind.RUN,
        title=run.title or run.id,
        frame=output.frame,
        body=output.body,
        domain=output.domain,
        parent=run.model,
        release_date=run.release_date,
        version=output.version,
        source=str(Path(output.source).parent / RUN_FILE),
        conditions=tuple(wind.conditions() for wind in run.solar_wind),
    )
    return model, described
