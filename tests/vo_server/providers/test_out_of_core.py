"""Out of core: real and large files sampled by parts give the numbers of the whole."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
from numpy.typing import NDArray

from interpolation.status import Status
from vo_server import block_cache
from vo_server.block_cache import BlockCache, Kept
from vo_server.budget import Budget
from vo_server.errors import BadFile
from vo_server.field import GridField
from vo_server.lines import follow
from vo_server.model.request import LineRequest, Method
from vo_server.model.resource import Kind, Resource
from vo_server.model.space import Frame
from vo_server.model.table import Header, Table
from vo_server.model.trajectory import Trajectory
from vo_server.ports import Site
from vo_server.providers import hdf5_chunks
from vo_server.providers.hc_cube import HcCubes
from vo_server.providers.lathys_cube import LathysCubes
from vo_server.providers.netcdf_cube import NetcdfCubes
from vo_server.providers.run_folder import CubeOptions, RunFolders

WriteRun = Callable[..., None]


class ByParts(Kept):
    """Kept blocks that are never read as a whole."""

    def pays(self, chunks: int) -> bool:
        return False


def _by_parts(field: GridField, cache: BlockCache) -> GridField:
    """Give the same field, to be read by parts only."""
    variables = {
        name: replace(variable, values=ByParts(variable.values._blocks, cache))
        for name, variable in field.variables.items()
    }
    return replace(field, variables=variables)


def _points(field: GridField, count: int) -> NDArray[np.float64]:
    """Give points all over the box and a little beyond, and a straight flight through it."""
    rng = np.random.default_rng(1)
    lower, upper = field.grid.lower, field.grid.upper
    margin = 0.1 * (upper - lower)
    flight = lower + np.linspace(0.0, 1.0, count)[:, None] * (upper - lower)
    return np.concatenate([rng.uniform(lower - margin, upper + margin, (count, 3)), flight])


@pytest.mark.parametrize("method", ["linear", "nearest"])
@pytest.mark.parametrize(
    ("kind", "folder", "pattern"),
    [
        (HcCubes, "data/mars-hyb", "*.hc"),
        (NetcdfCubes, "data/mars-hyb", "*.nc"),
        (LathysCubes, "data/lathys", "*.nc"),
    ],
)
def test_real_runs_by_parts(
    shared: Path, kind: type[RunFolders], folder: str, pattern: str, method: Method
) -> None:
    provider = kind(CubeOptions(path=pattern), Site("VOSERVER", shared / folder))
    outputs = [r for r in provider.resources() if r.kind is Kind.OUTPUT]
    assert outputs
    for output in outputs:
        names = [p.name for p in output.parameters]
        with provider.field(output, names) as field:
            assert isinstance(field, GridField)
            points = _points(field, 200)
            for name in names:
                field.variables[name].load()
            expected, told = field.sample(points, names, method)
            values, status = _by_parts(field, BlockCache(10**6)).sample(points, names, method)
        np.testing.assert_array_equal(values.view(np.uint64), expected.view(np.uint64))
        np.testing.assert_array_equal(status, told)
        assert {Status.OK, Status.OUTSIDE} <= set(told.tolist())


_NODES, _CHUNK = 48, 16


@pytest.fixture
def large(tmp_path: Path, site: Site, write_run: WriteRun) -> tuple[NetcdfCubes, Resource]:
    """Give a cube whose variables do not fit into the provider's cache, Bx = x, By = -y, Bz = z."""
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as dataset:
        for name in "xyz":
            dataset.createDimension(name, _NODES)
            axis = dataset.createVariable(name, "f8", (name,))
            axis.units = "m"
            axis[:] = np.arange(float(_NODES))
        nodes = np.meshgrid(*[np.arange(float(_NODES))] * 3, indexing="ij")
        for name, values in zip(("Bx", "By", "Bz"), nodes, strict=True):
            variable = dataset.createVariable(
                name, "f8", tuple("xyz"), zlib=True, complevel=1, chunksizes=(_CHUNK,) * 3
            )
            variable.units = "T"
            variable[:] = -values if name == "By" else values
    write_run("a.nc")
    chunk = _CHUNK**3 * 8
    provider = NetcdfCubes(CubeOptions(path="*.nc", cache_bytes=6 * chunk), site)
    return provider, next(r for r in provider.resources() if r.kind is Kind.OUTPUT)


