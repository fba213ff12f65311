"""Fields, sources and trajectories made of plain values."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from interpolation.rectilinear import Grid
from vo_server.block_cache import BlockCache, Kept
from vo_server.blocks import Loaded
from vo_server.field import GridField, Variable
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.space import Body, Frame, Points
from vo_server.model.table import Header, Table
from vo_server.model.trajectory import Trajectory
from vo_server.ports import Site


@dataclass(frozen=True)
class Source:
    """A provider of one field."""

    resource: Resource
    opened: GridField

    def resources(self) -> Sequence[Resource]:
        return [self.resource]

    def refused(self) -> Sequence[Refused]:
        return ()

    @contextmanager
    def field(self, resource: Resource, names: Sequence[str]) -> Iterator[GridField]:
        yield self.opened


MakeSource = Callable[..., Source]
Fly = Callable[..., Trajectory]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Give a site of authority MyLab in a folder of its own."""
    return Site("MyLab", tmp_path)


def _loaded(
    formula: Callable[[NDArray[np.float64]], NDArray[np.float64]], nodes: NDArray[np.float64]
) -> Loaded:
    x, y, z, _ = nodes.shape
    return Loaded((x, y, z), np.dtype(np.float64), lambda: formula(nodes).copy())


@pytest.fixture
def make_source() -> MakeSource:
    """Give a source over nodes -4 ... 4 m along each axis with the named values or formulas."""

    def make(
        values: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]],
        *,
        boundary: float | None = None,
        factor: float = 1.0,
        room: int = 2**20,
    ) -> Source:
        axis = np.linspace(-4.0, 4.0, 9)
        grid = Grid(axis, axis, axis)
        cache = BlockCache(room)
        nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
        variables = {
            name: Variable(Parameter(name, unit="T"), factor, Kept(_loaded(formula, nodes), cache))
            for name, formula in values.items()
        }
        body = Body("Mars", 3.39e6, boundary)
        field = GridField(grid, variables, Frame("MSO"), body)
        resource = Resource(
            "spase://MyLab/NumericalOutput/A/out", Kind.OUTPUT, "out", field.parameters,
            field.frame, body, field.domain, grid.step, "spase://MyLab/SimulationRun/A",
            "spase://MyLab/SimulationModel/M", version="1",
        )  # fmt: skip
        return Source(resource, field)

    return make


@pytest.fixture
def trajectory() -> Fly:
    """Give a trajectory through points (n, 3), with a text column and the positions in km."""

    def make(points: Points, frame: str | None = "MSO", extra: str = "Label") -> Trajectory:
        points = np.asarray(points, float).reshape(-1, 3)
        header = Header(
            (
                Parameter(extra, TEXT),
                *(
                    Parameter(name, unit="km", ucd=f"pos.cartesian.{name.lower()}")
                    for name in "XYZ"
                ),
            )
        )
        labels = np.array([f"p{i}" for i in range(len(points))], object)
        table = Table(header, (labels, *(points / 1e3).T))
        return Trajectory(points, Frame(frame) if frame else None, table, (1, 2, 3))

    return make
