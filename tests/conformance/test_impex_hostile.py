"""Hostile and broken requests against a running node: each a clean fault, and the node goes on."""

import socket
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from lxml import etree

if TYPE_CHECKING:
    from tests.conformance.conftest import MarsNode

pytestmark = pytest.mark.conformance

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_OUTPUT = "spase://VOSERVER/NumericalOutput/HYB/Mars/RunB-coarse/H+netcdf"


def _wrap(content: str, prolog: str = "") -> bytes:
    return (
        f'{prolog}<s:Envelope xmlns:s="{_SOAP}"><s:Body>{content}</s:Body></s:Envelope>'
    ).encode()


_ALIVE = _wrap("<emptyElement/>")


def _lines(parameters: str, url: str = "ORBIT") -> bytes:
    given = f"<ResourceID>{_OUTPUT}</ResourceID><url_XYZ>{url}</url_XYZ>{parameters}"
    return _wrap(f"<getFieldLine>{given}</getFieldLine>")


def _fields(*fields: str) -> bytes:
    told = "".join(f"<Fields>{field}</Fields>" for field in fields)
    return _wrap(f"<getVOTableURL>{told}</getVOTableURL>")


_ATTRIBUTES = " ".join(f'a{i}="1"' for i in range(20_000))
_BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'

