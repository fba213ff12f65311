"""A Harris current sheet (Harris 1962, Nuovo Cimento 23, 115): Bx = B0 tanh(z / L)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from interpolation.status import Status
from vo_server.model.parameter import Parameter
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.space import Body, Box, Frame
from vo_server.ports import Site
from vo_server.units import quantity

GSM = Frame("GSM")


class HarrisOptions(BaseModel):
    """Keys of the `[[providers]]` table besides `use`."""

    model_config = ConfigDict(extra="forbid")

    strength: str = "20 nT"
    thickness: str = "1000 km"


@dataclass(frozen=True)
class HarrisField:
    """The field itself: positions in metres in, values and status out."""

    strength: float
    thickness: float
    domain: Box
    parameters: tuple[Parameter, ...] = (Parameter("Bx", unit="T", ucd="phys.magField"),)
    frame: Frame = GSM

    def sample(self, points, names, method):
        """Give values (len(names), n) and status (n,)."""
        values = np.array([self.strength * np.tanh(points[:, 2] / self.thickness) for _ in names])
        status = np.full(len(points), Status.OK, np.uint8)
        status[~self.domain.holds(points)] = Status.OUTSIDE
        status[~np.isfinite(points).all(axis=1)] = Status.BAD_INPUT
        values[:, status != Status.OK] = np.nan
        return values, status


class HarrisSheet:
    """A provider: resources, and the field of each output."""

    Options = HarrisOptions

    def __init__(self, options: HarrisOptions, site: Site) -> None:
        """Check the options once, at start-up."""
        half = 1e8
        self._field = HarrisField(
            quantity(options.strength, "T", argument="strength"),
            quantity(options.thickness, "m", argument="thickness"),
            Box((-half, -half, -half), (half, half, half)),
        )
        root = f"spase://{site.authority}"
        self._resources = (
            Resource(f"{root}/SimulationModel/Harris", Kind.MODEL, "Harris sheet"),
            Resource(
                f"{root}/SimulationRun/Harris",
                Kind.RUN,
                "Harris sheet",
                parent=f"{root}/SimulationModel/Harris",
            ),
            Resource(
                f"{root}/NumericalOutput/Harris/B",
                Kind.OUTPUT,
                "Harris sheet: magnetic field",
                parameters=self._field.parameters,
                frame=GSM,
                body=Body("Earth", 6.3712e6),
                domain=self._field.domain,
                step=self._field.thickness,
                parent=f"{root}/SimulationRun/Harris",
                model=f"{root}/SimulationModel/Harris",
                version=options.model_dump_json(),
            ),
        )

    def resources(self) -> Sequence[Resource]:
        """Give everything served now."""
        return self._resources

    def refused(self) -> Sequence[Refused]:
        """Nothing can be refused: there are no files."""
        return ()

    @contextmanager
    def field(self, resource: Resource, names: Sequence[str]) -> Iterator[HarrisField]:
        """Open the field of an output."""
        yield self._field
