"""Provider `analytic`: magnetic fields by formula, whose exact values are known everywhere.

Dipole: B = B0 (R/r)^3 (3 (m.r^) r^ - m), with B0 the strength at the equator at radius R and m
the unit vector of the moment. Uniform: one vector. Parker spiral (Parker 1958, ApJ 128, 664):
Br = B0 (r0/r)^2, Bphi = -Br Omega (r - r0) sin(theta) / u in a frame whose z axis is the rotation
axis; B points outwards where B0 > 0.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from interpolation.body import Sphere, inside_body
from interpolation.status import Status
from vo_server.errors import BadArgument
from vo_server.model.parameter import Parameter, default_ucd
from vo_server.model.request import Method
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.run import BodyName, Duration, Identifier, Length, Name, Speed, Text
from vo_server.model.space import Body, Box, Frame, Points
from vo_server.ports import Site
from vo_server.units import quantity

Floats = NDArray[np.float64]

_NAMES = ("Bx", "By", "Bz", "Btot")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dipole(_Section):
    """A dipole at the origin; strength: at the equator at the body's radius, such as '31 uT'."""

    kind: Literal["dipole"]
    strength: str
    moment: tuple[float, float, float] = (0.0, 0.0, 1.0)

    def formula(self, points: Points, body: Body) -> Floats:
        """Give B (n, 3) in T at points (n, 3) in m."""
        strength = quantity(self.strength, "T", argument="strength")
        moment = np.asarray(self.moment) / np.abs(self.moment).max()
        axis = moment / np.linalg.norm(moment)
        radius = np.linalg.norm(points, axis=1, keepdims=True)
        unit = points / radius
        along = (unit @ axis)[:, None]
        return np.asarray(strength * (body.radius / radius) ** 3 * (3.0 * along * unit - axis))


class Uniform(_Section):
    """The same vector everywhere, such as ['0 nT', '0 nT', '5 nT']."""

    kind: Literal["uniform"]
    vector: tuple[str, str, str]

    def formula(self, points: Points, body: Body) -> Floats:
        """Give B (n, 3) in T at points (n, 3)."""
        vector = [quantity(component, "T", argument="vector") for component in self.vector]
        return np.broadcast_to(np.asarray(vector), points.shape).copy()


class ParkerSpiral(_Section):
    """The interplanetary field of a steady radial wind.

    strength: radial field at `reference`; speed: of the wind; rotation: period of the Sun.
    """

    kind: Literal["parker-spiral"]
    strength: str
    reference: Length
    speed: Speed
    rotation: Duration = "2192832 s"  # 25.38 d, sidereal rotation of Carrington's system

    def formula(self, points: Points, body: Body) -> Floats:
        """Give B (n, 3) in T at points (n, 3) in m."""
        strength = quantity(self.strength, "T", argument="strength")
        reference = quantity(self.reference, "m", argument="reference")
        speed = quantity(self.speed, "m/s", argument="speed")
        omega = 2.0 * np.pi / quantity(self.rotation, "s", argument="rotation")
        radius = np.linalg.norm(points, axis=1, keepdims=True)
        radial = strength * (reference / radius) ** 2
        # r^ sin(theta) phi^ = z^ x r^ scaled: (-y, x, 0) / r carries sin(theta) already.
        turning = np.column_stack([-points[:, 1], points[:, 0], np.zeros(len(points))]) / radius
        wound = -radial * omega * (radius - reference) / speed
        return np.asarray(radial * points / radius + wound * turning)


Model = Annotated[Dipole | Uniform | ParkerSpiral, Field(discriminator="kind")]


class AnalyticOptions(_Section):
    """One analytic field and where it is defined; lengths with their unit."""

    id: Identifier
    run: Identifier
    model: Identifier
    title: Text
    body: BodyName
    body_radius: Length
    inner_boundary: Length | None = None
    frame: Name
    half_width: Length
    field: Model


@dataclass(frozen=True, slots=True)
class AnalyticField:
    """A `vo_server.ports.Field` of a formula in a cube around the origin."""

    model: Dipole | Uniform | ParkerSpiral
    parameters: tuple[Parameter, ...]
    frame: Frame
    domain: Box
    body: Body

    def sample(
        self, points: Points, names: Sequence[str], method: Method
    ) -> tuple[Floats, NDArray[np.uint8]]:
        """Give the exact values whatever the method; see `vo_server.ports.Field`."""
        status = np.full(len(points), Status.OK, np.uint8)
        with np.errstate(all="ignore"):
            vector = self.model.formula(points, self.body)
        values = np.vstack([vector.T, np.linalg.norm(vector, axis=1)])
        values = values[[_NAMES.index(name) for name in names]]
        status[~np.isfinite(vector).all(axis=1)] = Status.MASKED
        if self.body.inner_boundary is not None:
            sphere = Sphere((0.0, 0.0, 0.0), self.body.inner_boundary)
            status[inside_body(points, sphere)] = Status.INSIDE_BODY
        status[~self.domain.holds(points)] = Status.OUTSIDE
        status[~np.isfinite(points).all(axis=1)] = Status.BAD_INPUT
        values[:, status != Status.OK] = np.nan
        return values, status


class Analytic:
    """Serves one analytic magnetic field."""

    Options = AnalyticOptions

    def __init__(self, options: AnalyticOptions, site: Site) -> None:
        for id in (options.id, options.run, options.model):
            if not id.startswith(f"spase://{site.authority}/"):
                raise BadArgument(
                    f"id {id} must start with spase://{site.authority}/", argument="id"
                )
        radius = quantity(options.body_radius, "m", argument="body_radius")
        inner = options.inner_boundary
        boundary = None if inner is None else quantity(inner, "m", argument="inner_boundary")
        half = quantity(options.half_width, "m", argument="half_width")
        body = Body(options.body, radius, boundary)
        parameters = tuple(
            Parameter(name, unit="T", ucd=default_ucd(name), description="magnetic field")
            for name in _NAMES
        )
        with np.errstate(all="ignore"):
            probe = options.field.formula(np.full((1, 3), radius), body)
        if not np.isfinite(probe).all():
            raise BadArgument("field: its quantities give no finite field", argument="field")
        domain = Box((-half, -half, -half), (half, half, half))
        frame = Frame(options.frame)
        self._field = AnalyticField(options.field, parameters, frame, domain, body)
        version = options.model_dump_json()
        self._resources = (
            Resource(options.model, Kind.MODEL, options.model.rpartition("/")[2]),
            Resource(
                options.run,
                Kind.RUN,
                options.title,
                frame=frame,
                body=body,
                domain=domain,
                parent=options.model,
                version=version,
                source="formula",
            ),
            Resource(
                options.id,
                Kind.OUTPUT,
                options.title,
                parameters,
                frame,
                body,
                domain,
                step=half / 64.0,
                parent=options.run,
                model=options.model,
                version=version,
                source="formula",
            ),
        )

    def resources(self) -> Sequence[Resource]:
        """Give model, run and output."""
        return self._resources

    def refused(self) -> Sequence[Refused]:
        """Nothing can be refused: there are no files."""
        return ()

    @contextmanager
    def field(self, resource: Resource, names: Sequence[str]) -> Iterator[AnalyticField]:
        """Give the field."""
        yield self._field