_HOSTILE: dict[str, tuple[bytes, dict[str, str], str]] = {
    "empty": (b"", {}, "empty"),
    "blank": (b" \n", {}, "empty"),
    "empty body": (_wrap(""), {}, "Body of the envelope is empty"),
    "two body children": (_wrap("<emptyElement/><emptyElement/>"), {}, "only one"),
    "json": (b"{}", {"Content_Type": "application/json"}, "Content-Type"),
    "form": (b"a=1", {"Content_Type": "application/x-www-form-urlencoded"}, "Content-Type"),
    "gzip": (b"\x1f\x8b\x08" + b"\0" * 20, {"Content_Encoding": "gzip"}, "Content-Encoding"),
    "gzip unannounced": (b"\x1f\x8b\x08" + b"\0" * 20, {}, "charset|not well-formed"),
    "attributes": (_wrap(f"<emptyElement {_ATTRIBUTES}/>"), {}, "64 attributes"),
    "depth": (_wrap("<isAlive>" + "<a>" * 5000), {}, "32 nested elements"),
    "elements": (_wrap(f"<isAlive>{'<a/>' * 60_000}</isAlive>"), {}, "20000 elements"),
    "no operation": (_wrap("<a/>" * 60_000), {}, "'a' is no operation of this service"),
    "long namespace": (
        _wrap(f"<x:a xmlns:x='{'u' * 120_000}'>{'<x:b/>' * 19_000}</x:a>"), {},
        "'a' is no operation of this service",
    ),
    "long namespace in a call": (
        _wrap(f"<x:getVOTableURL xmlns:x='{'u' * 120_000}'>{'<x:Fields/>' * 9_000}"
              "</x:getVOTableURL>"), {}, "Fields comes more than 1000 times",
    ),
    "endless fields": (
        _fields(*["<data/><name>a</name>"] * 6600), {}, "Fields comes more than 1000 times"
    ),
    "empty vector": (
        _wrap(f"<getSurface><ResourceID>{_OUTPUT}</ResourceID><PlanePoint/>"
              "<PlaneNormalVector>0 0 1</PlaneNormalVector></getSurface>"), {},
        "PlanePoint is missing",
    ),
    "plane elsewhere": (
        _wrap(f"<getSurface><ResourceID>{_OUTPUT}</ResourceID><PlanePoint>1e9 0 0</PlanePoint>"
              "<PlaneNormalVector>1 0 0</PlaneNormalVector></getSurface>"), {},
        "error: PlanePoint: the plane does not meet",
    ),
    "bad charset": (_ALIVE, {"Content_Type": "text/xml; charset=klingon"}, "charset"),
    "wrong charset": (_wrap("<a>é</a>"), {"Content_Type": "text/xml; charset=ascii"}, "charset"),
    "doctype": (_wrap("<emptyElement/>", "<!DOCTYPE x>"), {}, "DOCTYPE"),
    "entity bomb": (_wrap("<emptyElement>&b;</emptyElement>", _BOMB), {}, "DOCTYPE"),
    "external entity": (
        _wrap("<a>&x;</a>", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        {},
        "DOCTYPE",
    ),
    "utf-16 as utf-8": (_ALIVE.decode().encode("utf-16-le"), {}, "not well-formed"),
    "garbage": (b"\xff\xfe\xfd" * 350_000, {}, "error"),
    "letters": (b"a" * 1_000_000, {}, "not well-formed"),
    "nothing but tags": (b"<" * 1_000_000, {}, "not well-formed"),
    "five megabytes": (b" " * 5_000_000, {}, "larger than"),
    "not soap": (b"<html/>", {}, "no SOAP 1.1 envelope"),
    "soap 1.2": (_ALIVE.replace(_SOAP.encode(), b"http://www.w3.org/2003/05/soap-envelope"), {},
                 "SOAP 1.2"),
    "unknown operation": (_wrap("<getEverything/>"), {}, "'getEverything' is no operation"),
    "unknown parameter": (_lines("<Foo/>"), {}, "no parameter 'Foo'"),
    "doubled parameter": (_lines("<MaxSteps>1</MaxSteps><MaxSteps>1</MaxSteps>"), {}, "twice"),
    "too many steps": (_lines("<MaxSteps>1000000000</MaxSteps>"), {}, "1000000000 steps"),
    "no steps": (_lines("<MaxSteps>0</MaxSteps>"), {}, "MaxSteps must be"),
    "endless step count": (_lines(f"<MaxSteps>{'9' * 5000}</MaxSteps>"), {}, "MaxSteps"),
    "step zero": (_lines("<StepSize>0</StepSize>"), {}, "StepSize must be more than zero"),
    "step backwards": (_lines("<StepSize>-1</StepSize>"), {}, "StepSize must be more than zero"),
    "step nan": (_lines("<StepSize>NaN</StepSize>"), {}, "StepSize must be a finite number"),
    "step inf": (_lines("<StepSize>INF</StepSize>"), {}, "StepSize must be a finite number"),
    "region inverted": (
        _lines("<StopCondition_Region>1 0 0 1 0 1</StopCondition_Region>"),
        {},
        "StopCondition_Region must be",
    ),
    "region elsewhere": (
        _lines("<StopCondition_Region>1 2 1 2 1 2</StopCondition_Region>"),
        {},
        "all starting points lie outside StopCondition_Region",
    ),
    "radius beyond": (
        _lines("<StopCondition_Radius>1e9</StopCondition_Radius>"),
        {},
        "all starting points lie inside the body",
    ),
    "no lines of that": (_lines("<Variable>Density</Variable>"), {}, "Variable must name"),
    "file url": (_lines("", "file:///etc/passwd"), {}, "url_XYZ"),
    "this machine's ports": (_lines("", "http://127.0.0.1:22/"), {}, "error"),
    "private network": (_lines("", "http://169.254.169.254/latest/meta-data"), {}, "url_XYZ"),
    "endless id": (_lines("", "a" * 5000), {}, "more than 4096 characters"),
    "time step": (
        _lines("").replace(b"H+netcdf", b"H+netcdf?20040101_000000"), {}, "does not change in time"
    ),
    "unequal columns": (
        _fields("<name>X</name><data>1 2</data>", "<name>Y</name><data>1</data>"),
        {},
        "unequal",
    ),
    "column of words": (
        _fields("<name>X</name><data>one</data><datatype>float</datatype>"), {}, "'one'"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(_HOSTILE))
def test_a_clean_fault_and_the_node_goes_on(mars_node: "MarsNode", name: str) -> None:
    content, headers, words = _HOSTILE[name]
    content = content.replace(b"ORBIT", mars_node.orbit.encode())
    status, answer = mars_node.post(content, **headers)
    assert status == 500
    root = etree.fromstring(answer)
    assert root.findtext(".//faultcode") == "SOAP-ENV:Client"
    text = root.findtext(".//faultstring") or ""
    assert text.startswith("error: ")
    assert any(word in text for word in words.split("|")), text
    assert len(answer) < 2000
    assert mars_node.post(_ALIVE)[0] == 200


def test_utf16_is_understood(mars_node: "MarsNode") -> None:
    for encoding, content_type in (
        ("utf-16", "text/xml; charset=utf-8"),
        ("utf-16-be", "text/xml"),
    ):
        content = _ALIVE.decode().encode(encoding)
        assert mars_node.post(content, Content_Type=content_type)[0] == 200


def _talk(node: "MarsNode", *pieces: bytes) -> bytes:
    """Send pieces over a socket of one's own and read until the node closes or is silent."""
    address = urlsplit(node.url)
    with socket.create_connection((address.hostname or "", address.port or 0), 30) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return b"".join(_received(connection))


def _received(connection: socket.socket) -> Iterator[bytes]:
    while piece := connection.recv(65536):
        yield piece


def test_http_1_0(mars_node: "MarsNode") -> None:
    """As Axis 1 speaks: no Host, no chunks, the connection ends with the answer."""
    head = (
        "POST /impex/fmi HTTP/1.0\r\nContent-Type: text/xml; charset=utf-8\r\n"
        f'SOAPAction: "Alive"\r\nContent-Length: {len(_ALIVE)}\r\n\r\n'
    )
    answer = _talk(mars_node, head.encode(), _ALIVE)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"transfer-encoding" not in answer.lower()
    assert b"<ns1:boolean>true</ns1:boolean>" in answer


def test_chunks_without_a_length(mars_node: "MarsNode") -> None:
    head = (
        b"POST /impex/fmi HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (_ALIVE[:20], _ALIVE[20:])]
    answer = _talk(mars_node, head, *chunks, b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


def test_a_request_broken_off_harms_nobody(mars_node: "MarsNode") -> None:
    address = urlsplit(mars_node.url)
    with socket.create_connection((address.hostname or "", address.port or 0), 30) as connection:
        connection.sendall(b"POST /impex/fmi HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n<a")
    assert mars_node.post(_ALIVE)[0] == 200


def test_the_address_comes_from_the_node_file(mars_node: "MarsNode") -> None:
    request = urllib.request.Request(f"{mars_node.endpoint}?wsdl", headers={"Host": "evil.test"})
    with urllib.request.urlopen(request) as answer:
        content = answer.read()
    assert b"evil" not in content
    assert f'location="{mars_node.endpoint}"'.encode() in content
