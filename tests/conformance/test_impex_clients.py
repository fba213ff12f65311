"""Other people's SOAP clients against a running node: zeep, PHP, and one that searches for text."""

import json
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
_BINDING = "{http://impex-fp7.fmi.fi}Methods_FMISoapBinding"
_PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(params=["ours", "published"])
def service(request: pytest.FixtureRequest, mars_node: "MarsNode", shared: Path) -> Any:
    """The service as zeep sees it through our description, and through the published one."""
    if request.param == "ours":
        return _Client(f"{mars_node.endpoint}?wsdl").service
    return published_client(shared, "FMI").create_service(_BINDING, mars_node.endpoint)


def test_is_alive(service: Any) -> None:
    assert service.isAlive() is True


def test_data_point_value(service: Any, mars_node: "MarsNode") -> None:
    url = service.getDataPointValue(ResourceID=_OUTPUT, url_XYZ=mars_node.orbit)
    assert url.startswith(f"{mars_node.url}/results/")
    assert url.endswith(".vot")
    assert mars_node.get(url).count(b"<TR>") == 1440


def test_extra_parameters_without_a_format_mean_votable(
    service: Any, mars_node: "MarsNode"
) -> None:
    url = service.getDataPointValue(
        ResourceID=_OUTPUT,
        Variable=["Bx", "By"],
        url_XYZ=mars_node.orbit,
        extraParams={"InterpolationMethod": "NearestGridPoint"},
    )
    assert url.endswith(".vot")
    assert b"Interpolation: nearest" in mars_node.get(url)


@pytest.mark.parametrize(
    ("kind", "start", "extension"), [("netCDF", b"CDF", "nc"), ("ASCII", b"# x y z Bx", "txt")]
)
def test_formats(
    service: Any, mars_node: "MarsNode", kind: str, start: bytes, extension: str
) -> None:
    url = service.getDataPointValue(
        ResourceID=_OUTPUT,
        Variable=["Bx"],
        url_XYZ=mars_node.orbit,
        extraParams={"OutputFileType": kind},
    )
    assert url.endswith(f".{extension}")
    assert mars_node.get(url).startswith(start)


def test_field_line(service: Any, mars_node: "MarsNode") -> None:
    url = service.getFieldLine(
        ResourceID=_OUTPUT,
        Variable=["Btot"],
        url_XYZ=mars_node.orbit,
        extraParams={
            "Direction": "Both",
            "StepSize": 2e5,
            "MaxSteps": 3,
            "StopCondition_Radius": 3.7e6,
            "StopCondition_Region": [-1e7, 1e7, -1e7, 1e7, -1e7, 1e7],
        },
    )
    assert b'name="Btot"' in mars_node.get(url)


def test_votable_url_feeds_the_next_call(service: Any, mars_node: "MarsNode") -> None:
    fields = [
        {"name": name, "data": data, "unit": "km"}
        for name, data in (("X", ["5000", "-6000"]), ("Y", ["0", "1"]), ("Z", ["0", "2"]))
    ]
    url = service.getVOTableURL(Table_name="two points", Description="a <test>", Fields=fields)
    assert b"a &lt;test&gt;" in mars_node.get(url)
    url = service.getDataPointValue(ResourceID=_OUTPUT, url_XYZ=url)
    assert mars_node.get(url).count(b"<TR>") == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ResourceID": "spase://VOSERVER/NumericalOutput/x"}, "is not served here"),
        ({"ResourceID": _RUN}, "name one of its outputs"),
        ({"Variable": ["Bq"]}, "'Bq' is not a parameter of"),
        ({"url_XYZ": "http://127.0.0.1:1/x.vot"}, "error: "),
    ],
)
def test_faults(service: Any, mars_node: "MarsNode", given: dict[str, Any], words: str) -> None:
    with pytest.raises(Fault) as caught:
        service.getDataPointValue(**{"ResourceID": _OUTPUT, "url_XYZ": mars_node.orbit, **given})
    fault = caught.value
    assert fault.code == "SOAP-ENV:Client"
    assert fault.actor == "FMI"
    assert fault.message.startswith("error: ")
    assert words in fault.message


