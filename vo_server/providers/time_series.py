"""Provider `time-series`: folders of files described by a `dataset.toml` each."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from vo_server.errors import BadFile, Refusal
from vo_server.identifiers import identifier
from vo_server.model.dataset import DATASET_FILE, DatasetFile, read_dataset
from vo_server.model.parameter import Parameter
from vo_server.model.request import SeriesRequest
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.series import Series
from vo_server.model.space import Frame
from vo_server.model.table import Table
from vo_server.model.time import BEHIND, TimeInterval, Times, fraction_digits
from vo_server.ports import Look, Site
from vo_server.providers.series_columns import Columns
from vo_server.providers.series_files import Pattern, first_block, names_of, read_file
from vo_server.providers.stamp import stamp

_SAMPLE = 100  # records of the sample interval, about
_AGAIN = 10.0  # seconds after which a refused dataset is looked at again


class TimeSeriesOptions(BaseModel):
    """Options of `time-series`; path: pattern of the dataset files, relative to the node file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str = f"series/*/{DATASET_FILE}"


@dataclass(frozen=True, slots=True)
class _Part:
    """One file: the interval in which its records lie, as far as that is known."""

    path: Path
    first: np.datetime64
    last: np.datetime64 | None
    count: int | None = None
    digits: int = 3
    longest: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Served:
    """A dataset and its files, in order of their times."""

    resource: Resource
    columns: Columns
    parts: tuple[_Part, ...]
    form: str | None


class TimeSeries:
    """Serves time series; files are noticed, replaced and gone without a restart."""

    Options = TimeSeriesOptions

    def __init__(self, options: TimeSeriesOptions, site: Site) -> None:
        self._options = options
        self._site = site
        self._known: dict[Path, tuple[str, float, _Served | Refused]] = {}
        self._parts: dict[Path, tuple[str, _Part]] = {}
        self._served: dict[str, _Served] = {}
        self._refused: tuple[Refused, ...] = ()

    @classmethod
    def look(cls, path: Path) -> Look:
        """Tell what a file holds that no `dataset.toml` names yet; raises BadFile."""
        first = first_block(read_file(path, None), path)
        dataset = DatasetFile(id="spase://X/NumericalData/X", files=path.name)
        columns = Columns(dataset, first)
        frames = {p.frame for p in columns.header.parameters if p.frame}
        return Look(
            Kind.SERIES,
            columns.header.parameters[1:],
            frames.pop() if len(frames) == 1 else None,
            time=columns.time,
        )

    def resources(self) -> Sequence[Resource]:
        """Give every dataset; a file is looked into only when it is new or changed."""
        files = self._site.match(self._options.path)
        refused = [] if files else [self._site.unmatched(self._options.path)]
        served: dict[str, _Served] = {}
        for path in files:
            found = self._dataset(path)
            if isinstance(found, Refused):
                refused.append(found)
            elif found.resource.id in served:
                refused.append(Refused(str(path), f"{found.resource.id} is served already"))
            else:
                served[found.resource.id] = found
        self._known = {path: self._known[path] for path in files}
        self._served, self._refused = served, tuple(refused)
        return [item.resource for item in served.values()]

    def refused(self) -> Sequence[Refused]:
        """Give the datasets that cannot be served, as of the last `resources()`."""
        return self._refused

    def read(self, request: SeriesRequest) -> Iterator[Table]:
        """Give the blocks of the files whose records may lie in the interval.

        Raises BadFile where a file is gone, broken, or has other columns than the first one.
        """
        served = self._served.get(request.resource.id)
        if served is None:
            raise BadFile(f"the files of {request.resource.id} were removed just now")
        interval = request.interval
        for part, following in zip(served.parts, (*served.parts[1:], None), strict=True):
            end = part.last
            if end is None and following is not None:
                end = following.first
            if part.first < interval.stop and (end is None or end >= interval.start):
                for block in read_file(part.path, served.form):
                    yield served.columns.publish(block)

    def _dataset(self, path: Path) -> _Served | Refused:
        """Look at one dataset, or give what was found when nothing has changed since."""
        found: _Served | Refused
        try:
            dataset = read_dataset(path, self._site.authority)
            files = Pattern(dataset.files).files(path.parent)
        except Refusal as err:
            files, found = [], Refused(str(path), err.message)
            self._known[path] = ("", time.monotonic(), found)
            return found
        stamps = "-".join(f"{file}.{stamp(file)}" for file in (path, *(f for _, f in files)))
        version = hashlib.sha256(stamps.encode()).hexdigest()[:32]
        known = self._known.get(path)
        if known is not None and known[0] == version:
            fresh = isinstance(known[2], _Served) or time.monotonic() - known[1] < _AGAIN
            if fresh:
                return known[2]
        try:
            found = self._inspect(path, dataset, files, version)
        except Refusal as err:
            found = Refused(str(path), err.message)
        self._known[path] = (version, time.monotonic(), found)
        return found

    def _inspect(
        self,
        path: Path,
        dataset: DatasetFile,
        files: Sequence[tuple[np.datetime64 | None, Path]],
        version: str,
    ) -> _Served:
        """Find coverage, columns and cadence of a dataset; raises BadFile."""
        if not files:
            raise BadFile(f"no file matches {dataset.files}")
        first = first_block(read_file(files[0][1], dataset.format), files[0][1])
        columns = Columns(dataset, first)
        timed = Pattern(dataset.files).timed
        parts: list[_Part] = []
        for number, (moment, file) in enumerate(files):
            if timed and moment is not None and 0 < number < len(files) - 1:
                parts.append(_Part(file, moment, None))
            else:
                parts.append(self._look(file, dataset, columns))
        parts.sort(key=lambda part: part.first)
        resource = _describe(path, dataset, columns, parts, version)
        return _Served(resource, columns, tuple(parts), dataset.format)

    def _look(self, path: Path, dataset: DatasetFile, columns: Columns) -> _Part:
        """Read the times of one file, unless it is as it was."""
        current = stamp(path)
        known = self._parts.get(path)
        if known is not None and known[0] == current:
            return known[1]
        low: list[np.datetime64] = []
        high: list[np.datetime64] = []
        count, digits = 0, 3
        longest = [0] * len(columns.header.parameters)
        for raw in read_file(path, dataset.format):
            block = columns.publish(raw)
            moments: Times = block.columns[0]
            if not len(moments):
                continue
            low.append(moments.min())
            high.append(moments.max())
            count += len(moments)
            digits = max(digits, fraction_digits(moments))
            for i, column in enumerate(block.columns):
                if column.dtype == object:
                    sizes = [len(str(cell).encode(errors="replace")) for cell in column.ravel()]
                    longest[i] = max(longest[i], *sizes)
        if not count:
            raise BadFile(f"{path.name} has no records")
        part = _Part(path, min(low), max(high), count, digits, tuple(longest))
        self._parts[path] = (current, part)
        return part


