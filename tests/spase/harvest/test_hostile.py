"""Peers that mean harm, or are broken: bounded, told of, and the last good copy stays."""

import gzip
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lxml import etree
from starlette.testclient import TestClient

from tests.spase.harvest.conftest import Answer, Page, Peer
from vo_server import harvest
from vo_server.app import build
from vo_server.context import Context
from vo_server.row import Query

Node = Callable[..., Context]

_PERSON = (
    '<Spase xmlns="{}"><Version>2.2.2</Version><Person><ResourceID>spase://Peer/Person/A'
    "</ResourceID><OrganizationName>Peers</OrganizationName></Person></Spase>"
)
_TREE = _PERSON.format("http://impex-fp7.oeaw.ac.at").encode()
_SPASE = "http://www.spase-group.org/data/schema"
_OAI = (
    '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><responseDate>2026-01-01T00:00:00Z'
    "</responseDate><request>x</request>{}</OAI-PMH>"
)
_IDENTIFY = (
    "<Identify><deletedRecord>no</deletedRecord><granularity>YYYY-MM-DD</granularity></Identify>"
)
_RECORDS = (
    "<ListRecords><record><header><identifier>spase://Peer/Person/A</identifier><datestamp>"
    f"2025-01-01</datestamp></header><metadata>{_PERSON.format(_SPASE)}</metadata></record>"
    "</ListRecords>"
)
_LIMIT = 1_000_000  # bytes of one document
_SECONDS = 1.0  # for one document
_BOMB = gzip.compress(b" " * (20 * _LIMIT), 9)
_XML = {"Content-Type": "text/xml"}


def _configuration(peer: Peer) -> bytes:
    space, host = "http://www.impex.org/2012/configuration.xsd", peer.url.removeprefix("http://")
    return (
        f'<impexconfiguration xmlns="{space}"><database><name>A</name><dns>{host}</dns>'
        "<tree>/tree.xml</tree></database></impexconfiguration>"
    ).encode()


def _archive(path: str, headers: dict[str, str]) -> Answer:
    return 200, _XML, _OAI.format(_IDENTIFY if "Identify" in path else _RECORDS).encode()


def _records_only(page: Page) -> Page:
    """Let an archive tell who it is, and only its records be the page."""

    def answer(path: str, headers: dict[str, str]) -> Answer:
        return _archive(path, headers) if "Identify" in path else page(path, headers)

    return answer


# Kind of source: its path, the source it makes, and the path that turns bad.
_KINDS = {
    "oai": ("oai", "/oai", "peer", "/oai"),
    "oai-records": ("oai", "/oai", "peer", "/oai"),
    "tree": ("impex-tree", "/tree.xml", "peer", "/tree.xml"),
    "configuration": ("impex-configuration", "/configuration.xml", "peer.A", "/configuration.xml"),
    "configured": ("impex-configuration", "/configuration.xml", "peer.A", "/tree.xml"),
}


