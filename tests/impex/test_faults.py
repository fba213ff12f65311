import orjson
import pytest
from lxml import etree

from impex.faults import fault
from impex.rest import error
from vo_server.errors import BadArgument, BadFile, Failure, Refusal, StorageFull, TooMuch

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (Refusal("no"), "Client"),
        (BadArgument("no"), "Client"),
        (TooMuch("no"), "Client"),
        (Failure("no"), "Server"),
        (BadFile("no"), "Server"),
        (StorageFull("no"), "Server"),
    ],
)
def test_fault_as_clients_know_it(refusal: Refusal, code: str) -> None:
    content = fault(refusal, "FMI")
    assert b"<SOAP-ENV:Envelope" in content
    assert f"<faultcode>SOAP-ENV:{code}</faultcode>".encode() in content
    (element,) = etree.fromstring(content).iter(f"{{{_SOAP}}}Fault")
    assert [(child.tag, child.text) for child in element] == [
        ("faultcode", f"SOAP-ENV:{code}"),
        ("faultstring", "error: no"),
        ("faultactor", "FMI"),
    ]


def test_what_xml_cannot_carry_is_replaced_and_the_rest_escaped() -> None:
    content = fault(BadArgument("<a> & \0\x1b\ud800 \n\t é"), "FMI")
    text = etree.fromstring(content).findtext(".//faultstring")
    assert text == "error: <a> & \ufffd\ufffd\ufffd é"


def test_text_is_bounded() -> None:
    text = etree.fromstring(fault(BadArgument("a" * 5000), "FMI")).findtext(".//faultstring")
    assert text is not None
    assert len(text) == 1003


@pytest.mark.parametrize(
    ("argument", "parameter"),
    [("point", "PlanePoint"), ("resolution", "Resolution"), ("start", "StartTime")],
)
def test_an_argument_of_the_kernel_has_the_name_of_the_parameter(
    argument: str, parameter: str
) -> None:
    refusal = BadArgument("the plane is nowhere", argument=argument)
    text = etree.fromstring(fault(refusal, "FMI")).findtext(".//faultstring")
    assert text == f"error: {parameter}: the plane is nowhere"
    assert orjson.loads(error(refusal)[0])["error"]["argument"] == parameter


@pytest.mark.parametrize("message", ["StepSize is bad", "is bad"])
def test_the_argument_is_named(message: str) -> None:
    content = fault(BadArgument(message, argument="StepSize"), "FMI")
    text = etree.fromstring(content).findtext(".//faultstring")
    assert text is not None
    assert text.startswith("error: StepSize")
    assert text.count("StepSize") == 1
