"""Field on a grid: named arrays of one cube, sampled by the interpolation core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interpolation.body import Sphere
from interpolation.cubic import SHORTEST
from interpolation.estimate import ESTIMATED, WIDENED, estimate
from interpolation.layout import prepare
from interpolation.locate import locate
from interpolation.rectilinear import Grid
from interpolation.sample import sample
from interpolation.vector import GridVector
from vo_server.block_cache import Kept, fit, in_memory
from vo_server.blocks import Array
from vo_server.budget import spend
from vo_server.errors import BadArgument
from vo_server.model.parameter import Parameter
from vo_server.model.request import Method
from vo_server.model.space import Body, Box, Frame, Points
from vo_server.patches import sample_parts, tiles

_AXES = 3  # components of a vector


@dataclass(frozen=True, slots=True)
class Variable:
    """One array of a cube.

    parameter: as published, in an SI unit; factor: what stored values are multiplied by to be
    in that unit; values: as stored, shape of the grid (nx, ny, nz).
    """

    parameter: Parameter
    factor: float
    values: Kept

    def load(self) -> Array:
        """Give all values as stored, read-only."""
        return self.values.load()


@dataclass(frozen=True, slots=True)
class GridField:
    """A `vo_server.ports.Field` over the nodes of one rectilinear grid in metres."""

    grid: Grid
    variables: Mapping[str, Variable]
    frame: Frame
    body: Body

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Everything that can be sampled."""
        return tuple(variable.parameter for variable in self.variables.values())

    @property
    def domain(self) -> Box:
        """Bounds of the grid's outermost nodes."""
        return Box.between(self.grid.lower, self.grid.upper)

    @property
    def step(self) -> float:
        """The smallest distance between neighbouring nodes."""
        return self.grid.step

    @property
    def estimated(self) -> tuple[Method, ...]:
        """Methods whose values have an error estimate."""
        return ESTIMATED

    def sample(
        self, points: Points, names: Sequence[str], method: Method
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Give values (len(names), n) in SI units and status (n,); see `vo_server.ports.Field`."""
        if method == "cubic" and min(self.grid.shape) < SHORTEST:
            raise BadArgument(
                f"cubic interpolation wants {SHORTEST} nodes along each axis; this grid has "
                f"{' x '.join(map(str, self.grid.shape))}"
            )
        chosen = [self.variables[name] for name in names]
        kept = [variable.values for variable in chosen]
        ready = in_memory(kept)
        # A spline takes long, and is made part by part so that it can be stopped.
        if ready is not None and method != "cubic":
            values, status = sample(
                self.grid, ready, points, method=method, body=obstacle(self.body)
            )
        else:
            values, status = sample_parts(self.grid, kept, points, method, obstacle(self.body))
        return in_si(values, chosen), status

    def error(self, points: Points, names: Sequence[str], method: Method) -> NDArray[np.float64]:
        """Estimate the error (len(names), n) of values; see `vo_server.ports.ErrorSource`.

        Of arrays that do not fit into memory no coarser grid is asked where the spline is
        missing.
        """
        chosen = [self.variables[name] for name in names]
        kept = [variable.values for variable in chosen]
        body = obstacle(self.body)
        if fit(kept):
            ready = prepare(self.grid, [array.load() for array in kept])
            found = np.full((len(names), len(points)), np.nan)
            for patch in tiles(self.grid, locate(self.grid, points)):
                spend()
                few = points[patch.points]
                told = estimate(self.grid, ready, few, method=method, body=body)
                found[:, patch.points] = told.error
        elif min(self.grid.shape) < SHORTEST:
            found = np.full((len(names), len(points)), np.nan)
        else:
            cubic, linear, value = (
                sample_parts(self.grid, kept, points, each, body)[0]
                for each in ("cubic", "linear", method)
            )
            with np.errstate(invalid="ignore"):  # of an infinite value
                found = WIDENED * np.abs(cubic - linear) + np.abs(value - linear)
        return in_si(found, chosen)

    def vector(self, names: Sequence[str]) -> tuple[GridVector, tuple[float, ...]] | None:
        """Give the vectors of three or six variables and their factors.

        None where the variables of one vector differ in unit, or not all fit into memory.
        """
        chosen = [self.variables[name] for name in names]
        kept = [variable.values for variable in chosen]
        factors = [variable.factor for variable in chosen]
        first = tuple(factors[::_AXES])
        alike = factors == [factor for factor in first for _ in range(_AXES)]
        if not alike or min(first) <= 0.0 or not fit(kept):
            return None
        vector = GridVector.of(self.grid, [array.load() for array in kept], obstacle(self.body))
        return vector, first


@dataclass(frozen=True, slots=True)
class GridSpectra(GridField):
    """Spectra on a grid, one variable for each energy bin; see `vo_server.ports.SpectraField`.

    energies: lower and upper end of each bin (bins, 2) in J.
    """

    energies: NDArray[np.float64]

    def spectra(
        self, points: Points, method: Method
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Give spectra (n, bins) in the parameters' unit and status (n,)."""
        values, status = self.sample(points, list(self.variables), method)
        return values.T, status


def obstacle(body: Body) -> Sphere | None:
    """Give the sphere of a run's inner boundary, None where it has none."""
    boundary = body.inner_boundary
    return None if boundary is None else Sphere((0.0, 0.0, 0.0), boundary)


def in_si(values: NDArray[np.float64], variables: Sequence[Variable]) -> NDArray[np.float64]:
    """Multiply rows by the factors of their variables, in place."""
    for row, variable in zip(values, variables, strict=True):
        if variable.factor != 1.0:
            row *= variable.factor
    return values
