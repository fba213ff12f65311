"""Operations: what the methods of IMPEx do, over the kernel; free of any dialect's wire."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from impex import fields
from impex.clock_angle import Turn
from impex.columns import lower_case, positions_first
from impex.convert import (
    FORMATS,
    METHODS,
    cut_request,
    duration,
    line_quantity,
    line_request,
    refuse_unknown,
    resource_id,
    track_request,
)
from impex.granules import RESOURCE, Granules
from impex.parity import Parity
from impex.relevant import relevant_runs
from impex.soap import Handler
from vo_server.budget import Budget
from vo_server.context import Context, Given
from vo_server.cuts import cut
from vo_server.errors import UnknownParameter
from vo_server.lines import follow
from vo_server.model.request import Method, SampleRequest, SpectraRequest
from vo_server.model.resource import Kind, Resource
from vo_server.model.snapshot import parted, snapshot_id
from vo_server.model.table import Table
from vo_server.model.time import parse_time
from vo_server.model.trajectory import Trajectory
from vo_server.plugins import format_named
from vo_server.registry import Entry
from vo_server.roles import trajectory
from vo_server.sampling import find_output, fly, parameter_names, source_of
from vo_server.spacecraft import find_orbit, orbit_at, sampling_times
from vo_server.spectra import fly_spectra
from vo_server.tracks import fields_of, track
from votable.words import Words
from votable.write import write

_POINTS = "url_XYZ"
_RESOURCE = "ResourceID"
_SPACECRAFT = "Spacecraft_name"

_LINE_STEPS = 999  # of a line, where the dialect has no parameter for it


@dataclass(frozen=True, slots=True)
class _Way:
    """Where to sample: what names it in a key, and the trajectory, made when it is wanted."""

    key: tuple[str, ...]
    trajectory: Callable[[], Trajectory]
    argument: str


class Operations:
    """The methods of one node for one dialect; each takes a request's values and answers it.

    An answer's URL is named by what was asked of which version of what; asked again, the result
    that is still there is the answer.
    """

    def __init__(self, context: Context, parity: Parity | None = None) -> None:
        self._context = context
        self._parity = parity or Parity()
        self._version = version("vo-server")

    def handlers(self) -> dict[str, Handler]:
        """Give the methods by their names in every dialect."""
        return {
            "getDataPointValue": self.data_point_value,
            "getDataPointValueSpacecraft": self.data_point_value,
            "getDataPointSpectra": self.data_point_spectra,
            "getDataPointSpectraSpacecraft": self.data_point_spectra,
            "getSurface": self.surface,
            "getFieldLine": self.field_line,
            "getParticleTrajectory": self.particle_trajectory,
            "getMostRelevantRun": self.most_relevant_run,
            "getFileURL": self.file_url,
            "getVOTableURL": self.votable_url,
            "isAlive": self.is_alive,
        }

    def is_alive(self, given: Mapping[str, Any]) -> bool:
        """Answer that the node is there."""
        return True

    def data_point_value(self, given: Mapping[str, Any]) -> str:
        """Sample an output along a table or an orbit and give the URL of the result."""
        budget = self._context.budget()
        wanted = given["Variable"]
        entry = self._output(given, wanted)
        names = parameter_names(entry.resource, wanted, argument="Variable")
        source = source_of(entry, _RESOURCE)
        method, kind, turn = self._method(given), self._kind(given), self._turn(given, entry)
        added = sorted(given.get("Additions") or ())
        sample = turn.fly if turn else fly
        with self._way(given, entry.resource, budget) as way:

            def tables() -> Iterable[Table]:
                flight = way.trajectory()
                join = self._parity.snapshots
                request = SampleRequest(
                    entry.resource, names, flight, method,
                    status="Status" in added, error="Error" in added, join=join,
                )  # fmt: skip
                flown = sample(request, source, budget, argument=way.argument)
                flown = self._parity.filled(flown, len(flight.table.columns))
                return flown if kind == "votable" else positions_first(flown, flight)

            told = (method, repr(turn), repr(added))
            key = self._key("getDataPointValue", entry, *way.key, *told, *names)
            return self._result(key, kind, tables, budget)

    def data_point_spectra(self, given: Mapping[str, Any]) -> str:
        """Sample energy spectra along a table or an orbit and give the URL of the result."""
        budget = self._context.budget()
        entry = self._output(given, ())
        source = source_of(entry, _RESOURCE)
        kind, turn = self._kind(given), self._turn(given, entry)
        channels = given.get("EnergyChannel") or ()
        method: Method = METHODS[given.get("InterpolationMethod") or "NearestGridPoint"]
        with self._way(given, entry.resource, budget) as way:

            def tables() -> Iterable[Table]:
                flight = turned = way.trajectory()
                if turn:
                    turned = turn.trajectory(flight, entry.resource, argument=way.argument)
                request = SpectraRequest(entry.resource, turned, channels, method)
                flown = fly_spectra(request, source, budget, argument=way.argument)
                flown = self._parity.filled(flown, len(flight.table.columns))
                return flown if kind == "votable" else positions_first(flown, flight)

            key = self._key("getDataPointSpectra", entry, *way.key, method, repr(turn), *channels)
            return self._result(key, kind, tables, budget)

    def surface(self, given: Mapping[str, Any]) -> str:
        """Sample an output on a plane and give the URL of the result."""
        budget = self._context.budget()
        wanted = given["Variable"]
        entry = self._output(given, wanted)
        names = parameter_names(entry.resource, wanted, argument="Variable")
        source = source_of(entry, _RESOURCE)
        kind, turn = self._kind(given), self._turn(given, entry)
        request = cut_request(given, entry.resource, names, self._method(given))
        sample = turn.fly if turn else fly

        def tables() -> Iterable[Table]:
            found = self._parity.filled(cut(request, source, budget, sample), 3)
            return found if kind == "votable" else lower_case(found)

        place = (repr(request.point), repr(request.normal), repr(request.resolution))
        key = self._key("getSurface", entry, *place, request.method, repr(turn), *names)
        return self._result(key, kind, tables, budget)

    def field_line(self, given: Mapping[str, Any]) -> str:
        """Trace lines from the points of a table and give the URL of the result."""
        budget = self._context.budget()
        quantity = line_quantity(given["Variable"]) or self._quantity(given)
        entry = self._output(given, [f"{quantity}{axis}" for axis in "xyz"])
        refuse_unknown(given["Variable"], entry.resource)
        source = source_of(entry, _RESOURCE)
        given = {"MaxSteps": min(_LINE_STEPS, budget.steps), **given}
        budget.allow("steps", given["MaxSteps"], argument="MaxSteps")
        with self._context.table(given[_POINTS], budget, argument=_POINTS) as points:

            def tables() -> Iterable[Table]:
                seeds = _trajectory(points, entry.resource)
                request = line_request(given, entry.resource, quantity, seeds)
                return follow(request, source, budget, argument=_POINTS)

            key = self._key("getFieldLine", entry, points.digest, quantity, *_conditions(given))
            return self._result(key, self._kind(given), tables, budget)

    def particle_trajectory(self, given: Mapping[str, Any]) -> str:
        """Follow the particles of a table and give the URL of their tracks."""
        budget = self._context.budget()
        entry = self._pushing(given)
        source = source_of(entry, _RESOURCE)
        budget.allow("steps", given["MaxSteps"], argument="MaxSteps")
        with self._context.table(given[_POINTS], budget, argument=_POINTS) as points:

            def tables() -> Iterable[Table]:
                starts = _trajectory(points, entry.resource)
                request = track_request(given, entry.resource, starts)
                return track(request, source, budget, argument=_POINTS)

            key = self._key("getParticleTrajectory", entry, points.digest, *_conditions(given))
            return self._result(key, self._kind(given), tables, budget)

    def most_relevant_run(self, given: Mapping[str, Any]) -> str:
        """Give the runs whose solar wind comes nearest, as JSON."""
        return relevant_runs(given, self._context.registry)

    def file_url(self, given: Mapping[str, Any]) -> bytes:
        """Give a VOTable of what there is of a resource in an interval of time."""
        budget = self._context.budget()
        start, stop = (parse_time(given[n], argument=n) for n in ("StartTime", "StopTime"))
        make = partial(self._granule, budget=budget)
        granules = Granules(self._context.registry, make, budget)
        table = granules.table(resource_id(given[_RESOURCE]), start, stop, argument=_RESOURCE)
        return b"".join(write((table,), "1.2", words=Words(name=RESOURCE)))

    def votable_url(self, given: Mapping[str, Any]) -> str:
        """Store columns as a VOTable and give its URL."""
        budget = self._context.budget()
        key = self._context.results.key(self._version, "getVOTableURL", repr(given))

        def tables() -> Iterable[Table]:
            table = fields.table(given)
            budget.allow("points", len(table), argument="Fields")
            return (table,)

        return self._result(key, "votable", tables, budget)

    @contextmanager
    def _way(self, given: Mapping[str, Any], resource: Resource, budget: Budget) -> Iterator[_Way]:
        """Give the positions of a request: those of its table, or of its spacecraft."""
        if _SPACECRAFT in given:
            yield self._orbit(given, resource, budget)
            return
        with self._context.table(given[_POINTS], budget, argument=_POINTS) as points:
            yield _Way((points.digest,), lambda: _trajectory(points, resource), _POINTS)

    def _orbit(self, given: Mapping[str, Any], resource: Resource, budget: Budget) -> _Way:
        start, stop = (parse_time(given[n], argument=n) for n in ("StartTime", "StopTime"))
        step = duration(given["Sampling"], argument="Sampling")
        moments = sampling_times(start, stop, step, budget)
        body = resource.body.name if resource.body else None
        name = given[_SPACECRAFT]
        orbit = find_orbit(self._context.registry, name, body, argument=_SPACECRAFT)

        def flight() -> Trajectory:
            return orbit_at(orbit, moments, budget, argument=_SPACECRAFT)

        told = (orbit.resource.id, orbit.resource.version, str(start), str(stop), str(step))
        return _Way(told, flight, _SPACECRAFT)

    def _granule(self, entry: Entry, flight: Trajectory, budget: Budget) -> str:
        """Fly an output along positions and give the URL of the result."""
        names = parameter_names(entry.resource, (), argument=_RESOURCE)
        source = source_of(entry, _RESOURCE)
        request = SampleRequest(entry.resource, names, flight)
        spanned = flight.positions.tobytes().hex()
        key = self._key("granule", entry, spanned)

        def tables() -> Iterable[Table]:
            return self._parity.filled(fly(request, source, budget), len(flight.table.columns))

        return self._result(key, "votable", tables, budget)

    def _output(self, given: Mapping[str, Any], wanted: Sequence[str]) -> Entry:
        """Find the output that a ResourceID stands for."""
        id = resource_id(given[_RESOURCE])
        return find_output(self._context.registry, id, wanted, argument=_RESOURCE)

    def _pushing(self, given: Mapping[str, Any]) -> Entry:
        """Find the output whose fields push particles: the one asked for, or its run's only one.

        FMI's client names the output of the magnetic field alone. Raises UnknownParameter.
        """
        entry = self._output(given, [f"{q}{axis}" for q in "BU" for axis in "xyz"])
        try:
            fields_of(entry.resource)
        except UnknownParameter:
            id = entry.resource.parent
            if id is None:
                raise
            others = [other for other in self._context.registry.children(id) if _pushes(other)]
            if len(others) != 1:
                raise
            time = entry.resource.time
            id = others[0].id if time is None else snapshot_id(others[0].id, time)
            return find_output(self._context.registry, id, (), argument=_RESOURCE)
        return entry

    def _quantity(self, given: Mapping[str, Any]) -> str:
        """Give the vector to follow where none is named: the magnetic field where there is one."""
        registry = self._context.registry
        id, _ = parted(resource_id(given[_RESOURCE]), argument=_RESOURCE)
        resource = registry.get(id, argument=_RESOURCE).resource
        outputs = [resource] if resource.kind is Kind.OUTPUT else registry.children(id)
        magnetic = any(p.name == "Bx" for output in outputs for p in output.parameters)
        return "B" if magnetic else "U"

    def _method(self, given: Mapping[str, Any]) -> Method:
        method = METHODS[given.get("InterpolationMethod") or "Linear"]
        return self._parity.linear if method == "linear" else method

    def _kind(self, given: Mapping[str, Any]) -> str:
        return FORMATS[given["OutputFileType"]]

    def _turn(self, given: Mapping[str, Any], entry: Entry) -> Turn | None:
        """Give the turn of the run that a clock angle asks for."""
        degrees = given.get("IMFClockAngle")
        parent = entry.resource.parent
        if degrees is None or parent is None:
            return None
        return Turn.to(degrees, self._context.registry.get(parent, argument=_RESOURCE).resource)

    def _key(self, operation: str, entry: Entry, *parts: str) -> str:
        asked = (self._version, repr(self._parity), operation)
        resource = entry.resource
        return self._context.results.key(*asked, resource.id, resource.version, *parts)

    def _result(
        self, key: str, kind: str, tables: Callable[[], Iterable[Table]], budget: Budget
    ) -> str:
        """Give the URL of a result, which is made where it is not there yet."""
        results, format = self._context.results, format_named(kind)
        extension = format.extensions[0]
        name = results.find(key, extension)
        if name is None:
            if kind == "votable":
                blocks = write(tables(), self._parity.votable)
            else:
                blocks = format.write(tables())
            name = results.put(key, extension, blocks, budget)
        return results.url(name)


def _pushes(resource: Resource) -> bool:
    """Tell whether an output has the fields that push particles."""
    if resource.kind is not Kind.OUTPUT:
        return False
    try:
        fields_of(resource)
    except UnknownParameter:
        return False
    return True


def _conditions(given: Mapping[str, Any]) -> list[str]:
    """Give what else makes one answer differ from another."""
    return [f"{k}={v!r}" for k, v in given.items() if k not in (_POINTS, _RESOURCE)]


def _trajectory(points: Given, resource: Resource) -> Trajectory:
    """Read a client's table as positions."""
    body = resource.body
    return trajectory(
        points.tables,
        body=body.name if body else "",
        radius=body.radius if body else None,
        argument=_POINTS,
    )
