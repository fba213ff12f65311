"""The endpoint over ASGI: what is refused before the message, and that every answer is SOAP."""

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from ipaddress import ip_network
from threading import Event, Thread
from typing import Any

import pytest
from lxml import etree
from starlette.testclient import TestClient

import impex.front
from impex.dialect import Dialect
from impex.front import ImpexFront
from impex.operations import Operations
from impex.soap import SoapService
from tests.hapi.upstream import Upstream
from vo_server.app import build
from vo_server.context import Context
from vo_server.contract import check_front
from vo_server.errors import BadArgument
from vo_server.settings import Plugin, Settings

Wrap = Callable[[str], bytes]
Message = dict[str, Any]

_XML = {"Content-Type": "text/xml; charset=utf-8"}
_FMI = "/impex/fmi"
_WATCHDOG = 30.0  # seconds; no test comes near
_DIPOLE = "spase://MyLab/NumericalOutput/Dipole"


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(build(settings), base_url="http://node.test") as client:
        yield client


def _fault(answer: Any) -> str:
    """Give the text of an answer that must be a fault of the client's."""
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    root = etree.fromstring(answer.content)
    assert root.findtext(".//faultcode") == "SOAP-ENV:Client"
    assert root.findtext(".//faultactor") == "FMI"
    text = root.findtext(".//faultstring")
    assert text is not None
    assert text.startswith("error: ")
    return text


def test_alive(client: TestClient, wrap: Wrap) -> None:
    answer = client.post(_FMI, content=wrap("<emptyElement/>"), headers=_XML)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert b"<ns1:boolean>true</ns1:boolean>" in answer.content


@pytest.mark.parametrize("path", [f"{_FMI}?wsdl", f"{_FMI}?WSDL", f"{_FMI}.wsdl"])
def test_description(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert b'<soap:address location="http://node.test/impex/fmi"/>' in answer.content
    assert client.head(path).status_code == 200


def test_page_for_people(client: TestClient) -> None:
    answer = client.get(_FMI)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "getDataPointValue" in answer.text


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/xml", 'text/xml;charset="UTF-8"', "application/xml", "application/soap+xml"],
)
def test_content_types(client: TestClient, wrap: Wrap, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = client.post(_FMI, content=wrap("<emptyElement/>"), headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Content-Type": "application/json"}, "Content-Type 'application/json' is not accepted"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "is not accepted; send SOAP 1.1"),
        ({"Content-Type": "multipart/related; boundary=x"}, "'multipart/related' is not accepted"),
        ({"Content-Type": "garbage"}, "Content-Type 'garbage'"),
        ({"Content-Type": "text/xml; charset=klingon"}, "charset 'klingon' is not understood"),
        ({"Content-Type": "text/xml; charset=utf-7"}, "charset 'utf-7' is not understood"),
        ({**_XML, "Content-Encoding": "gzip"}, "Content-Encoding 'gzip' is not accepted"),
    ],
)
def test_headers_that_are_refused(
    client: TestClient, wrap: Wrap, headers: dict[str, str], words: str
) -> None:
    answer = client.post(_FMI, content=wrap("<emptyElement/>"), headers=headers)
    assert words in _fault(answer)


def test_empty_post(client: TestClient) -> None:
    assert "the request is empty" in _fault(client.post(_FMI, headers=_XML))


def test_too_large(client: TestClient, wrap: Wrap) -> None:
    answer = client.post(_FMI, content=b"x" * (4096 * 1024 + 1), headers=_XML)
    assert "larger than this service's limit of 4194304 bytes" in _fault(answer)


@pytest.mark.parametrize("count", [65, 300])
def test_too_large_in_chunks(client: TestClient, count: int) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(count):
            yield b"x" * 65536

    answer = client.post(_FMI, content=chunks(), headers=_XML)
    assert "larger than this service's limit" in _fault(answer)


