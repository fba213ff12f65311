"""A provider of plain formulas: fields, an orbit and spectra of one run around Mars."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from interpolation.status import Status
from vo_server.model.parameter import Parameter
from vo_server.model.request import Method
from vo_server.model.resource import Conditions, Kind, Refused, Resource
from vo_server.model.space import Body, Box, Frame, Points
from vo_server.model.table import Header, Table
from vo_server.model.time import TimeInterval
from vo_server.model.trajectory import Trajectory

RUN = "spase://MyLab/SimulationRun/Flow"
OUTPUT = "spase://MyLab/NumericalOutput/Flow"
SPECTRA = "spase://MyLab/NumericalOutput/Spectra"
ORBIT = "spase://MyLab/NumericalData/MEX/Orbit"
FIELD = (0.0, 1e-8, 0.0)  # T
SPEED = -4e5  # m/s, along x
START = np.datetime64("2007-07-12T00:00:00", "ns")
MINUTES = 61

_BODY = Body("Mars", 3.39e6)
_BOX = Box((-1e7,) * 3, (1e7,) * 3)
_UNITS = {"Density": "1/m3", "B": "T", "U": "m/s"}
_NAMES = ("Density", "Bx", "By", "Bz", "Ux", "Uy", "Uz")
PARAMETERS = tuple(
    Parameter(name, unit=_UNITS[name if name == "Density" else name[0]]) for name in _NAMES
)

FLUXES = tuple(Parameter(f"Ebin{i}", unit="1/m3") for i in range(3))


def density(points: Points) -> NDArray[np.float64]:
    """Give a density that grows along y."""
    return np.asarray(1e6 + points[:, 1])


class FlowField:
    """A uniform field and a uniform wind."""

    parameters = PARAMETERS
    frame = Frame("MSO")
    domain = _BOX
    estimated: tuple[Method, ...] = ("linear",)

    def error(self, points: Points, names: Sequence[str], method: Method) -> NDArray[np.float64]:
        """Give a thousandth of each value."""
        return np.abs(self.sample(points, names, method)[0]) / 1000.0

    def sample(
        self, points: Points, names: Sequence[str], method: Method
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Give exact values, NaN outside."""
        columns = {"Density": density(points), "Ux": np.full(len(points), SPEED)}
        columns |= {f"B{a}": np.full(len(points), v) for a, v in zip("xyz", FIELD, strict=True)}
        values = np.array([columns.get(name, np.zeros(len(points))) for name in names])
        status = _status(points)
        values[:, status != Status.OK] = np.nan
        return values, status


def _status(points: Points) -> NDArray[np.uint8]:
    status = np.where(_BOX.holds(points), Status.OK, Status.OUTSIDE)
    return np.where(np.isfinite(points).all(axis=1), status, Status.BAD_INPUT).astype(np.uint8)


class FluxField(FlowField):
    """Energy spectra, to be sampled bin by bin as well."""

    parameters = FLUXES
    energies = np.array([[1.0, 2.0], [2.0, 4.0], [4.0, 8.0]]) * 1.602176634e-19

    def spectra(
        self, points: Points, method: Method
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Give bin k the density times k + 1."""
        status = _status(points)
        flux = density(points)[:, None] * np.arange(1.0, 4.0)
        flux[status != Status.OK] = np.nan
        return flux, status


def orbit_at(times: NDArray[np.datetime64]) -> Points:
    """Give positions on a parabola, which cubics follow exactly."""
    minutes = (times - START) / np.timedelta64(1, "m")
    return np.column_stack([5e6 - 1e4 * minutes, 1e3 * minutes**2, np.full(len(times), 2e6)])


class StandIn:
    """Serves them."""

    def __init__(self, *, frame: str = "MSO", run: str = "MSO") -> None:
        self._orbit_frame, self._frame = Frame(frame), Frame(run)

    def resources(self) -> Sequence[Resource]:
        """Give model, run, output and orbit."""
        model = "spase://MyLab/SimulationModel/Flow"
        wind = Conditions(5e6, 4e5, 1e5, FIELD, solar_flux=1.5e-20)
        common = {"frame": self._frame, "body": _BODY, "domain": _BOX, "version": "1"}
        return [
            Resource(model, Kind.MODEL, "A model"),
            Resource(RUN, Kind.RUN, "A run", parent=model, conditions=(wind,), **common),  # type: ignore[arg-type]
            Resource(
                OUTPUT, Kind.OUTPUT, "An output", PARAMETERS, step=5e5, parent=RUN, model=model,
                **common,  # type: ignore[arg-type]
            ),
            Resource(
                SPECTRA, Kind.OUTPUT, "Spectra", FLUXES, step=5e5, parent=RUN, model=model,
                **common,  # type: ignore[arg-type]
            ),
            Resource(
                ORBIT, Kind.ORBIT, "MEX around Mars", frame=self._orbit_frame, body=_BODY,
                version="1", spacecraft="MEX",
            ),
        ]  # fmt: skip

    def refused(self) -> Sequence[Refused]:
        """Nothing is refused."""
        return ()

    @contextmanager
    def field(self, resource: Resource, names: Sequence[str]) -> Iterator[FlowField]:
        """Open the field."""
        yield FluxField() if resource.id == SPECTRA else FlowField()

    def orbit(self, resource: Resource, interval: TimeInterval | None) -> Trajectory:
        """Give one position a minute."""
        times = START + np.arange(MINUTES) * np.timedelta64(1, "m")
        if interval is not None:
            times = times[interval.holds(times)]
        positions = orbit_at(times)
        columns = tuple(Parameter(axis, unit="m") for axis in "XYZ")
        header = Header((Parameter("Time", times.dtype), *columns))
        table = Table(header, (times, *positions.T.copy()))
        return Trajectory(positions, self._orbit_frame, table, (1, 2, 3), times)
