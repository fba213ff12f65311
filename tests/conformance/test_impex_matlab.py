"""FMI's Matlab client: its requests as it writes them, its answers as it reads them.

Its functions build an all-qualified document and take what stands between two literal tags; its
reader of VOTables goes by `nrows`, the order of attributes and the first PARAM.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import netCDF4
import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.impex.stand_in import OUTPUT, SPECTRA, SPEED, StandIn, density
from vo_server.app import build
from vo_server.settings import load

pytestmark = pytest.mark.conformance

_NODE = """
[node]
authority = "MyLab"
base_url = "http://node.test"
[[fronts]]
use = "impex"
[limits]
points = 2000
steps = 2000
"""
_SOAP = "http://schemas.xmlsoap.org/soap"
_SCHEMA = "http://www.w3.org/2001/XMLSchema"
_HEAD = (
    f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{_SOAP}/envelope/" '
    f'xmlns:soapenc="{_SOAP}/encoding/" xmlns:xs="{_SCHEMA}" xmlns:xsi="{_SCHEMA}-instance">'
    f'<soap:Body soap:encodingStyle="{_SOAP}/encoding/">'
)
_MARS = 3386000.0


class Matlab:
    """The client before a node."""

    def __init__(self, client: TestClient) -> None:
        self._client = client

    def call(self, function: str, inner: str, tag: str = "ns1:anyURI") -> str:
        """Send a request and give what stands between the first two literal tags."""
        content = f'{_HEAD}<{function} xmlns="http://impex-fp7.fmi.fi">{inner}</{function}>'
        answer = self._client.post(
            "/impex/fmi",
            content=f"{content}</soap:Body></soap:Envelope>".encode(),
            headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": function},
        )
        assert answer.status_code == 200, answer.text
        start = answer.text.index(f"<{tag}>") + len(tag) + 2
        return answer.text[start : answer.text.index(f"</{tag}>")]

    def file(self, function: str, inner: str) -> bytes:
        """Send a request and fetch the result."""
        url = self.call(function, inner)
        assert url.startswith("http")
        return self._client.get(url).content

    def stored(self, **columns: Any) -> str:
        """Store columns as a table and give its URL."""
        units = {"Mass": "kg", "Charge": "C"}
        inner = ""
        for name, column in columns.items():
            unit = f"<unit>{units[name]}</unit>" if name in units else ""
            data = "  ".join(f"{number:.5g}" for number in column)
            inner += f"<Fields><name>{name}</name>{unit}<data>{data}</data></Fields>"
        return self.call("getVOTableURL", inner)


@pytest.fixture
def matlab(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Matlab]:
    monkeypatch.setattr("vo_server.context.providers", lambda settings: [StandIn()])
    (tmp_path / "node.toml").write_text(_NODE, encoding="utf-8")
    with TestClient(build(load(tmp_path / "node.toml")), base_url="http://node.test") as client:
        yield Matlab(client)


def _element(text: str, name: str) -> tuple[str, list[tuple[str, str]], str]:
    """Give content and attributes of the first element of a name, and what follows its tag."""
    begin = re.search(rf"<{name}[\s>]", text)
    if begin is None:
        return "", [], ""
    end = text.index(">", begin.start())
    tag, rest = text[begin.start() : end + 1], text[end + 1 :]
    attributes = re.findall(r'\s(\w+)="([^"]*)"', tag)
    return ("" if tag.endswith("/>") else rest.partition(f"</{name}>")[0]), attributes, rest


def _votread(content: bytes) -> dict[str, Any]:
    """Read a VOTable as the client does; a row that is not counted is not there."""
    text, attributes, _ = _element(content.decode(), "TABLE")
    rows = int(dict(attributes).get("nrows", "1"))
    assert _element(text, "DESCRIPTION")[0]
    fields, rest = [], text
    while True:
        _, attributes, rest = _element(rest, "FIELD")
        if not rest:
            break
        told = dict(attributes)
        fields.append((told["name"], told.get("ucd") == "time.epoch", "arraysize" in told))
    found: dict[str, Any] = {name: [] for name, _, _ in fields}
    _, attributes, _ = _element(text, "PARAM")
    if attributes and attributes[0][1].lower() == "energyrange":
        found["EnergyRange"] = [float(word) for word in dict(attributes)["value"].split()]
    rest = _element(text, "TABLEDATA")[0]
    for _ in range(rows):
        cells, _, rest = _element(rest, "TR")
        for name, time, array in fields:
            cell, _, cells = _element(cells, "TD")
            if time:
                datetime.strptime(cell[:-1], "%Y-%m-%dT%H:%M:%S.%f")  # noqa: DTZ007
            found[name].append(cell if time else [float(w) for w in cell.split()] if array
                               else float(cell))  # fmt: skip
    assert "<TR>" not in rest
    return found


def _at(id: str, url: str) -> str:
    return f'<ResourceID>{id}</ResourceID><url_XYZ xsi:type="xs:anyURI">{url}</url_XYZ>'


def _flight(id: str, sampling: str) -> str:
    return (
        f"<ResourceID>{id}</ResourceID><Spacecraft_name>MEX</Spacecraft_name>"
        "<StartTime>2007-07-12T00:00:00.000</StartTime>"
        f"<StopTime>2007-07-12T01:00:00.000</StopTime><Sampling>{sampling}</Sampling>"
    )


_NETCDF = "<extraParams><OutputFileType>netCDF</OutputFileType></extraParams>"


def test_values_at_points_and_on_a_plane(matlab: Matlab) -> None:
    x = np.linspace(3.0, -3.0, 30) * _MARS
    url = matlab.stored(X=x, Y=np.zeros(30), Z=np.full(30, 1.1 * _MARS))
    asked = f"{_at(OUTPUT, url)}<Variable>Ux, Uy, Uz</Variable>{_NETCDF}"
    with netCDF4.Dataset("x", memory=matlab.file("getDataPointValue", asked)) as found:
        inside = np.abs(found["x"][:]) < 1e7
        np.testing.assert_array_equal(np.ma.filled(found["Ux"][:], np.nan)[inside], SPEED)
    plane = (
        f"<ResourceID>{OUTPUT}</ResourceID><PlaneNormalVector>0  0  1</PlaneNormalVector>"
        f"<PlanePoint>0  0  0</PlanePoint><Variable>Density</Variable>{_NETCDF}"
    )
    with netCDF4.Dataset("x", memory=matlab.file("getSurface", plane)) as found:
        rows = int(np.flatnonzero(found["x"][:] != found["x"][0])[0])
        assert rows == 41
        shown = np.reshape(found["y"][:], (-1, rows))
        np.testing.assert_array_equal(shown, np.tile(shown[0], (len(shown), 1)))
        assert list(found.variables) == ["x", "y", "z", "Density"]


@pytest.mark.parametrize(
    ("sampling", "count"), [("PT2M", 31), ("PT1H", 2), ("PT1M30S", 41), ("P1DT", 1), ("P2DT3H", 1)]
)
def test_values_along_an_orbit(matlab: Matlab, sampling: str, count: int) -> None:
    found = _votread(matlab.file("getDataPointValueSpacecraft", _flight(OUTPUT, sampling)))
    assert len(found["Time"]) == count
    places = np.column_stack([found[axis] for axis in "XYZ"])
    np.testing.assert_allclose(found["Density"], density(places))
    flight = _flight(OUTPUT, sampling) + _NETCDF
    with netCDF4.Dataset("x", memory=matlab.file("getDataPointValueSpacecraft", flight)) as other:
        np.testing.assert_array_equal(other["x"][:], found["X"])


def test_field_lines(matlab: Matlab) -> None:
    angle = np.radians(np.linspace(0.0, 330.0, 12))
    url = matlab.stored(
        X=np.zeros(12), Y=1.3 * _MARS * np.sin(angle), Z=1.3 * _MARS * np.cos(angle)
    )
    extra = "<Direction>Both</Direction><StopCondition_Radius>-1</StopCondition_Radius>"
    asked = f"{_at(OUTPUT, url)}<extraParams>{extra}</extraParams>"
    found = _votread(matlab.file("getFieldLine", asked))
    assert set(found["Line_no"]) == set(range(1, 13))
    assert np.ptp(found["Y"]) > 1.9e7
    more = (
        "<StepSize>250000</StepSize><MaxSteps>5</MaxSteps>"
        "<StopCondition_Radius>3386000</StopCondition_Radius>"
        "<StopCondition_Region>-5e+06  5e+06 -5e+06  5e+06 -5e+06  5e+06</StopCondition_Region>"
    )
    asked = f"{_at(OUTPUT, url)}<Variable>Btot</Variable><extraParams>{more}</extraParams>"
    found = _votread(matlab.file("getFieldLine", asked))
    assert np.max(np.abs(found["Y"])) <= 5e6


def test_particles(matlab: Matlab) -> None:
    url = matlab.stored(
        X=[2 * _MARS, 0.0], Y=[0.0, 0.0], Z=[0.0, 2 * _MARS], Ux=[-4e5, 2e5], Uy=[0, 0],
        Uz=[0, 0], Mass=[1.6726e-27] * 2, Charge=[1.6021773e-19] * 2,
    )  # fmt: skip
    extra = f"<MaxSteps>20</MaxSteps><StopCondition_Radius>{_MARS:.8g}</StopCondition_Radius>"
    asked = f"{_at(OUTPUT, url)}<extraParams>{extra}</extraParams>"
    found = _votread(matlab.file("getParticleTrajectory", asked))
    assert found["Particle_no"] == [1.0] * 21 + [2.0] * 21
    assert len(found["X"]) == len(found["Seconds"]) == 42
    # Another output of the run, as where the client names that of the magnetic field alone.
    other = _at(SPECTRA, url)
    again = _votread(
        matlab.file("getParticleTrajectory", f"{other}<extraParams>{extra}</extraParams>")
    )
    assert again["X"] == found["X"]


def test_spectra(matlab: Matlab) -> None:
    url = matlab.stored(X=[1.2 * _MARS, -1.2 * _MARS], Y=[0.0, 1e6], Z=[0.0, 0.0])
    found = _votread(matlab.file("getDataPointSpectra", _at(SPECTRA, url)))
    assert found["EnergyRange"] == pytest.approx([1.0, 2.0, 4.0, 8.0])
    assert found["ParticleFlux"] == [[1e6, 2e6, 3e6], [2e6, 4e6, 6e6]]
    channels = f"{_at(SPECTRA, url)}<EnergyChannel>Ch1 Ch2</EnergyChannel>"
    found = _votread(matlab.file("getDataPointSpectra", channels))
    assert found["EnergyRange"] == pytest.approx([2.0, 4.0, 8.0])
    found = _votread(matlab.file("getDataPointSpectraSpacecraft", _flight(SPECTRA, "PT2M")))
    assert np.shape(found["ParticleFlux"]) == (31, 3)


def test_the_most_relevant_run(matlab: Matlab) -> None:
    formula = (
        "<SW_Function><function>SW_Bx / SW_Btot</function><value>0.70710678</value>"
        "<scale>1</scale><weight>1</weight></SW_Function>"
    )
    wind = "<SW_density><value>5000000</value><weight>0.5</weight><scale>8e+06</scale></SW_density>"
    flux = "<Solar_F10.7><value>1e-20</value><weight>1</weight><scale>1e-20</scale></Solar_F10.7>"
    for parameters in (formula, wind, flux + formula.replace("SW_Bx", "Solar_F10.7")):
        asked = (
            "<Object>Mars</Object><RunCount>1</RunCount>"
            f"<SW_parameters>{parameters}</SW_parameters>"
        )
        told = matlab.call("getMostRelevantRun", asked, "ns1:json_string")
        assert OUTPUT in re.findall(r'spase://MyLab/NumericalOutput/[^"]+', told)
        (run,) = json.loads(told)["runs"]
        assert run["Param_values"]["Solar_F10.7"] == "1.5e-20"
    assert run["S_diff_n"]["Solar_F10.7"] == "0.25"
