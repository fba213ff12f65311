"""Field on a grid: named arrays of one cube, sampled by the interpolation core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interpolation.body import Sphere
from interpolation.rectilinear import Grid
from interpolation.sample import sample
from vo_server.block_cache import Kept
from vo_server.blocks import Array
from vo_server.model.parameter import Parameter
from vo_server.model.request import Method
from vo_server.model.space import Body, Box, Frame, Points
from vo_server.patches import sample_parts


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
        lower, upper = self.grid.lower, self.grid.upper
        return Box(
            (float(lower[0]), float(lower[1]), float(lower[2])),
            (float(upper[0]), float(upper[1]), float(upper[2])),
        )

    def sample(
        self, points: Points, names: Sequence[str], method: Method
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Give values (len(names), n) in SI units and status (n,); see `vo_server.ports.Field`."""
        chosen = [self.variables[name] for name in names]
        boundary = self.body.inner_boundary
        sphere = None if boundary is None else Sphere((0.0, 0.0, 0.0), boundary)
        arrays = [variable.values.in_memory() for variable in chosen]
        ready = [array for array in arrays if array is not None]
        if len(ready) == len(chosen):
            values, status = sample(self.grid, ready, points, method=method, body=sphere)
        else:
            kept = [variable.values for variable in chosen]
            values, status = sample_parts(self.grid, kept, points, method, sphere)
        for row, variable in zip(values, chosen, strict=True):
            if variable.factor != 1.0:
                row *= variable.factor
        return values, status
