"""Harvesting IMPEx trees and configurations from a peer on loopback."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from starlette.testclient import TestClient

from impex.tree import harvested, original
from spase.harvest.tree import trees
from tests.spase.harvest.conftest import Peer
from vo_server.app import build
from vo_server.context import Context
from vo_server.errors import BadArgument, UnknownResource
from vo_server.harvest import run
from vo_server.row import Query

Node = Callable[..., Context]

_TREES = {
    "AMDA": "AMDA/spase_amda_tree-1_0_0.xml.gz",
    "CCMC": "CCMC/Tree_CCMC.xml",
    "FMI_GUMICS": "FMI_GUMICS/Tree_FMI_GUMICS.xml.gz",
    "FMI_HYB": "FMI_HYB/Tree_FMI_HYB.xml.gz",
    "LATMOS": "LATMOS/tree.xml.gz",
    "LESIA": "LESIA/tree_Mag.xml",
    "SINP": "SINP/SINP_tree.xml",
    "SMWG": "SMWG/Tree_UCLA.xml",
    "VMO": "VMO/Tree_UCLA.xml",
}
_SPACE = "http://www.impex.org/2012/configuration.xsd"
_TREE = """<Spase xmlns="http://impex-fp7.oeaw.ac.at"><Version>2.2.2</Version>{}</Spase>"""
_PERSON = (
    "<Person><ResourceID>spase://Peer/Person/{}</ResourceID>"
    "<OrganizationName>Peers</OrganizationName></Person>"
)


def _tree(*names: str) -> bytes:
    return _TREE.format("".join(_PERSON.format(name) for name in names)).encode()


def _configuration(host: str, *trees: tuple[str, str]) -> bytes:
    databases = "".join(
        f"<database><name>{name}</name><dns>{host}</dns><tree>{path}</tree>"
        "<protocol>http</protocol></database>"
        for name, path in trees
    )
    return f'<impexconfiguration xmlns="{_SPACE}">{databases}</impexconfiguration>'.encode()


def _source(peer: Peer, use: str = "impex-tree", path: str = "/tree.xml") -> str:
    return f'[[harvest]]\nname = "peer"\nuse = "{use}"\nurl = "{peer.url}{path}"\n'


def _ids(context: Context, source: str = "peer") -> list[str]:
    return [id for id, *_ in context.records.identities(Query(sources=(source,)))]


def _one(context: Context) -> Any:
    (outcome,) = run(context, context.settings.harvest[0])
    return outcome


@pytest.mark.slow
def test_all_real_trees_are_served_again_as_they_were(
    peer: Peer, node: Node, real: dict[str, bytes], shared: Path
) -> None:
    contents = {name: real[f"standards/impex/trees/{path}"] for name, path in _TREES.items()}
    peer.pages |= {f"/{name}/tree.xml": content for name, content in contents.items()}
    places = [(name, f"/{name}/tree.xml") for name in contents]
    peer.pages["/configuration.xml"] = _configuration(peer.url.removeprefix("http://"), *places)
    context = node(_source(peer, "impex-configuration", "/configuration.xml"))
    outcomes = run(context, context.settings.harvest[0])
    assert [(outcome.source, outcome.error) for outcome in outcomes] == [
        (f"peer.{name}", "") for name in contents
    ]
    schema: Any = etree.XMLSchema(etree.parse(shared / "standards/impex/xsd/impex-1_0_2.xsd"))
    with TestClient(build(context.settings)) as client:
        served = {
            name: client.get(f"/impex/tree.xml?source=peer.{name}").content for name in contents
        }
    for name, content in contents.items():
        assert served[name] == content
        schema.validate(etree.fromstring(served[name]))
        assert [error.message for error in schema.error_log] == []
        resources = len(etree.fromstring(content).findall("{*}*/{*}ResourceID"))
        assert len(_ids(context, f"peer.{name}")) > 0.99 * resources
    again = run(context, context.settings.harvest[0])
    assert {(o.changes.new, o.changes.modified, o.changes.deleted) for o in again if o.changes} == {
        (0, 0, 0)
    }
    assert sum("if-none-match" in headers for _, headers in peer.asked) == len(contents)


def test_an_invalid_tree_is_kept_with_what_is_wrong_and_served_as_it_came(
    peer: Peer, node: Node, real: dict[str, bytes]
) -> None:
    good = real[f"standards/impex/trees/{_TREES['SINP']}"]
    content = good.replace(b"<MeasurementType>", b"<MeasurementType>No", 1)
    assert content != good
    peer.pages["/tree.xml"] = content
    context = node(_source(peer))
    assert _one(context).error == ""
    rows = context.records.search(Query(sources=("peer",)), limit=1000)
    assert len(rows) == len(etree.fromstring(content).findall("{*}*/{*}ResourceID"))
    assert sum("MeasurementType" in str(row.findings) for row in rows) == 1
    with TestClient(build(context.settings)) as client:
        assert client.get("/impex/tree.xml?source=peer").content == content


@pytest.mark.parametrize(
    "path",
    ["AMDA/getObsDataTree_LocalParams.xml", "CLWEB/clweb_tree.xml.gz"],
)
def test_a_tree_of_data_that_is_not_of_impex_is_read_too(
    peer: Peer, node: Node, real: dict[str, bytes], path: str
) -> None:
    content = real[f"standards/impex/trees/{path}"]
    peer.pages["/tree.xml"] = content
    context = node(_source(peer))
    assert _one(context).error == ""
    (count,) = context.records.counts()
    assert (count.kind, count.records) == ("dataCenter", 1)


def test_a_tree_is_asked_for_only_when_it_is_new(peer: Peer, node: Node) -> None:
    peer.pages["/tree.xml"] = _tree("A", "B")
    context = node(_source(peer))
    assert _one(context).changes.new == 2
    before = context.records.state("peer")
    assert _one(context).changes.new == 0
    assert peer.asked[-1][1]["if-none-match"]
    assert context.records.state("peer").etag == before.etag != ""
    peer.pages["/tree.xml"] = _tree("B", "C")
    changes = _one(context).changes
    assert (changes.new, changes.deleted) == (1, 1)
    assert _ids(context) == ["spase://Peer/Person/B", "spase://Peer/Person/C"]


def _html(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "text/html"}, b"<html><body><p>We moved</p></body></html>"


def _bomb(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    import gzip

    fields = {"Content-Encoding": "gzip", "Content-Type": "text/xml"}
    return 200, fields, gzip.compress(b" " * 300_000_000, 1)


def _away(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    return 302, {"Location": "http://10.0.0.1/tree.xml"}, b""


def _busy(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    return 503, {"Retry-After": "7200"}, b""


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (_html, "no document of records"),
        (_bomb, "limit"),
        (_away, "10.0.0.1"),
        (_busy, "status 503"),
        (b"", "no XML"),
        (_tree(), "no resource"),
        (b'<!DOCTYPE Spase [<!ENTITY a "a">]><Spase/>', "DOCTYPE"),
        (b"<Spase>" * 100, "deeper"),
    ],
)
def test_what_is_no_tree_leaves_the_last_good_one(
    page: Any, says: str, peer: Peer, node: Node
) -> None:
    peer.pages["/tree.xml"] = _tree("A")
    context = node(_source(peer))
    _one(context)
    good = context.records.state("peer")
    peer.pages["/tree.xml"] = page
    outcome = _one(context)
    assert says in outcome.error
    assert outcome.after == (7200.0 if page is _busy else 0.0)
    state = context.records.state("peer")
    assert state.error == outcome.error
    assert state.succeeded == good.succeeded
    assert _ids(context) == ["spase://Peer/Person/A"]
    path = original(context, "peer")
    assert path is not None
    assert path.read_bytes() == _tree("A")


def test_a_broken_off_tree_deletes_nothing(peer: Peer, node: Node) -> None:
    peer.pages["/tree.xml"] = _tree("A", "B", "C")
    context = node(_source(peer))
    _one(context)
    peer.pages["/tree.xml"] = _tree("A", "D").removesuffix(b"</Spase>")
    changes = _one(context).changes
    assert (changes.new, changes.deleted) == (1, 0)
    assert len(_ids(context)) == 4


def test_a_peer_that_is_gone_is_told(peer: Peer, node: Node) -> None:
    context = node(_source(peer).replace(peer.url, "http://127.0.0.1:9"))
    assert "cannot be connected" in _one(context).error
    assert context.records.state("peer").succeeded is None


def test_loopback_is_refused_unless_allowed(peer: Peer, node: Node) -> None:
    context = node(_source(peer), allow="[]")
    assert "127.0.0.1" in _one(context).error
    assert peer.asked == []


def test_one_broken_tree_takes_no_other_with_it(peer: Peer, node: Node) -> None:
    host = peer.url.removeprefix("http://")
    peer.pages |= {"/a.xml": _tree("A"), "/c.xml": _tree("C")}
    peer.pages["/c"] = _configuration(host, ("A", "/a.xml"), ("B", "/b.xml"), ("C", "c.xml"))
    context = node(_source(peer, "impex-configuration", "/c"))
    outcomes = run(context, context.settings.harvest[0])
    assert [bool(outcome.error) for outcome in outcomes] == [False, True, False]
    assert "404" in context.records.state("peer").error
    peer.pages["/c"] = _configuration(host, ("C", "/c.xml"))
    run(context, context.settings.harvest[0])
    assert _ids(context, "peer.A") == []
    assert _ids(context, "peer.C") == ["spase://Peer/Person/C"]


def test_a_part_that_failed_and_is_gone_is_let_go_of_and_comes_back_whole(
    peer: Peer, node: Node
) -> None:
    host = peer.url.removeprefix("http://")
    peer.pages |= {"/a.xml": _tree("A"), "/c.xml": _tree("C")}
    both = _configuration(host, ("A", "/a.xml"), ("C", "/c.xml"))
    peer.pages["/c"] = both
    context = node(_source(peer, "impex-configuration", "/c"))
    run(context, context.settings.harvest[0])
    good = peer.pages.pop("/a.xml")
    run(context, context.settings.harvest[0])
    peer.pages["/c"] = _configuration(host, ("C", "/c.xml"))
    run(context, context.settings.harvest[0])
    assert _ids(context, "peer.A") == []
    assert original(context, "peer.A") is None
    with pytest.raises(UnknownResource):
        harvested(context, "peer.A")
    peer.pages |= {"/a.xml": good, "/c": both}
    run(context, context.settings.harvest[0])
    assert _ids(context, "peer.A") == ["spase://Peer/Person/A"]


def test_what_was_seen_at_one_url_tells_nothing_of_another(peer: Peer, node: Node) -> None:
    peer.pages |= {"/tree.xml": _tree("A"), "/other.xml": _tree("A")}
    context = node(_source(peer))
    _one(context)
    context = node(_source(peer, path="/other.xml"))
    _one(context)
    assert "if-none-match" not in peer.asked[-1][1]


def test_a_configuration_is_read_with_care() -> None:
    found = trees(_configuration("h:80", ("x/../y", "t"), ("x/../y", "http://z/t")), "http://b/")
    assert found == [("x_y", "http://h:80/t"), ("x_y_2", "http://z/t")]
    for content in (b"<a/>", b"", _configuration("h"), b"<!DOCTYPE a><impexconfiguration/>"):
        with pytest.raises(BadArgument):
            trees(content, "http://b/")


def test_a_tree_of_what_came_otherwise(node: Node, tmp_path: Path, good: bytes) -> None:
    folder = tmp_path / "records/Own/NumericalData/Probe/MAG"
    folder.mkdir(parents=True)
    (folder / "PT1M.xml").write_bytes(good)
    context = node('[[harvest]]\nname = "files"\nuse = "folder"\npath = "records"\n')
    assert _one(context).changes.new == 1
    assert original(context, "files") is None
    root = etree.fromstring(harvested(context, "files"))
    assert root.tag == "{http://impex-fp7.oeaw.ac.at}Spase"
    assert root.findtext("{*}NumericalData/{*}ResourceID") == (
        "spase://Own/NumericalData/Probe/MAG/PT1M"
    )
    with pytest.raises(UnknownResource):
        original(context, "../node")
