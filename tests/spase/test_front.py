"""Records as pages, XML and JSON; the services of SPASE registries; HDP."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from lxml import etree, html

from spase.read import read
from spase.record_json import as_json
from spase.rows import row
from tests.spase.served import BASE, SpaseNode, spase_node
from vo_server.budget import Budget
from vo_server.contract import check_front
from vo_server.plugins import load
from vo_server.row import Row, SourceState

_SCRIPT = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
_GRANULE = b"""<Spase xmlns="http://impex-fp7.oeaw.ac.at"><Version>1.0.2</Version><Granule>
<ResourceID>spase://Own/Granule/Probe/MAG/%d</ResourceID>
<ReleaseDate>2020-01-01T00:00:00</ReleaseDate>
<ParentID>spase://Own/NumericalData/Probe/MAG/PT1M</ParentID>
<StartDate>20%02d-01-01T00:00:00</StartDate><StopDate>20%02d-02-01T00:00:00</StopDate>
<Source><SourceType>Data</SourceType><URL>https://example.org/%d.cdf</URL>
<DataExtent><Quantity>2</Quantity><Units>MB</Units></DataExtent></Source>
</Granule></Spase>"""


def _row(content: bytes, source: str = "peer") -> Row:
    return row(read(content, Budget())[0][0], source, content)


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, real: dict[str, bytes], good: bytes
) -> Iterator[SpaseNode]:
    """Serve the node with real records, and some that mean harm."""
    with spase_node(tmp_path_factory.mktemp("spase-node")) as made:
        rows = [_row(text, "real") for path, text in real.items() if "/spase/records/" in path]
        made.context.keep("real", rows)
        bad = good.replace(b"Minutes.", _SCRIPT.replace("<", "&lt;").encode()).replace(
            b"Field at a probe", b"A &lt;b&gt;title&lt;/b&gt;"
        )
        latin = good.replace(b"MAG/PT1M", b"MAG/Latin").replace(b"UTF-8", b"ISO-8859-1")
        odd = good.replace(b"MAG/PT1M", b"MAG/a b?c=d#e/../f")
        made.context.keep(
            "peer",
            [
                _row(bad),
                _row(latin.replace(b"Minutes.", "Gr\u00fc\u00dfe".encode("latin-1"))),
                _row(odd),
                *(_row(_GRANULE % (n, n, n, n)) for n in (19, 20, 21)),
            ],
        )
        made.context.keep("gone", [_row(good.replace(b"MAG/PT1M", b"MAG/Gone"), "gone")])
        made.context.keep("gone", [])
        yield made


def _xml(node: SpaseNode, path: str) -> Any:
    answer = node.client.get(path)
    assert answer.status_code == 200, answer.text
    return etree.fromstring(answer.content)


def _texts(root: Any, name: str) -> list[str]:
    return [element.text for element in root.iter(f"{{*}}{name}")]


def test_it_keeps_the_contract(node: SpaseNode) -> None:
    assert check_front(load("vo_server.fronts", "spase"), {}, node.context) == []


def test_a_record_comes_as_it_was(node: SpaseNode, real: dict[str, bytes]) -> None:
    path = "NASA/NumericalOutput/ICON/HME/LowerBoundary/L4/V2/PT60M"
    row = next(r for r in node.context.records.identities() if r[0].endswith("L4/V2/PT24H"))
    answer = node.client.get(f"/spase/{row[0].partition('://')[2]}.xml")
    assert answer.content == real[f"standards/spase/records/{path}.xml"]
    assert answer.headers["content-type"] == "application/xml"


def test_json_is_that_of_landing_sites(node: SpaseNode, shared: Path) -> None:
    for path in (
        "CCMC/Model/TIEGCM_2_5",
        "NASA/NumericalOutput/ICON/HME/LowerBoundary/L4/V1/PT60M",
    ):
        theirs = (shared / f"standards/spase/landing/{path}.json").read_text(encoding="utf-8")
        record = (shared / f"standards/spase/records/{path}.xml").read_bytes()
        assert json.loads(as_json(record)) == json.loads(theirs.replace("\\r\\n", "\\n"))
    answer = node.client.get(f"/spase/{path.replace('PT60M', 'PT24H')}.json")
    assert list(answer.json()) == ["Spase"]


def test_either_name_of_a_kind_finds_a_record(node: SpaseNode) -> None:
    for word in ("SimulationModel", "Model"):
        assert node.client.get(f"/spase/CCMC/{word}/TIE-GCM/2.0.xml").status_code == 200


def test_a_page_runs_nothing_of_a_record(node: SpaseNode) -> None:
    answer = node.client.get("/spase/Own/NumericalData/Probe/MAG/PT1M.html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    page = html.fromstring(answer.content)
    scripts = page.findall(".//script")
    assert [script.get("type") for script in scripts] == ["application/ld+json"]
    assert page.find(".//img") is None
    assert page.findtext(".//h1") == "A <b>title</b>"
    said = json.loads(str(scripts[0].text))
    assert said["description"] == _SCRIPT
    assert said["@type"] == "Dataset"
    assert said["temporalCoverage"] == "2020-01-01T00:00:00.000Z/2021-01-01T00:00:00.000Z"
    assert said["distribution"][0]["contentUrl"] == "https://example.org/hapi"
    assert [variable["name"] for variable in said["variableMeasured"]] == ["b", "c"]
    links = [str(a.get("href")) for a in page.iter("a")]
    assert f"{BASE}/spase/Own/NumericalData/Probe/MAG/PT1M.xml" in links
    assert f"{BASE}/spase/Own/Person/Ada.html" in links
    assert all(link.startswith(("https://", "http://")) for link in links)


def test_links_of_a_page_are_of_the_web_only(node: SpaseNode, good: bytes) -> None:
    bad = good.replace(b"https://example.org/hapi", b"javascript:alert(1)")
    node.context.keep("links", [_row(bad.replace(b"MAG/PT1M", b"MAG/Link"), "links")])
    answer = node.client.get("/spase/Own/NumericalData/Probe/MAG/Link.html")
    links = [str(a.get("href")) for a in html.fromstring(answer.content).iter("a")]
    assert all(link.startswith(("https://", "http://")) for link in links)
    assert '"contentUrl"' not in answer.text
    node.context.keep("links", [])


def test_every_real_record_has_a_page_whose_data_is_json(node: SpaseNode) -> None:
    for id, _, _ in node.context.records.identities():
        if not id.startswith("spase://") or "/../" in id:
            continue
        answer = node.client.get(f"/spase/{quote(id.partition('://')[2])}.html")
        assert answer.status_code == 200, id
        said = json.loads(str(html.fromstring(answer.content).findtext(".//script")))
        assert said["@id"] == id
        assert said["name"]


def test_a_record_in_another_encoding_stays_in_it(node: SpaseNode) -> None:
    answer = node.client.get("/spase/Own/NumericalData/Probe/MAG/Latin.xml")
    assert "charset" not in answer.headers["content-type"]
    assert etree.fromstring(answer.content).findtext(".//{*}Description") == "Gr\u00fc\u00dfe"
    assert node.client.get("/spase/Own/NumericalData/Probe/MAG/Latin.json").json()


def test_who_has_an_answer_is_not_sent_it_again(node: SpaseNode) -> None:
    path = "/spase/SMWG/Person/T.C.James"
    for form in ("xml", "json", "html"):
        first = node.client.get(f"{path}.{form}")
        for name, header in (("etag", "if-none-match"), ("last-modified", "if-modified-since")):
            again = node.client.get(f"{path}.{form}", headers={header: first.headers[name]})
            assert (again.status_code, again.content) == (304, b"")
        other = node.client.get(f"{path}.{form}", headers={"if-none-match": '"other"'})
        assert other.content == first.content


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/spase/Own/NumericalData/Probe/MAG/Gone.xml", 410),
        ("/spase/Own/NumericalData/No.xml", 404),
        ("/spase/../../etc/passwd.xml", 404),
        ("/spase/%2e%2e/%2e%2e/etc/passwd.xml", 404),
        ("/spase/Own/NumericalData/Probe/MAG/a%20b%3Fc=d%23e/%2e%2e/f.xml", 200),
        ("/spase/file:///etc/passwd.xml", 404),
        ("/spase/%00.xml", 404),
        ("/spase/" + "a" * 5000 + ".json", 404),
        ("/spase/.xml", 404),
        ("/spase/Own/NumericalData/Probe/MAG/PT1M.exe", 404),
        ("/spase/Own/NumericalData/Probe/MAG/PT1M", 303),
        ("/spase/%ff%fe.xml", 404),
        ("/spase/Own/NumericalData/Probe/MAG/PT1M.xml?x=<script>", 200),
    ],
)
def test_odd_paths(node: SpaseNode, path: str, status: int) -> None:
    answer = node.client.get(path)
    assert answer.status_code == status
    assert "<script" not in answer.text
    assert "root:" not in answer.text


def test_an_id_that_is_no_path_is_there_for_who_asks_for_it_only(node: SpaseNode) -> None:
    id = "spase://Own/NumericalData/Probe/MAG/a b?c=d#e/../f"
    answer = node.client.get("/spase/resolver", params={"i": id})
    assert etree.fromstring(answer.content).findtext(".//{*}ResourceID") == id
    for path in ("/spase/sitemap.xml", "/spase/sitemap.xml?part=0"):
        assert ".." not in node.client.get(path).text
    told = node.client.get("/spase/search", params={"words": "probe"}).text
    assert "/../" not in told.replace(id, "")
    assert not list(node.folder.rglob("f.xml"))


def test_without_an_ending_it_is_sent_on(node: SpaseNode) -> None:
    path = "/spase/SMWG/Person/T.C.James"
    for accept, form in (("text/html,*/*", "html"), ("application/xml", "xml")):
        answer = node.client.get(path, headers={"accept": accept})
        assert answer.headers["location"] == f"{BASE}{path}.{form}"


def test_the_node_tells_of_itself_and_of_what_is_new(node: SpaseNode) -> None:
    path = "/spase/MyLab/NumericalOutput/Dipole/Cube.xml"
    assert node.client.get(path).status_code == 200
    before = node.context.records.get("spase://MyLab/NumericalOutput/Dipole/Cube")
    node.add_series("later")
    for _ in range(100):
        answer = node.client.get("/spase/MyLab/NumericalData/later.xml")
        if answer.status_code == 200:
            break
        time.sleep(0.1)
    assert b"A series called later" in answer.content
    assert node.context.records.get("spase://MyLab/NumericalOutput/Dipole/Cube") == before


def test_the_sitemap_has_every_page(node: SpaseNode, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = _texts(_xml(node, "/spase/sitemap.xml"), "loc")
    assert f"{BASE}/spase/SMWG/Person/T.C.James.html" in pages
    assert all(page.startswith(f"{BASE}/spase/") for page in pages)
    assert _texts(_xml(node, "/sitemap.xml"), "loc") == pages
    monkeypatch.setattr("spase.front.MOST", 20)
    parts = _texts(_xml(node, "/spase/sitemap.xml"), "loc")
    found = [p for part in parts for p in _texts(_xml(node, part.removeprefix(BASE)), "loc")]
    assert found == pages
    assert node.client.get("/spase/sitemap.xml?part=x").status_code == 404


def test_the_front_page_counts(node: SpaseNode) -> None:
    page = html.fromstring(node.client.get("/spase/").content)
    assert "My <lab> & more" in str(page.findtext(".//h1"))
    assert "SMWG" in [code.text for code in page.iter("code")]
    assert "OAI-PMH" in node.client.get("/").text


# -- resolver


def test_resolver_gives_a_record_and_all_it_names(node: SpaseNode, good: bytes) -> None:
    id = "spase://Own/NumericalData/Probe/MAG/PT1M"
    for name in ("i", "id"):
        assert _xml(node, f"/spase/resolver?{name}={id}").tag.endswith("Spase")
    root = _xml(node, "/spase/resolver?i=spase://IUGONET/NumericalData/WDC_Kyoto/WDC/IBD/"
                      "Magnetometer/PT1H&r=yes")  # fmt: skip
    assert root.tag == "Package"
    assert len(root) >= 1
    assert _xml(node, "/spase/resolver?i=spase://No/Such/Thing").tag == "Message"


def test_resolver_checks_scans_and_climbs(node: SpaseNode) -> None:
    known = _xml(node, "/spase/resolver?i=spase://SMWG/Person/T.C.James&c=yes")
    assert _texts(known, "Known") == ["spase://SMWG/Person/T.C.James"]
    unknown = _xml(node, "/spase/resolver?id=spase://SMWG/Person/No&check=yes")
    assert _texts(unknown, "Unknown") == ["spase://SMWG/Person/No"]
    ids = _texts(_xml(node, "/spase/resolver?i=spase://SMWG/Person/&n=yes"), "ResourceID")
    assert len(ids) == 4
    assert "SMWG" in [n.get("name") for n in _xml(node, "/spase/resolver?t=yes")]
    steps = _xml(node, "/spase/resolver?i=spase://Own/Granule/Probe&t=yes")
    assert [(step.tag, step.get("id")) for step in steps] == [
        ("node", "spase://Own/Granule/Probe/@MAG")
    ]
    leaves = _xml(node, "/spase/resolver?i=spase://Own/Granule/Probe/@MAG&t=yes")
    assert [(leaf.tag, leaf.get("text")) for leaf in leaves] == [
        ("leaf", "19"), ("leaf", "20"), ("leaf", "21"),
    ]  # fmt: skip


def test_resolver_finds_granules(node: SpaseNode) -> None:
    id = "spase://Own/NumericalData/Probe/MAG/PT1M"
    asked = f"/spase/resolver?i={id}&g=yes"
    assert len(_texts(_xml(node, asked), "Granule")) == 3
    within = f"{asked}&b=2020-01-01&e=2020-12-31"
    assert _texts(_xml(node, f"{within}&u=yes"), "URL") == ["https://example.org/20.cdf"]
    sized = _xml(node, f"{asked}&s=yes&u=yes")
    assert _texts(sized, "Size") == ["6.0 MB"]
    assert len(_texts(sized, "URL")) == 3
    nothing = _xml(node, "/spase/resolver?i=spase://SMWG/Person/T.C.James&g=1")
    assert _texts(nothing, "Message") == ["No granules are associated with resource."]
    assert node.client.get(f"{asked}&b=soon").status_code == 400


def test_resolver_connects(node: SpaseNode) -> None:
    id = "spase://Own/NumericalData/Probe/MAG/PT1M"
    nodes = node.client.get(f"/spase/resolver?i={id}&x=yes").json()["nodes"]
    assert nodes[-1]["id"] == id
    assert {"target": "spase://Own/Person/Ada"} in nodes[-1]["links"]
    assert nodes[0]["type"] in ("Person", "Repository")
    assert "message" in node.client.get("/spase/resolver?i=spase://N/o/P&x=1").json()


def test_arguments_that_are_none_are_told(node: SpaseNode) -> None:
    answer = node.client.get("/spase/resolver?idd=x")
    assert answer.status_code == 400
    assert "idd" in answer.text
    assert node.client.get("/spase/search?words=a&limit=-1").status_code == 400
    assert node.client.get("/spase/search?words=" + "a+" * 40).status_code == 400


# -- search and status


@pytest.mark.parametrize(
    ("query", "least"),
    [
        ("words=mars+maven&all=yes", 1),
        ("words=ionosphere", 1),
        ("category=Person", 4),
        ("category=SimulationModel", 3),
        ("authority=CNES", 5),
        ("region=Mars", 1),
        ("measurement=MagneticField", 3),
        ("parameter=B+again", 1),
        ("startdate=2020-06-01&stopdate=2020-06-02&category=NumericalData", 1),
        ("source=peer", 5),
        ("words=" + quote('title:x OR "unclosed NEAR( *'), 0),
    ],
)
def test_search(node: SpaseNode, query: str, least: int) -> None:
    package = _xml(node, f"/spase/search?{query}")
    assert package.tag == "Package"
    assert len(package) >= least
    assert all(child.tag.endswith("Spase") for child in package)


def test_search_goes_on(node: SpaseNode) -> None:
    whole = _texts(_xml(node, "/spase/search?category=Person"), "ResourceID")
    parts = [
        id
        for skip in range(0, len(whole), 2)
        for id in _texts(
            _xml(node, f"/spase/search?category=Person&limit=2&skip={skip}"), "ResourceID"
        )
    ]
    assert parts == whole


def test_status(node: SpaseNode) -> None:
    node.context.records.note(SourceState("far", 10, 5, error="it <slept>"))
    assert _texts(_xml(node, "/spase/status"), "Info") == ["No action requested."]
    counted = _xml(node, "/spase/status?i=1&a=SMWG")
    assert [f.get("name") for f in counted.find("Results")] == [
        "Document", "Instrument", "Observatory", "Person", "Repository", "Service",
    ]  # fmt: skip
    assert _texts(counted.find("Results"), "Count")[3] == "4"
    everything = _xml(node, "/spase/status?i=3")
    assert everything.find("Results/Folder/Folder/Folder") is not None
    changed = _xml(node, "/spase/status?u=yes&d=yes&a=Own&b=2020-01-01")
    assert _texts(changed, "Deleted")[0] == "spase://Own/NumericalData/Probe/MAG/Gone"
    assert int(_texts(changed.find("Results/Summary"), "New")[0]) >= 5
    assert changed.find("Query/Option").get("name") == "updated"
    assert _texts(changed.find("Source[@name='far']"), "Error") == ["it <slept>"]
    assert _texts(_xml(node, "/spase/status?a=No&i=1"), "Error") == ["Unknown authority: No"]


def test_lists_of_words_and_of_ids(node: SpaseNode) -> None:
    regions = _xml(node, "/WS/hdp/1/Spase/ObservedRegion")
    assert regions.tag == "{http://heliophysicsdata.gsfc.nasa.gov/hdp}Response"
    assert "Mars" in " ".join(_texts(regions, "Region"))
    for path in ("Nothing", "ObservedRegion/x"):
        answer = node.client.get(f"/WS/hdp/1/Spase/{path}")
        assert answer.status_code in (200, 400)


def test_errors_of_hdp_are_pages_that_its_client_reads(node: SpaseNode) -> None:
    for path in (
        "Spase?ResourceID=spase://No/No/No",
        "Spase",
        "Spase/NumericalData?Colour=red",
        "Spase/NumericalData?Cadence=often",
        "Spase/NumericalData/2020-01-01",
    ):
        answer = node.client.get(f"/WS/hdp/1/{path}")
        assert answer.status_code in (400, 404)
        page = etree.fromstring(answer.content)
        told = page.find(".//{http://www.w3.org/1999/xhtml}p[@class='ErrorMessage']")
        assert told is not None
        assert len(told) == 1
