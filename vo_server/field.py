"""Field on a grid: named arrays of one cube, sampled by the interpolation core."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpolation.body import Sphere
from interpolation.rectilinear import Grid
from interpolation.sample import sample
from interpolation.vector import GridVector
from vo_server.model.parameter import Parameter
from vo_server.model.request import Method
from vo_server.model.space import Body, Box, Frame, Points

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Variable:
    """One array of a cube.

    parameter: as published, in an SI unit; factor: what stored values are multiplied by to be
    in that unit; load: gives the values as stored, shape of the grid (nx, ny, nz).
    """

    parameter: Parameter
    factor: float
    load: Callable[[], Array]

    def loaded(self) -> "Variable":
        """Give the same variable with its values in memory."""
        values = self.load()
        return replace(self, load=lambda: values)


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

    def loaded(self, names: Sequence[str]) -> "GridField":
        """Give the same field with the named variables in memory."""
        read = {name: self.variables[name].loaded() for name in names}
        return replace(self, variables={**self.variables, **read})

    def vector(self, names: Sequence[str]) -> GridVector | None:
        """Give the vector of three variables, where they are stored in one unit."""
        chosen = [self.variables[name] for name in names]
        if len({variable.factor for variable in chosen}) > 1 or chosen[0].factor <= 0.0:
            return None
        return GridVector.of(self.grid, [variable.load() for variable in chosen], self._sphere)

    @property
    def _sphere(self) -> Sphere | None:
        boundary = self.body.inner_boundary
        return None if boundary is None else Sphere((0.0, 0.0, 0.0), boundary)

    def sample(
        self, points: Points, names: Sequence[str], method: Method
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Give values (len(names), n) in SI units and status (n,); see `vo_server.ports.Field`."""
        chosen = [self.variables[name] for name in names]
        arrays = [variable.load() for variable in chosen]
        values, status = sample(self.grid, arrays, points, method=method, body=self._sphere)
        for row, variable in zip(values, chosen, strict=True):
            if variable.factor != 1.0:
                row *= variable.factor
        return values, status


class ArrayCache:
    """Arrays kept in memory up to a number of bytes; the longest unused go first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._arrays: OrderedDict[Hashable, Array] = OrderedDict()
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], Array]) -> Array:
        """Give the array of this key, which must not be written to.

        It is loaded once, while look-ups of other arrays that are there go on.
        """
        found = self._find(key)
        if found is None:
            with self._loading:
                found = self._find(key)
                if found is None:
                    found = self._keep(key, load())
        return found

    def _find(self, key: Hashable) -> Array | None:
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
            return self._arrays.get(key)

    def _keep(self, key: Hashable, array: Array) -> Array:
        array.flags.writeable = False
        with self._lock:
            self._arrays[key] = array
            self._bytes += array.nbytes
            while self._bytes > self._max_bytes and len(self._arrays) > 1:
                self._bytes -= self._arrays.popitem(last=False)[1].nbytes
        return array
