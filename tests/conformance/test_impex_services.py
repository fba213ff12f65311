"""The further operations of FMI, and the whole of LATMOS, by other people's SOAP clients."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from zeep import Client as ZeepClient
from zeep.exceptions import Fault

from tests.conformance.published import published_client

if TYPE_CHECKING:
    from tests.conformance.conftest import MarsNode

pytestmark = pytest.mark.conformance

_Client: Any = ZeepClient  # zeep is untyped
_OUTPUT = "spase://VOSERVER/NumericalOutput/HYB/Mars/RunB-coarse/H+netcdf"
_RUN = "spase://VOSERVER/SimulationRun/HYB/Mars/RunB-coarse"
_PROGRAMS = Path(__file__).parent / "programs"
_LATMOS = "{http://impex.latmos.ipsl.fr}Methods_LATMOSSoapBinding"
_FLIGHT = {
    "Spacecraft_name": "MEX",
    "StartTime": "2005-01-01T14:00:00",
    "StopTime": "2005-01-01T15:00:00",
    "Sampling": "PT5M",
}


def _service(name: str, node: "MarsNode", shared: Path) -> Any:
    """Give a service as zeep sees it through our description, or through the published one."""
    dialect, _, published = name.partition(" ")
    endpoint = f"{node.url}/impex/{dialect}"
    if not published:
        return _Client(f"{endpoint}?wsdl").service
    return published_client(shared, "LATMOS").create_service(_LATMOS, endpoint)


@pytest.fixture(scope="module")
def fmi(mars_node: "MarsNode", shared: Path) -> Any:
    return _service("fmi", mars_node, shared)


@pytest.fixture(scope="module", params=["latmos", "latmos as published"])
def latmos(request: pytest.FixtureRequest, mars_node: "MarsNode", shared: Path) -> Any:
    return _service(request.param, mars_node, shared)


@pytest.fixture(scope="module", params=["fmi", "latmos", "latmos as published"])
def either(request: pytest.FixtureRequest, mars_node: "MarsNode", shared: Path) -> Any:
    return _service(request.param, mars_node, shared)


def _names(content: bytes) -> list[str]:
    return re.findall(r'<FIELD [^>]*?name="([^"]+)"', content.decode())


def test_along_an_orbit(either: Any, mars_node: "MarsNode") -> None:
    url = either.getDataPointValueSpacecraft(ResourceID=_OUTPUT, Variable=["Bx"], **_FLIGHT)
    content = mars_node.get(url)
    assert _names(content) == ["Time", "X", "Y", "Z", "Bx"]
    assert content.count(b"<TR>") == 13
    assert b"Input: 13 positions in MSO" in content


def test_the_older_spelling_is_the_same(latmos: Any) -> None:
    given = {"ResourceID": _OUTPUT, "Variable": ["Bx"], **_FLIGHT}
    assert latmos.getDataPointValue_Spacecraft(**given) == latmos.getDataPointValueSpacecraft(
        **given
    )


def test_surface(either: Any, mars_node: "MarsNode") -> None:
    url = either.getSurface(
        ResourceID=_OUTPUT,
        Variable=["Density"],
        PlanePoint=[0.0, 0.0, 0.0],
        PlaneNormalVector=[0.0, 3.7e6, 0.0],
        extraParams={"Resolution": 2e6},
    )
    content = mars_node.get(url)
    assert _names(content) == ["X", "Y", "Z", "Density"]
    assert b"Plane across: 0 3700000 0" in content


def test_particles(fmi: Any, mars_node: "MarsNode") -> None:
    columns = {
        **dict.fromkeys(("X", "Y", "Z"), (["6e6", "7e6"], "m")),
        **dict.fromkeys(("Ux", "Uy", "Uz"), (["1e5", "-1e5"], "m/s")),
        "Mass": (["1.6726e-27"] * 2, "kg"),
        "Charge": (["1.6022e-19"] * 2, "C"),
    }
    table = fmi.getVOTableURL(
        Fields=[{"name": n, "data": data, "unit": unit} for n, (data, unit) in columns.items()]
    )
    url = fmi.getParticleTrajectory(
        ResourceID=_OUTPUT, url_XYZ=table, extraParams={"Direction": "Both", "MaxSteps": 20}
    )
    content = mars_node.get(url)
    assert _names(content) == ["X", "Y", "Z", "Seconds", "Particle_no"]
    assert content.count(b"<TR>") == 4 * 21


def test_most_relevant_run(fmi: Any) -> None:
    answer = json.loads(
        fmi.getMostRelevantRun(
            Object="Mars",
            RunCount=3,
            SW_parameters={
                "SW_Density": {"value": 3e6, "weight": 2.0},
                "SW_Function": {"value": 0.5, "scale": 1.0, "function": "abs(SW_Bx/SW_Btot)"},
            },
        )
    )
    (run,) = answer["runs"]
    assert run["ResourceID"] == _RUN
    assert _OUTPUT in run["NumericalOutput"]
    # 2.7 cm-3 and (-1.634, 2.516, 0) nT stand in the run's file.
    assert float(run["S_diff_n"]["SW_Density"]) == pytest.approx(2.0 * (0.3e6 / 3e6) ** 2)
    ratio = 1.634 / (1.634**2 + 2.516**2) ** 0.5
    assert float(run["Param_values"]["SW_Function"]) == pytest.approx(ratio)


def test_files(latmos: Any) -> None:
    # zeep makes no value of a VOTable by its published schema, whichever server sends it.
    with latmos._client.settings(raw_response=True):
        answer = latmos.getFileURL(
            ResourceID=_OUTPUT, StartTime="2005-01-01T00:00:00", StopTime="2005-01-02T00:00:00"
        )
    assert answer.status_code == 200
    assert answer.text.count("<TR>") == 1
    assert "http://www.ivoa.net/xml/VOTable/v1.2" in answer.text


def test_alive_and_faults(latmos: Any, mars_node: "MarsNode") -> None:
    assert latmos.isAlive() is True
    with pytest.raises(Fault) as caught:
        latmos.getDataPointValueSpacecraft(
            ResourceID=_OUTPUT, **{**_FLIGHT, "Spacecraft_name": "VEX"}
        )
    assert caught.value.actor == "LATMOS"
    assert "there are orbits of: MEX" in caught.value.message
    with pytest.raises(Fault, match="has no energy spectra"):
        latmos.getDataPointSpectra(ResourceID=_OUTPUT, url_XYZ=mars_node.orbit)


def test_php(mars_node: "MarsNode", program: Callable[[str], str]) -> None:
    php = program("php")
    done = subprocess.run(
        [php, str(_PROGRAMS / "services.php"), mars_node.url, _OUTPUT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["alive"] is True
    assert told["orbit"] == told["older"]
    assert _names(mars_node.get(told["orbit"])) == ["Time", "X", "Y", "Z", "Bx"]
    assert _names(mars_node.get(told["surface"])) == ["X", "Y", "Z", "Density"]
    assert json.loads(told["runs"])["runs"][0]["ResourceID"] == _RUN
    assert told["fault"] == "LATMOS"


def test_rest(mars_node: "MarsNode") -> None:
    answer = json.loads(mars_node.get(f"{mars_node.url}/impex/rest/latmos/isAlive"))
    assert answer == {"result": True}
    told = json.loads(mars_node.get(f"{mars_node.url}/impex/openapi.json"))
    assert len(told["paths"]) == 22
