"""Flights: virtual spacecraft. Each output along each orbit that enters its box is a time series.

Nothing is sampled until records are asked for.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np

from vo_server.budget import Budget
from vo_server.errors import Refusal, WrongFrame
from vo_server.frames import transform
from vo_server.identifiers import LONGEST, hashed, identifier
from vo_server.model.parameter import Parameter
from vo_server.model.request import Method, SampleRequest, SeriesRequest
from vo_server.model.resource import Kind, Resource
from vo_server.model.series import Series
from vo_server.model.table import Header, Table
from vo_server.model.time import BEHIND, TimeInterval, Times, fraction_digits, print_duration
from vo_server.model.trajectory import Trajectory
from vo_server.orbit import resampled, steady_step
from vo_server.ports import ErrorSource, FieldSource, OrbitSource
from vo_server.registry import Entry
from vo_server.sampling import STATUS, error_of, fly
from vo_server.settings import Flights
from vo_server.units import quantity

_log = logging.getLogger(__name__)

_TIME = Parameter("Time", np.dtype("datetime64[ns]"), description="time of the orbit's position")
_POSITION = "Position"
_ANY_TIME = np.array(["2000-01-01"], "datetime64[ns]")  # to ask whether frames can be turned
_SAMPLE = 100  # records of the sample interval
# What companions put before and behind the name of a flight.
_AFFIXES = max(len("av_"), len("_err"))
_ALL = Budget(points=2**62, seconds=float("inf"))  # bounds are those of the whole series


@dataclass(frozen=True, slots=True)
class Flight:
    """One virtual spacecraft: a `SeriesSource` of one resource.

    error: gives the estimated error of every parameter in place of its value.
    """

    resource: Resource
    output: Entry
    orbit: Entry
    method: Method
    step: np.timedelta64 | None
    error: bool = False

    def read(self, request: SeriesRequest) -> Iterator[Table]:
        """Sample the output along the part of the orbit in the interval."""
        way = _way(self.orbit, self.step, request.interval)
        if not len(way):
            return
        wanted = set(request.names) - {_TIME.name, _POSITION}
        if not wanted:
            yield way.table
            return
        names = self._names(wanted)
        source, output = self.output.provider, self.output.resource
        assert isinstance(source, FieldSource)
        sampled = SampleRequest(output, names, way, self.method, True, self.error)
        yield from fly(sampled, source, _ALL)

    def _names(self, wanted: set[str]) -> tuple[str, ...]:
        """Give the output's names of the wanted columns; the status alone needs one of them."""
        output = self.output.resource
        published = [_published(p) for p in output.parameters]
        if self.error:
            published = [error_of(p) for p in published]
        names = tuple(
            parameter.name
            for parameter, column in zip(output.parameters, published, strict=True)
            if column.name in wanted
        )
        return names or (output.parameters[0].name,)


def flights(entries: Mapping[str, Entry], settings: Flights) -> list[Flight]:
    """Give every virtual spacecraft: those that offer themselves, and those of the node file."""
    pairs = _pairs(entries)
    wanted: list[_Wanted] = []
    if settings.serve:
        wanted += [_Wanted(output, orbit, "linear", None, None) for output, orbit in pairs]
    for more in settings.more:
        step = None
        if more.cadence is not None:
            nanoseconds = round(quantity(more.cadence, "s", argument="cadence") * 1e9)
            step = np.timedelta64(nanoseconds, "ns")
        wanted += [
            _Wanted(output, orbit, more.method, step, more.name)
            for output, orbit in pairs
            if fnmatchcase(output.resource.id, more.output)
            and fnmatchcase(orbit.resource.id, more.orbit)
        ]
    made: list[Flight] = []
    for name, item in zip(_unique(wanted), wanted, strict=True):
        try:
            flight = _flight(item, name)
            if flight is not None:
                made += [flight, *([_twin(flight)] if _tells_errors(item) else [])]
        except Exception:  # noqa: BLE001  # the border to foreign code: one takes no other with it
            _log.exception("the flight %s is not served", name)
    return made


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An output, an orbit and how to fly it; step: None for the orbit's own."""

    output: Entry
    orbit: Entry
    method: Method
    step: np.timedelta64 | None
    name: str | None

    def suffix(self) -> str:
        """Tell what is not as usual, as a part of a name."""
        step = "" if self.step is None else f"_{print_duration(self.step).lower()}"
        return step + ("" if self.method == "linear" else f"_{self.method}")


