"""Clock angle: a run turned about its x axis, so that its solar wind's field points elsewhere.

In the data model of IMPEx the clock angle is that of tan BY/BZ (AkasofuEpsilon): 0 along z, 90
degrees along y. No service of old tells more.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from vo_server.budget import Budget
from vo_server.errors import BadArgument, WrongFrame
from vo_server.model.parameter import vector_name
from vo_server.model.request import SampleRequest
from vo_server.model.resource import Resource
from vo_server.model.space import Points
from vo_server.model.table import Column, Header, Table
from vo_server.model.trajectory import Trajectory
from vo_server.ports import FieldSource
from vo_server.sampling import fly, in_frame

_ARGUMENT = "IMFClockAngle"
_PARTNERS = {"y": "z", "z": "y"}


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn about x by an angle in radians, from z to y as clock angles count."""

    angle: float

    @classmethod
    def to(cls, degrees: float, run: Resource) -> "Turn":
        """Give the turn that brings a run's magnetic field to a clock angle, atan2(By, Bz).

        Raises BadArgument where nobody told the field, it changes, or it points along x.
        """
        field = run.conditions[0].magnetic_field if len(run.conditions) == 1 else None
        if field is None or not (field[1] or field[2]):
            raise BadArgument(
                f"{_ARGUMENT} needs the run's magnetic field across x; {run.id} does not tell it",
                argument=_ARGUMENT,
            )
        return cls(np.radians(degrees % 360.0) - np.arctan2(field[1], field[2]))

    def vectors(self, y: Column, z: Column) -> tuple[Column, Column]:
        """Turn components of vectors."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        return y * cosine + z * sine, z * cosine - y * sine

    def errors(self, y: Column, z: Column) -> tuple[Column, Column]:
        """Give the errors of turned components at their largest."""
        cosine, sine = abs(np.cos(self.angle)), abs(np.sin(self.angle))
        return y * cosine + z * sine, z * cosine + y * sine

    def back(self, points: Points) -> Points:
        """Turn points (n, 3) the other way, into the run as it was computed."""
        y, z = Turn(-self.angle).vectors(points[:, 1], points[:, 2])
        return np.column_stack([points[:, 0], y, z])

    def trajectory(self, flight: Trajectory, resource: Resource, *, argument: str) -> Trajectory:
        """Give a trajectory in the run as it was computed, in the run's frame."""
        if resource.frame is None:
            raise WrongFrame(f"{resource.id} has no frame", argument=argument)
        points = in_frame(flight, resource.frame, argument=argument)
        shown = flight.frame or resource.frame
        return replace(flight, positions=self.back(points), frame=resource.frame, shown=shown)

    def fly(
        self,
        request: SampleRequest,
        source: FieldSource,
        budget: Budget,
        *,
        argument: str = "trajectory",
    ) -> Iterator[Table]:
        """Sample the turned run; see `vo_server.sampling.fly`."""
        names = _with_partners(request)
        flight = self.trajectory(request.trajectory, request.resource, argument=argument)
        width = len(flight.table.columns)
        count = len(names)
        places = [width + names.index(name) for name in request.names]
        shown = [*range(width), *places]
        if request.error:
            shown += [place + count for place in places]
        if request.status:
            shown.append(width + count * (2 if request.error else 1))
        header: Header | None = None
        turned = replace(request, names=names, trajectory=flight)
        for table in fly(turned, source, budget, argument=argument):
            if header is None:
                header = replace(
                    table.header,
                    parameters=tuple(table.header.parameters[i] for i in shown),
                    description=f"{table.header.description}\n"
                    f"Turned about x by: {np.degrees(self.angle):.15g} deg",
                )
            columns = list(table.columns)
            for i, name in enumerate(names):
                quantity, component = vector_name(name)
                if component == "y":
                    y, z = width + i, width + names.index(f"{quantity}z")
                    columns[y], columns[z] = self.vectors(columns[y], columns[z])
                    if request.error:
                        y, z = y + count, z + count
                        columns[y], columns[z] = self.errors(columns[y], columns[z])
            yield Table(header, tuple(columns[i] for i in shown), table.notes)


def _with_partners(request: SampleRequest) -> tuple[str, ...]:
    """Give the names to sample: to every y of a vector its z, and the other way round."""
    known = {parameter.name for parameter in request.resource.parameters}
    names = list(request.names)
    for name in request.names:
        quantity, component = vector_name(name)
        partner = f"{quantity}{_PARTNERS[component]}" if component in _PARTNERS else name
        if partner not in known:
            raise BadArgument(
                f"{_ARGUMENT} cannot turn {name}: {request.resource.id} has no {partner}",
                argument=_ARGUMENT,
            )
        if partner not in names:
            names.append(partner)
    return tuple(names)
