"""lathys-cubes: positions, domain and units proved by the run's own physics."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from numpy.typing import NDArray

from interpolation.status import Status
from vo_server.field import GridField
from vo_server.model.resource import Kind
from vo_server.ports import Site
from vo_server.providers import run_folder
from vo_server.providers.lathys_cube import LathysCubes
from vo_server.providers.run_folder import CubeOptions

_MU0 = 1.25663706212e-6
_STEP = 2.8
_LENGTH = 185.25229  # c/omega_pi in km, from the files
Fields = dict[str, GridField]
WriteRun = Callable[..., None]


@pytest.fixture(scope="module")
def fields(shared: Path) -> Fields:
    """Open every output of the real run by the last word of its id."""
    provider = LathysCubes(CubeOptions(path="*.nc"), Site("VOSERVER", shared / "data/lathys"))
    outputs = [r for r in provider.resources() if r.kind is Kind.OUTPUT]
    assert provider.refused() == ()
    opened = {}
    for output in outputs:
        with provider.field(output, ()) as field:
            assert isinstance(field, GridField)
            opened[output.id.rpartition("/")[2]] = field
    return opened


def _si(field: GridField, name: str) -> NDArray[np.float64]:
    variable = field.variables[name]
    return np.asarray(variable.load(), np.float64) * variable.factor


def _edge_derivative(field: GridField, name: str, axis: int) -> NDArray[np.float64]:
    """Differentiate at cell centres from the values at the eight corners."""
    nodes = field.grid.axes[axis]
    shape = [-1 if i == axis else 1 for i in range(3)]
    slope = np.diff(_si(field, name), axis=axis) / np.diff(nodes).reshape(shape)
    for other in {0, 1, 2} - {axis}:
        lower = np.take(slope, range(slope.shape[other] - 1), other)
        slope = (lower + np.take(slope, range(1, slope.shape[other]), other)) / 2.0
    return slope


def test_the_current_is_the_curl_of_the_field_where_we_say_it_is(fields: Fields) -> None:
    mag, current = fields["Mag"], fields["Jcur"]
    for axis, between in zip(current.grid.axes, mag.grid.axes, strict=True):
        np.testing.assert_allclose(axis, (between[1:] + between[:-1]) / 2.0, rtol=1e-6)
    curl = [
        _edge_derivative(mag, a, i) - _edge_derivative(mag, b, j)
        for a, i, b, j in (("Bz", 1, "By", 2), ("Bx", 2, "Bz", 0), ("By", 0, "Bx", 1))
    ]
    inner = (slice(1, -1),) * 3
    for name, expected in zip(("Jx", "Jy", "Jz"), curl, strict=True):
        scale = np.abs(_si(current, name)).max()
        np.testing.assert_allclose(
            _si(current, name)[inner], expected[inner] / _MU0, atol=1e-6 * scale
        )


def test_the_electric_field_is_that_of_the_moving_plasma(fields: Fields) -> None:
    upstream = np.stack(np.meshgrid([9.5e6, 1e7], [-3e6, 0.0, 3e6], [-4e6, 4e6]), -1).reshape(-1, 3)
    values = {
        quantity: fields[key].sample(upstream, [f"{quantity}{a}" for a in "xyz"], "linear")[0].T
        for key, quantity in (("Ele", "E"), ("The", "U"), ("Mag", "B"))
    }
    expected = -np.cross(values["U"], values["B"])
    # The motional field of the set-up: 370 km/s across 1.992 nT.
    assert np.median(values["E"][:, 2]) == pytest.approx(370e3 * 1.992e-9, rel=0.05)
    assert np.median(expected[:, 2]) == pytest.approx(370e3 * 1.992e-9, rel=0.05)


def test_node_zero_lies_at_minus_the_centre(fields: Fields) -> None:
    x, y, z = fields["Mag"].grid.axes
    assert x[0] == pytest.approx(61.0 * _LENGTH * 1e3, rel=1e-7)
    assert y[0] == pytest.approx(70.0 * _LENGTH * 1e3, rel=1e-7)
    assert z[0] == pytest.approx(-75.0 * _LENGTH * 1e3, rel=1e-7)
    assert np.diff(z)[0] == pytest.approx(_STEP * _LENGTH * 1e3, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("Mag", (45, 51, 55)), ("The", (45, 51, 55)), ("Ele", (44, 50, 54)), ("Jcur", (44, 50, 54)),
     ("Hsw", (43, 49, 53)), ("Opl", (43, 49, 53))],
)  # fmt: skip
def test_padding_and_half_cells_are_outside(
    fields: Fields, name: str, shape: tuple[int, ...]
) -> None:
    assert fields[name].grid.shape == shape


def test_values_are_the_files_own(fields: Fields, shared: Path) -> None:
    with netCDF4.Dataset(shared / "data/lathys/Hsw_22_11_26_t00050.nc") as dataset:
        dataset.set_auto_mask(False)
        density = dataset["Density"][:]
    np.testing.assert_array_equal(
        fields["Hsw"].variables["Density"].load(), density.transpose(2, 1, 0)[1:44, 1:50, 1:54]
    )
    assert fields["Hsw"].variables["Density"].factor == 1e6


def test_no_ions_means_no_velocity(fields: Fields) -> None:
    oxygen = fields["Opl"]
    where = np.argwhere(oxygen.variables["Density"].load() == 0.0)
    assert len(where) > 1000
    points = np.column_stack([a[i] for a, i in zip(oxygen.grid.axes, where.T, strict=True)])
    outside = np.linalg.norm(points, axis=1) > 4e6
    values, status = oxygen.sample(points[outside], ("Ux", "Density"), "nearest")
    assert np.isnan(values[0]).all()
    assert set(status.tolist()) <= {Status.MASKED}


def test_frame_body_and_boundary(fields: Fields) -> None:
    for field in fields.values():
        assert str(field.frame) == "MSO"
        assert (field.body.name, field.body.radius, field.body.inner_boundary) == (
            "Mars",
            3.393e6,
            3.503e6,
        )


def _copy(shared: Path, folder: Path, name: str) -> Path:
    path = folder / name
    shutil.copyfile(shared / "data/lathys" / name, path)
    path.chmod(0o644)
    return path


def test_the_file_tells_what_the_run_file_leaves_out(
    shared: Path, tmp_path: Path, site: Site, write_run: WriteRun
) -> None:
    _copy(shared, tmp_path, "Magw_22_11_26_t00050.nc")
    write_run("Magw_22_11_26_t00050.nc", place="")
    provider = LathysCubes(CubeOptions(path="*.nc"), site)
    output = next(r for r in provider.resources() if r.kind is Kind.OUTPUT)
    assert output.body is not None
    assert output.body.name == "Mars"
    assert output.body.radius == pytest.approx(3.393e6, rel=1e-4)
    assert output.body.inner_boundary == pytest.approx(3.503e6, rel=1e-4)
    assert str(output.frame) == "MSO"


def test_a_current_alone_does_not_tell_its_box(
    shared: Path, tmp_path: Path, site: Site, write_run: WriteRun
) -> None:
    _copy(shared, tmp_path, "Jcur_22_11_26_t00050.nc")
    write_run("Jcur_22_11_26_t00050.nc")
    provider = LathysCubes(CubeOptions(path="*.nc"), site)
    assert list(provider.resources()) == []
    assert "does not tell where its box ends" in provider.refused()[0].reason


def test_older_files_in_the_simulation_frame_are_turned(
    shared: Path, tmp_path: Path, site: Site, write_run: WriteRun, fields: Fields
) -> None:
    path = _copy(shared, tmp_path, "Magw_22_11_26_t00050.nc")
    with netCDF4.Dataset(path, "a") as dataset:
        dataset["Coordinate_system"][:] = np.frombuffer(b"simu      ", "S1")
        for name in ("Bx", "By"):
            dataset[name][:] = -dataset[name][:]
    write_run(path.name)
    provider = LathysCubes(CubeOptions(path="*.nc"), site)
    output = next(r for r in provider.resources() if r.kind is Kind.OUTPUT)
    with provider.field(output, ()) as field:
        assert isinstance(field, GridField)
        for name in ("Bx", "By", "Bz"):
            np.testing.assert_array_equal(
                field.variables[name].load(), fields["Mag"].variables[name].load()
            )
        for axis, expected in zip(field.grid.axes, fields["Mag"].grid.axes, strict=True):
            np.testing.assert_array_equal(axis, expected)


def test_other_netcdf_files_are_refused(tmp_path: Path, site: Site, write_run: WriteRun) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as dataset:
        dataset.createDimension("x", 2)
    write_run("a.nc")
    provider = LathysCubes(CubeOptions(path="*.nc"), site)
    assert list(provider.resources()) == []
    assert "no LatHyS file" in provider.refused()[0].reason


_CENTRE, _CELLS, _NODES = 2.0, 5, 7
_DENSITY = np.arange(1, _NODES**3 + 1, dtype=np.float32).reshape((_NODES,) * 3)
_UNITS = """
[[run.outputs.parameters]]
name = "Jx"
unit = "nA/m2"
"""


def _write(
    path: Path, variables: Mapping[str, NDArray[np.float32] | None], *, cells: int = _CELLS
) -> None:
    """Write a small file of steps of 100 km; a variable without values is never written."""
    numbers = {"gstep": 1.0, "s_centr": _CENTRE, "phys_length": 100.0, "s_max": float(cells)}
    texts = {"Coordinate_system": "MSO", "unit n": "cm-3", "unit U": "km/s", "unit T": "eV"}
    with netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_OFFSET") as dataset:
        for name, size in (("three", 3), ("letters", 10)):
            dataset.createDimension(name, size)
        for name in ("size_x", "size_y", "size_z"):
            dataset.createDimension(name, _NODES)
        for name, number in numbers.items():
            dataset.createVariable(name, "f4", ("three",))[:] = number
        for name, text in texts.items():
            letters = np.frombuffer(text.ljust(10).encode(), "S1")
            dataset.createVariable(name, "S1", ("letters",))[:] = letters
        for name, values in variables.items():
            variable = dataset.createVariable(name, "f4", ("size_z", "size_y", "size_x"))
            if values is not None:
                variable[:] = values


def _species(**changes: NDArray[np.float32] | None) -> dict[str, NDArray[np.float32] | None]:
    """Give the variables of a file of one species."""
    names = ("Density", "Ux", "Uy", "Uz", "Temperature")
    return dict.fromkeys(names, _DENSITY) | changes


def _served(provider: LathysCubes) -> tuple[str, GridField]:
    """Give version and field of the one output."""
    (output,) = (r for r in provider.resources() if r.kind is Kind.OUTPUT)
    with provider.field(output, [p.name for p in output.parameters]) as field:
        assert isinstance(field, GridField)
        return output.version, field


def test_an_unknown_kind_of_file_is_refused(
    tmp_path: Path, site: Site, write_run: WriteRun
) -> None:
    _write(tmp_path / "GPma_1.nc", {"Production": _DENSITY})
    write_run("GPma_1.nc")
    provider = LathysCubes(CubeOptions(path="*.nc"), site)
    assert list(provider.resources()) == []
    (refused,) = provider.refused()
    assert refused.reason == "GPma_1.nc is of no kind of LatHyS file that is known here"


def test_a_species_is_known_by_its_variables(
    tmp_path: Path, site: Site, write_run: WriteRun
) -> None:
    _write(tmp_path / "GPma_1.nc", _species())
    write_run("GPma_1.nc")
    _, field = _served(LathysCubes(CubeOptions(path="*.nc"), site))
    # The domain holds nodes 1 to 4 of the five cells' 0 to 5.
    expected = _DENSITY.transpose(2, 1, 0)[1:5, 1:5, 1:5]
    np.testing.assert_array_equal(field.variables["Density"].load(), expected)
    np.testing.assert_allclose(field.grid.x, [1e5, 0.0, -1e5, -2e5])
    np.testing.assert_allclose(field.grid.z, [-1e5, 0.0, 1e5, 2e5])


def test_what_was_never_written_and_temperatures_of_nothing_are_nan(
    tmp_path: Path, site: Site, write_run: WriteRun
) -> None:
    density, speed = _DENSITY.copy(), _DENSITY.copy()
    density[2, 3, 1] = 0.0  # along z, y, x
    speed[4, 1, 2] = np.float32(9.96921e36)
    _write(tmp_path / "Hsw_1.nc", _species(Density=density, Ux=speed, Uy=None))
    write_run("Hsw_1.nc")
    _, field = _served(LathysCubes(CubeOptions(path="*.nc"), site))
    missing = {
        name: np.argwhere(np.isnan(v.load())).tolist() for name, v in field.variables.items()
    }
    assert len(missing.pop("Uy")) == 4**3
    assert missing == {"Density": [], "Ux": [[1, 0, 3]], "Uz": [], "Temperature": [[0, 2, 1]]}
    assert field.variables["Density"].load()[0, 2, 1] == 0.0


@dataclass
class Clock:
    """A clock that tests set."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_a_current_follows_its_sibling(
    tmp_path: Path, site: Site, write_run: WriteRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(run_folder, "time", clock)
    _write(tmp_path / "Jcur_1.nc", {"Jx": _DENSITY}, cells=0)
    write_run("Jcur_1.nc", _UNITS)
    provider = LathysCubes(CubeOptions(path="Jcur*.nc"), site)
    assert list(provider.resources()) == []
    assert "no other file *_1.nc on the same grid" in provider.refused()[0].reason
    _write(tmp_path / "Magw_1.nc", {"Bx": _DENSITY})
    clock.now += 11.0
    version, field = _served(provider)
    assert provider.refused() == ()
    assert field.grid.shape == (5, 5, 5)
    assert str(field.frame) == "MSO"
    _write(tmp_path / "new", {"Bx": _DENSITY}, cells=4)
    (tmp_path / "new").replace(tmp_path / "Magw_1.nc")
    changed, field = _served(provider)
    assert changed != version
    assert field.grid.shape == (4, 4, 4)
    (tmp_path / "Magw_1.nc").unlink()
    assert list(provider.resources()) == []


def test_a_damaged_sibling_does_not_hide_a_good_one(
    shared: Path, tmp_path: Path, site: Site, write_run: WriteRun
) -> None:
    for kind in ("Jcur", "Magw"):
        _copy(shared, tmp_path, f"{kind}_22_11_26_t00050.nc")
    (tmp_path / "Elew_22_11_26_t00050.nc").write_bytes(b"junk")
    units = "".join(
        f'[[run.outputs.parameters]]\nname = "{name}"\nunit = "nA/m2"\n'
        for name in ("Jx", "Jy", "Jz", "Jtot")
    )
    write_run("Jcur_22_11_26_t00050.nc", units)
    provider = LathysCubes(CubeOptions(path="Jcur*.nc"), site)
    assert Kind.OUTPUT in [r.kind for r in provider.resources()], provider.refused()
