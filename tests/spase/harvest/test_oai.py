"""Harvesting an OAI-PMH endpoint that answers by script."""

import itertools
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from spase.harvest import oai
from tests.spase.harvest.conftest import Answer, Peer
from vo_server.context import Context
from vo_server.harvest import run
from vo_server.row import Query

Node = Callable[..., Context]

_ENVELOPE = (
    '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
    "<responseDate>{now}</responseDate><request>x</request>{body}</OAI-PMH>"
)
_PERSON = (
    '<Spase xmlns="http://www.spase-group.org/data/schema"><Version>2.7.1</Version>'
    "<Person><ResourceID>spase://Peer/Person/{name}</ResourceID>"
    "<OrganizationName>Peers</OrganizationName></Person></Spase>"
)


class Endpoint:
    """An archive of persons: two a page, in the order of their changes."""

    def __init__(self, peer: Peer, deleted: str = "persistent", day: bool = False) -> None:
        self.people: dict[str, tuple[str, bool]] = {}
        self.now = "2026-01-01T00:00:00Z"
        self.deleted = deleted
        self.granularity = "YYYY-MM-DD" if day else "YYYY-MM-DDThh:mm:ssZ"
        self.queries: list[dict[str, str]] = []
        peer.pages["/oai"] = self.answer

    def put(self, name: str, date: str, deleted: bool = False) -> None:
        self.people[name] = (date, deleted)

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        query = {name: texts[0] for name, texts in parse_qs(urlsplit(path).query).items()}
        self.queries.append(query)
        body = self.identify() if query["verb"] == "Identify" else self.records(query)
        page = _ENVELOPE.format(now=self.now, body=body)
        return 200, {"Content-Type": "text/xml"}, page.encode()

    def identify(self) -> str:
        return (
            f"<Identify><deletedRecord>{self.deleted}</deletedRecord>"
            f"<granularity>{self.granularity}</granularity></Identify>"
        )

    def records(self, query: dict[str, str]) -> str:
        since, _, skip = query.get("resumptionToken", f"{query.get('from', '')}|0").partition("|")
        there = sorted((date, name) for name, (date, _) in self.people.items() if date >= since)
        start = int(skip)
        page = there[start : start + 2]
        if not page:
            return '<error code="noRecordsMatch">nothing</error>'
        token = f"{since}|{start + 2}" if len(there) > start + 2 else ""
        body = "".join(self.record(name) for _, name in page)
        return f"<ListRecords>{body}<resumptionToken>{token}</resumptionToken></ListRecords>"

    def record(self, name: str) -> str:
        date, deleted = self.people[name]
        status = ' status="deleted"' if deleted else ""
        header = (
            f"<header{status}><identifier>oai:peer.org:Peer/Person/{name}</identifier>"
            f"<datestamp>{date}</datestamp></header>"
        )
        metadata = "" if deleted else f"<metadata>{_PERSON.format(name=name)}</metadata>"
        return f"<record>{header}{metadata}</record>"


def _node(peer: Peer, node: Node) -> Context:
    return node(f'[[harvest]]\nname = "peer"\nuse = "oai"\nurl = "{peer.url}/oai"\n')


def _one(context: Context) -> Any:
    (outcome,) = run(context, context.settings.harvest[0])
    return outcome


def _names(context: Context) -> list[str]:
    found = context.records.identities(Query(sources=("peer",)))
    return [id.rpartition("/")[2] for id, *_ in found]


def test_all_pages_and_then_only_what_changed(peer: Peer, node: Node) -> None:
    endpoint = Endpoint(peer)
    for name in "ABCDE":
        endpoint.put(name, "2025-12-01T00:00:00Z")
    context = _node(peer, node)
    assert _one(context).changes.new == 5
    assert [q["verb"] for q in endpoint.queries] == ["Identify", *["ListRecords"] * 3]
    endpoint.queries.clear()
    assert _one(context).changes.new == 0
    assert endpoint.queries[1]["from"] == "2026-01-01T00:00:00Z"
    endpoint.now = "2026-01-02T00:00:00Z"
    endpoint.put("A", "2026-01-01T12:00:00Z", deleted=True)
    endpoint.put("F", "2026-01-01T13:00:00Z")
    changes = _one(context).changes
    assert (changes.new, changes.deleted) == (1, 1)
    assert _names(context) == list("BCDEF")
    row = context.records.get("spase://Peer/Person/A", "peer")
    assert row is not None
    assert row.deleted


