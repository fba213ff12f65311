"""hc-cubes: the real Mars run, derived quantities from first principles, and damaged files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
from numpy.typing import NDArray

from interpolation.status import Status
from vo_server.errors import BadFile
from vo_server.field import GridField
from vo_server.model.resource import Kind
from vo_server.ports import Site
from vo_server.providers.hc_cube import HcCubes
from vo_server.providers.hc_file import read_cells, read_header
from vo_server.providers.run_folder import CubeOptions

_MASS = 1.5e-27
_N = 6
_HEADER = """# test
# gamma = 1.6666666666666667
# mu0 = 1.256637e-06
# m = {mass}
# spectra = {spectra}
dim = 3
ncd = 11
nsd = 0
realformat = float
n1 = {n1}
n2 = {n}
n3 = {n}
xmin0 = -4000
xmin1 = -4000
xmin2 = -4000
dx = 2000
type = hc
ncells = {cells}
bytes_per_int = 3
eoh
"""


def _header(**changes: Any) -> bytes:
    values = {"mass": _MASS, "spectra": 0, "n1": _N, "n": _N, "cells": _N**3} | changes
    return _HEADER.format(**values).encode()


def _cells() -> NDArray[np.float32]:
    """Conserved quantities of _N**3 cells: rho 0 at one interior cell, negative pressure at one."""
    rng = np.random.default_rng(1)
    cells = rng.uniform(1.0, 2.0, (_N, _N, _N, 11)).astype(np.float32)
    cells[..., 0] *= 1e-20
    cells[..., 1:4] *= 1e-15
    cells[..., 4] *= 1e-9
    cells[..., 5:] *= 1e-9
    cells[2, 2, 2, :5] = 0.0
    cells[3, 3, 3, 4] = 0.0
    return cells


def _records(cells: NDArray[np.float32], zero: tuple[int, ...] = ()) -> bytes:
    """Write records; the cells numbered in `zero` become Z records without data."""
    parts = []
    for number, cell in enumerate(cells.reshape(-1, 11)):
        if number in zero:
            parts.append(b"Z\xff\xff\xff")
        else:
            parts.append(b"L\xff\xff\xff" + cell.astype(">f4").tobytes())
    info = np.zeros((_N, _N, _N, 2), np.uint8)
    info[..., 0] = 1
    info[1:-1, 1:-1, 1:-1, 0] = 0
    return b"".join(parts) + info.tobytes()


def _write(folder: Path, content: bytes) -> Path:
    path = folder / "a.hc"
    path.write_bytes(content)
    return path


def _interior(cells: NDArray[np.float32]) -> NDArray[np.float64]:
    return cells[1:-1, 1:-1, 1:-1].astype(np.float64)


def test_real_run_equals_its_netcdf_export(shared: Path) -> None:
    folder = shared / "data/mars-hyb"
    provider = HcCubes(CubeOptions(path="*.hc"), Site("VOSERVER", folder))
    outputs = {r.id.rpartition("/")[2]: r for r in provider.resources() if r.kind is Kind.OUTPUT}
    assert set(outputs) == {"H+", "O+", "O2+", "H+planet", "average", "plasma"}
    assert provider.refused() == ()
    output = outputs["H+"]
    assert output.domain is not None
    assert output.domain.upper == (13.95e6, 13.95e6, 13.95e6)
    assert [p.unit for p in output.parameters[:2]] == ["1/m3", "m/s"]
    names = ("Density", "Ux", "Uy", "Uz", "Bx", "By", "Bz")
    with (
        provider.field(output, names) as field,
        netCDF4.Dataset(folder / "mars_runb_H+.nc") as exported,
    ):
        for name in names:
            values = field.variables[name].load()
            expected = np.ma.filled(exported[name][:], np.nan)
            np.testing.assert_array_equal(values.astype(np.float32), expected)
        assert np.isnan(field.variables["Ux"].load()).sum() == 864


def test_the_methods_of_fmis_tools_on_a_real_run(shared: Path) -> None:
    """Values of cells, and means at their corners, equal their definitions."""
    provider = HcCubes(CubeOptions(path="*.hc"), Site("VOSERVER", shared / "data/mars-hyb"))
    output = next(r for r in provider.resources() if r.id.endswith("/H+"))
    with provider.field(output, ["Bx"]) as field:
        assert isinstance(field, GridField)
        values, axes = field.variables["Bx"].load(), field.grid.axes
        low, dx = np.array([axis[0] for axis in axes]), axes[0][1] - axes[0][0]
        rng = np.random.default_rng(1)
        points = rng.uniform(field.domain.lower, field.domain.upper, (300, 3))
        cells = np.floor((points - low) / dx + 0.5).astype(int)
        nearest, _ = field.sample(points, ["Bx"], "nearest-cell")
        inside = np.linalg.norm(points, axis=1) >= (field.body.inner_boundary or 0.0)
        np.testing.assert_array_equal(nearest[0][inside], values[tuple(cells[inside].T)])
        averaged, _ = field.sample(points, ["Bx"], "corner-averaged")
        for point, cell, found in zip(
            points[inside], cells[inside], averaged[0][inside], strict=True
        ):
            across = (point - low) / dx + 0.5 - cell
            corner = np.empty((2, 2, 2))
            for o in np.ndindex(2, 2, 2):
                around = tuple(
                    slice(max(i - 1 + d, 0), i + d + 1) for i, d in zip(cell, o, strict=True)
                )
                corner[o] = values[around].mean()
            for part in across:
                corner = corner[0] * (1 - part) + corner[1] * part
            assert found == pytest.approx(float(corner), rel=1e-9, abs=1e-20)


def test_average_and_plasma_files_publish_what_they_can(shared: Path) -> None:
    provider = HcCubes(CubeOptions(path="*.hc"), Site("VOSERVER", shared / "data/mars-hyb"))
    names = {r.id.rpartition("/")[2]: [p.name for p in r.parameters] for r in provider.resources()}
    vectors = ["Ux", "Uy", "Uz", "Utot", "Bx", "By", "Bz", "Btot"]
    assert names["average"] == ["Density", *vectors]
    assert names["plasma"] == vectors


def test_derived_quantities(tmp_path: Path, site: Site, write_run: Callable[..., None]) -> None:
    cells = _cells()
    _write(tmp_path, _header() + _records(cells))
    write_run("a.hc")
    provider = HcCubes(CubeOptions(path="*.hc"), site)
    output = next(r for r in provider.resources() if r.kind is Kind.OUTPUT)
    c = _interior(cells)
    rho, momentum, energy = c[..., 0], c[..., 1:4], c[..., 4]
    b1, b0 = c[..., 5:8], c[..., 8:11]
    with np.errstate(all="ignore"):
        velocity = momentum / rho[..., None]
        kinetic = np.where(rho > 0, 0.5 * rho * (velocity**2).sum(-1), 0.0)
    magnetic = (b1**2).sum(-1) / (2 * 1.256637e-06)
    pressure = (1.6666666666666667 - 1.0) * (energy - kinetic - magnetic)
    with provider.field(output, ()) as field:
        read = {name: variable.load() for name, variable in field.variables.items()}
    np.testing.assert_array_equal(read["Density"], rho / _MASS)
    assert read["Density"][1, 1, 1] == 0.0
    for i, axis in enumerate("xyz"):
        np.testing.assert_array_equal(read[f"B{axis}"], (b1 + b0)[..., i])
        u = read[f"U{axis}"]
        assert np.isnan(u[1, 1, 1])
        assert np.isnan(u).sum() == 1
        np.testing.assert_array_equal(u[rho > 0], velocity[..., i][rho > 0])
    np.testing.assert_allclose(read["Btot"], np.linalg.norm(b1 + b0, axis=-1), rtol=1e-15)
    assert pressure[2, 2, 2] < 0
    assert np.isnan(read["Pressure"][2, 2, 2])
    good = pressure >= 0
    np.testing.assert_allclose(read["Pressure"][good], pressure[good], rtol=1e-12)
    warm = good & (rho > 0)
    temperature = pressure[warm] / (rho[warm] / _MASS * 1.380649e-23)
    np.testing.assert_allclose(read["Temperature"][warm], temperature, rtol=1e-12)
    assert np.isnan(read["Temperature"][~warm]).all()


@pytest.mark.parametrize("zero", [(), (0, 100)])
def test_a_part_is_the_part_of_the_whole(
    tmp_path: Path, site: Site, write_run: Callable[..., None], zero: tuple[int, ...]
) -> None:
    path = _write(tmp_path, _header() + _records(_cells(), zero))
    write_run("a.hc")
    provider = HcCubes(CubeOptions(path="*.hc"), site)
    output = next(r for r in provider.resources() if r.kind is Kind.OUTPUT)
    part = (slice(1, 4), slice(0, 2), slice(2, 3))
    cells = read_cells(path, read_header(path))
    with provider.field(output, ()) as field:
        for variable in field.variables.values():
            np.testing.assert_array_equal(variable.values.window(part), variable.load()[part])
        density = field.variables["Density"].load()
    np.testing.assert_array_equal(density, cells[..., 0] / _MASS)


@pytest.mark.parametrize("flag", [b"Z", b"N", b"?"])
def test_a_record_of_another_kind_in_a_file_of_leaves(
    tmp_path: Path, site: Site, write_run: Callable[..., None], flag: bytes
) -> None:
    first = len(_header()) + 48 * (1 + _N + _N * _N)
    _write(tmp_path, _WHOLE[:first] + flag + _WHOLE[first + 1 :])
    write_run("a.hc")
    provider = HcCubes(CubeOptions(path="*.hc"), site)
    output = next(r for r in provider.resources() if r.kind is Kind.OUTPUT)
    with (
        provider.field(output, ()) as field,
        pytest.raises(BadFile, match=r"a\.hc has a cell that is no leaf"),
    ):
        field.sample(np.array([[-3e3, -3e3, -3e3]]), ("Bx",), "nearest")


def test_ghost_cells_are_outside(
    tmp_path: Path, site: Site, write_run: Callable[..., None]
) -> None:
    _write(tmp_path, _header() + _records(_cells()))
    write_run("a.hc")
    provider = HcCubes(CubeOptions(path="*.hc"), site)
    output = next(r for r in provider.resources() if r.kind is Kind.OUTPUT)
    with provider.field(output, ("Bx",)) as field:
        points = np.array([[0.0, 0.0, 3000.0], [0.0, 0.0, 3000.1]])
        status = field.sample(points, ("Bx",), "linear")[1]
    assert status.tolist() == [Status.OK, Status.OUTSIDE]


def test_zero_records_are_zeros(tmp_path: Path) -> None:
    cells = _cells()
    zero = (0, 1, 50, 100, 215)
    path = _write(tmp_path, _header() + _records(cells, zero))
    cells.reshape(-1, 11)[list(zero)] = 0.0
    np.testing.assert_array_equal(read_cells(path, read_header(path)), _interior(cells))


_WHOLE = _header() + _records(_cells())
_FLAG = len(_header()) + 48 * 7


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_WHOLE[:-1], "truncated or longer"),
        (_WHOLE + b"\0", "truncated or longer"),
        (_WHOLE[: len(_WHOLE) // 2], "truncated"),
        (_header(), "truncated"),
        (b"", "no 'eoh' line"),
        (b"\0" * 100_000, "no 'eoh' line"),
        (_header(n1=2_000_000, n=2_000_000, cells=8 * 10**18) + b"x", "n1, n2, n3"),
        (_header(n1=_N + 1, cells=(_N + 1) * _N * _N) + _records(_cells()), "at cell 216"),
        (_header(cells=_N**3 + 8) + _records(_cells()), "unknown record flag at cell 216"),
        (_header(cells=_N**3 + 1) + _records(_cells()), "ncells = 217"),
        (_header(spectra=1) + _records(_cells()), "0 are listed, ncd = 11"),
        (_header(mass="nan") + _records(_cells()), "mu0"),
        (_header(n1="six") + _records(_cells()), "garbles"),
        (_WHOLE[:_FLAG] + b"N" + _WHOLE[_FLAG + 1 : -1], "unknown record flag at cell 8"),
        (_WHOLE[:_FLAG] + b"?" + _WHOLE[_FLAG + 1 : -1], "unknown record flag at cell 7"),
        (_WHOLE.replace(b"type = hc", b"type = xx"), "type = xx"),
    ],
)
def test_damaged_files_are_refused_with_their_reason(
    tmp_path: Path, site: Site, write_run: Callable[..., None], content: bytes, reason: str
) -> None:
    _write(tmp_path, content)
    write_run("a.hc")
    provider = HcCubes(CubeOptions(path="*.hc"), site)
    assert list(provider.resources()) == []
    assert reason in provider.refused()[0].reason


def test_files_that_change_or_vanish(
    tmp_path: Path, site: Site, write_run: Callable[..., None]
) -> None:
    path = _write(tmp_path, _WHOLE)
    write_run("a.hc")
    provider = HcCubes(CubeOptions(path="*.hc"), site)
    output = next(r for r in provider.resources() if r.kind is Kind.OUTPUT)
    cells = _cells()
    cells[..., 0] *= 2
    (tmp_path / "new").write_bytes(_header() + _records(cells))
    (tmp_path / "new").replace(path)
    with pytest.raises(BadFile, match="ask again"), provider.field(output, ("Density",)):
        pass
    again = next(r for r in provider.resources() if r.kind is Kind.OUTPUT)
    assert again.version != output.version
    with provider.field(again, ("Density",)) as field:
        doubled = field.variables["Density"].load()
    np.testing.assert_array_equal(doubled, _interior(cells)[..., 0] / _MASS)
    path.unlink()
    with pytest.raises(BadFile, match="removed or replaced"), provider.field(again, ("Density",)):
        pass
    assert list(provider.resources()) == []
