"""The real tables of the services of old as inputs: each is flown, or refused for its reason."""

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest
from starlette.testclient import TestClient

from vo_server.app import build
from vo_server.settings import load

pytestmark = pytest.mark.conformance

_NODE = """
[node]
authority = "MyLab"
base_url = "http://node.test"
[fetch]
allow = ["127.0.0.1/32"]
[[fronts]]
use = "impex"
[limits]
points = 2000
"""
_DIPOLE = """
[[providers]]
use = "analytic"
id = "spase://MyLab/NumericalOutput/{0}"
run = "spase://MyLab/SimulationRun/{0}"
model = "spase://MyLab/SimulationModel/Dipole"
title = "A dipole"
body = "{0}"
body_radius = "{1}"
frame = "{2}"
half_width = "2000000 km"
field = {{ kind = "dipole", strength = "50 nT" }}
"""
_BODIES = (
    ("Mars", "3390 km", "MSO"),
    ("Venus", "6051.8 km", "VSO"),
    ("Earth", "6371.2 km", "GSM"),
    ("Mercury", "2440 km", "MSO"),
)
# Rows and the frame that is stated, by table and body.
_FLOWN = {
    "Field_line.xml": ("Mars", 500, None),
    "Vmvrv5e.xml": ("Mars", 59, None),
    "XYZ_calcDPVMercury.xml": ("Mercury", 4, None),
    "calcDPVMercury_786.401.xml": ("Mercury", 4, None),
    "fmi_hyb_orbite_60sec.xml": ("Mars", 1440, "MSO"),
    "getDPS_FMI.xml": ("Venus", 21, None),
    "getDPV_LATMOS.xml": ("Mars", 59, None),
    "getDataPointValue_input.xml": ("Mars", 2, None),
    "hwa_getDPV.xml": ("Mars", 2, None),
    "latmos_orbite_60sec.xml": ("Mars", 1440, "MSO"),
    "points_calc_120points.xml": ("Earth", 120, None),
    "points_calc_52points.xml": ("Earth", 52, None),
    "sinp_orbite_600sec.xml": ("Earth", 145, "GSM"),
}
_DOCTYPE = "the document has a DOCTYPE, which is not read"
_REFUSED = {
    "calcDPVFT.xml": ("Earth", _DOCTYPE),
    "calcDPV_457.401.xml": ("Earth", _DOCTYPE),
    "calcSC_FMI.xml": ("Earth", _DOCTYPE),
    "getDPV_2003-11-20UT12_340.401.xml": ("Earth", _DOCTYPE),
    "latmos_orbite_mex.xml": ("Mars", "column 'X' of url_XYZ has no unit"),
    "test.csv": ("Mars", "no column for x and y and z"),
    "points_calc_52points.xml": ("Mars", "the radius of Earth, but the body is Mars"),
    "Vmvrv5e.xml": ("Venus", "the radius of Mars or Mercury, but the body is Venus"),
    "latmos_orbite_60sec.xml": ("Venus", "in frame MSO, the run is in VSO"),
}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def mocks(shared: Path) -> Path:
    return shared / "standards/impex/mocks"


@pytest.fixture(scope="module")
def address(mocks: Path) -> Iterator[str]:
    """Give the address at which the tables are served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(mocks)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Give a node with a dipole around each body."""
    config = tmp_path_factory.mktemp("mocks") / "node.toml"
    config.write_text(_NODE + "".join(_DIPOLE.format(*body) for body in _BODIES), encoding="utf-8")
    with TestClient(build(load(config)), base_url="http://node.test") as client:
        yield client


def _fly(node: TestClient, body: str, url: str, kind: str = "VOTable") -> str:
    """Sample a dipole at the points of a table, and give the answer."""
    told = {
        "ResourceID": f"spase://MyLab/NumericalOutput/{body}",
        "url_XYZ": url,
        "OutputFileType": kind,
    }
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in told.items())
    content = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f"<getDataPointValue>{inner}</getDataPointValue></s:Body></s:Envelope>"
    )
    return node.post("/impex/fmi", content=content, headers={"Content-Type": "text/xml"}).text


def test_every_table_is_here(mocks: Path) -> None:
    tables = {path.name for path in mocks.iterdir() if path.suffix != ".json"}
    assert tables == {*_FLOWN, *_REFUSED}


@pytest.mark.parametrize("name", sorted(_FLOWN))
def test_flown(node: TestClient, address: str, name: str) -> None:
    body, rows, frame = _FLOWN[name]
    url = _fly(node, body, f"{address}/{name}").partition("<ns1:anyURI>")[2].partition("<")[0]
    result = node.get(url).text
    assert f'nrows="{rows}"' in result
    told = dict(re.findall(r'<INFO ID="note\d+" name="points ([^"]*)" value="(\d+)"', result))
    assert told == {"ok": str(rows)}
    stated = f"in {frame}" if frame else "with no frame stated, taken in"
    assert f"Input: {rows} positions {stated}" in result


@pytest.mark.parametrize("name", sorted(_REFUSED))
def test_refused(node: TestClient, address: str, name: str) -> None:
    body, words = _REFUSED[name]
    answer = _fly(node, body, f"{address}/{name}")
    assert "<faultcode>SOAP-ENV:Client</faultcode>" in answer
    assert words in answer


@pytest.mark.parametrize("name", ["getVOTableURL-request.json", "getVOTableURL-request-2.json"])
def test_stored_over_rest(node: TestClient, mocks: Path, name: str) -> None:
    content = (mocks / name).read_bytes()
    answer = node.post("/impex/rest/fmi/getVOTableURL", content=content)
    result = node.get(answer.json()["result"]).text
    asked = orjson.loads(content)
    assert f'name="{asked["Table_name"]}"' in result
    assert result.count("<FIELD ") == len(asked["Fields"])
    assert result.count("<TR>") == len(asked["Fields"][0]["data"])


def test_ncdump(
    node: TestClient, address: str, program: Callable[[str], str], tmp_path: Path
) -> None:
    ncdump = program("ncdump")
    answer = _fly(node, "Mars", f"{address}/latmos_orbite_60sec.xml", "netCDF")
    path = tmp_path / "result.nc"
    path.write_bytes(node.get(answer.partition("<ns1:anyURI>")[2].partition("<")[0]).content)
    done = subprocess.run(
        [ncdump, "-h", str(path)], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.strip() for line in done.splitlines()]
    assert "count = 1440 ;" in lines
    for line in (
        "double x(count) ;",
        'x:units = "m" ;',
        "double Bx(count) ;",
        'Bx:frame = "MSO" ;',
        ':Coordinate_system = "MSO" ;',
    ):
        assert line in lines
    kind = subprocess.run([ncdump, "-k", str(path)], capture_output=True, text=True, check=True)
    assert kind.stdout.strip() == "classic"