def test_who_keeps_no_deleted_ones_is_harvested_whole(peer: Peer, node: Node) -> None:
    endpoint = Endpoint(peer, deleted="no")
    for name in "ABC":
        endpoint.put(name, "2025-12-01T00:00:00Z")
    context = _node(peer, node)
    _one(context)
    del endpoint.people["B"]
    assert _one(context).changes.deleted == 1
    assert "from" not in endpoint.queries[-1]
    assert _names(context) == ["A", "C"]


def test_a_month_later_everything_is_harvested_anew(peer: Peer, node: Node) -> None:
    endpoint = Endpoint(peer)
    endpoint.put("A", "2025-12-01T00:00:00Z")
    context = _node(peer, node)
    _one(context)
    endpoint.now = "2026-02-15T00:00:00Z"
    del endpoint.people["A"]
    endpoint.put("B", "2025-12-01T00:00:00Z")
    changes = _one(context).changes
    assert (changes.new, changes.deleted) == (1, 1)


def test_days_are_asked_for_as_days(peer: Peer, node: Node) -> None:
    endpoint = Endpoint(peer, day=True)
    endpoint.put("A", "2025-12-01")
    context = _node(peer, node)
    _one(context)
    _one(context)
    assert endpoint.queries[-1]["from"] == "2026-01-01"


def _page(body: str) -> Any:
    content = _ENVELOPE.format(now="2026-01-01T00:00:00Z", body=body).encode()

    def page(path: str, headers: dict[str, str]) -> Answer:
        if "Identify" in path:
            told = "<Identify><deletedRecord>no</deletedRecord></Identify>"
            return 200, {}, _ENVELOPE.format(now="2026-01-01T00:00:00Z", body=told).encode()
        return 200, {}, content

    return page


def _pages_without_end() -> Any:
    """Give pages that each have nothing but another token."""
    numbers = itertools.count()

    def page(path: str, headers: dict[str, str]) -> Answer:
        if "Identify" in path:
            return _page("")(path, headers)  # type: ignore[no-any-return]
        token = f"<ListRecords><resumptionToken>{next(numbers)}</resumptionToken></ListRecords>"
        return _page(token)(path, headers)  # type: ignore[no-any-return]

    return page


_RECORD = "<ListRecords><record><metadata><a>{}</a></metadata></record></ListRecords>"
_CIRCLE = "<ListRecords><resumptionToken>same</resumptionToken></ListRecords>"


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (_page(_CIRCLE), "circle"),
        (_page('<error code="badArgument">no &lt;b&gt;</error>'), "badArgument"),
        (_page("<ListRecords><record>"), "no XML"),
        (_pages_without_end(), "more pages"),
        (_page(_RECORD.format("<b/>" * 2000)), "without end"),
        (_page(_RECORD.format("<!---->" * 2000)), "without end"),
        (_page(_RECORD.format("<?b?>" * 2000)), "without end"),
        (_page(_RECORD.format("<b c='' d='' e=''/>" * 500)), "without end"),
        (_page(_RECORD.format("".join(f"<b xmlns:c{i}='d:'/>" for i in range(1000)))), "without e"),
        (_page(f"<x:a xmlns:x='{'u' * 300}'/>"), "a namespace has more than 256 characters"),
        (b"<html><body/></html>", "none of OAI-PMH"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "none of OAI-PMH"),
        (b"", "no XML"),
    ],
)
def test_what_is_no_archive_leaves_what_was_there(
    page: Any, says: str, peer: Peer, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oai, "_MOST_PAGES", 10)
    monkeypatch.setattr(oai, "_MOST_NODES", 1500)
    endpoint = Endpoint(peer, deleted="no")
    endpoint.put("A", "2025-12-01T00:00:00Z")
    context = _node(peer, node)
    _one(context)
    peer.pages["/oai"] = page
    assert says in _one(context).error
    assert _names(context) == ["A"]
