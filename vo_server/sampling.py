"""Sampling: an output flown along a trajectory, as a stream of table blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from interpolation.status import Status
from vo_server.budget import Budget
from vo_server.errors import BadArgument, UnknownParameter, UnknownResource, WrongFrame
from vo_server.formats.source import frame_statement, tells_place
from vo_server.frames import transform
from vo_server.model.parameter import Parameter, vector_name
from vo_server.model.request import SampleRequest
from vo_server.model.resource import Kind, Resource
from vo_server.model.snapshot import parted
from vo_server.model.space import Frame, Points
from vo_server.model.table import Constant, Header, Table
from vo_server.model.time import Times, print_time
from vo_server.model.trajectory import Trajectory
from vo_server.ports import ErrorSource, Field, FieldSource
from vo_server.registry import Entry, Registry
from vo_server.roles import times
from vo_server.snapshots import Rows, Sampled, describe_times, open_along, snapshot_at

_BLOCK = 16_384
_AXES = ("x", "y", "z")

STATUS = Parameter(
    "Status",
    np.dtype(np.int32),
    description="; ".join(f"{status.value}: {status.label}" for status in Status),
)


def parameter_names(resource: Resource, wanted: Sequence[str], *, argument: str) -> tuple[str, ...]:
    """Give the parameters of an output to sample: those wanted, or all when none is named.

    Raises UnknownParameter naming those there are.
    """
    known = [parameter.name for parameter in resource.parameters]
    for name in wanted:
        if name not in known:
            raise UnknownParameter(
                f"{argument} '{name[:100]}' is not a parameter of {resource.id}; "
                f"it has {', '.join(known)}",
                argument=argument,
            )
    return tuple(dict.fromkeys(wanted)) or tuple(known)


def find_output(registry: Registry, id: str, wanted: Sequence[str], *, argument: str) -> Entry:
    """Give the output of an id; a run's id stands for its one output with the wanted parameters.

    An id with a time, ID?YYYYMMDD_hhmmss, is the snapshot of an output then. Raises
    UnknownResource naming the candidates where there is not exactly one, or no such snapshot.
    """
    plain, time = parted(id, argument=argument)
    entry = _output(registry, plain, wanted, argument=argument)
    if time is None:
        return entry
    return Entry(snapshot_at(entry.resource, time, argument=argument), entry.provider)


def _output(registry: Registry, id: str, wanted: Sequence[str], *, argument: str) -> Entry:
    entry = registry.get(id, argument=argument)
    if entry.resource.kind is Kind.OUTPUT:
        return entry
    outputs = [
        child
        for child in registry.children(id)
        if child.kind is Kind.OUTPUT
        and set(wanted) <= {parameter.name for parameter in child.parameters}
    ]
    if len(outputs) != 1:
        named = ", ".join(output.id for output in outputs) or "none"
        raise UnknownResource(
            f"{argument} {id} is a {entry.resource.kind}; name one of its outputs with these "
            f"parameters: {named}",
            argument=argument,
        )
    return registry.get(outputs[0].id, argument=argument)


def source_of(entry: Entry, argument: str) -> FieldSource:
    """Give the provider of an output as a source of fields."""
    if not isinstance(entry.provider, FieldSource):
        raise UnknownResource(f"{entry.resource.id} cannot be sampled", argument=argument)
    return entry.provider


def fly(
    request: SampleRequest, source: FieldSource, budget: Budget, *, argument: str = "trajectory"
) -> Iterator[Table]:
    """Sample along the trajectory: its own columns first, then the parameters as float64 in SI.

    Values are NaN where they are not defined; the last block's notes count points by status.
    Raises TooMuch, WrongFrame and what the provider raises, before the first block.
    """
    trajectory, resource = request.trajectory, request.resource
    budget.allow("points", len(trajectory), argument=argument)
    if resource.frame is None:
        raise WrongFrame(f"{resource.id} has no frame", argument=argument)
    points = in_frame(trajectory, resource.frame, argument=argument)

    def values_at(field: Field, rows: Rows) -> Sampled:
        return field.sample(points[rows], request.names, request.method)

    def errors_at(field: Field, rows: Rows) -> Sampled:
        found = _with_errors(field, request).error(points[rows], request.names, request.method)
        return found, np.zeros(found.shape[1], np.uint8)

    moments = moments_of(trajectory, argument=argument) if resource.snapshots else None
    with open_along(
        source, resource, request.names, moments, request.in_time, argument=argument
    ) as opened:
        header = Header(
            (*trajectory.table.header.parameters, *_columns(request)),
            name=table_name(resource),
            description=describe(request),
            constants=constants(trajectory, resource),
            rows=len(points),
        )
        counts = np.zeros(max(Status) + 1, int)
        for start in range(0, max(len(points), 1), _BLOCK):
            budget.spend()
            block = slice(start, start + _BLOCK)
            with budget.at_work():
                values, status = opened.sample(block, values_at)
                errors = opened.sample(block, errors_at)[0] if request.error else ()
            counts += np.bincount(status, minlength=len(counts))
            columns = (*(c[block] for c in trajectory.table.columns), *values, *errors)
            if request.status:
                columns = (*columns, status.astype(np.int32))
            last = start + _BLOCK >= len(points)
            yield Table(header, columns, status_notes(counts) if last else ())


def _with_errors(field: Field, request: SampleRequest) -> ErrorSource:
    """Give a field that estimates the errors of the method; raises BadArgument for another."""
    known = field.estimated if isinstance(field, ErrorSource) else ()
    if not isinstance(field, ErrorSource) or request.method not in known:
        raise BadArgument(
            f"{request.resource.id} has no error estimate of {request.method} values; it has one "
            f"of: {', '.join(known) or 'none'}"
        )
    return field


def in_frame(trajectory: Trajectory, frame: Frame, *, argument: str) -> Points:
    """Give the positions of a trajectory in a frame; see `vo_server.frames.transform`."""
    given = trajectory.frame
    turned = given not in (None, frame)
    moments = moments_of(trajectory, argument=argument) if turned else None
    return transform(trajectory.positions, given, frame, argument=argument, times=moments)


def moments_of(trajectory: Trajectory, *, argument: str) -> Times | None:
    """Give the times (n,) of positions in UTC, None where nothing tells them."""
    if trajectory.times is not None:
        return trajectory.times
    return times(trajectory.table, argument=argument)


def describe(request: SampleRequest) -> str:
    """Say in `Key: value` lines what was sampled and how."""
    return "\n".join(
        [
            *describe_resource(
                request.resource, positions_frame(request.trajectory, request.resource)
            ),
            f"Vectors in: {request.resource.frame}",
            f"Interpolation: {request.method}",
            *describe_times(request.resource, request.in_time),
            describe_input(request.trajectory, request.resource),
        ]
    )


def describe_input(trajectory: Trajectory, resource: Resource) -> str:
    """Say how many positions were given, and in which frame they were taken."""
    told = f"in {positions_frame(trajectory, resource)}"
    if trajectory.frame is None:
        told = f"with no frame stated, taken in {resource.frame}"
    return f"Input: {len(trajectory)} positions {told}"


def positions_frame(trajectory: Trajectory, resource: Resource) -> Frame:
    """Give the frame of the positions in a trajectory's table; none stated is the output's."""
    frame = trajectory.shown or trajectory.frame or resource.frame
    assert frame is not None
    return frame


def constants(trajectory: Trajectory, resource: Resource) -> tuple[Constant, ...]:
    """Give what holds for the table of a trajectory, with the frame of its positions."""
    given = trajectory.table.header.constants
    frame = frame_statement(str(positions_frame(trajectory, resource)))
    return (frame, *(constant for constant in given if not tells_place(constant)))


def table_name(resource: Resource) -> str:
    """Name the table of an output after its body and the last part of its id."""
    last = resource.id.rpartition("/")[2]
    return f"{resource.body.name}_{last}" if resource.body else last


def in_run(parameter: Parameter, resource: Resource) -> Parameter:
    """Give a sampled parameter with its frame, where it is a component of a vector."""
    component = vector_name(parameter.name)[1] in _AXES
    return replace(parameter, frame=str(resource.frame)) if component else parameter


def describe_resource(resource: Resource, frame: Frame | None = None) -> list[str]:
    """Name an output, its run and body, and the frame of positions, in `Key: value` lines.

    frame: None for that of the output.
    """
    body = resource.body
    return [
        f"SimulationModel: {resource.model}",
        f"SimulationRun: {resource.parent}",
        f"NumericalOutput: {resource.id}",
        *([] if resource.time is None else [f"Time: {print_time(resource.time)}"]),
        *([f"Object: {body.name}", f"Object radius: {body.radius:.15g} m"] if body else []),
        f"Coordinate system: {frame or resource.frame}",
    ]


def status_notes(counts: NDArray[np.int_]) -> tuple[tuple[str, str], ...]:
    """Count points by status, leaving out what did not occur but the good ones."""
    return tuple(
        (f"points {status.label}", str(counts[status]))
        for status in Status
        if status is Status.OK or counts[status]
    )


def _columns(request: SampleRequest) -> tuple[Parameter, ...]:
    """Give the sampled columns; a name that the trajectory has already gets the suffix `_run`."""
    taken = {parameter.name for parameter in request.trajectory.table.header.parameters}
    taken |= {STATUS.name} if request.status else set()
    known = {parameter.name: parameter for parameter in request.resource.parameters}
    columns = []
    for name in request.names:
        published = name
        while published in taken:
            published += "_run"
        taken.add(published)
        column = in_run(known[name], request.resource)
        columns.append(column if published == name else replace(column, name=published))
    errors = [error_of(column) for column in columns] if request.error else []
    return (*columns, *errors, *([STATUS] if request.status else []))


def error_of(parameter: Parameter) -> Parameter:
    """Give the column of the estimated interpolation error of a parameter."""
    what = f"estimated interpolation error of {parameter.name}"
    return Parameter(f"{parameter.name}_error", unit=parameter.unit, description=what)
