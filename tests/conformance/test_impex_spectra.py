"""Energy spectra of a .hc file along a table and an orbit, in both dialects, read by others."""

import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import netCDF4
import numpy as np
import pytest
from astropy.io.votable import parse_single_table
from astropy.units import Unit
from lxml import etree
from numpy.typing import NDArray

from impex.dialect import Dialect
from impex.fmi import FMI
from impex.latmos import LATMOS
from impex.operations import Operations
from impex.soap import SoapService
from interpolation.locate import locate
from interpolation.spectra import spectra
from tests.hc_files import BASE, BINS, N, cell_values, centre, hc_file
from vo_server.context import Context
from vo_server.errors import BadArgument, UnknownParameter
from vo_server.field import GridField
from vo_server.model.parameter import Parameter
from vo_server.model.table import Header, Table
from vo_server.plugins import format_named
from vo_server.sampling import source_of
from vo_server.settings import load

pytestmark = pytest.mark.conformance

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_SPECTRA = "spase://MyLab/NumericalOutput/A/spectra"
_FLUID = "spase://MyLab/NumericalOutput/A/fluid"
_RUN = """
[run]
id = "spase://MyLab/SimulationRun/A"
model = "spase://MyLab/SimulationModel/M"
body = "Mars"
body_radius = "3390 km"
frame = "MSO"
[[run.solar_wind]]
density = "5 cm-3"
velocity = "400 km/s"
temperature = "100000 K"
magnetic_field = ["0 nT", "10 nT", "0 nT"]
[[run.outputs]]
id = "spase://MyLab/NumericalOutput/A/spectra"
file = "spectra.hc"
[[run.outputs]]
id = "spase://MyLab/NumericalOutput/A/fluid"
file = "fluid.hc"
"""
_NODE = """
[node]
authority = "MyLab"
base_url = "http://node.test"
[[providers]]
use = "hc-cubes"
path = "*.hc"
[[providers]]
use = "orbit-files"
path = "orbit.ecsv"
spacecraft = "MEX"
body = "Mars"
body_radius = "3390 km"
frame = "MSO"
[[fronts]]
use = "impex"
"""
_FLIGHT = {
    "Spacecraft_name": "mex",
    "StartTime": "2007-07-12T00:00:00",
    "StopTime": "2007-07-12T00:03:00",
    "Sampling": "PT1M",
}
# Cells of the first three positions; the last one is outside of all.
_CELLS = ((3, 3, 3), (2, 3, 2), (3, 2, 2))
_PLACES = np.array([*(centre(*cell) + 100.0 for cell in _CELLS), (9e6, 0.0, 0.0)])
_REFINED = 1  # which of these cells is divided, in the file that has children
_EDGES = [10.0, 100.0, 1000.0, 10000.0]  # eV
_UNIT = "m-2.s-1.eV-1.sr-1"

Floats = NDArray[np.float64]
Ask = Callable[..., bytes]


def _number(cell: tuple[int, int, int]) -> int:
    return (cell[0] * N + cell[1]) * N + cell[2]


@pytest.fixture(params=[False, True], ids=["plain", "refined"])
def flux(request: pytest.FixtureRequest, tmp_path: Path) -> Floats:
    """Write the files of a node, and give the flux (4, 3) at each position."""
    values = cell_values(BASE + 8 * request.param, 3)
    numbers = [_number(cell) for cell in _CELLS]
    refined = {numbers[_REFINED]: BASE} if request.param else {}
    (tmp_path / "spectra.hc").write_bytes(hc_file(refined, values, more=BINS))
    (tmp_path / "fluid.hc").write_bytes(hc_file({}, cell_values(BASE)))
    (tmp_path / "run.toml").write_text(_RUN, encoding="utf-8")
    _write_orbit(tmp_path / "orbit.ecsv")
    (tmp_path / "node.toml").write_text(_NODE, encoding="utf-8")
    if request.param:
        numbers[_REFINED] = BASE + 7  # the child nearest to what is right, above and behind
    return np.vstack([values[numbers], np.full((1, 3), np.nan)])


