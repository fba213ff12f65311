"""Provider `orbit-files`: a spacecraft's trajectory in files of any installed table format."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from vo_server import plugins
from vo_server.budget import Budget
from vo_server.errors import BadArgument, BadFile, Refusal, WrongFrame
from vo_server.model.parameter import Parameter
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.run import BodyName, Identifier, Length, Name
from vo_server.model.space import Body, Box, Frame
from vo_server.model.table import Table, concatenate
from vo_server.model.time import TimeInterval
from vo_server.model.trajectory import Trajectory
from vo_server.ports import Site
from vo_server.providers.stamp import stamp
from vo_server.roles import times, trajectory
from vo_server.units import quantity

# Files of one spacecraft that are read in one go; more belong behind a time-series provider.
_BUDGET_POINTS = 20_000_000
_BUDGET_SECONDS = 600.0


class OrbitOptions(BaseModel):
    """Options of `orbit-files`.

    path: pattern of the files, relative to the node file; frame: needed where a file states
    none; body_radius: needed where positions are in planet radii; id: of the orbit resource.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    spacecraft: str = Field(pattern=r"^[A-Za-z0-9_.+-]+$")
    body: BodyName
    frame: Name | None = None
    body_radius: Length | None = None
    id: Identifier | None = None


class OrbitFiles:
    """Serves one spacecraft's positions; files follow each other in time."""

    Options = OrbitOptions

    def __init__(self, options: OrbitOptions, site: Site) -> None:
        self._options = options
        self._site = site
        self._id = site.orbit_id(options.spacecraft, options.id)
        radius = options.body_radius
        self._radius = None if radius is None else quantity(radius, "m", argument="body_radius")
        self._version: str | None = None
        self._known: dict[Path, tuple[str, Trajectory | Refused]] = {}
        self._served: tuple[Resource, Trajectory] | None = None
        self._refused: tuple[Refused, ...] = ()

    def resources(self) -> Sequence[Resource]:
        """Give the orbit, read again only when its files changed."""
        files = self._site.match(self._options.path)
        version = "-".join(f"{path}.{stamp(path)}" for path in files)
        if version != self._version:
            self._read(files, version)
            self._version = version
        return [] if self._served is None else [self._served[0]]

    def refused(self) -> Sequence[Refused]:
        """Give the files that cannot be read, as of the last `resources()`."""
        return self._refused

    def orbit(self, resource: Resource, interval: TimeInterval | None) -> Trajectory:
        """Give the positions; raises BadArgument where an interval is asked of untimed ones.

        Raises BadFile where the files were replaced or are gone.
        """
        served = self._served
        if served is None or served[0].version != resource.version:
            raise BadFile(
                f"the files of {resource.id} were removed or replaced just now; ask again"
            )
        whole = served[1]
        if interval is None:
            return whole
        if whole.times is None:
            raise BadArgument(f"{resource.id} has no times", argument="interval")
        chosen = interval.holds(whole.times)
        table = Table(whole.table.header, tuple(c[chosen] for c in whole.table.columns))
        return Trajectory(
            whole.positions[chosen], whole.frame, table, whole.axes, whole.times[chosen]
        )

    def _read(self, files: list[Path], version: str) -> None:
        """Read all files; one that fails is refused and the rest is served."""
        found = [self._part(path) for path in files]
        self._known = {path: self._known[path] for path in files}
        parts = [part for part in found if isinstance(part, Trajectory)]
        refused = [part for part in found if isinstance(part, Refused)]
        if not files:
            refused.append(self._site.unmatched(self._options.path))
        served = None
        if parts:
            try:
                whole = _joined(parts)
                served = (self._describe(whole, version), whole)
            except Refusal as err:
                refused.append(Refused(self._options.path, err.message))
        self._served, self._refused = served, tuple(refused)

    def _part(self, path: Path) -> Trajectory | Refused:
        """Read one file, or give what was found in it when it has not changed since."""
        current = stamp(path)
        known = self._known.get(path)
        if known is not None and known[0] == current:
            return known[1]
        part: Trajectory | Refused
        try:
            part = self._read_file(path)
        except Refusal as err:
            part = Refused(str(path), err.message)
        self._known[path] = (current, part)
        return part

    def _read_file(self, path: Path) -> Trajectory:
        budget = Budget(points=_BUDGET_POINTS, seconds=_BUDGET_SECONDS)
        reader = plugins.format_named(path.suffix)
        try:
            with path.open("rb") as stream:
                read = trajectory(
                    reader.read(stream, budget),
                    body=self._options.body,
                    radius=self._radius,
                    argument=path.name,
                )
        except OSError as err:
            raise BadFile(f"{path.name} cannot be read: {err.strerror}") from err
        told = Frame(self._options.frame) if self._options.frame else None
        if read.frame is None and told is None:
            raise WrongFrame(f"neither {path.name} nor the option 'frame' tells the frame")
        if read.frame is not None and told is not None and read.frame != told:
            raise WrongFrame(f"{path.name} says frame {read.frame}, the option 'frame' {told}")
        moments = times(read.table, argument=path.name)
        return Trajectory(read.positions, read.frame or told, read.table, read.axes, moments)

    def _describe(self, whole: Trajectory, version: str) -> Resource:
        finite = whole.positions[np.isfinite(whole.positions).all(axis=1)]
        if not len(finite):
            raise BadFile("no position is a number")
        lower, upper = finite.min(axis=0), finite.max(axis=0)
        return Resource(
            id=self._id,
            kind=Kind.ORBIT,
            title=f"{self._options.spacecraft} around {self._options.body}",
            parameters=whole.table.header.parameters,
            frame=whole.frame,
            body=None if self._radius is None else Body(self._options.body, self._radius),
            around=self._options.body,
            domain=Box.between(lower, upper),
            version=version,
            source=self._options.path,
            spacecraft=self._options.spacecraft,
        )


def _column(parameter: Parameter) -> tuple[object, ...]:
    """Give what must be alike in columns that are joined."""
    return parameter.name, parameter.unit, parameter.dtype, parameter.shape, parameter.null


def _joined(parts: list[Trajectory]) -> Trajectory:
    """Join files in the order of their times; raises BadFile when they do not fit together."""
    first = parts[0]
    if len(parts) == 1:
        return first
    columns = [_column(p) for p in first.table.header.parameters]
    for part in parts[1:]:
        if [_column(p) for p in part.table.header.parameters] != columns:
            raise BadFile("the files of one spacecraft have different columns, or other units")
        if part.frame != first.frame:
            raise BadFile(f"the files are in different frames: {first.frame}, {part.frame}")
    moments = [part.times for part in parts]
    if any(t is None or not len(t) for t in moments):
        raise BadFile("several files can only be joined when all have ISO 8601 times")
    parts = sorted(parts, key=lambda part: part.times[0] if part.times is not None else 0)
    joined = np.concatenate([part.times for part in parts if part.times is not None])
    if not (np.diff(joined) > np.timedelta64(0)).all():
        raise BadFile("the times of the files overlap or do not increase")
    header = first.table.header
    table = concatenate([Table(header, part.table.columns) for part in parts])
    positions = np.concatenate([part.positions for part in parts])
    return Trajectory(positions, first.frame, table, first.axes, joined)