def _pairs(entries: Mapping[str, Entry]) -> list[tuple[Entry, Entry]]:
    """Give the outputs and orbits that go together: one body, frames that can be converted."""
    ordered = [entries[id] for id in sorted(entries)]
    orbits = [e for e in ordered if e.resource.kind is Kind.ORBIT]
    outputs = [e for e in ordered if e.resource.kind is Kind.OUTPUT]
    return [
        (output, orbit)
        for output in outputs
        for orbit in orbits
        if isinstance(output.provider, FieldSource)
        and isinstance(orbit.provider, OrbitSource)
        and _fits(output.resource, orbit.resource)
    ]


def _fits(output: Resource, orbit: Resource) -> bool:
    around = orbit.body.name if orbit.body else orbit.around
    body = output.body
    if around is None or body is None or around.casefold() != body.name.casefold():
        return False
    if orbit.frame is None or output.frame is None or output.domain is None:
        return False
    try:
        transform(np.zeros((1, 3)), orbit.frame, output.frame, argument="orbit", times=_ANY_TIME)
    except WrongFrame:
        return False
    return True


def _unique(wanted: Sequence[_Wanted]) -> list[str]:
    """Give each a name; of those that would have the same all are told apart by a hash."""
    names = [item.name or _name(item) for item in wanted]
    result = []
    for item, name in zip(wanted, names, strict=True):
        if names.count(name) > 1:
            whole = f"{item.output.resource.id} {item.orbit.resource.id}{item.suffix()}"
            name = hashed(name, whole, LONGEST - _AFFIXES)
        result.append(name)
    return result


def _name(item: _Wanted) -> str:
    """Name a flight after its output and spacecraft, with as much of the output's id as fits."""
    longest = LONGEST - _AFFIXES
    parts = item.output.resource.id.split("/")[4:] or ["output"]
    behind = f"_at_{_spacecraft(item.orbit.resource)}{item.suffix()}"
    for first in range(len(parts)):
        text = "/".join(parts[first:]) + behind
        name = identifier(text, len(text) * 2)
        if len(name) <= longest:
            return name
    return identifier(parts[-1] + behind, longest)


def _spacecraft(orbit: Resource) -> str:
    parts = orbit.id.split("/")[4:] or [orbit.id]
    return parts[-2] if parts[-1].lower() == "orbit" and len(parts) > 1 else parts[-1]


def _way(orbit: Entry, step: np.timedelta64 | None, interval: TimeInterval | None) -> Trajectory:
    """Give the positions of an orbit in an interval, with the columns Time and Position."""
    assert isinstance(orbit.provider, OrbitSource)
    if step is None:
        return _published_way(orbit.provider.orbit(orbit.resource, interval))
    whole = _published_way(orbit.provider.orbit(orbit.resource, None))
    return resampled(whole, step, interval)


def _published_way(way: Trajectory) -> Trajectory:
    """Give a trajectory whose table is its time and position, in the orbit's own unit."""
    found = [way.table.header.parameters[axis] for axis in way.axes]
    if len({parameter.unit for parameter in found}) == 1 and found[0].null is None:
        unit = found[0].unit
        columns = [np.asarray(way.table.columns[axis], np.float64) for axis in way.axes]
        position = np.column_stack(columns)
    else:
        unit, position = "m", way.positions
    parameter = Parameter(
        _POSITION,
        unit=unit,
        shape=(3,),
        ucd="pos.cartesian",
        description="position of the spacecraft",
        frame=str(way.frame) if way.frame else None,
        components=("x", "y", "z"),
    )
    times = np.full(len(way), "NaT", "datetime64[ns]") if way.times is None else way.times
    table = Table(Header((_TIME, parameter)), (times, position))
    return Trajectory(way.positions, way.frame, table, (1, 1, 1), way.times)


def _published(parameter: Parameter) -> Parameter:
    """Give an output's parameter as `sampling.fly` names it beside time, position and status."""
    taken = (_TIME.name, _POSITION, STATUS.name)
    name = f"{parameter.name}_run" if parameter.name in taken else parameter.name
    return replace(parameter, name=name)


