"""Granules: what there is of a resource in an interval of time, as the table of getFileURL."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from vo_server.budget import Budget
from vo_server.errors import BadArgument, TooMuch, UnknownResource, WrongFrame
from vo_server.formats.cells import objects
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.resource import Kind, Resource
from vo_server.model.snapshot import parted
from vo_server.model.table import Header, Table
from vo_server.model.time import TimeInterval
from vo_server.model.trajectory import Trajectory
from vo_server.orbit import timed
from vo_server.ports import Ephemeris, OrbitSource
from vo_server.registry import Entry, Registry
from vo_server.sampling import in_frame
from vo_server.snapshots import snapshot_at
from vo_server.spacecraft import around

# Gives the URL of an output flown along a trajectory.
Make = Callable[[Entry, Trajectory], str]

_TIME = np.dtype("datetime64[ns]")
_HEADER = Header(
    tuple(
        Parameter(name, dtype, ucd=ucd, xtype="dateTime" if dtype == _TIME else None, id=name)
        for name, dtype, ucd in (
            ("ResourceID", TEXT, "meta.id"),
            ("StartTime", _TIME, "time.epoch;time.start"),
            ("StopTime", _TIME, "time.epoch;time.stop"),
            ("URL", TEXT, "meta.ref.url"),
            ("ParentID", TEXT, "meta.id.parent"),
        )
    ),
    name="FileURLs",
)
RESOURCE = "LatHySGranules"  # name of what holds the table
_MOST = 100  # granules of one answer
# Of orbits that are known at any time: between positions, and positions of one granule.
_STEP = np.timedelta64(60, "s")
_POSITIONS = 1440


class Granules:
    """The outputs of a node along the orbits that it serves: a granule is one of each."""

    def __init__(self, registry: Registry, make: Make, budget: Budget) -> None:
        self._registry = registry
        self._make = make
        self._budget = budget

    def table(self, id: str, start: np.datetime64, stop: np.datetime64, *, argument: str) -> Table:
        """Give the granules of an output, or of a run's outputs, that overlap [start, stop).

        There is none where no orbit around the run's body passes through it then. An id with a
        time is of the snapshots nearest to it. Raises UnknownResource, BadArgument for a reversed
        interval, and TooMuch.
        """
        interval = TimeInterval(start, stop)
        rows: list[tuple[str, np.datetime64, np.datetime64, str, str]] = []
        for output in self._outputs(id, argument):
            for orbit in self._orbits(output):
                flight = self._flight(orbit, output, interval)
                if flight is None or flight.times is None:
                    continue
                if len(rows) == _MOST:
                    raise TooMuch(
                        f"there are more than {_MOST} files, this node's limit of one answer; ask "
                        "for one output"
                    )
                provider = self._registry.get(parted(output.id)[0]).provider
                url = self._make(Entry(output, provider), flight)
                first, last = flight.times.min(), flight.times.max()
                rows.append((_id(output, orbit), first, last, url, output.id))
        return _table(rows)

    def _outputs(self, id: str, argument: str) -> list[Resource]:
        """Give the output of an id, or those of a run; at a time where it names one."""
        plain, time = parted(id, argument=argument)
        found = self._registry.get(plain, argument=argument).resource
        if found.kind not in (Kind.OUTPUT, Kind.RUN):
            raise UnknownResource(
                f"{argument} {plain} is of the kind {found.kind}; files are those of an output or "
                "a run",
                argument=argument,
            )
        outputs = [found]
        if found.kind is Kind.RUN:
            outputs = [r for r in self._registry.children(plain) if r.kind is Kind.OUTPUT]
        if time is None:
            return outputs
        return [snapshot_at(output, time, argument=argument) for output in outputs]

    def _orbits(self, output: Resource) -> list[Resource]:
        return [
            orbit
            for orbit in self._registry.all(Kind.ORBIT)
            if orbit.spacecraft and output.body and around(orbit) == output.body.name.casefold()
        ]

    def _flight(
        self, orbit: Resource, output: Resource, interval: TimeInterval
    ) -> Trajectory | None:
        """Give the part of an orbit in the interval that passes through an output's domain."""
        entry = self._registry.get(orbit.id)
        if output.domain is None or output.frame is None:
            return None
        try:
            flight = self._way(entry, interval)
            if flight is None or not len(flight):
                return None
            positions = in_frame(flight, output.frame, argument="orbit")
        except (BadArgument, WrongFrame):  # an orbit without times, or of another place
            return None
        inside = output.domain.holds(positions)
        if output.span is not None and flight.times is not None:
            inside &= output.span.holds(flight.times)
        return flight if inside.any() else None

    def _way(self, orbit: Entry, interval: TimeInterval) -> Trajectory | None:
        """Give the positions of an orbit in the interval."""
        source = orbit.provider
        if isinstance(source, OrbitSource):
            return source.orbit(orbit.resource, interval)
        if not isinstance(source, Ephemeris):
            return None
        step = max(_STEP, (interval.stop - interval.start) // _POSITIONS)
        times = np.arange(interval.start, interval.stop, step, dtype=_TIME)
        positions = source.positions(orbit.resource, times, self._budget)
        known = np.isfinite(positions).all(axis=1)
        return timed(times[known], positions[known], orbit.resource.frame)


def _id(output: Resource, orbit: Resource) -> str:
    scheme, _, rest = output.id.partition("//")
    authority, _, path = rest.partition("/")
    return f"{scheme}//{authority}/Granule/{path.partition('/')[2]}/{orbit.spacecraft}"


def _table(rows: list[tuple[str, np.datetime64, np.datetime64, str, str]]) -> Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(_HEADER.parameters)
    return Table(
        replace(_HEADER, description="Outputs along the orbits served here", rows=len(rows)),
        tuple(
            np.array(column, parameter.dtype)
            if parameter.dtype == _TIME
            else objects([str(text) for text in column])
            for parameter, column in zip(_HEADER.parameters, columns, strict=True)
        ),
    )