def test_unforeseen_errors_are_the_servers(
    client: TestClient, wrap: Wrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> bytes:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(SoapService, "reply", fail)
    answer = client.post(_FMI, content=wrap("<emptyElement/>"), headers=_XML)
    assert answer.status_code == 500
    root = etree.fromstring(answer.content)
    assert root.findtext(".//faultcode") == "SOAP-ENV:Server"
    assert b"secret" not in answer.content


def _in_thread(ask: Callable[[], Any]) -> Future[Any]:
    """Ask in a thread of its own."""
    future: Future[Any] = Future()
    Thread(target=lambda: future.set_result(ask()), daemon=True).start()
    return future


def test_alive_does_not_wait_for_work(
    settings: Settings, wrap: Wrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, release = Event(), Event()

    def hang(*arguments: object) -> str:
        begun.set()
        assert release.wait(_WATCHDOG)
        return "http://node.test/done"

    monkeypatch.setattr(Operations, "data_point_value", hang)
    limits = settings.limits.model_copy(update={"concurrent": 1})
    settings = settings.model_copy(update={"limits": limits})
    given = {"ResourceID": _DIPOLE, "url_XYZ": "http://node.test/a"}
    with TestClient(build(settings), base_url="http://node.test") as client:

        def ask() -> Any:
            return client.get("/impex/rest/fmi/getDataPointValue", params=given)

        try:
            hanging = [_in_thread(ask) for _ in range(3)]
            assert begun.wait(_WATCHDOG)
            for name, element in (("fmi", "emptyElement"), ("latmos", "emptyAlive")):
                answer = client.post(f"/impex/{name}", content=wrap(f"<{element}/>"), headers=_XML)
                assert b">true</ns1:" in answer.content
                answer = client.get(f"/impex/rest/{name}/isAlive")
                assert answer.json() == {"result": True}
            assert not any(future.done() for future in hanging)
        finally:
            release.set()
        assert all(future.result(_WATCHDOG).status_code == 200 for future in hanging)


def test_a_silent_server_holds_up_nobody_else(settings: Settings, wrap: Wrap) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(_WATCHDOG)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/orbit.vot"
        limits = settings.limits.model_copy(update={"concurrent": 1})
        opened = settings.fetch.model_copy(update={"allow": (ip_network("127.0.0.1/32"),)})
        settings = settings.model_copy(update={"limits": limits, "fetch": opened})
        content = wrap(
            f"<getDataPointValue><ResourceID>{_DIPOLE}</ResourceID>"
            f"<url_XYZ>{url}</url_XYZ></getDataPointValue>"
        )
        columns = [{"name": name, "data": [5e6], "unit": "m"} for name in "XYZ"]
        with TestClient(build(settings), base_url="http://node.test") as client:

            def ask() -> Any:
                return client.post(_FMI, content=content, headers=_XML)

            hanging = [_in_thread(ask) for _ in range(3)]
            connections = [silent.accept()[0] for _ in hanging]  # all of them have begun
            told = client.post("/impex/rest/fmi/getVOTableURL", json={"Fields": columns})
            given = {"ResourceID": _DIPOLE, "url_XYZ": told.json()["result"]}
            answer = client.get("/impex/rest/fmi/getDataPointValue", params=given)
            assert answer.status_code == 200
            assert not any(future.done() for future in hanging)
            for connection in connections:
                connection.close()
            assert all("url_XYZ" in _fault(future.result(_WATCHDOG)) for future in hanging)


def _orbit_server(path: str) -> tuple[int, bytes]:
    """Answer as a HAPI server that describes an orbit but fails to give its records."""
    stamp = {"name": "Time", "type": "isotime", "length": 24, "units": "UTC", "fill": None}
    place = [{"name": a, "type": "double", "units": "km", "fill": None} for a in "XYZ"]
    told = {
        "HAPI": "3.0", "status": {"code": 1200, "message": "OK"}, "outputFormats": ["csv"],
        "catalog": [{"id": "a"}], "startDate": "2026-01-01Z", "stopDate": "2026-02-01Z",
        "cadence": "PT1M", "parameters": [stamp, *place],
    }  # fmt: skip
    return 503 if "/data" in path else 200, json.dumps(told).encode()


def test_an_orbit_whose_source_fails_is_the_nodes_trouble(settings: Settings, wrap: Wrap) -> None:
    upstream = Upstream(_orbit_server)
    told = {"dataset": "a", "spacecraft": "MAVEN", "body": "Mars", "frame": "MSO"}
    orbit = Plugin(use="hapi-orbit", **upstream.options(**told))
    settings = settings.model_copy(update={"providers": (*settings.providers, orbit)})
    given = {
        "ResourceID": _DIPOLE, "Spacecraft_name": "MAVEN", "Sampling": "PT60S",
        "StartTime": "2026-01-02T00:00:00", "StopTime": "2026-01-02T00:10:00",
    }  # fmt: skip
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in given.items())
    with TestClient(build(settings), base_url="http://node.test") as client:
        end = time.monotonic() + _WATCHDOG
        content = wrap(f"<getDataPointValueSpacecraft>{inner}</getDataPointValueSpacecraft>")
        answer = client.post(_FMI, content=content, headers=_XML)
        while b"has no orbit here" in answer.content:  # the node has yet to hear of it
            assert time.monotonic() < end
            time.sleep(0.05)
            answer = client.post(_FMI, content=content, headers=_XML)
        again = client.post(_FMI, content=content, headers=_XML)
        assert again.content == answer.content
        root = etree.fromstring(answer.content)
        assert root.findtext(".//faultcode") == "SOAP-ENV:Server"
        said = root.findtext(".//faultstring") or ""
        assert said.startswith("error: the orbit of MAVEN is not known now: its source")
        answer = client.get("/impex/rest/fmi/getDataPointValueSpacecraft", params=given)
        assert answer.status_code == 500
    assert sum("/data" in path for path in upstream.asked) == 1
    upstream.close()


def _exchange(
    settings: Settings, headers: dict[str, str], receive: Callable[[], Awaitable[Message]]
) -> list[Message]:
    """Ask the application with a receive channel of one's own."""
    sent: list[Message] = []

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.0",
        "method": "POST",
        "scheme": "http",
        "path": _FMI,
        "raw_path": _FMI.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def run() -> None:
        await build(settings)(scope, receive, send)

    asyncio.run(run())
    return sent


def test_announced_size_is_refused_before_reading(settings: Settings) -> None:
    async def receive() -> Message:
        raise AssertionError("the body was read")

    start, body = _exchange(settings, {**_XML, "Content-Length": "99999999999"}, receive)
    assert start["status"] == 500
    assert b"larger than" in body["body"]


def test_a_body_that_does_not_come(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impex.front, "_SECONDS", 0.05)
    first = [True]

    async def receive() -> Message:
        if first:
            first.clear()
            return {"type": "http.request", "body": b"<", "more_body": True}
        await asyncio.Event().wait()
        raise AssertionError

    start, body = _exchange(settings, _XML, receive)
    assert start["status"] == 500
    assert (b"connection", b"close") in start["headers"]
    assert b"did not arrive within 0.05 s" in body["body"]


def test_a_client_that_goes(settings: Settings) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    _, body = _exchange(settings, _XML, receive)
    assert b"the request broke off" in body["body"]


def test_contract(context: Context) -> None:
    assert check_front(ImpexFront, {}, context) == []


def test_dialects_are_chosen_by_name(context: Context) -> None:
    front = ImpexFront(ImpexFront.Options(dialects=("fmi", "fmi")))
    assert [route.path for route in front.routes(context)] == [
        "/fmi",
        "/fmi.wsdl",
        "/rest/fmi/{operation}",
        "/rest/node/{operation}",
        "/rest/{rest:path}",
        "/tree.xml",
        "/configuration.xml",
        "/openapi.json",
        "/rest",
    ]
    with pytest.raises(BadArgument, match="no dialect 'klingon'; there are: fmi, latmos"):
        ImpexFront(ImpexFront.Options(dialects=("klingon",)))


def test_another_dialect_has_an_endpoint_of_its_own(
    settings: Settings, latmos: Dialect, wrap: Wrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = replace(latmos, operations=latmos.operations[2:])
    monkeypatch.setitem(impex.front._DIALECTS, "latmos", alive)
    both = Plugin(use="impex", dialects=("fmi", "latmos"))
    settings = settings.model_copy(update={"fronts": (both,)})
    with TestClient(build(settings), base_url="http://node.test") as client:
        answer = client.post("/impex/latmos", content=wrap("<emptyAlive/>"), headers=_XML)
        assert b"<ns1:alive>true</ns1:alive>" in answer.content
        assert b'xmlns:ns1="http://impex.latmos.ipsl.fr"' in answer.content
        answer = client.post("/impex/latmos", content=wrap("<emptyElement/>"), headers=_XML)
        assert b"<faultactor>LATMOS</faultactor>" in answer.content
        answer = client.get("/impex/latmos.wsdl")
        assert b'location="http://node.test/impex/latmos"' in answer.content
        answer = client.post(_FMI, content=wrap("<emptyElement/>"), headers=_XML)
        assert b"<ns1:boolean>true</ns1:boolean>" in answer.content


def test_parity_is_told_by_dialect(settings: Settings, wrap: Wrap) -> None:
    told = Plugin(use="impex", parity={"fmi": {"outside": -999, "votable": "1.2"}})
    settings = settings.model_copy(update={"fronts": (told,)})
    columns = "".join(
        f"<Fields><data>{data}</data><name>{name}</name><unit>m</unit></Fields>"
        for name, data in (("X", "5e6 9e9"), ("Y", "0 0"), ("Z", "0 0"))
    )
    with TestClient(build(settings), base_url="http://node.test") as client:

        def ask(dialect: str, operation: str, content: str) -> str:
            request = wrap(f"<{operation}>{content}</{operation}>")
            answer = client.post(f"/impex/{dialect}", content=request, headers=_XML)
            assert answer.status_code == 200, answer.text
            (body,) = etree.fromstring(answer.content).iterchildren("{*}Body")
            return client.get(str(body[0].text)).text

        table = client.post(_FMI, content=wrap(f"<getVOTableURL>{columns}</getVOTableURL>"),
                            headers=_XML)  # fmt: skip
        url = etree.fromstring(table.content).findtext(".//{*}anyURI")
        call = f"<ResourceID>{_DIPOLE}</ResourceID><url_XYZ>{url}</url_XYZ>"
        old, new = (ask(name, "getDataPointValue", call) for name in ("fmi", "latmos"))
    assert 'version="1.2"' in old
    assert "<TD>-999.0</TD>" in old
    assert 'version="1.4"' in new
    assert "<TD>NaN</TD>" in new


def test_parity_of_a_dialect_that_is_none() -> None:
    with pytest.raises(BadArgument, match="no dialect 'klingon'"):
        ImpexFront(ImpexFront.Options.model_validate({"parity": {"klingon": {}}}))
