"""Convert: what IMPEx says into what the kernel understands; lengths are metres on both sides."""

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impex.particles import read_particles
from vo_server.errors import BadArgument, excerpt
from vo_server.model.parameter import vector_name
from vo_server.model.request import CutRequest, Direction, LineRequest, Method, TrackRequest
from vo_server.model.resource import Resource
from vo_server.model.space import Box, Points
from vo_server.model.trajectory import Trajectory
from vo_server.sampling import in_frame, parameter_names

METHODS: dict[str, Method] = {"Linear": "linear", "NearestGridPoint": "nearest"}
FORMATS = {"VOTable": "votable", "netCDF": "netcdf", "ASCII": "ascii"}

# Nanoseconds of a duration's parts behind the letter that ends each; before T, then behind it.
_DURATION = re.compile(
    r"P(?:(?P<Y>\d{1,6})Y)?(?:(?P<M>\d{1,6})M)?(?:(?P<W>\d{1,6})W)?(?:(?P<D>\d{1,6})D)?"
    r"(?:T(?:(?P<h>\d{1,9})H)?(?:(?P<m>\d{1,9})M)?(?:(?P<s>\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)
_SECONDS = {"W": 604_800, "D": 86_400, "h": 3_600, "m": 60, "s": 1}
_PLAIN = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)

_LONGEST = 100 * 366 * 86_400  # seconds

_DIRECTIONS: dict[str, Direction] = {
    "Forward": "forward",
    "Backward": "backward",
    "Both": "both",
}

# Names of FMI's outputs before the namespace was settled.
_OLD_ID = re.compile(r"impex://FMI/(?:HWA|NumericalOutput)/")
_NEW_ID = "spase://IMPEX/NumericalOutput/FMI/"


def resource_id(text: str) -> str:
    """Give the id that a ResourceID stands for."""
    return _OLD_ID.sub(_NEW_ID, text, count=1)


def duration(text: str, *, argument: str) -> np.timedelta64:
    """Read a duration of ISO 8601, or plain seconds; months and years have no length.

    Raises BadArgument where it is none, zero, or of months or years.
    """
    match = _DURATION.fullmatch(text)
    parts = {k: v for k, v in match.groupdict().items() if v} if match else {}
    if _PLAIN.fullmatch(text):
        parts = {"s": text}
    if not parts:
        raise BadArgument(
            f"{argument} {excerpt(text)} is no duration such as PT60S, and no number of seconds",
            argument=argument,
        )
    if parts.keys() & {"Y", "M"}:
        raise BadArgument(
            f"{argument} {excerpt(text)} has years or months, whose length varies; give days or "
            "less",
            argument=argument,
        )
    seconds = sum(Decimal(value) * _SECONDS[unit] for unit, value in parts.items())
    if not 0 < seconds < _LONGEST:
        raise BadArgument(
            f"{argument} must be more than zero and less than 100 years, got {excerpt(text)}",
            argument=argument,
        )
    return np.timedelta64(int(seconds * 1_000_000_000), "ns")


def line_quantity(variables: Sequence[str]) -> str | None:
    """Give the vector whose lines are meant, 'U' before 'B'; None where no variable is named.

    Raises BadArgument where none of the variables is a component or the length of one.
    """
    named = {vector_name(variable) for variable in variables}
    for quantity in ("U", "B"):
        if any(name == quantity and component for name, component in named):
            return quantity
    if variables:
        raise BadArgument(
            "Variable must name the vector to follow: one of Bx, By, Bz, Btot for magnetic lines, "
            "or of Ux, Uy, Uz, Utot for flow lines",
            argument="Variable",
        )
    return None


def refuse_unknown(variables: Sequence[str], resource: Resource) -> None:
    """Raise UnknownParameter for a variable that is neither an output's nor of a vector in it."""
    vectors = [vector_name(parameter.name) for parameter in resource.parameters]
    known = {quantity for quantity, component in vectors if component}
    words = [(v, *vector_name(v)) for v in dict.fromkeys(variables)]
    named = [v for v, quantity, component in words if not (component and quantity in known)]
    parameter_names(resource, named, argument="Variable")


def line_request(
    given: Mapping[str, Any], resource: Resource, quantity: str, seeds: Trajectory
) -> LineRequest:
    """Give the request for lines; raises BadArgument naming the condition that makes no sense.

    The default step is a quarter of the smallest grid step.
    """
    region, radius = _stops(given)
    _refuse_outside(seeds, resource, region, radius)
    return LineRequest(
        resource,
        quantity,
        seeds,
        direction=_DIRECTIONS[given["Direction"]],
        step=_step(given["StepSize"], resource),
        max_steps=given["MaxSteps"],
        radius=radius or None,
        region=region,
    )


