"""Further services are tables: their calls, answers and descriptions, from tests/dialects.py."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import zeep
from lxml import etree

from impex.dialect import Dialect
from impex.fmi import FMI
from impex.openapi import openapi
from impex.page import page
from impex.soap import SoapService
from impex.wsdl import SOAP_BINDING, WSDL, wsdl
from tests.dialects import AMDA, CLWEB, LESIA, SINP

Wrap = Callable[[str], bytes]

_Client: Any = zeep.Client
_Transport: Any = zeep.Transport
_ADDRESS = "http://127.0.0.1:8000/impex/x"
_VOTABLE = b'<VOTABLE xmlns="http://www.ivoa.net/xml/VOTable/v1.2"/>'
_FILES = ["http://node.test/a.vot?x=1&y=2", "http://node.test/b.vot"]
_ANSWERS: dict[str, Any] = {
    "isAlive": True,
    "getFileURL": _VOTABLE,
    "getObsDataTree": {
        "success": True,
        "Tree": "http://node.test/tree.xml",
        "WorkSpace": {"LocalDataBaseParameters": "http://node.test/tree.xml"},
    },
    "getParameter": {"success": True, "dataFileURLs": _FILES},
}
_FURTHER = [SINP, LESIA, AMDA, CLWEB]
each = pytest.mark.parametrize("dialect", _FURTHER, ids=[d.name for d in _FURTHER])


def _answer(given: Any, *, answer: Any) -> Any:
    return answer


def _service(dialect: Dialect) -> SoapService:
    return SoapService(dialect, {n: partial(_answer, answer=a) for n, a in _ANSWERS.items()})


def _ask(dialect: Dialect, wrap: Wrap, content: str) -> Any:
    answer = etree.fromstring(_service(dialect).answer(wrap(content), "", ""))
    (body,) = answer.iterchildren("{*}Body")
    (reply,) = body
    return reply


@pytest.mark.parametrize(
    ("dialect", "element", "reply"),
    [
        (SINP, "emptyElement", "boolean"),
        (LESIA, "emptyAlive", "alive"),
        (AMDA, "emptyAlive", "alive"),
    ],
    ids=["sinp", "lesia", "amda"],
)
def test_alive(dialect: Dialect, wrap: Wrap, element: str, reply: str) -> None:
    found = _ask(dialect, wrap, f'<{element} xmlns="{dialect.namespace}"/>')
    assert found.tag == f"{{{dialect.namespace}}}{reply}"
    assert found.text == "true"


def test_a_record_is_an_answer(wrap: Wrap) -> None:
    asked = (
        "<getParameter><startTime>1996-01-15T00:00</startTime><stopTime>1996-01-16T00:00</stopTime>"
        "<parameterID>vex_xyz</parameterID><sampling>60</sampling></getParameter>"
    )
    for dialect in (AMDA, CLWEB):
        found = _ask(dialect, wrap, asked)
        assert found.tag == f"{{{dialect.namespace}}}getParameterResponse"
        assert found.prefix == "ns1"
        assert [(e.tag, e.text) for e in found] == [
            ("success", "true"),
            *(("dataFileURLs", url) for url in _FILES),
        ]


def test_an_element_without_content_means_another_operation_elsewhere(wrap: Wrap) -> None:
    (success, workspace) = _ask(AMDA, wrap, "<emptyElement/>")
    assert success.text == "true"
    assert [e.tag for e in workspace] == ["LocalDataBaseParameters"]
    (_, tree) = _ask(CLWEB, wrap, "<emptyElement/>")
    assert (tree.tag, tree.text) == ("Tree", "http://node.test/tree.xml")


def test_a_document_is_an_answer(wrap: Wrap) -> None:
    asked = (
        "<getFileURL><ResourceID>spase://A/B</ResourceID><StartTime>2007-01-01</StartTime>"
        "<StopTime>2008-01-01</StopTime></getFileURL>"
    )
    assert etree.QName(_ask(LESIA, wrap, asked)).localname == "VOTABLE"


@each
def test_descriptions(dialect: Dialect, tmp_path: Any) -> None:
    content = wsdl(dialect, _ADDRESS)
    root = etree.fromstring(content)
    assert root.get("targetNamespace") == dialect.namespace
    (service,) = root.iter(f"{{{WSDL}}}service")
    (port,) = service
    assert (service.get("name"), port.get("name")) == (dialect.service, dialect.port)
    actions = [o.get("soapAction") for o in root.iter(f"{{{SOAP_BINDING}}}operation")]
    assert actions == [operation.action for operation in dialect.operations]
    path = tmp_path / "service.wsdl"
    path.write_bytes(content)
    client = _Client(str(path))
    (found,) = client.wsdl.services.values()
    (bound,) = found.ports.values()
    assert list(bound.binding.all()) == [operation.name for operation in dialect.operations]
    assert dialect.operations[0].name.encode() in page(dialect, _ADDRESS)
    assert openapi([FMI, dialect], _ADDRESS, "1")


@pytest.mark.parametrize("dialect", [AMDA, CLWEB], ids=["amda", "clweb"])
def test_clients_read_records(dialect: Dialect, tmp_path: Any, wrap: Wrap) -> None:
    path = tmp_path / "service.wsdl"
    path.write_bytes(wsdl(dialect, _ADDRESS))
    service = _service(dialect)

    class Transport(_Transport):  # type: ignore[misc]  # zeep is untyped
        def post(self, address: str, message: bytes, headers: dict[str, str]) -> Any:
            content = service.answer(message, "utf-8", headers.get("SOAPAction", ""))
            answer = type("Answer", (), {"status_code": 200, "headers": {}, "encoding": "utf-8"})()
            answer.content = content
            return answer

    client = _Client(str(path), transport=Transport())
    found = client.service.getParameter(
        startTime="1996-01-15T00:00", stopTime="1996-01-16T00:00", parameterID="vex_xyz"
    )
    assert found.success is True
    assert found.dataFileURLs == _FILES
