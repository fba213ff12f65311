"""Tracks: charged particles followed through the fields of an output, as table blocks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from interpolation.ends import EndReason
from interpolation.particles import Forces, Particles, PushLimits, Tracks, push
from vo_server.budget import Budget
from vo_server.errors import BadArgument, UnknownParameter, WrongFrame
from vo_server.formats.source import frame_statement
from vo_server.frames import transform
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.request import Method, TrackRequest
from vo_server.model.resource import Resource
from vo_server.model.space import Points
from vo_server.model.table import Constant, Header, Table
from vo_server.ports import Field, FieldSource, VectorField
from vo_server.sampling import describe_input, describe_resource, table_name
from vo_server.snapshots import refuse_changing

_BLOCK = 16_384
_SIDES = {"forward": (1,), "backward": (-1,), "both": (1, -1)}
_SIDE_NAMES = {1: "Forward", -1: "Backward"}
_COLUMNS = (
    *(Parameter(name.upper(), unit="m", ucd=f"pos.cartesian.{name}") for name in ("x", "y", "z")),
    Parameter("Seconds", unit="s", ucd="time", description="since the start; negative backward"),
    Parameter("Particle_no", np.dtype(np.int32)),
)

_DRIFT = (
    "one number a particle: by how much its kinetic energy changed beyond the work of the electric "
    "field, in parts of the larger of its first and last"
)

# Steps that a particle takes in one gyration, and in the time that it needs for one cell.
_A_TURN, _A_CELL = 40.0, 4.0


@dataclass(frozen=True, slots=True)
class _Fields:
    """Which parameters of an output push particles."""

    names: tuple[str, ...]
    flow: bool


def fields_of(resource: Resource) -> _Fields:
    """Find magnetic and electric field, or magnetic field and flow velocity where no E is stored.

    The electric field of a run is the whole of it in the run's frame: -U x B is in it already,
    and what a run adds to that (Hall term, pressure, resistivity). Raises UnknownParameter where
    a field is missing.
    """
    known = {parameter.name for parameter in resource.parameters}
    for other, flow in (("E", False), ("U", True)):
        names = tuple(f"{quantity}{axis}" for quantity in ("B", other) for axis in "xyz")
        if known >= set(names):
            return _Fields(names, flow)
    raise UnknownParameter(
        f"{resource.id} has no fields to push particles: Bx, By, Bz and Ex, Ey, Ez (or Ux, Uy, "
        f"Uz) in one output are wanted; it has {', '.join(sorted(known))}"
    )


def track(
    request: TrackRequest, source: FieldSource, budget: Budget, *, argument: str = "particles"
) -> Iterator[Table]:
    """Follow particles: X, Y, Z, Seconds, Particle_no.

    Numbers count from 1 in the order of the particles; all forward tracks come first, then all
    backward ones. Constants give the end reason and the energy drift of each by side, notes the
    largest drift. Raises TooMuch, WrongFrame,
    BadArgument, UnknownParameter and what the provider raises, before the first block.
    """
    resource, starts = request.resource, request.starts
    budget.allow("lines", len(starts), argument=argument)
    budget.allow("steps", request.max_steps)
    refuse_changing(resource, argument=argument)
    if resource.frame is None:
        raise WrongFrame(f"{resource.id} has no frame", argument=argument)
    if starts.frame not in (None, resource.frame):
        # Velocities would have to be turned as well, and moving frames add to them.
        transform(starts.positions, starts.frame, resource.frame, argument=argument)
        raise WrongFrame(
            f"particles of {argument} are in frame {starts.frame}, the run is in {resource.frame}; "
            "velocities are not transformed",
            argument=argument,
        )
    wanted = fields_of(resource)
    with source.field(resource, wanted.names) as field:
        forces = _forces(field, wanted, request.method)
        steps = _steps(request, forces)
        domain = (field.domain.lower, field.domain.upper)
        sides = {
            side: _pushed(request, forces, steps * side, domain, budget, argument)
            for side in _SIDES[request.direction]
        }
    total = sum(len(tracks.times) for tracks in sides.values())
    header = replace(_header(request, steps, wanted, sides), rows=total)
    notes = _notes(sides)
    done = 0
    for tracks in sides.values():
        numbers = np.repeat(np.arange(1, len(starts) + 1), np.diff(tracks.offsets))
        for start in range(0, len(tracks.times), _BLOCK):
            budget.spend()
            block = slice(start, start + _BLOCK)
            done += len(tracks.times[block])
            columns = (
                *tracks.points[block].T,
                tracks.times[block],
                numbers[block].astype(np.int32),
            )
            yield Table(header, columns, notes if done == total else ())


def _forces(field: Field, wanted: _Fields, method: Method) -> Forces:
    """Give what pushes: the field's own vectors where it has them, for that is quicker."""
    own = None
    if method == "linear" and isinstance(field, VectorField):
        own = field.vector(wanted.names)
    if own is not None:
        vectors, (magnetic, other) = own
        return Forces(vectors, wanted.flow, (magnetic, other))

    def at(points: Points) -> NDArray[np.float64]:
        return field.sample(points, wanted.names, method)[0].T

    return Forces(at, wanted.flow)