def test_php(mars_node: "MarsNode", program: Callable[[str], str]) -> None:
    php = program("php")
    modules = subprocess.run([php, "-m"], capture_output=True, text=True, check=True).stdout
    if "soap" not in modules.split():
        program("php with its soap extension")
    done = subprocess.run(
        [php, str(_PROGRAMS / "client.php"), mars_node.endpoint, _OUTPUT, mars_node.orbit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["alive"] is True
    assert told["votable"].endswith(".vot")
    assert told["ascii"].endswith(".txt")
    assert mars_node.get(told["votable"]).count(b"<TR>") == 1440
    assert mars_node.get(told["lines"]).count(b"<TR>") > 1440
    assert mars_node.get(told["fed"]).count(b"<TR>") == 2
    assert mars_node.get(told["single"]).count(b"<TR>") == 3
    assert told["fault"][0] == "SOAP-ENV:Client"
    assert told["fault"][1].startswith("error: ResourceID 'nonsense' is not served here")
    assert told["fault"][2] == "FMI"


_MATLAB = """<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
<getDataPointValue xmlns="http://impex-fp7.fmi.fi">
<ResourceID>{output}</ResourceID><Variable>Bx,By,Bz</Variable><url_XYZ>{url}</url_XYZ>
<extraParams><OutputFileType>VOTable</OutputFileType></extraParams>
</getDataPointValue></soap:Body></soap:Envelope>"""


def test_a_client_that_searches_the_answer_for_text(mars_node: "MarsNode") -> None:
    """As FMI's Matlab client does: unquoted SOAPAction, no parser, no unescaping."""
    content = _MATLAB.format(output=_OUTPUT, url=mars_node.orbit).encode()
    status, answer = mars_node.post(content, SOAPAction="getDataPointValue")
    assert status == 200
    text = answer.decode("latin-1")
    begin, end = text.index("<ns1:anyURI>"), text.index("</ns1:anyURI>")
    url = text[begin + len("<ns1:anyURI>") : end]
    assert url.startswith("http")
    assert b'name="Bz"' in mars_node.get(url)
    assert b'name="Ux"' not in mars_node.get(url)


_FORMS = {
    "all qualified, as Matlab": (
        '<{op} xmlns="http://impex-fp7.fmi.fi"><ResourceID>{id}</ResourceID><Variable>{names}'
        "</Variable><url_XYZ>{url}</url_XYZ><extraParams>{extra}</extraParams></{op}>"
    ),
    "as the schema says, as zeep": (
        '<f:{op} xmlns:f="http://impex-fp7.fmi.fi"><f:ResourceID>{id}</f:ResourceID><f:Variable>'
        "{names}</f:Variable><f:url_XYZ>{url}</f:url_XYZ><extraParams>{qualified}</extraParams>"
        "</f:{op}>"
    ),
    "children unqualified, as PHP": (
        '<f:{op} xmlns:f="http://impex-fp7.fmi.fi"><ResourceID>{id}</ResourceID><Variable>{names}'
        "</Variable><url_XYZ>{url}</url_XYZ><extraParams>{extra}</extraParams></f:{op}>"
    ),
}


@pytest.mark.parametrize(
    ("operation", "names", "extra", "value"),
    [
        ("getDataPointValue", "Bx,By", "OutputFileType", "VOTable"),
        ("getFieldLine", "Bx By Bz", "MaxSteps", "7"),
    ],
)
def test_raw_envelopes_in_three_qualifications_mean_the_same(
    mars_node: "MarsNode", operation: str, names: str, extra: str, value: str
) -> None:
    urls = set()
    for form in _FORMS.values():
        body = form.format(
            op=operation,
            id=_OUTPUT,
            names=names,
            url=mars_node.orbit,
            extra=f"<{extra}>{value}</{extra}>",
            qualified=f"<f:{extra}>{value}</f:{extra}>",
        )
        soap = "http://schemas.xmlsoap.org/soap/envelope/"
        envelope = f'<s:Envelope xmlns:s="{soap}"><s:Body>{body}</s:Body></s:Envelope>'
        status, answer = mars_node.post(envelope.encode())
        assert status == 200, answer
        urls.add(answer.partition(b"<ns1:anyURI>")[2].partition(b"</ns1:anyURI>")[0].decode())
    # A result is named by what was asked, so one name is one meaning.
    (url,) = urls
    assert b"<TR>" in mars_node.get(url)
