"""Provider `hapi-orbit`: a spacecraft's orbit that another HAPI server has as a dataset.

Only the records around the times of a request are fetched, and kept as `hapi-relay` keeps them.
Requests name the spacecraft; no virtual spacecraft is made of it, which would take the whole.
"""

import glob
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from hapi.provider import HapiRelay, RelayLimits, RelayOptions
from vo_server.budget import Budget
from vo_server.errors import (
    BadArgument,
    BadFile,
    Failure,
    ForbiddenAddress,
    Refusal,
    UpstreamBusy,
    UpstreamFailed,
    UpstreamSilent,
    WrongFrame,
)
from vo_server.model.parameter import Parameter
from vo_server.model.request import SeriesRequest
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.run import BodyName, Identifier, Length, Name
from vo_server.model.space import Body, Frame, Points
from vo_server.model.table import Header, Table
from vo_server.model.time import TimeInterval, Times
from vo_server.orbit import between
from vo_server.ports import Site
from vo_server.roles import trajectory
from vo_server.series import read
from vo_server.units import quantity

_NEIGHBOURS = 4  # records that are fetched on either side of the times asked for
_HOUR = np.timedelta64(3600 * 10**9, "ns")
_VECTOR = ("pos.cartesian",)
_AXES = ("pos.cartesian.x", "pos.cartesian.y", "pos.cartesian.z")


class OrbitOptions(RelayLimits):
    """Options of `hapi-orbit`.

    url, refresh, cache_bytes, allow, ports, seconds, bytes: as in `hapi-relay`; dataset: its id
    there; position: names of x, y and z there, or of the one parameter that has all three, where
    they are not called so; spacecraft, body, frame, body_radius, id: as in `orbit-files`.
    """

    dataset: Annotated[str, Field(min_length=1, max_length=500)]
    position: tuple[str, ...] = ()
    spacecraft: str = Field(pattern=r"^[A-Za-z0-9_.+-]+$")
    body: BodyName
    frame: Name | None = None
    body_radius: Length | None = None
    id: Identifier | None = None


class HapiOrbit:
    """Knows one spacecraft's positions at any time that the dataset covers."""

    Options = OrbitOptions

    def __init__(self, options: OrbitOptions, site: Site) -> None:
        if len(options.position) not in (0, len(_VECTOR), len(_AXES)):
            raise BadArgument("position wants one name, or three", argument="position")
        self._options = options
        limits = {name: getattr(options, name) for name in RelayLimits.model_fields}
        one = glob.escape(options.dataset)
        self._relay = HapiRelay(RelayOptions(**limits, datasets=(one,), most=1), site)
        self._id = site.orbit_id(options.spacecraft, options.id)
        radius = options.body_radius
        self._radius = None if radius is None else quantity(radius, "m", argument="body_radius")
        self._refused: tuple[Refused, ...] = ()

    def resources(self) -> Sequence[Resource]:
        """Give the orbit once the other server has told of the dataset."""
        refused = list(self._relay.refused())
        found = []
        for dataset in self._relay.resources():
            try:
                found.append(self._describe(dataset))
            except Refusal as err:
                refused.append(Refused(f"{self._options.url} {self._options.dataset}", err.message))
        self._refused = tuple(refused)
        return found

    def refused(self) -> Sequence[Refused]:
        """Say why the orbit is not served, as of the last `resources()`."""
        return self._refused

    def positions(self, resource: Resource, times: Times, budget: Budget) -> Points:
        """Give positions (n, 3) in m at times; see `vo_server.ports.Ephemeris`.

        Between records the cubic through the nearest four is taken, across a gap there is none.
        Raises Failure where the other server does not give them.
        """
        dataset = next(iter(self._relay.resources()), None)
        if dataset is None or dataset.version != resource.version:
            raise BadFile(f"the dataset of {resource.id} was replaced just now; ask again")
        result = np.full((len(times), 3), np.nan)
        interval = _around(times, dataset)
        if interval is None:
            return result
        blocks = self._records(dataset, interval, budget)
        if not blocks:
            return result
        try:
            flight = trajectory(
                [self._published(block) for block in blocks],
                body=self._options.body,
                radius=self._radius,
                argument=self._options.dataset,
            )
        except Refusal as err:
            raise Failure(f"the orbit of {self._options.spacecraft}: {err.message}") from err
        known = np.concatenate([block.columns[0] for block in blocks])
        inside = (times >= known[0]) & (times <= known[-1])
        result[inside] = between(known, flight.positions, times[inside])
        return result

    def _records(self, dataset: Resource, interval: TimeInterval, budget: Budget) -> list[Table]:
        """Give the records of the other server; what it is and said is for the node's log alone."""
        names = tuple(parameter.name for parameter in dataset.parameters)
        request = SeriesRequest(dataset, interval, names)
        orbit = f"the orbit of {self._options.spacecraft} is not known now: its source"
        try:
            return list(read(request, self._relay.within(budget), budget))
        except (UpstreamSilent, UpstreamBusy) as err:
            raise Failure(f"{orbit} does not answer; try again later") from err
        except (UpstreamFailed, ForbiddenAddress) as err:
            raise Failure(f"{orbit} does not answer as it should; try again later") from err

    def _published(self, block: Table) -> Table:
        """Give a block with the positions named as roles know them."""
        header = Header(tuple(map(self._role, block.header.parameters)))
        return Table(header, block.columns)

    def _role(self, parameter: Parameter) -> Parameter:
        names = self._options.position
        if parameter.name not in names:
            return replace(parameter, description="")
        ucds = _VECTOR if len(names) == len(_VECTOR) else _AXES
        return replace(parameter, description="", ucd=ucds[names.index(parameter.name)])

    def _describe(self, dataset: Resource) -> Resource:
        """Give the orbit of a dataset; raises Refusal where its frame or positions are not told."""
        options = self._options
        known = {parameter.name for parameter in dataset.parameters}
        if missing := [name for name in options.position if name not in known]:
            raise BadArgument(f"the dataset has no {', '.join(missing)}", argument="position")
        told = {Frame(p.frame) for p in dataset.parameters if p.frame and self._wanted(p)}
        if options.frame is not None:
            told.add(Frame(options.frame))
        if len(told) != 1:
            what = "two frames: " + ", ".join(sorted(map(str, told))) if told else "no frame"
            raise WrongFrame(f"the dataset and the option 'frame' tell {what}")
        return Resource(
            id=self._id,
            kind=Kind.ORBIT,
            title=f"{options.spacecraft} around {options.body}",
            parameters=dataset.parameters,
            frame=told.pop(),
            body=None if self._radius is None else Body(options.body, self._radius),
            around=options.body,
            version=dataset.version,
            source=f"{options.url} {options.dataset}",
            spacecraft=options.spacecraft,
        )

    def _wanted(self, parameter: Parameter) -> bool:
        """Tell whether a parameter is a position, or may be one where none is named."""
        return not self._options.position or parameter.name in self._options.position


def _around(times: Times, dataset: Resource) -> TimeInterval | None:
    """Give what has to be read for positions at times, None where there is nothing."""
    series = dataset.series
    assert series is not None
    known = times[~np.isnat(times)]
    if not len(known):
        return None
    margin = _NEIGHBOURS * (series.cadence or _HOUR)
    start = max(known.min() - margin, series.coverage.start)
    stop = min(known.max() + margin, series.coverage.stop)
    return TimeInterval(start, stop) if start < stop else None