def _write_orbit(path: Path) -> None:
    start = np.datetime64("2007-07-12T00:00:00", "ns")
    times = start + np.arange(len(_PLACES)) * np.timedelta64(1, "m")
    header = Header(
        (
            Parameter("Time", times.dtype, xtype="timestamp", ucd="time.epoch"),
            *(Parameter(a, unit="m", ucd=f"pos.cartesian.{a.lower()}") for a in "XYZ"),
        )
    )
    table = Table(header, (times, *_PLACES.T.copy()))
    path.write_bytes(b"".join(format_named("ecsv").write([table])))


@pytest.fixture
def context(flux: Floats, tmp_path: Path) -> Iterator[Context]:
    made = Context(load(tmp_path / "node.toml"), Event())
    yield made
    made.close()


def _asker(context: Context, dialect: Dialect) -> Ask:
    """Give what asks for an operation, and gives the content of the file of its answer."""
    service = SoapService(dialect, Operations(context).handlers())

    def ask(name: str, **given: Any) -> bytes:
        (operation,) = (o for o in dialect.operations if o.name == name)
        told = "".join(f"<{key}>{value}</{key}>" for key, value in given.items())
        content = (
            f'<s:Envelope xmlns:s="{_SOAP}"><s:Body><{operation.element}>{told}'
            f"</{operation.element}></s:Body></s:Envelope>"
        ).encode()
        answer = etree.fromstring(service.answer(content, "", operation.action))
        url = answer.findtext(f".//{{*}}{operation.reply.element}")
        assert url is not None
        name_of = context.results.own(url.strip())
        assert name_of is not None
        path = context.results.path(name_of)
        assert path is not None
        return path.read_bytes()

    return ask


@pytest.fixture(params=[FMI, LATMOS], ids=lambda d: str(d.name))
def ask(request: pytest.FixtureRequest, context: Context) -> Ask:
    return _asker(context, request.param)


@pytest.fixture
def table(context: Context) -> str:
    """URL of a table of the positions."""
    fields = "".join(
        f"<Fields><data>{' '.join(map(repr, column.tolist()))}</data><name>{name}</name>"
        "<unit>m</unit></Fields>"
        for name, column in zip("XYZ", _PLACES.T, strict=True)
    )
    service = SoapService(FMI, Operations(context).handlers())
    content = (
        f'<s:Envelope xmlns:s="{_SOAP}"><s:Body><getVOTableURL>{fields}</getVOTableURL>'
        "</s:Body></s:Envelope>"
    ).encode()
    url = etree.fromstring(service.answer(content, "", "")).findtext(".//{*}anyURI")
    assert url is not None
    return str(url)


def _read(content: bytes) -> Any:
    return parse_single_table(io.BytesIO(content))


def _flux(content: bytes) -> Floats:
    return np.ma.filled(_read(content).to_table(use_names_over_ids=True)["ParticleFlux"], np.nan)


def test_along_a_table(ask: Ask, table: str, flux: Floats) -> None:
    found = _read(ask("getDataPointSpectra", ResourceID=_SPECTRA, url_XYZ=table))
    assert [field.name for field in found.fields] == ["X", "Y", "Z", "ParticleFlux"]
    column = found.get_field_by_id_or_name("ParticleFlux")
    assert (column.arraysize, column.ucd) == ("3", "phys.flux")
    assert column.unit == Unit("m-2 s-1 eV-1 sr-1")
    energies = {p.name: (p.value.tolist(), str(p.unit)) for p in found.params if "Energy" in p.name}
    assert energies == {
        "EnergyRange": (_EDGES, "eV"),
        "EnergyLow": (_EDGES[:-1], "eV"),
        "EnergyHigh": (_EDGES[1:], "eV"),
    }
    rows = found.to_table(use_names_over_ids=True)
    np.testing.assert_array_equal(np.ma.filled(rows["ParticleFlux"], np.nan), flux)
    for axis, places in zip("XYZ", _PLACES.T, strict=True):
        np.testing.assert_allclose(rows[axis], places, rtol=1e-15)


def test_along_an_orbit(context: Context, flux: Floats) -> None:
    names = {
        FMI: ("getDataPointSpectraSpacecraft",),
        LATMOS: ("getDataPointSpectraSpacecraft", "getDataPointSpectra_Spacecraft"),
    }
    answers = [
        _asker(context, dialect)(name, ResourceID=_SPECTRA, **_FLIGHT)
        for dialect, spellings in names.items()
        for name in spellings
    ]
    assert len(set(answers)) == 1
    found = _read(answers[0])
    assert [field.name for field in found.fields] == ["Time", "X", "Y", "Z", "ParticleFlux"]
    np.testing.assert_array_equal(_flux(answers[0]), flux)