def _pushed(
    request: TrackRequest,
    forces: Forces,
    steps: NDArray[np.float64],
    domain: tuple[tuple[float, float, float], tuple[float, float, float]],
    budget: Budget,
    argument: str,
) -> Tracks:
    if request.radius is not None and not request.radius > 0.0:
        raise BadArgument("the radius at which tracks end must be more than zero")
    boundary = request.resource.body.inner_boundary if request.resource.body else None
    radii = [radius for radius in (request.radius, boundary) if radius is not None]
    region = request.region
    try:
        particles = Particles.of(
            request.starts.positions, request.velocities, request.mass, request.charge, steps
        )
        limits = PushLimits(
            max_steps=request.max_steps,
            radius=max(radii) if radii else None,
            region=None if region is None else (region.lower, region.upper),
        )
    except ValueError as err:
        raise BadArgument(f"{argument}: {err}", argument=argument) from err
    return push(forces, particles, limits, domain=domain, spend=budget.payer("tracks", "particles"))


def _steps(request: TrackRequest, forces: Forces) -> NDArray[np.float64]:
    """Give the time step (n,) of each particle in seconds."""
    speed = np.sqrt((request.velocities**2).sum(axis=1))
    positions = request.starts.positions
    if request.step is not None:
        if not 0.0 < request.step < np.inf:
            raise BadArgument("the step must be more than zero metres", argument="step")
        if not (speed > 0.0).all():
            raise BadArgument(
                "a particle at rest has no step of a length; leave the step out", argument="step"
            )
        return np.asarray(request.step / speed)
    magnetic, electric = forces(positions)
    strength = np.sqrt((magnetic**2).sum(axis=1))
    drift = np.sqrt((electric**2).sum(axis=1)) / np.where(strength > 0.0, strength, 1.0)
    cell = request.resource.step
    if cell is None:
        domain = request.resource.domain
        assert domain is not None
        cell = min(b - a for a, b in zip(domain.lower, domain.upper, strict=True)) / 100.0
    with np.errstate(divide="ignore", invalid="ignore"):
        turn = 2.0 * np.pi * request.mass / (np.abs(request.charge) * strength) / _A_TURN
        cross = cell / (_A_CELL * np.maximum(speed, np.nan_to_num(drift)))
    steps = np.fmin(turn, cross)
    # What neither moves nor turns, or starts where nothing is, goes nowhere in any time.
    return np.where(np.isfinite(steps) & (steps > 0.0), steps, 1.0)


def _header(
    request: TrackRequest,
    steps: NDArray[np.float64],
    fields: _Fields,
    sides: dict[int, Tracks],
) -> Header:
    told = tuple(
        Constant(Parameter(f"{name}_{_SIDE_NAMES[side]}", TEXT, description=what), " ".join(words))
        for side, tracks in sides.items()
        for name, what, words in (
            ("EndReason", "one word a particle", [_word(reason) for reason in tracks.reasons]),
            ("EnergyDrift", _DRIFT, [f"{drift:.3g}" for drift in tracks.drift]),
        )
    )
    step = Constant(
        Parameter("Time_step", unit="s", description="longest of all particles"),
        float(steps.max(initial=0.0)),
    )
    lines = [
        *describe_resource(request.resource),
        f"Particles in: {', '.join(fields.names)}"
        + (" with the electric field -U x B" if fields.flow else ""),
        f"Interpolation: {request.method}",
        describe_input(request.starts, request.resource),
    ]
    return Header(
        _COLUMNS,
        name=f"{table_name(request.resource)} particles",
        description="\n".join(lines),
        constants=(frame_statement(str(request.resource.frame)), step, *told),
    )


def _notes(sides: dict[int, Tracks]) -> tuple[tuple[str, str], ...]:
    """Count particles by side and end reason, and tell the largest energy drift."""
    ends = tuple(
        (f"particles {_SIDE_NAMES[side].lower()} {_word(reason)}", str(count))
        for side, tracks in sides.items()
        for reason, count in zip(*np.unique(tracks.reasons, return_counts=True), strict=True)
    )
    largest = max(np.abs(tracks.drift).max(initial=0.0) for tracks in sides.values())
    return *ends, ("largest energy drift", f"{largest:.3g}")


def _word(reason: int) -> str:
    return EndReason(int(reason)).label.replace(" ", "-")