_NAMES = ("Bx", "By", "Bz")


def test_variables_larger_than_the_cache_are_served_within_it(
    large: tuple[NetcdfCubes, Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    plain = hdf5_chunks.Chunked._chunk

    def counted(*arguments: object) -> object:
        read.append(1)
        return plain(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(hdf5_chunks.Chunked, "_chunk", counted)
    provider, output = large
    line = np.linspace(0.0, 47.0, 400)
    points = np.column_stack([line, np.full((400, 2), 5.5)])
    with provider.field(output, _NAMES) as field:
        values, status = field.sample(points, _NAMES, "linear")
    np.testing.assert_allclose(values, [line, np.full(400, -5.5), np.full(400, 5.5)], rtol=1e-14)
    assert not status.any()
    assert len(read) == 9
    cache = block_cache.shared_cache(6 * _CHUNK**3 * 8)
    assert 0 < cache.nbytes <= cache.max_bytes


def test_lines_through_a_field_larger_than_the_cache(
    large: tuple[Any, Resource],
) -> None:
    provider, output = large
    seeds = Trajectory(np.array([[2.0, 30.0, 3.0], [20.0, 20.0, 20.0]]), Frame("MSO"),
                       Table(Header(()), ()), (0, 0, 0))  # fmt: skip
    request = LineRequest(output, "B", seeds, "forward", step=0.5)
    tables = list(follow(request, provider, Budget()))
    x, y, z = (np.concatenate([table.columns[i] for table in tables]) for i in (1, 2, 3))
    # Along a line of (x, -y, z) the products x y and x / z are constant.
    first = np.concatenate([table.columns[0] for table in tables]) == 1
    np.testing.assert_allclose((x * y)[first], 60.0, rtol=1e-3)
    np.testing.assert_allclose((x / z)[first], 2.0 / 3.0, rtol=1e-3)
    assert x[first].max() > 30.0


def test_a_file_written_to_in_the_middle_of_a_request(
    large: tuple[NetcdfCubes, Resource], tmp_path: Path
) -> None:
    provider, output = large
    with provider.field(output, _NAMES) as field:
        field.sample(np.array([[1.5, 1.5, 1.5]]), _NAMES, "linear")
        with (tmp_path / "a.nc").open("r+b") as file:
            file.seek(-1, 2)
            file.write(b"x")
        with pytest.raises(BadFile, match=r"a\.nc was removed or replaced just now; ask again"):
            field.sample(np.array([[40.5, 40.5, 40.5]]), _NAMES, "linear")
    with pytest.raises(BadFile, match="ask again"), provider.field(output, _NAMES):
        pass


def test_a_file_replaced_in_the_middle_of_a_request_is_read_to_the_end(
    large: tuple[NetcdfCubes, Resource], tmp_path: Path
) -> None:
    provider, output = large
    with provider.field(output, _NAMES) as field:
        field.sample(np.array([[1.5, 1.5, 1.5]]), _NAMES, "linear")
        (tmp_path / "new").write_bytes(b"something else")
        (tmp_path / "new").replace(tmp_path / "a.nc")
        values, _ = field.sample(np.array([[40.5, 41.5, 42.5]]), _NAMES, "linear")
    assert values[:, 0].tolist() == [40.5, -41.5, 42.5]
    with pytest.raises(BadFile, match="ask again"), provider.field(output, _NAMES):
        pass


def test_threads_fly_through_one_field(large: tuple[NetcdfCubes, Resource]) -> None:
    provider, output = large

    def fly(seed: int) -> float:
        rng, worst = np.random.default_rng(seed), 0.0
        for _ in range(5):
            points = rng.uniform(0.0, 47.0, (50, 3))
            with provider.field(output, _NAMES) as field:
                values, _ = field.sample(points, _NAMES, "linear")
            worst = max(worst, float(np.abs(values.T - points * [1.0, -1.0, 1.0]).max()))
        return worst

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(fly, range(4), timeout=60)) < 1e-12