@pytest.mark.parametrize("channels", ["Ch2,Ch0", "ch0 CH2", "Ch2 Ch2 Ch0"])
def test_some_channels(ask: Ask, table: str, flux: Floats, channels: str) -> None:
    given = {"ResourceID": _SPECTRA, "url_XYZ": table, "EnergyChannel": channels}
    content = ask("getDataPointSpectra", **given)
    np.testing.assert_array_equal(_flux(content), flux[:, [0, 2]])
    lows = next(p for p in _read(content).params if p.name == "EnergyLow")
    assert lows.value.tolist() == [_EDGES[0], _EDGES[2]]
    assert "EnergyRange" not in [p.name for p in _read(content).params]


@pytest.mark.parametrize("channel", ["Ch3", "Ch-1", "Ch00", "0", "Ebin0", "Ch9999999999999999999"])
def test_an_unknown_channel_is_refused(ask: Ask, table: str, channel: str) -> None:
    given = {"ResourceID": _SPECTRA, "url_XYZ": table, "EnergyChannel": channel}
    with pytest.raises(BadArgument, match="is no channel; there are Ch0 to Ch2"):
        ask("getDataPointSpectra", **given)


def test_linear_spectra_are_those_of_the_core(context: Context, table: str, flux: Floats) -> None:
    ask = _asker(context, FMI)
    given = {"ResourceID": _SPECTRA, "url_XYZ": table, "InterpolationMethod": "Linear"}
    found = _flux(ask("getDataPointSpectra", **given))
    entry = context.registry.get(_SPECTRA)
    names = [parameter.name for parameter in entry.resource.parameters]
    with source_of(entry, "ResourceID").field(entry.resource, names) as field:
        np.testing.assert_array_equal(found, field.sample(_PLACES, names, "linear")[0].T)
        if isinstance(field, GridField):
            array = np.stack([field.variables[name].load() for name in names], axis=-1)
            core = spectra(locate(field.grid, _PLACES), array, "linear")
            np.testing.assert_array_equal(found, core)
    assert np.abs(found[:3] - flux[:3]).max() > 1e-3


def test_what_has_no_spectra_is_refused(ask: Ask, table: str) -> None:
    with pytest.raises(UnknownParameter, match="has no energy spectra"):
        ask("getDataPointSpectra", ResourceID=_FLUID, url_XYZ=table)


def test_a_clock_angle_turns_the_positions(context: Context, table: str) -> None:
    """The run's field points along y, a clock angle of 90 degrees, so that this turns nothing."""
    ask = _asker(context, LATMOS)
    given = {"ResourceID": _SPECTRA, "url_XYZ": table}
    plain, same, turned = (
        _flux(ask("getDataPointSpectra", **given, **angle))
        for angle in ({}, {"IMFClockAngle": 90}, {"IMFClockAngle": 270})
    )
    np.testing.assert_array_equal(plain, same)
    assert (plain[:3] != turned[:3]).any()


def test_netcdf(ask: Ask, table: str, flux: Floats, tmp_path: Path) -> None:
    given = {"ResourceID": _SPECTRA, "url_XYZ": table, "OutputFileType": "netCDF"}
    content = ask("getDataPointSpectra", **given)
    with netCDF4.Dataset("memory", memory=content) as found:
        variable = found["ParticleFlux"]
        assert variable.units == _UNIT
        np.testing.assert_array_equal(np.ma.filled(variable[:], np.nan), flux)
        np.testing.assert_array_equal(found["x"][:], _PLACES[:, 0])
        assert [float(edge) for edge in found.EnergyLow.split()] == _EDGES[:-1]


def test_votlint(ask: Ask, table: str, program: Callable[[str], str], tmp_path: Path) -> None:
    stilts = program("stilts")
    path = tmp_path / "spectra.vot"
    path.write_bytes(ask("getDataPointSpectra", ResourceID=_SPECTRA, url_XYZ=table))
    done = subprocess.run(
        [stilts, "votlint", f"votable={path}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "ERROR" not in done.stdout + done.stderr
