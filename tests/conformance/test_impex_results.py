"""What comes out of a running node, read by other people's programs and checked against SciPy."""

import io
import subprocess
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np
import pytest
from astropy.io.votable import parse, writeto
from astropy.io.votable.tree import VOTableFile
from astropy.table import Table
from lxml import etree
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from vo_server.ports import Site
from vo_server.providers.netcdf_cube import NetcdfCubes
from vo_server.registry import Registry

if TYPE_CHECKING:
    from tests.conformance.conftest import MarsNode

pytestmark = pytest.mark.conformance

Floats = NDArray[np.float64]

_Interpolator: Any = RegularGridInterpolator

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_OUTPUTS = "spase://VOSERVER/NumericalOutput/HYB/Mars/RunB-coarse"
_NAMES = ("Density", "Bx", "By", "Bz", "Ux", "Uy", "Uz")
_OBSTACLE = 3.6e6  # m, inner_boundary of the run
_CROSSING = "crossing.vot"
# The netCDF file holds, in single precision, what is derived from the cells of the .hc file.
_NEAR = {"H+netcdf": 0.0, "H+": 1e-7}


def ask(node: "MarsNode", operation: str, parameters: str) -> str:
    """Call an operation and give the URL it answers."""
    body = f"<s:Body><{operation}>{parameters}</{operation}></s:Body>"
    content = f'<s:Envelope xmlns:s="{_SOAP}">{body}</s:Envelope>'
    status, answer = node.post(content.encode())
    assert status == 200, answer
    url = etree.fromstring(answer).findtext(".//{http://impex-fp7.fmi.fi}anyURI")
    assert url is not None
    return url


def fly(node: "MarsNode", url: str, output: str = "H+netcdf", extra: str = "") -> bytes:
    """Sample an output at the points of a table and give the result."""
    given = f"<ResourceID>{_OUTPUTS}/{output}</ResourceID><url_XYZ>{url}</url_XYZ>{extra}"
    return node.get(ask(node, "getDataPointValue", given))


def strictly(content: bytes) -> Table:
    """Read a VOTable with astropy, which raises for anything it dislikes."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        document = parse(io.BytesIO(content), verify="exception")
        table = document.get_first_table()
    return table.to_table(use_names_over_ids=True)


def column(table: Table, name: str) -> Floats:
    """Give a column as floats, NaN where it is masked."""
    return _filled(table[name])


def _filled(values: Any) -> Floats:
    masked: Any = np.ma.asarray(values)
    return np.asarray(masked.astype(float).filled(np.nan))


@pytest.fixture(scope="module")
def crossing(mars_node: "MarsNode") -> str:
    """URL of a line through the box and beyond it, and through the body, written by astropy."""
    along = np.linspace(-20e3, 20e3, 801) + 0.123
    table = Table(
        {
            "Time": [f"2026-01-01T00:{i // 60:02d}:{i % 60:02d}" for i in range(801)],
            "X": along,
            "Y": 0.1 * along + 77.7,
            "Z": np.full(801, 311.3),
            "Note": np.arange(801),
        }
    )
    for name in "XYZ":
        table[name].unit = "km"
        table[name].meta["ucd"] = f"pos.cartesian.{name.lower()}"
    writeto(VOTableFile.from_table(table), str(mars_node.tables / _CROSSING))
    return mars_node.table_url(_CROSSING)


@pytest.fixture(scope="module")
def cube(shared: Path) -> tuple[tuple[Floats, Floats, Floats], dict[str, Floats]]:
    """Axes and arrays of the run, read with netCDF4 alone."""
    with netCDF4.Dataset(shared / "data/mars-hyb/mars_runb_H+.nc") as dataset:
        x, y, z = (np.asarray(dataset[name][:], float) for name in "xyz")
        arrays = {name: _filled(dataset[name][:]) for name in _NAMES}
    return (x, y, z), arrays


def expected(axes: Sequence[Floats], array: Floats, positions: Floats, method: str) -> Floats:
    """Give SciPy's values: NaN outside the nodes and inside the obstacle."""
    at: Any = _Interpolator(tuple(axes), array, method, bounds_error=False)
    values = np.asarray(at(positions), float)
    values[np.linalg.norm(positions, axis=1) < _OBSTACLE] = np.nan
    return values


def _positions(content: bytes) -> Floats:
    """Give the positions of a VOTable in metres as its datatypes hold them."""
    document = parse(io.BytesIO(content), verify="ignore")
    table = document.get_first_table().to_table(use_names_over_ids=True)
    return np.column_stack([np.asarray(table[axis], float) * 1e3 for axis in "XYZ"])