def _flight(item: _Wanted, name: str) -> Flight | None:
    """Make a flight; None where the orbit has no times or does not enter the box."""
    output, orbit = item.output.resource, item.orbit.resource
    seen = _look(item.orbit, item.output, item.step)
    if seen is None:
        return None
    craft = _spacecraft(orbit)
    parts = output.id.split("/")[4:]
    series = Series(
        name=name,
        coverage=seen.coverage,
        digits=seen.digits,
        cadence=seen.cadence,
        sample=seen.sample,
        stamp="center",
        records=seen.records,
        description=f"{output.title}, sampled along {orbit.title} ({item.method}). Values are in "
        f"frame {output.frame}; Status tells why there is none.",
        mission=craft,
        instrument=" ".join(parts[-2:]),
        provenance=f"{output.id} along {orbit.id}",
        unit_schema="",
        location=((_POSITION,),),
        resource_id=f"{output.id}/Flight/{name}",
    )
    resource = Resource(
        id=f"{output.id}/Flight/{name}",
        kind=Kind.SERIES,
        title=f"{' '.join(parts[-2:])} at {craft}{item.suffix().replace('_', ' ')}",
        parameters=(_TIME, seen.position, *(_published(p) for p in output.parameters), STATUS),
        frame=output.frame,
        body=output.body,
        parent=output.id,
        model=output.model,
        version=f"{output.version}|{orbit.version}",
        source=f"{output.source} along {orbit.source}",
        series=series,
    )
    return Flight(resource, item.output, item.orbit, item.method, item.step)


def _twin(flight: Flight) -> Flight:
    """Give the series of the estimated errors of a flight."""
    resource, series = flight.resource, flight.resource.series
    assert series is not None
    return replace(
        flight,
        resource=replace(
            resource,
            id=f"{resource.id}/Error",
            title=f"Errors: {resource.title}",
            parameters=(_TIME, *(error_of(p) for p in resource.parameters[2:-1])),
            series=replace(
                series,
                name=f"{series.name}_err",
                description=f"Estimated interpolation errors of {series.name}.",
                location=(),
                of=resource.id,
            ),
        ),
        error=True,
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look at an orbit tells of the flight along it."""

    coverage: TimeInterval
    sample: TimeInterval
    cadence: np.timedelta64 | None
    digits: int
    records: int
    position: Parameter


def _look(orbit: Entry, output: Entry, step: np.timedelta64 | None) -> _Seen | None:
    """Look at the orbit of a flight; the outcome is kept for as long as neither changes."""
    domain = output.resource.domain
    assert domain is not None
    try:
        way = _way(orbit, None, None)
        frame = output.resource.frame
        assert frame is not None
        points = transform(way.positions, way.frame, frame, argument="orbit", times=way.times)
    except Refusal:
        return None
    times: Times | None = way.times
    if times is None or not len(times) or np.isnat(times).any():
        return None
    coverage = TimeInterval(times.min(), times.max() + BEHIND)
    span = output.resource.span
    if span is not None:
        start, stop = max(coverage.start, span.start), min(coverage.stop, span.stop)
        if stop <= start:
            return None
        coverage = TimeInterval(start, stop)
    then = coverage.holds(times)
    inside = np.flatnonzero(domain.holds(points) & then)
    if not len(inside):
        return None
    cadence = step or steady_step(times)
    digits = fraction_digits(times)
    if step is not None and step % np.timedelta64(1, "ms"):
        digits = 9
    first = times[inside[0]]
    last = coverage.stop
    if cadence is not None:
        last = min(first + _SAMPLE * cadence, coverage.stop)
        first = max(coverage.start, last - _SAMPLE * cadence)
    return _Seen(
        coverage, TimeInterval(first, last), cadence, digits, int(then.sum()),
        way.table.header.parameters[1],
    )  # fmt: skip


def _tells_errors(item: _Wanted) -> bool:
    """Tell whether a field estimates the errors of the method; opens it without a variable."""
    output = item.output
    assert isinstance(output.provider, FieldSource)
    try:
        with output.provider.field(output.resource, ()) as field:
            return isinstance(field, ErrorSource) and item.method in field.estimated
    except Refusal:
        return False
