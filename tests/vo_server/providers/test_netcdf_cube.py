"""netcdf-cubes: axes, units and missing values by CF, in netCDF-3 and -4, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from vo_server.model.resource import Kind
from vo_server.ports import Site
from vo_server.providers.netcdf_cube import NetcdfCubes
from vo_server.providers.run_folder import CubeOptions

WriteRun = Callable[..., None]
_SHAPE = (4, 5, 6)
_VALUES = np.arange(120, dtype=np.float32).reshape(_SHAPE)


def _write(
    path: Path,
    *,
    kind: Any = "NETCDF4",
    order: tuple[str, ...] = ("x", "y", "z"),
    names: tuple[str, str, str] = ("x", "y", "z"),
    units: str | None = "km",
    attributes: dict[str, Any] | None = None,
) -> None:
    """Write a cube of `_VALUES` as variable n, with axes 0, 1, 2, ... in km."""
    with netCDF4.Dataset(path, "w", format=kind) as dataset:
        for name, letter, length in zip(names, "XYZ", _SHAPE, strict=True):
            dataset.createDimension(name, length)
            axis = dataset.createVariable(name, "f8", (name,))
            axis[:] = np.arange(length) * 1.0
            if units:
                axis.units = units
            axis.axis = letter
        for extra in set(order) - set(names):
            dataset.createDimension(extra, 1)
        variable = dataset.createVariable("n", "f4", order, fill_value=-999.0)
        variable.setncatts({"units": "cm-3"} | (attributes or {}))
        kept = [name for name in order if name in names]
        read = _VALUES.transpose([names.index(name) for name in kept])
        variable.set_auto_maskandscale(False)
        variable[:] = read.reshape(variable.shape)


def _only(provider: NetcdfCubes) -> Any:
    outputs = [r for r in provider.resources() if r.kind is Kind.OUTPUT]
    assert len(outputs) == 1, provider.refused()
    return outputs[0]


def _load(provider: NetcdfCubes, name: str = "n") -> Any:
    output = _only(provider)
    with provider.field(output, (name,)) as field:
        return field.variables[name].load()


@pytest.fixture
def provider(site: Site) -> NetcdfCubes:
    return NetcdfCubes(CubeOptions(path="*.nc"), site)


@pytest.mark.parametrize("kind", ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET"])
@pytest.mark.parametrize("order", [("x", "y", "z"), ("z", "y", "x"), ("time", "y", "x", "z")])
def test_any_kind_and_order(
    tmp_path: Path, provider: NetcdfCubes, write_run: WriteRun, kind: str, order: tuple[str, ...]
) -> None:
    _write(tmp_path / "a.nc", kind=kind, order=order)
    write_run("a.nc")
    output = _only(provider)
    assert output.domain.upper == (3e3, 4e3, 5e3)
    assert output.parameters[0].unit == "1/m3"
    np.testing.assert_array_equal(_load(provider), _VALUES)
    with provider.field(output, ("n",)) as field:
        values, _ = field.sample(np.array([[1e3, 2e3, 3e3]]), ("n",), "linear")
    assert values[0, 0] == _VALUES[1, 2, 3] * 1e6


def test_axes_are_found_by_attribute(
    tmp_path: Path, provider: NetcdfCubes, write_run: WriteRun
) -> None:
    names = ("lon", "lat", "up")
    _write(tmp_path / "a.nc", names=names, order=names)
    write_run("a.nc")
    np.testing.assert_array_equal(_load(provider), _VALUES)


def test_missing_packed_and_invalid_values_are_nan(
    tmp_path: Path, provider: NetcdfCubes, write_run: WriteRun
) -> None:
    _write(
        tmp_path / "a.nc",
        attributes={
            "missing_value": np.float32(7.0),
            "valid_max": np.float32(100.0),
            "scale_factor": 2.0,
            "add_offset": 1.0,
        },
    )
    write_run("a.nc")
    expected = np.where((_VALUES == 7) | (_VALUES > 100), np.nan, _VALUES * 2 + 1)
    np.testing.assert_array_equal(_load(provider), expected)


def test_the_run_file_gives_names_and_units(
    tmp_path: Path, provider: NetcdfCubes, write_run: WriteRun
) -> None:
    _write(tmp_path / "a.nc", units=None)
    more = "".join(
        f'[[run.outputs.parameters]]\nname = "{name}"\nunit = "{unit}"\n{source}'
        for name, unit, source in (
            ("x", "Rm", ""), ("y", "km", ""), ("z", "m", ""), ("Density", "m-3", 'source = "n"\n')
        )
    )  # fmt: skip
    write_run("a.nc", more)
    output = _only(provider)
    assert output.domain.upper == (3 * 3.39e6, 4e3, 5.0)
    assert output.parameters[0].name == "Density"
    assert output.parameters[0].ucd == "phys.density"
    assert output.remarks == ("Density: unit 'm-3' of run.toml overrules the file's 'cm-3'",)


_PLACE = 'body = "Mars"\nbody_radius = "3390 km"\nframe = "MSO"\n'


@pytest.mark.parametrize(
    ("write", "run", "reason"),
    [
        ({"units": None}, {}, "axis x has no unit"),
        ({"units": "Re"}, {}, "radius of Earth"),
        ({"units": "degrees"}, {}, "axis x"),
        ({"attributes": {"units": ""}}, {}, "parameter n has no unit"),
        ({"attributes": {"units": "furlong"}}, {}, "'furlong' of n is not known"),
        ({}, {"place": 'body = "Mars"\nbody_radius = "1 km"\n'}, "tells frame"),
        ({}, {"place": 'frame = "MSO"\n'}, "tells body, body_radius"),
        ({}, {"more": '[[run.outputs.parameters]]\nname = "Q"\n'}, "names Q"),
        ({"names": ("a", "b", "c"), "order": ("a", "b", "c")}, {"drop": "axis"}, "for the X axis"),
        ({"order": ("x", "y")}, {}, "no variable over"),
    ],
)
def test_what_nobody_tells_is_refused_by_name(
    tmp_path: Path,
    provider: NetcdfCubes,
    write_run: WriteRun,
    write: dict[str, Any],
    run: dict[str, str],
    reason: str,
) -> None:
    path = tmp_path / "a.nc"
    if write.get("order") == ("x", "y"):
        _write(path)
        with netCDF4.Dataset(path, "a") as dataset:
            dataset.renameVariable("n", "m")
            dataset.renameDimension("z", "q")
            dataset.renameVariable("z", "q")
            dataset["q"].axis = "Q"
            dataset.createDimension("z", 3)
            dataset.createVariable("z", "f8", ("z",))[:] = [1.0, 2.0, 3.0]
    else:
        _write(path, **write)
    if run.pop("drop", None):
        with netCDF4.Dataset(path, "a") as dataset:
            for name in "abc":
                dataset[name].delncattr("axis")
    write_run("a.nc", **run)
    assert list(provider.resources()) == []
    assert reason in provider.refused()[0].reason


def test_a_frame_stated_twice_differently_is_refused(
    tmp_path: Path, provider: NetcdfCubes, write_run: WriteRun
) -> None:
    _write(tmp_path / "a.nc")
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as dataset:
        dataset.coordinate_system = "GSM"
    write_run("a.nc")
    assert list(provider.resources()) == []
    assert "the file says frame GSM, run.toml says MSO" in provider.refused()[0].reason


@pytest.mark.parametrize(
    "content", [b"", b"CDF\x01" + b"\0" * 30, b"\x89HDF\r\n\x1a\n" + b"x" * 99]
)
def test_damaged_files_are_refused(
    tmp_path: Path, provider: NetcdfCubes, write_run: WriteRun, content: bytes
) -> None:
    (tmp_path / "a.nc").write_bytes(content)
    write_run("a.nc")
    assert list(provider.resources()) == []
    assert len(provider.refused()) == 1


@pytest.mark.parametrize("kind", ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET"])
@pytest.mark.parametrize("cut", [1, 40, 200])
def test_truncated_files_are_refused(
    tmp_path: Path, provider: NetcdfCubes, write_run: WriteRun, kind: str, cut: int
) -> None:
    _write(tmp_path / "a.nc", kind=kind)
    content = (tmp_path / "a.nc").read_bytes()
    (tmp_path / "a.nc").write_bytes(content[:-cut])
    write_run("a.nc")
    assert list(provider.resources()) == []
    assert "truncated" in provider.refused()[0].reason or "NetCDF" in provider.refused()[0].reason


def test_files_that_the_run_does_not_list_are_reported(
    tmp_path: Path, provider: NetcdfCubes, write_run: WriteRun
) -> None:
    _write(tmp_path / "a.nc")
    _write(tmp_path / "b.nc")
    write_run("a.nc")
    _only(provider)
    assert [(Path(r.source).name, r.reason) for r in provider.refused()] == [
        ("b.nc", "not listed in run.toml")
    ]


def test_time_dependent_and_degenerate_cubes_are_refused(
    tmp_path: Path, provider: NetcdfCubes, write_run: WriteRun
) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as dataset:
        for name in "xyzt":
            dataset.createDimension(name, 3)
            axis = dataset.createVariable(name, "f8", (name,))
            axis.units = "m"
            axis[:] = [0.0, 1.0, 2.0]
        dataset.createVariable("n", "f4", tuple("txyz")).units = "m-3"
    write_run("a.nc")
    assert list(provider.resources()) == []
    assert "3 values along 't'" in provider.refused()[0].reason
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as dataset:
        for name in "xyz":
            dataset.createDimension(name, 3)
            axis = dataset.createVariable(name, "f8", (name,))
            axis.units = "m"
            axis[:] = [0.0, 2.0, 1.0]
        dataset.createVariable("n", "f4", tuple("xyz")).units = "m-3"
    assert list(provider.resources()) == []
    assert "unusable grid" in provider.refused()[0].reason


def _linear(path: Path, descending: bool = False) -> None:
    """Write x + 2 y + 3 z amid cells of unequal length; the axes tell where these begin."""
    edges = np.array([0.0, 1.0, 3.0, 5.0, 7.0]) * (-1.0 if descending else 1.0)
    middles = edges + np.array([0.5, 1.0, 1.0, 1.0, 1.0]) * (-1.0 if descending else 1.0)
    x, y, z = np.meshgrid(middles, middles, middles, indexing="ij")
    with netCDF4.Dataset(path, "w") as dataset:
        for name in "xyz":
            dataset.createDimension(name, 5)
            axis = dataset.createVariable(name, "f8", (name,))
            axis[:], axis.units = edges, "km"
        variable = dataset.createVariable("n", "f8", ("x", "y", "z"))
        variable[:], variable.units = x + 2.0 * y + 3.0 * z, "m-3"


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    ("grid", "off"), [("cells", [0.0, 0.0]), ("nodes", [5.25, 6.0]), ("", [5.25, 6.0])]
)
def test_values_amid_cells_are_moved_by_half_a_cell(
    tmp_path: Path,
    provider: NetcdfCubes,
    write_run: WriteRun,
    grid: str,
    off: list[float],
    sign: float,
) -> None:
    _linear(tmp_path / "a.nc", descending=sign < 0)
    write_run("a.nc", f'grid = "{grid}"' if grid else "")
    points = np.array([[0.75, 0.75, 0.75], [4.5, 4.5, 4.5]]) * 1000.0 * sign
    with provider.field(_only(provider), ("n",)) as field:
        values = field.sample(points, ("n",), "linear")[0]
    expected = (points.sum(axis=1) + points[:, 1] + 2.0 * points[:, 2]) / 1000.0
    assert np.ravel(values) == pytest.approx(expected + sign * np.array(off), abs=1e-9)


def test_a_file_that_tells_where_its_values_lie_is_not_overruled(
    tmp_path: Path, provider: NetcdfCubes, write_run: WriteRun
) -> None:
    _linear(tmp_path / "a.nc")
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as dataset:
        dataset["x"].bounds = "x_bounds"
    write_run("a.nc", 'grid = "cells"')
    assert provider.resources() == []
    (refused,) = provider.refused()
    assert "the file itself tells where its values lie" in refused.reason