@pytest.mark.parametrize("method", ["Linear", "NearestGridPoint"])
@pytest.mark.parametrize("output", ["H+netcdf", "H+"])
@pytest.mark.parametrize("orbit", ["real", "crossing"])
def test_values_are_scipys(
    mars_node: "MarsNode", cube: Any, crossing: str, orbit: str, output: str, method: str
) -> None:
    url = mars_node.orbit if orbit == "real" else crossing
    extra = f"<InterpolationMethod>{method}</InterpolationMethod>"
    extra += f"<Variable>{' '.join(_NAMES)}</Variable>"
    table = strictly(fly(mars_node, url, output, extra))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        positions = _positions(mars_node.get(url))
    axes, arrays = cube
    for name in _NAMES:
        values = expected(axes, arrays[name], positions, method.replace("GridPoint", "").lower())
        got = column(table, name)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(values), err_msg=name)
        near = _NEAR[output]
        scale = np.nanmax(np.abs(values))
        np.testing.assert_allclose(got, values, rtol=near, atol=near * scale, err_msg=name)
    missing = int(np.isnan(column(table, "Bx")).sum())
    assert (missing == 0) == (orbit == "real")


def test_the_provider_serves_the_arrays_of_the_file(mars_node: "MarsNode", cube: Any) -> None:
    options = NetcdfCubes.Options(path=str(mars_node.data / "*.nc"))
    registry = Registry([NetcdfCubes(options, Site("VOSERVER", mars_node.data))])
    entry = registry.get(f"{_OUTPUTS}/H+netcdf")
    axes, arrays = cube
    with entry.provider.field(entry.resource, _NAMES) as field:  # type: ignore[attr-defined]
        for ours, theirs in zip(field.grid.axes, axes, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        for name in _NAMES:
            variable = field.variables[name]
            np.testing.assert_array_equal(variable.load() * variable.factor, arrays[name])


def test_input_columns_come_first_as_they_were(mars_node: "MarsNode", crossing: str) -> None:
    given = strictly(mars_node.get(crossing))
    result = strictly(fly(mars_node, crossing, extra="<Variable>Bx</Variable>"))
    assert result.colnames == [*given.colnames, "Bx"]
    for name in given.colnames:
        assert result[name].dtype.kind in ("OU" if name == "Time" else given[name].dtype.kind)
        assert result[name].unit == given[name].unit
        assert list(result[name]) == list(given[name])


@pytest.mark.parametrize("orbit", ["real", "crossing"])
def test_other_formats_hold_the_same_numbers(
    mars_node: "MarsNode", crossing: str, orbit: str, tmp_path: Path
) -> None:
    url = mars_node.orbit if orbit == "real" else crossing
    reference = strictly(fly(mars_node, url))
    kind = "<extraParams><OutputFileType>{}</OutputFileType></extraParams>"
    path = tmp_path / "result.nc"
    path.write_bytes(fly(mars_node, url, extra=kind.format("netCDF")))
    text = fly(mars_node, url, extra=kind.format("ASCII")).decode()
    names = text.splitlines()[0].lstrip("# ").split()
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    assert names[:3] == ["x", "y", "z"]
    assert names[3 : 3 + len(_NAMES)] == list(_NAMES)
    with netCDF4.Dataset(path) as dataset:
        assert list(dataset.variables)[:3] == ["x", "y", "z"]
        for name in _NAMES:
            stored = _filled(dataset[name][:])
            written = np.array([float(row[names.index(name)]) for row in rows])
            np.testing.assert_array_equal(stored, column(reference, name))
            np.testing.assert_array_equal(written, column(reference, name))
        for axis in "xyz":
            metres = np.asarray(dataset[axis][:], float)
            assert dataset[axis].units == "m"
            np.testing.assert_allclose(metres, column(reference, axis.upper()) * 1e3, rtol=1e-12)


def test_lines_follow_the_field(mars_node: "MarsNode", cube: Any) -> None:
    extra = """<Variable>Btot</Variable><extraParams><Direction>Both</Direction>
      <StepSize>100000</StepSize><MaxSteps>10</MaxSteps></extraParams>"""
    given = f"<ResourceID>{_OUTPUTS}/H+netcdf</ResourceID><url_XYZ>{mars_node.orbit}</url_XYZ>"
    table = strictly(mars_node.get(ask(mars_node, "getFieldLine", given + extra)))
    assert table.colnames == ["Line_no", "X", "Y", "Z", "Bx", "By", "Bz", "Btot"]
    positions = np.column_stack([column(table, axis) for axis in "XYZ"])
    vectors = np.column_stack([column(table, f"B{axis}") for axis in "xyz"])
    axes, arrays = cube
    for i, name in enumerate(("Bx", "By", "Bz")):
        values = expected(axes, arrays[name], positions, "linear")
        np.testing.assert_allclose(vectors[:, i], values, rtol=1e-9, atol=1e-16)
    numbers = np.asarray(table["Line_no"])
    assert set(numbers) == set(range(1, 1441))
    breaks = np.flatnonzero(np.diff(numbers) != 0) + 1
    assert len(breaks) == 2 * 1440 - 1  # every line forward, then every line backward
    first, second = positions[: breaks[0]], vectors[: breaks[0]]
    steps = np.diff(first, axis=0)
    middle = 0.5 * (second[1:] + second[:-1])
    cosine = np.sum(steps * middle, axis=1) / (
        np.linalg.norm(steps, axis=1) * np.linalg.norm(middle, axis=1)
    )
    assert np.all(cosine > 0.99)
    assert np.all(np.linalg.norm(positions, axis=1) >= _OBSTACLE)


def test_flow_lines_where_both_are_named(mars_node: "MarsNode") -> None:
    extra = "<Variable>Bx,Utot</Variable><MaxSteps>2</MaxSteps>"
    given = f"<ResourceID>{_OUTPUTS}/H+netcdf</ResourceID><url_XYZ>{mars_node.orbit}</url_XYZ>"
    table = strictly(mars_node.get(ask(mars_node, "getFieldLine", given + extra)))
    assert table.colnames == ["Line_no", "X", "Y", "Z", "Ux", "Uy", "Uz", "Utot"]


def test_all_seeds_outside(mars_node: "MarsNode") -> None:
    fields = "".join(f"<Fields><name>{name}</name><data>1e8 2e8</data></Fields>" for name in "XYZ")
    url = ask(mars_node, "getVOTableURL", fields)
    given = f"<ResourceID>{_OUTPUTS}/H+netcdf</ResourceID><url_XYZ>{url}</url_XYZ>"
    content = f'<s:Envelope xmlns:s="{_SOAP}"><s:Body><getFieldLine>{given}</getFieldLine></s:Body>'
    status, answer = mars_node.post(f"{content}</s:Envelope>".encode())
    assert status == 500
    assert b"all starting points lie outside the simulated domain" in answer
    table = strictly(fly(mars_node, url))
    assert np.isnan(column(table, "Density")).all()


def test_stored_columns_feed_the_next_call(mars_node: "MarsNode", cube: Any) -> None:
    """The table that portals send: times with an offset, positions by well-known names."""
    times = "2014-06-26T20:04:24.970+02:00 2014-06-26T20:04:25.000+02:00"
    data = {"Time": times, "X": "6371000.0 -5154247.25", "Y": "0.0,3744779.75", "Z": "10 20"}
    fields = "".join(
        f"<Fields><name>{name}</name><data>{text}</data></Fields>" for name, text in data.items()
    )
    url = ask(mars_node, "getVOTableURL", f"<Table_name>My &lt;test&gt;</Table_name>{fields}")
    stored = strictly(mars_node.get(url))
    assert stored.colnames == ["Time", "X", "Y", "Z"]
    assert str(stored["X"].unit) == "m"
    assert stored["Time"][0] == "2014-06-26T18:04:24.970Z"
    table = strictly(fly(mars_node, url))
    positions = np.column_stack([column(stored, axis) for axis in "XYZ"])
    axes, arrays = cube
    for name in _NAMES:
        np.testing.assert_allclose(
            column(table, name), expected(axes, arrays[name], positions, "linear"), rtol=1e-9
        )


def test_stilts_finds_no_error(
    mars_node: "MarsNode", crossing: str, program: Callable[[str], str], tmp_path: Path
) -> None:
    stilts = program("stilts")
    given = f"<ResourceID>{_OUTPUTS}/H+netcdf</ResourceID><url_XYZ>{crossing}</url_XYZ>"
    results = {
        "flight": fly(mars_node, mars_node.orbit),
        "crossing": fly(mars_node, crossing),
        "lines": mars_node.get(ask(mars_node, "getFieldLine", given)),
        "columns": mars_node.get(
            ask(
                mars_node,
                "getVOTableURL",
                "<Description>a &amp; b</Description><Fields><name>Time</name>"
                "<data>2026-01-01</data></Fields><Fields><name>X</name><data>1</data></Fields>",
            )
        ),
    }
    for name, content in results.items():
        path = tmp_path / f"{name}.vot"
        path.write_bytes(content)
        done = subprocess.run(
            [stilts, "votlint", f"votable={path}"], capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert "ERROR" not in said, f"{name}: {said}"
