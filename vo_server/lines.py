"""Lines: field and flow lines of an output traced from seeds, as a stream of table blocks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from interpolation.ends import Connectivity, EndReason, connectivity
from interpolation.streamline import Lines, TraceLimits, Vector, trace
from vo_server.budget import Budget
from vo_server.errors import BadArgument, UnknownParameter, WrongFrame
from vo_server.formats.source import frame_statement
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.request import LineRequest
from vo_server.model.resource import Resource
from vo_server.model.space import Points
from vo_server.model.table import Constant, Header, Table
from vo_server.ports import Field, FieldSource, VectorField
from vo_server.sampling import describe_input, describe_resource, in_frame, in_run, table_name
from vo_server.snapshots import refuse_changing

_BLOCK = 16_384
_SIDES = {"forward": (1,), "backward": (-1,), "both": (1, -1)}
_SIDE_NAMES = {1: "Forward", -1: "Backward"}
_POSITION = tuple(
    Parameter(name.upper(), unit="m", ucd=f"pos.cartesian.{name}") for name in ("x", "y", "z")
)


def components(resource: Resource, quantity: str) -> tuple[str, str, str]:
    """Give the names of a vector's components; raises UnknownParameter where one is missing."""
    names = (f"{quantity}x", f"{quantity}y", f"{quantity}z")
    known = {parameter.name for parameter in resource.parameters}
    if not known >= set(names):
        raise UnknownParameter(
            f"{resource.id} has no vector {', '.join(names)} to trace; "
            f"it has {', '.join(sorted(known))}"
        )
    return names


def follow(
    request: LineRequest, source: FieldSource, budget: Budget, *, argument: str = "seeds"
) -> Iterator[Table]:
    """Trace lines from every seed: Line_no, X, Y, Z, the vector and its length.

    Line numbers count from 1 in the order of the seeds; all forward lines come first, then all
    backward ones, each from its seed on. Constants give the end reason of each line by side.
    Raises TooMuch, WrongFrame, BadArgument and what the provider raises, before the first block.
    """
    resource, seeds = request.resource, request.seeds
    budget.allow("lines", len(seeds), argument=argument)
    budget.allow("steps", request.max_steps)
    refuse_changing(resource, argument=argument)
    if resource.frame is None:
        raise WrongFrame(f"{resource.id} has no frame", argument=argument)
    points = in_frame(seeds, resource.frame, argument=argument)
    names = components(resource, request.quantity)
    with source.field(resource, names) as field:
        limits = _limits(request, resource)
        vector = _Vector(field, names)
        domain = (field.domain.lower, field.domain.upper)
        spend = budget.payer("lines", "seeds")
        sides = {
            side: trace(vector.followed(), points, limits, side, domain=domain, spend=spend)
            for side in _SIDES[request.direction]
        }
        total = sum(len(lines.points) for lines in sides.values())
        header = replace(_header(request, limits, field, names, sides), rows=total)
        notes = _notes(sides)
        done = 0
        for lines in sides.values():
            numbers = np.repeat(np.arange(1, len(points) + 1), np.diff(lines.offsets))
            for start in range(0, len(lines.points), _BLOCK):
                budget.spend()
                block = slice(start, start + _BLOCK)
                places = lines.points[block]
                done += len(places)
                columns = (numbers[block].astype(np.int32), *places.T, *vector.columns(places))
                yield Table(header, columns, notes if done == total else ())


@dataclass(frozen=True, slots=True)
class _Vector:
    """The vector field of three parameters."""

    field: Field
    names: tuple[str, str, str]

    def followed(self) -> Vector:
        """Give what lines follow: the field's own vector where it has one, for that is quicker."""
        own = self.field.vector(self.names) if isinstance(self.field, VectorField) else None
        if own is not None:
            return own[0]
        return lambda points: self.field.sample(points, self.names, "linear")[0].T

    def columns(self, points: Points) -> tuple[NDArray[np.float64], ...]:
        """Give components and length at points (n, 3)."""
        values = self.field.sample(points, self.names, "linear")[0]
        return (*values, np.sqrt(np.sum(values**2, axis=0)))


def _limits(request: LineRequest, resource: Resource) -> TraceLimits:
    """Give what ends the lines; the run's inner boundary always does."""
    step = request.step if request.step is not None else (resource.step or 0.0) / 2.0
    if request.radius is not None and not request.radius > 0.0:
        raise BadArgument("the radius at which lines end must be more than zero")
    boundary = resource.body.inner_boundary if resource.body else None
    radii = [radius for radius in (request.radius, boundary) if radius is not None]
    region = request.region
    try:
        return TraceLimits(
            step=step,
            max_steps=request.max_steps,
            radius=max(radii) if radii else None,
            region=None if region is None else (region.lower, region.upper),
            tolerance=request.tolerance,
        )
    except ValueError as err:
        raise BadArgument(str(err)) from err


def _header(
    request: LineRequest,
    limits: TraceLimits,
    field: Field,
    names: tuple[str, str, str],
    sides: dict[int, Lines],
) -> Header:
    known = {parameter.name: parameter for parameter in field.parameters}
    vector = tuple(in_run(known[name], request.resource) for name in names)
    total = Parameter(
        f"{request.quantity}tot",
        unit=vector[0].unit,
        ucd=vector[0].ucd,
        description="length of the interpolated vector",
    )
    reasons = tuple(
        Constant(
            Parameter(f"EndReason_{_SIDE_NAMES[side]}", TEXT, description="one word a line"),
            " ".join(_word(reason) for reason in lines.reasons),
        )
        for side, lines in sides.items()
    )
    lengths = [("Step_length", limits.step)]
    if limits.radius is not None:
        lengths.append(("Stop_radius", limits.radius))
    constants = tuple(Constant(Parameter(name, unit="m"), value) for name, value in lengths)
    lines = [
        *describe_resource(request.resource),
        f"Vectors in: {request.resource.frame}",
        f"Lines of: {request.quantity}",
        describe_input(request.seeds, request.resource),
    ]
    return Header(
        (Parameter("Line_no", np.dtype(np.int32)), *_POSITION, *vector, total),
        name=f"{table_name(request.resource)} lines",
        description="\n".join(lines),
        constants=(frame_statement(str(request.resource.frame)), *constants, *reasons),
    )


def _notes(sides: dict[int, Lines]) -> tuple[tuple[str, str], ...]:
    """Count lines by side and end reason, and by what they join where both sides are known."""
    ends = [
        (f"lines {_SIDE_NAMES[side].lower()} {_word(reason)}", str(count))
        for side, lines in sides.items()
        for reason, count in zip(*np.unique(lines.reasons, return_counts=True), strict=True)
    ]
    if len(sides) == len(_SIDE_NAMES):
        joined = connectivity(sides[1].reasons, sides[-1].reasons)
        ends += [
            (f"lines with {Connectivity(kind).label}", str(count))
            for kind, count in zip(*np.unique(joined, return_counts=True), strict=True)
        ]
    return tuple(ends)


def _word(reason: int) -> str:
    """Give an end reason as one word."""
    return EndReason(int(reason)).label.replace(" ", "-")
