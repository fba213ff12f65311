"""Granules: what there is of a resource in an interval of time, as the table of getFileURL."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from vo_server.errors import Refusal, TooMuch
from vo_server.formats.cells import objects
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.resource import Kind, Resource
from vo_server.model.table import Header, Table
from vo_server.model.time import TimeInterval
from vo_server.model.trajectory import Trajectory
from vo_server.ports import OrbitSource
from vo_server.registry import Entry, Registry
from vo_server.spacecraft import around

# Gives the URL of an output flown along a trajectory.
Make = Callable[[Entry, Trajectory], str]

_TIME = np.dtype("datetime64[ns]")
_HEADER = Header(
    (
        Parameter("ResourceID", TEXT, ucd="meta.id"),
        Parameter("StartTime", _TIME, ucd="time.epoch;time.start"),
        Parameter("StopTime", _TIME, ucd="time.epoch;time.stop"),
        Parameter("URL", TEXT, ucd="meta.ref.url"),
        Parameter("ParentID", TEXT, ucd="meta.id.parent"),
    ),
    name="FileURLs",
)
_MOST = 100  # granules of one answer


class Granules:
    """The outputs of a node along the orbits that it serves: a granule is one of each."""

    def __init__(self, registry: Registry, make: Make) -> None:
        self._registry = registry
        self._make = make

    def table(self, id: str, start: np.datetime64, stop: np.datetime64, *, argument: str) -> Table:
        """Give the granules of an output, or of a run's outputs, that overlap [start, stop).

        There is none where no orbit around the run's body passes through it then. Raises
        UnknownResource, BadArgument for a reversed interval, and TooMuch.
        """
        interval = TimeInterval(start, stop)
        entry = self._registry.get(id, argument=argument)
        outputs = [entry.resource]
        if entry.resource.kind is not Kind.OUTPUT:
            outputs = [r for r in self._registry.children(id) if r.kind is Kind.OUTPUT]
        rows: list[tuple[str, np.datetime64, np.datetime64, str, str]] = []
        for output in outputs:
            for orbit in self._orbits(output):
                flight = self._flight(orbit, output, interval)
                if flight is None or flight.times is None:
                    continue
                if len(rows) == _MOST:
                    raise TooMuch(
                        f"there are more than {_MOST} files, this node's limit of one answer; ask "
                        "for one output"
                    )
                url = self._make(self._registry.get(output.id), flight)
                first, last = flight.times.min(), flight.times.max()
                rows.append((_id(output, orbit), first, last, url, output.id))
        return _table(rows)

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
        if not isinstance(entry.provider, OrbitSource) or output.domain is None:
            return None
        try:
            flight = entry.provider.orbit(orbit, interval)
        except Refusal:  # an orbit without times
            return None
        if not len(flight) or flight.frame != output.frame:
            return None
        inside = output.domain.holds(flight.positions)
        if output.span is not None and flight.times is not None:
            inside &= output.span.holds(flight.times)
        return flight if inside.any() else None


def _id(output: Resource, orbit: Resource) -> str:
    scheme, _, rest = output.id.partition("//")
    authority, _, path = rest.partition("/")
    return f"{scheme}//{authority}/Granule/{path.partition('/')[2]}/{orbit.spacecraft}"


def _table(rows: list[tuple[str, np.datetime64, np.datetime64, str, str]]) -> Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(_HEADER.parameters)
    return Table(
        replace(_HEADER, description="Outputs along the orbits served here"),
        tuple(
            np.array(column, parameter.dtype)
            if parameter.dtype == _TIME
            else objects([str(text) for text in column])
            for parameter, column in zip(_HEADER.parameters, columns, strict=True)
        ),
    )
