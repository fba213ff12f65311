"""One node of ours harvests another's OAI-PMH: all, then what changed, then what is gone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from starlette.testclient import TestClient

from spase.read import read
from spase.rows import row
from tests.spase.harvest.conftest import Answer, Peer
from tests.spase.served import SpaseNode, spase_node
from vo_server.app import build
from vo_server.budget import Budget
from vo_server.context import Context
from vo_server.harvest import forget_unset, run
from vo_server.row import Changes, Query, Row

Node = Callable[..., Context]

_MANY = 105  # records: more than a page
_OAI = "{http://www.openarchives.org/OAI/2.0/}"
_FRONT = '[[fronts]]\nuse = "spase"\n'


def _record(good: bytes, name: str, more: bytes = b"") -> Row:
    content = good.replace(b"PT1M</ResourceID>", b"%s</ResourceID>" % name.encode())
    content = content.replace(b"Minutes.", b"Minutes." + more)
    return row(read(content, Budget())[0][0], "given", content)


@pytest.fixture
def giver(tmp_path: Path, peer: Peer) -> Iterator[SpaseNode]:
    """Serve a node of ours at `/oai` of the peer."""
    folder = tmp_path / "giver"
    folder.mkdir()
    with spase_node(folder) as made:

        def page(path: str, headers: dict[str, str]) -> Answer:
            answer = made.client.get(f"/oai?{path.partition('?')[2]}")
            return answer.status_code, {"Content-Type": "text/xml"}, answer.content

        peer.pages["/oai"] = page
        yield made


def _source(peer: Peer, prefix: str = "spase") -> str:
    return (
        f'{_FRONT}[[harvest]]\nname = "peer"\nuse = "oai"\nurl = "{peer.url}/oai"\n'
        f'prefix = "{prefix}"\n'
    )


def _changes(context: Context) -> Changes:
    (outcome,) = run(context, context.settings.harvest[0])
    assert outcome.error == ""
    assert outcome.changes is not None
    return outcome.changes


def _ids(context: Context, *sources: str) -> set[str]:
    found = {id for id, *_ in context.records.identities(Query(sources=sources))}
    return {id for id in found if id.startswith("spase://")}


def _statuses(context: Context, source: str) -> dict[str, str | None]:
    """Give the status of each record that the taker's own OAI-PMH tells of."""
    found: dict[str, str | None] = {}
    with TestClient(build(context.settings)) as client:
        asked = {"verb": "ListIdentifiers", "metadataPrefix": "spase"}
        for _ in range(10):
            root: Any = etree.fromstring(client.get("/oai", params=asked).content)
            for header in root.iter(f"{_OAI}header"):
                id = header.findtext(f"{_OAI}identifier")
                found[id.rpartition("/")[2]] = header.get("status")
            token = root.findtext(f".//{_OAI}resumptionToken")
            if not token:
                break
            asked = {"verb": "ListIdentifiers", "resumptionToken": token}
    return found


def test_all_then_what_changed_then_what_is_gone(
    giver: SpaseNode, peer: Peer, node: Node, good: bytes
) -> None:
    many = [_record(good, f"N{number}") for number in range(_MANY)]
    giver.context.keep("given", many)
    context = node(_source(peer))
    there = _ids(giver.context)
    assert len(there) > _MANY
    assert _changes(context).new == len(there)
    assert _ids(context, "peer") == there
    for id in sorted(there)[::50]:
        given, taken = giver.context.records.get(id), context.records.get(id, "peer")
        assert given is not None
        assert taken is not None
        assert _resource(given) == _resource(taken)
    peer.asked.clear()
    anew = [*many[1:-1], _record(good, "N1", b" Changed."), _record(good, "new")]
    giver.context.keep("given", [row for row in anew if row is not many[1]])
    changes = _changes(context)
    assert (changes.new, changes.modified, changes.deleted) == (1, 1, 2)
    assert "from=" in peer.asked[1][0]
    assert len(peer.asked) <= 4  # Identify, and what lies in the second of the first harvest
    assert _ids(context, "peer") == _ids(giver.context)
    changes = _changes(context)
    assert (changes.new, changes.modified, changes.deleted) == (0, 0, 0)
    told = _statuses(context, "peer")
    assert (told["N0"], told["N1"], told["new"]) == ("deleted", None, None)


def _resource(row: Row) -> Any:
    return read(row.content, Budget())[0][0].resource


def test_impex_of_another_node(giver: SpaseNode, peer: Peer, node: Node) -> None:
    context = node(_source(peer, "impex"))
    assert _changes(context).new > 0
    kinds = {kind for _, kind, _ in context.records.identities(Query(sources=("peer",)))}
    assert {"SimulationRun", "NumericalOutput"} <= kinds or {"ModelRun"} <= kinds


def test_a_source_that_is_no_longer_set_is_deleted_and_told_of(
    giver: SpaseNode, peer: Peer, node: Node, good: bytes, tmp_path: Path
) -> None:
    giver.context.keep("given", [_record(good, "shared"), _record(good, "alone")])
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "a.xml").write_bytes(_record(good, "shared").content)
    files = '[[harvest]]\nname = "files"\nuse = "folder"\npath = "records"\n'
    context = node(_source(peer) + files)
    for source in context.settings.harvest:
        run(context, source)
    context = node(_FRONT + files)
    assert forget_unset(context) == ["peer"]
    assert forget_unset(context) == []
    assert _ids(context, "peer") == set()
    told = _statuses(context, "peer")
    assert (told["alone"], told["shared"]) == ("deleted", None)
    state = context.records.state("peer")
    assert "no longer in the node file" in state.error
    assert state.cursor == ""
    context = node(_source(peer) + files)
    assert _changes(context).modified > 1
    assert _statuses(context, "peer")["alone"] is None


def test_another_url_of_the_same_name_is_another_place(
    giver: SpaseNode, peer: Peer, node: Node, good: bytes
) -> None:
    giver.context.keep("given", [_record(good, "old")])
    context = node(_source(peer))
    _changes(context)
    peer.pages["/other"] = peer.pages["/oai"]
    context = node(_source(peer).replace("/oai", "/other"))
    peer.asked.clear()
    _changes(context)
    assert all("from=" not in path for path, _ in peer.asked)