def cut_request(
    given: Mapping[str, Any], resource: Resource, names: tuple[str, ...], method: Method
) -> CutRequest:
    """Give the request for a plane; raises BadArgument naming what makes none."""
    px, py, pz = given["PlanePoint"]
    nx, ny, nz = given["PlaneNormalVector"]
    if nx == ny == nz == 0.0:
        raise BadArgument("PlaneNormalVector has no length", argument="PlaneNormalVector")
    resolution = given["Resolution"]
    if resolution is not None:
        resolution = _length("Resolution", resolution, least=math.ulp(0.0))
    return CutRequest(resource, names, (px, py, pz), (nx, ny, nz), resolution, method)


def track_request(given: Mapping[str, Any], resource: Resource, starts: Trajectory) -> TrackRequest:
    """Give the request for the tracks of the particles of a table.

    Raises BadArgument naming the condition that makes no sense; BadTable and WrongUnit for columns
    that are missing, or whose unit is.
    """
    region, radius = _stops(given)
    _refuse_outside(starts, resource, region, radius)
    step = given["StepSize"]
    if step is not None:
        step = _length("StepSize", step, least=math.ulp(0.0))
    particles = read_particles(starts.table, argument="url_XYZ")
    return TrackRequest(
        resource,
        starts,
        particles.velocities,
        particles.mass,
        particles.charge,
        direction=_DIRECTIONS[given["Direction"]],
        step=step,
        max_steps=given["MaxSteps"],
        radius=radius or None,
        region=region,
        method=METHODS[given["InterpolationMethod"]],
    )


def _stops(given: Mapping[str, Any]) -> tuple[Box | None, float]:
    """Give the region and the radius that end lines and tracks, 0 for no radius.

    FMI's client sends a radius below zero where none is wanted.
    """
    region = _region(given.get("StopCondition_Region", ()))
    name = "StopCondition_Radius"
    return region, _length(name, max(given.get(name, 0.0), 0.0), least=0.0)


def _step(given: float | None, resource: Resource) -> float:
    if given is None and resource.step is not None:
        return resource.step / 4.0
    if given is None:
        raise BadArgument(
            f"StepSize is missing; {resource.id} has no grid to take one from", argument="StepSize"
        )
    return _length("StepSize", given, least=math.ulp(0.0))


def _length(name: str, value: float, least: float) -> float:
    if not (least <= value < math.inf):
        wanted = "zero or more" if least == 0.0 else "more than zero"
        raise BadArgument(f"{name} must be {wanted} metres, got {value:g}", argument=name)
    return value


def _region(bounds: Sequence[float]) -> Box | None:
    """Give the box of xmin xmax ymin ymax zmin zmax, None where there is none."""
    if not bounds:
        return None
    xmin, xmax, ymin, ymax, zmin, zmax = bounds
    if not (xmin < xmax and ymin < ymax and zmin < zmax):
        raise BadArgument(
            "StopCondition_Region must be xmin xmax ymin ymax zmin zmax, each minimum below its "
            "maximum",
            argument="StopCondition_Region",
        )
    return Box((xmin, ymin, zmin), (xmax, ymax, zmax))


def _refuse_outside(
    seeds: Trajectory, resource: Resource, region: Box | None, radius: float
) -> None:
    """Refuse seeds of which not one can start a line, or that are in another frame."""
    frame = resource.frame or seeds.frame
    positions = seeds.positions
    if frame is not None:
        positions = in_frame(seeds, frame, argument="url_XYZ")
    boundary = (resource.body.inner_boundary if resource.body else None) or 0.0
    good = np.ones(len(positions), bool)
    for where, holds in (
        ("outside the simulated domain", _holds(resource.domain, positions)),
        ("outside StopCondition_Region", _holds(region, positions)),
        (
            "inside the body or below StopCondition_Radius",
            (positions**2).sum(axis=1) >= max(radius, boundary) ** 2,
        ),
    ):
        good &= holds
        if not good.any():
            raise BadArgument(f"all starting points lie {where}", argument="url_XYZ")


def _holds(box: Box | None, positions: Points) -> NDArray[np.bool_]:
    return np.ones(len(positions), bool) if box is None else box.holds(positions)
