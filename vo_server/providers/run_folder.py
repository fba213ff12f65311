"""Run folders: what every provider of cube files does alike, from the pattern to the field."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from vo_server.errors import BadFile, Refusal
from vo_server.field import ArrayCache, GridField
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.run import RUN_FILE, Output, Run, read_run
from vo_server.ports import Site
from vo_server.providers.cube import Cube, Load

_CACHE_BYTES = 512 * 1024 * 1024


class CubeOptions(BaseModel):
    """Options of every provider of cube files.

    path: pattern of the files, relative to the node file's folder, such as `runs/*/*.nc`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str


@dataclass(frozen=True, slots=True)
class _Served:
    resource: Resource
    field: GridField
    path: Path


class RunFolders(ABC):
    """A provider of cubes in folders that each hold one run and its `run.toml`.

    A subclass says how to read one file: `inspect(path, run)`.
    """

    Options = CubeOptions

    def __init__(self, options: CubeOptions, site: Site) -> None:
        self._pattern = options.path
        self._site = site
        self._cache = ArrayCache(_CACHE_BYTES)
        self._known: dict[tuple[Path, str], tuple[str, _Served | Refused]] = {}
        self._served: dict[str, _Served] = {}
        self._refused: tuple[Refused, ...] = ()

    @abstractmethod
    def inspect(self, path: Path, run: Run) -> Cube:
        """Read what the file holds without its values; raises BadFile."""

    def resources(self) -> Sequence[Resource]:
        """Give models, runs and outputs of all files that match the pattern now."""
        folders: dict[Path, list[Path]] = {}
        for path in self._site.match(self._pattern):
            folders.setdefault(path.parent, []).append(path)
        resources: dict[str, Resource] = {}
        refused: list[Refused] = []
        served: dict[str, _Served] = {}
        for folder, files in folders.items():
            self._scan(folder, files, resources, refused, served)
        self._served = served
        self._refused = tuple(refused)
        return list(resources.values())

    def refused(self) -> Sequence[Refused]:
        """Give the files that cannot be served, as of the last `resources()`."""
        return self._refused

    @contextmanager
    def field(self, resource: Resource, names: Sequence[str]) -> Iterator[GridField]:
        """Open an output; raises BadFile when its file was replaced or is gone."""
        served = self._served.get(resource.id)
        if served is None or _version(served.path) != resource.version:
            raise BadFile(f"the file of {resource.id} was removed or replaced just now; ask again")
        yield served.field

    def _scan(
        self,
        folder: Path,
        files: list[Path],
        resources: dict[str, Resource],
        refused: list[Refused],
        served: dict[str, _Served],
    ) -> None:
        """Add what one run's folder offers."""
        run_file = folder / RUN_FILE
        try:
            run = read_run(run_file, self._site.authority)
        except Refusal as err:
            refused.extend(Refused(str(path), err.message) for path in files)
            return
        outputs: dict[Path, list[Output]] = {}
        for output in run.outputs:
            outputs.setdefault(folder / output.file, []).append(output)
        for path in files:
            if path not in outputs:
                refused.append(Refused(str(path), f"not listed in {run_file.name}"))
            for output in outputs.get(path, ()):
                found = self._open(path, output, run)
                if isinstance(found, Refused):
                    refused.append(found)
                    continue
                served[output.id] = found
                for resource in (*_ancestors(run, found.resource), found.resource):
                    resources.setdefault(resource.id, resource)

    def _cached(self, path: Path, version: str, name: str, load: Load) -> Load:
        """Keep the values of one variable of a file in memory."""
        return partial(self._cache.get, (path, version, name), load)

    def _open(self, path: Path, output: Output, run: Run) -> _Served | Refused:
        """Inspect one file, or give what was found of it when nothing has changed since."""
        version = _version(path)
        known = self._known.get((path, output.id))
        if known is not None and known[0] == version:
            return known[1]
        found: _Served | Refused
        try:
            cube = self.inspect(path, run)
            field, remarks = cube.field(output, run, partial(self._cached, path, version))
            found = _Served(_resource(path, version, output, run, field, remarks), field, path)
        except Refusal as err:
            found = Refused(str(path), err.message)
        self._known[path, output.id] = (version, found)
        return found


def _version(path: Path) -> str:
    """Give a word that changes whenever the file or its run file is replaced; '' when gone."""
    try:
        stats = [path.stat(), (path.parent / RUN_FILE).stat()]
    except OSError:
        return ""
    return "-".join(f"{s.st_mtime_ns:x}.{s.st_size:x}.{s.st_ino:x}" for s in stats)


def _resource(
    path: Path,
    version: str,
    output: Output,
    run: Run,
    field: GridField,
    remarks: tuple[str, ...],
) -> Resource:
    """Describe one output."""
    own = output.id.rpartition("/")[2]
    return Resource(
        id=output.id,
        kind=Kind.OUTPUT,
        title=output.title or f"{run.title or run.id}: {output.population or own}",
        parameters=field.parameters,
        frame=field.frame,
        body=field.body,
        domain=field.domain,
        step=field.grid.step,
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
    model = Resource(id=run.model, kind=Kind.MODEL, title=run.model.rpartition("/")[2])
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
    )
    return model, described