def _endless(path: str, headers: dict[str, str]) -> Answer:
    def body() -> Iterator[bytes]:
        yield b"<Spase>"
        for _ in range(1000 * _LIMIT // 65_536):
            yield b" " * 65_536

    return 200, _XML, body()


def _dripping(path: str, headers: dict[str, str]) -> Answer:
    def body() -> Iterator[bytes]:
        pause = threading.Event()
        for _ in range(60):
            yield b"<"
            pause.wait(1.0)

    return 200, _XML, body()


def _silent(path: str, headers: dict[str, str]) -> Answer:
    threading.Event().wait(3.0)
    return 200, _XML, b""


def _html(path: str, headers: dict[str, str]) -> Answer:
    return 200, {"Content-Type": "text/html"}, b"<!doctype html><html><p>We moved<br></html>"


def _bomb(path: str, headers: dict[str, str]) -> Answer:
    fields = {**_XML, "Content-Encoding": "gzip"}
    return 200, fields, _BOMB


def _picture(path: str, headers: dict[str, str]) -> Answer:
    return 200, {"Content-Type": "image/png"}, b"\x89PNG\r\n\x1a\n" + bytes(1000)


def _away(path: str, headers: dict[str, str]) -> Answer:
    return 302, {"Location": "http://10.0.0.1/tree.xml"}, b""


def _elsewhere(path: str, headers: dict[str, str]) -> Answer:
    return 302, {"Location": "file:///etc/passwd"}, b""


def _round(path: str, headers: dict[str, str]) -> Answer:
    return 302, {"Location": path}, b""


def _busy(path: str, headers: dict[str, str]) -> Answer:
    return 503, {"Retry-After": "7200"}, b""


def _broken(path: str, headers: dict[str, str]) -> Answer:
    return 200, {**_XML, "Content-Length": "1000"}, b"<Spase>"


def _unasked(path: str, headers: dict[str, str]) -> Answer:
    return 304, {}, b""


_HOSTILE: dict[str, tuple[Page, str]] = {
    "endless": (_endless, "limit"),
    "dripping": (_dripping, "did not deliver within"),
    "silent": (_silent, "did not deliver within"),
    "html": (_html, ""),
    "bomb": (_bomb, "limit"),
    "picture": (_picture, ""),
    "away": (_away, "10.0.0.1"),
    "elsewhere": (_elsewhere, "http"),
    "round": (_round, "redirects more than"),
    "busy": (_busy, "status 503"),
    "broken": (_broken, "ended early"),
}


def _pages(peer: Peer) -> None:
    peer.pages = {
        "/tree.xml": _TREE,
        "/configuration.xml": _configuration(peer),
        "/oai": _archive,
    }


def _harvest(context: Context) -> list[harvest.Outcome]:
    return harvest.run(context, context.settings.harvest[0])


def _ids(context: Context, source: str) -> list[str]:
    return [id for id, *_ in context.records.identities(Query(sources=(source,)))]


def _told(context: Context, source: str) -> dict[str, str]:
    """Give what `/spase/status` says of a source."""
    with TestClient(build(context.settings)) as client:
        answer = client.get("/spase/status")
    found: Any = etree.fromstring(answer.content)
    (made,) = [each for each in found.iter("Source") if each.get("name") == source]
    return {child.tag: child.text for child in made}


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("hostile", _HOSTILE)
def test_the_last_good_copy_stays(
    kind: str, hostile: str, peer: Peer, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    use, path, source, bad = _KINDS[kind]
    page, says = _HOSTILE[hostile]
    _pages(peer)
    context = node(f'[[harvest]]\nname = "peer"\nuse = "{use}"\nurl = "{peer.url}{path}"\n')
    assert [outcome.error for outcome in _harvest(context)] == [""]
    assert _ids(context, source) == ["spase://Peer/Person/A"]
    good = context.records.state(source)
    monkeypatch.setattr(harvest, "_ONE_URL", _SECONDS)
    monkeypatch.setattr(harvest, "_BYTES", _LIMIT)
    peer.pages[bad] = _records_only(page) if kind == "oai-records" else page
    peer.sent = 0
    (outcome,) = _harvest(context)
    assert says in outcome.error
    assert outcome.error
    assert outcome.after == (7200.0 if hostile == "busy" else 0.0)
    assert peer.sent < 10 * _LIMIT
    assert _ids(context, source) == ["spase://Peer/Person/A"]
    state = context.records.state(source)
    assert (state.succeeded, state.etag, state.cursor) == (good.succeeded, good.etag, good.cursor)
    assert context.records.state("peer").error
    peer.pages[bad] = (
        _archive if bad == "/oai" else (_TREE if bad == "/tree.xml" else _configuration(peer))
    )
    assert [outcome.error for outcome in _harvest(context)] == [""]
    assert context.records.state("peer").error == ""


def test_status_tells_the_age_of_the_last_good_copy(peer: Peer, node: Node) -> None:
    _pages(peer)
    context = node(
        f'[[fronts]]\nuse = "spase"\n[[harvest]]\nname = "peer"\nuse = "impex-tree"\n'
        f'url = "{peer.url}/tree.xml"\n'
    )
    _harvest(context)
    peer.pages["/tree.xml"] = _busy
    _harvest(context)
    told = _told(context, "peer")
    assert told.keys() == {"Tried", "Succeeded", "Age", "Error"}
    assert told["Age"].startswith("PT")
    assert "503" in told["Error"]


def test_nothing_new_is_none_where_nothing_was_seen(peer: Peer, node: Node) -> None:
    peer.pages["/tree.xml"] = _unasked
    context = node(f'[[harvest]]\nname = "peer"\nuse = "impex-tree"\nurl = "{peer.url}/tree.xml"\n')
    (outcome,) = _harvest(context)
    assert "304" in outcome.error


def test_xml_counts_whatever_its_type_is_said_to_be(peer: Peer, node: Node) -> None:
    peer.pages["/tree.xml"] = lambda path, headers: (200, {"Content-Type": "text/plain"}, _TREE)
    context = node(f'[[harvest]]\nname = "peer"\nuse = "impex-tree"\nurl = "{peer.url}/tree.xml"\n')
    (outcome,) = _harvest(context)
    assert outcome.changes is not None
    assert outcome.changes.new == 1