def _describe(
    path: Path,
    dataset: DatasetFile,
    columns: Columns,
    parts: Sequence[_Part],
    version: str,
) -> Resource:
    """Describe a dataset as its files and its dataset file tell together."""
    looked = [part for part in parts if part.last is not None]
    digits = max(part.digits for part in looked)
    first = min(part.first for part in looked)
    last = max(part.last for part in looked if part.last is not None)
    start = dataset.moment(dataset.start) or first
    stop = dataset.moment(dataset.stop) or last + BEHIND
    if start > first or stop <= last:
        raise BadFile("start and stop do not hold all records of the files")
    cadence = dataset.step() or _cadence(looked[0], dataset, columns)
    known = all(part.count is not None for part in parts)
    series = Series(
        name=dataset.name or identifier(dataset.id.split("/", 4)[-1]),
        coverage=TimeInterval(start, stop),
        digits=digits,
        cadence=cadence,
        sample=_sample(dataset, first, TimeInterval(start, stop), cadence),
        stamp=dataset.stamp,
        records=sum(part.count or 0 for part in parts) if known else None,
        description=dataset.description,
        mission=dataset.mission,
        instrument=dataset.instrument,
        contact=dataset.contact,
        contact_id=dataset.contact_id,
        citation=dataset.citation,
        license_url=dataset.license_url,
        provenance=dataset.provenance,
        resource_url=dataset.resource_url,
        resource_id=dataset.resource_id or dataset.id,
        created=dataset.moment(dataset.created),
        modified=_modified(path, parts),
        unit_schema=dataset.unit_schema,
        frame_schema=dataset.frame_schema,
        location=dataset.location,
        place=dataset.place.place() if dataset.place else None,
        geo=dataset.geo,
        notes=dataset.notes,
        warnings=dataset.warnings,
        measures=dataset.measures,
        region=dataset.region,
        metadata=tuple(item.metadata() for item in dataset.metadata),
    )
    parameters = tuple(
        _sized(parameter, max(part.longest[i] for part in looked))
        for i, parameter in enumerate(columns.header.parameters)
    )
    for names in dataset.location:
        for name in names:
            if name not in {p.name for p in parameters}:
                raise BadFile(f"location names {name[:40]}; there are {names_of(parameters)}")
    frames = {p.frame for p in parameters if p.frame}
    return Resource(
        id=dataset.id,
        kind=Kind.SERIES,
        title=dataset.title or dataset.id.rpartition("/")[2],
        parameters=parameters,
        frame=Frame(frames.pop()) if len(frames) == 1 else None,
        version=version,
        source=str(path),
        series=series,
    )


def _sized(parameter: Parameter, longest: int) -> Parameter:
    """Give a text the length that its files were seen to need."""
    if parameter.dtype == object and parameter.length is None:
        return replace(parameter, length=max(longest, 1))
    return parameter


def _cadence(part: _Part, dataset: DatasetFile, columns: Columns) -> np.timedelta64 | None:
    """Give the median distance of the first records."""
    block = columns.publish(first_block(read_file(part.path, dataset.format), part.path))
    steps = np.diff(np.unique(block.columns[0]))
    return np.sort(steps)[len(steps) // 2] if len(steps) else None


def _sample(
    dataset: DatasetFile,
    first: np.datetime64,
    coverage: TimeInterval,
    cadence: np.timedelta64 | None,
) -> TimeInterval | None:
    start, stop = dataset.moment(dataset.sample_start), dataset.moment(dataset.sample_stop)
    if start is not None and stop is not None:
        return TimeInterval(start, stop)
    if cadence is None:
        return None
    return TimeInterval(first, min(first + _SAMPLE * cadence, coverage.stop))


def _modified(path: Path, parts: Sequence[_Part]) -> np.datetime64 | None:
    """Give when the newest of the files was written."""
    try:
        newest = max(file.stat().st_mtime for file in (path, *(part.path for part in parts)))
    except OSError:
        return None
    return np.datetime64(int(newest * 1e9), "ns")
