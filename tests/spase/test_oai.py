"""OAI-PMH: every verb, every error, lists that go on, against the published schemas."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from spase import oai
from spase.oai import OaiError, Stretch, read, resumed, stretch, token
from spase.read import read as read_records
from spase.rows import row
from tests.spase.corpus import corpus, originals
from tests.spase.schemas import errors
from tests.spase.served import SpaseNode, spase_node
from vo_server.budget import Budget
from vo_server.record_format import PREFIX
from vo_server.row import OWN, Changes, Query, Row

_PREFIXES = ("spase", "impex", "oai_dc", "ivo_vor")
_CUBE = "spase://MyLab/NumericalOutput/Dipole/Cube"
_LIST = "verb=ListIdentifiers&metadataPrefix=oai_dc"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[SpaseNode]:
    """Serve the node with 260 records of others, one of which is deleted."""
    with spase_node(tmp_path_factory.mktemp("oai-node")) as made:
        rows = list(corpus(shared, 260, source="peer"))
        made.context.keep("peer", rows)
        made.context.keep("peer", rows[1:])
        yield made


class Oai:
    """Asks a node; every answer is valid by the published schemas."""

    def __init__(self, node: SpaseNode, shared: Path) -> None:
        self.node = node
        self._shared = shared

    def __call__(self, query: str) -> Any:
        answer = self.node.client.get(f"/oai?{query}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/xml; charset=utf-8"
        assert errors(self._shared, answer.content) == []
        return etree.fromstring(answer.content)

    def code(self, query: str) -> str:
        error = self(query).find("{*}error")
        return "" if error is None else str(error.get("code"))

    def all(self, verb: str, **arguments: str) -> list[Any]:
        """Give every header or record of a list."""
        found: list[Any] = []
        query = urlencode({"verb": verb, **{k.rstrip("_"): v for k, v in arguments.items()}})
        for _ in range(100):
            root = self(query)
            found += root.iter("{*}header" if verb == "ListIdentifiers" else "{*}record")
            more = root.findtext(".//{*}resumptionToken")
            if not more:
                return found
            query = urlencode({"verb": verb, "resumptionToken": more})
        raise AssertionError("the list does not end")


@pytest.fixture
def ask(node: SpaseNode, shared: Path) -> Oai:
    return Oai(node, shared)


def _ids(headers: list[Any]) -> list[str]:
    return [header.findtext(".//{*}identifier") for header in headers]


# -- what goes well


def test_identify_tells_of_the_registry_too(ask: Oai) -> None:
    said = ask("verb=Identify").find("{*}Identify")
    assert said.findtext("{*}repositoryName") == "My <lab> & more"
    assert said.findtext("{*}deletedRecord") == "persistent"
    assert said.findtext("{*}granularity") == "YYYY-MM-DDThh:mm:ssZ"
    assert said.findtext(".//identifier") == "ivo://mylab/registry"
    assert said.findtext(".//managedAuthority") == "mylab"
    assert said.findtext(".//accessURL") == said.findtext("{*}baseURL")


def test_forms_of_all_and_of_one(ask: Oai) -> None:
    def prefixes(query: str = "") -> set[str]:
        root = ask(f"verb=ListMetadataFormats{query}")
        return {element.text for element in root.iter("{*}metadataPrefix")}

    assert prefixes() == set(_PREFIXES)
    assert prefixes(f"&identifier={_CUBE}") == set(_PREFIXES)
    assert prefixes("&identifier=spase://MyLab/Person/Ada.Operator") >= {"spase", "oai_dc"}
    assert prefixes("&identifier=ivo://MyLab/Registry") == {"oai_dc", "ivo_vor"}


@pytest.mark.parametrize("prefix", _PREFIXES)
def test_one_record_in_each_form(ask: Oai, prefix: str) -> None:
    root = ask(f"verb=GetRecord&metadataPrefix={prefix}&identifier={_CUBE}")
    assert len(root.find(".//{*}metadata")) == 1
    sets = {element.text for element in root.iter("{*}setSpec")}
    assert sets == {"authority:MyLab", "type:NumericalOutput", "ivo_managed"}
    name = root.findtext(".//{*}header/{*}identifier")
    assert name == (_CUBE.lower().replace("spase", "ivo") if prefix == "ivo_vor" else _CUBE)
    again = ask(f"verb=GetRecord&metadataPrefix={prefix}&identifier={name.upper()}")
    assert (again.find("{*}error") is None) == (prefix == "ivo_vor")


@pytest.mark.parametrize("prefix", _PREFIXES)
def test_lists_hold_what_they_say_in_every_form(ask: Oai, prefix: str) -> None:
    records = ask.all("ListRecords", metadataPrefix=prefix)
    headers = ask.all("ListIdentifiers", metadataPrefix=prefix)
    assert _ids(records) == _ids(headers)
    assert len(set(_ids(headers))) == len(headers)
    expected = ask.node.context.records.size(Query(facets={PREFIX: (prefix,)}))
    assert len(headers) == expected > (5 if prefix == "ivo_vor" else 150)
    for record in records:
        deleted = record.find("{*}header").get("status") == "deleted"
        assert (record.find("{*}metadata") is None) == deleted


@pytest.mark.parametrize("prefix", ["spase", "impex"])
def test_what_was_kept_is_what_would_be_written_now(node: SpaseNode, prefix: str) -> None:
    records, form = node.context.records, node.context.record_formats[prefix]
    rows = records.page(Query(facets={PREFIX: (prefix,)}), form=prefix, limit=50)
    assert len(rows) == 50
    for kept in rows:
        given = records.get(kept.id)
        assert given is not None
        assert kept.forms == {prefix: form.write(given)}


def test_a_record_that_came_before_is_not_written_again(
    node: SpaseNode, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = list(corpus(shared, 60, seed=5, source="again"))
    node.context.keep("again", rows)
    form = node.context.record_formats["spase"]
    written: list[str] = []
    write = form.write

    def noted(row: Row) -> bytes | None:
        written.append(row.id)
        return write(row)

    monkeypatch.setattr(form, "write", noted)
    assert node.context.keep("again", rows) == Changes()
    assert written == []
    changed = replace(rows[3], title="Another")
    query = Query(sources=("again",), facets={PREFIX: ("spase",)})
    before = {row.id: row.forms for row in node.context.records.page(query, form="spase")}
    assert node.context.keep("again", [*rows[:3], changed, *rows[4:]]) == Changes(modified=1)
    assert written == [changed.id]
    assert {r.id: r.forms for r in node.context.records.page(query, form="spase")} == before
    node.context.keep("again", [])


def test_a_list_tells_how_long_it_is(ask: Oai) -> None:
    first = ask(_LIST).find(".//{*}resumptionToken")
    size = int(first.get("completeListSize"))
    assert (first.get("cursor"), size) == ("0", len(ask.all("ListIdentifiers",
                                                            metadataPrefix="oai_dc")))  # fmt: skip
    second = ask(f"verb=ListIdentifiers&resumptionToken={first.text}")
    assert second.find(".//{*}resumptionToken").get("cursor") == "100"


def test_sets_are_those_of_the_headers(ask: Oai) -> None:
    told = {element.text for element in ask("verb=ListSets").iter("{*}setSpec")}
    headers = ask.all("ListIdentifiers", metadataPrefix="oai_dc")
    assert {element.text for header in headers for element in header.iter("{*}setSpec")} == told
    assert "ivo_managed" in told
    for name in sorted(told):
        within = ask.all("ListIdentifiers", metadataPrefix="oai_dc", set=name)
        assert _ids(within) == [
            header.findtext("{*}identifier")
            for header in headers
            if name in [element.text for element in header.iter("{*}setSpec")]
        ]


def test_what_the_ivoa_takes_is_the_nodes_own(ask: Oai) -> None:
    ids = _ids(ask.all("ListRecords", metadataPrefix="ivo_vor", set="ivo_managed"))
    assert {
        "ivo://mylab",
        "ivo://mylab/registry",
        "ivo://mylab/service/oai",
        "ivo://mylab/service/impex/fmi",
        "ivo://mylab/numericaloutput/dipole/cube",
    } <= {*ids}
    assert all(id.startswith("ivo://mylab") for id in ids)


def test_a_deleted_record_is_told_of(ask: Oai) -> None:
    headers = ask.all("ListIdentifiers", metadataPrefix="oai_dc")
    gone = [header for header in headers if header.get("status") == "deleted"]
    assert len(gone) == 1
    root = ask(f"verb=GetRecord&metadataPrefix=oai_dc&identifier={quote(_ids(gone)[0])}")
    assert root.find(".//{*}header").get("status") == "deleted"
    assert root.find(".//{*}metadata") is None


def test_what_is_deleted_has_no_form(ask: Oai) -> None:
    headers = ask.all("ListIdentifiers", metadataPrefix="oai_dc")
    gone = next(header for header in headers if header.get("status") == "deleted")
    asked = f"verb=ListMetadataFormats&identifier={quote(gone.findtext('{*}identifier'))}"
    assert ask.code(asked) == "noMetadataFormats"


def test_no_identifier_is_said_to_be_of_the_scheme_oai(ask: Oai) -> None:
    identify = ask("verb=Identify")
    assert identify.find(".//{http://www.openarchives.org/OAI/2.0/oai-identifier}*") is None
    ids = _ids(ask.all("ListIdentifiers", metadataPrefix="oai_dc"))
    assert not any(id.startswith("oai:") for id in ids)


def test_a_second_harvest_gets_what_changed(ask: Oai, shared: Path) -> None:
    begun = ask("verb=Identify").findtext("{*}responseDate")
    time.sleep(2.1)
    ask.node.context.keep("late", corpus(shared, 3, seed=2, source="late", fits=_is_output))
    until = {"until": begun}
    since = {"from_": ask("verb=Identify").findtext("{*}responseDate")}
    assert len(ask.all("ListRecords", metadataPrefix="oai_dc", **since)) == 3
    before = ask.all("ListRecords", metadataPrefix="oai_dc", **until)
    ask.node.context.keep("late", [])
    time.sleep(2.1)
    gone = ask.all("ListRecords", metadataPrefix="oai_dc", **since)
    assert [r.find("{*}header").get("status") for r in gone] == ["deleted"] * 3
    assert _ids(ask.all("ListRecords", metadataPrefix="oai_dc", **until)) == _ids(before)
    day = {"from_": begun[:10], "until": begun[:10]}
    assert len(ask.all("ListRecords", metadataPrefix="oai_dc", **day)) >= len(before)


def _is_output(row: Any) -> bool:
    return bool(row.kind == "NumericalOutput")


def test_a_list_leaves_nothing_out_while_records_change(ask: Oai, shared: Path) -> None:
    first = ask(_LIST)
    seen = {*_ids(list(first.iter("{*}header")))}
    ask.node.context.keep("between", corpus(shared, 2, seed=3, source="between", fits=_is_output))
    more = first.findtext(".//{*}resumptionToken")
    while more:
        root = ask(f"verb=ListIdentifiers&resumptionToken={more}")
        seen |= {*_ids(list(root.iter("{*}header")))}
        more = root.findtext(".//{*}resumptionToken")
    assert seen == {*_ids(ask.all("ListIdentifiers", metadataPrefix="oai_dc"))}
    ask.node.context.keep("between", [])


def test_a_form_asks_as_well_as_a_query(ask: Oai) -> None:
    form = {"verb": "GetRecord", "metadataPrefix": "oai_dc", "identifier": _CUBE}
    answer = ask.node.client.post("/oai", data=form)
    assert etree.fromstring(answer.content).find(".//{*}metadata") is not None
    assert ask.node.client.post("/oai", content=b"a" * 70_000).status_code == 413


def test_an_invalid_record_has_no_form_that_a_schema_judges(
    ask: Oai, real: dict[str, bytes]
) -> None:
    content = real["standards/spase/quirky/NASA/Instrument/TRACERS/MagneticSearchCoil.xml"]
    record = read_records(content, Budget())[0][0]
    ask.node.context.keep("quirky", [row(record, "quirky", content)])
    asked = f"verb=GetRecord&identifier={record.id}&metadataPrefix="
    assert ask.code(f"{asked}spase") == "cannotDisseminateFormat"
    assert ask.code(f"{asked}oai_dc") == ""
    ask.node.context.keep("quirky", [])


# -- what does not


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "badVerb"),
        ("verb=", "badVerb"),
        ("verb=Nothing", "badVerb"),
        ("verb=identify", "badVerb"),
        ("verb=Identify&verb=Identify", "badVerb"),
        ("verb=Identify&x=1", "badArgument"),
        ("verb=Identify&resumptionToken=a", "badArgument"),
        ("verb=ListRecords", "badArgument"),
        ("verb=GetRecord&identifier=a", "badArgument"),
        ("verb=GetRecord&metadataPrefix=oai_dc", "badArgument"),
        ("verb=GetRecord&metadataPrefix=oai_dc&identifier=", "badArgument"),
        (f"verb=GetRecord&metadataPrefix=oai_dc&identifier={'a' * 3000}", "badArgument"),
        ("verb=GetRecord&metadataPrefix=oai_dc&identifier=a%00b", "badArgument"),
        ("verb=GetRecord&metadataPrefix=oai_dc&identifier=a%08b", "badArgument"),
        ("verb=GetRecord&metadataPrefix=oai_dc&identifier=%ff", "idDoesNotExist"),
        ("verb=GetRecord&metadataPrefix=oai_dc&identifier=spase://../../x", "idDoesNotExist"),
        (f"verb=GetRecord&metadataPrefix=marc&identifier={_CUBE}", "cannotDisseminateFormat"),
        ("verb=GetRecord&metadataPrefix=spase&identifier=ivo://mylab", "cannotDisseminateFormat"),
        ("verb=GetRecord&metadataPrefix=a%20b&identifier=a", "badArgument"),
        ("verb=ListMetadataFormats&identifier=no", "idDoesNotExist"),
        ("verb=ListRecords&metadataPrefix=marc", "cannotDisseminateFormat"),
        (f"{_LIST}&metadataPrefix=oai_dc", "badArgument"),
        (f"{_LIST}&until=2020-01-01", "noRecordsMatch"),
        (f"{_LIST}&from=2999-01-01T00:00:00Z", "noRecordsMatch"),
        (f"{_LIST}&from=2020-01-02&until=2020-01-01", "badArgument"),
        (f"{_LIST}&from=2020-01-01&until=2020-01-02T00:00:00Z", "badArgument"),
        (f"{_LIST}&from=2020-01-01T00:00Z", "badArgument"),
        (f"{_LIST}&from=2020-01-01T00:00:00.0Z", "badArgument"),
        (f"{_LIST}&from=2020-01-01T00:00:00%2B01:00", "badArgument"),
        (f"{_LIST}&from=2020-02-30", "badArgument"),
        (f"{_LIST}&from=0000-01-01", "badArgument"),
        (f"{_LIST}&until=2020-01-01T24:00:00Z", "badArgument"),
        (f"{_LIST}&from=yesterday", "badArgument"),
        (f"{_LIST}&set=type:Nothing", "noRecordsMatch"),
        (f"{_LIST}&set=nothing", "noRecordsMatch"),
        (f"{_LIST}&set=type::", "badArgument"),
        (f"{_LIST}&set=authority:My%20Lab", "badArgument"),
        (f"{_LIST}&resumptionToken=abc", "badArgument"),
        ("verb=ListRecords&resumptionToken=abc", "badResumptionToken"),
        ("verb=ListRecords&resumptionToken=", "badResumptionToken"),
        (f"verb=ListRecords&resumptionToken={'a' * 60_000}", "badResumptionToken"),
        ("verb=ListRecords&resumptionToken=%F0%9F%98%80", "badResumptionToken"),
        ("verb=ListSets&resumptionToken=abc", "badResumptionToken"),
    ],
)
def test_errors(ask: Oai, query: str, code: str) -> None:
    root = ask(query)
    assert [error.get("code") for error in root.iter("{*}error")] == [code]
    request = root.find("{*}request")
    if code in ("badVerb", "badArgument"):
        assert len(request.attrib) == 0
    elif len(request.attrib):
        assert dict(request.attrib) == dict(parse_qsl(query))
    else:
        assert code == "badResumptionToken"  # one that XML cannot hold


def test_a_token_of_another_store_has_expired(ask: Oai) -> None:
    old = token(Stretch("oai_dc", after=(1, "a"), given=1), "0123456789ab")
    root = ask(f"verb=ListRecords&resumptionToken={old}")
    assert "expired" in root.findtext("{*}error")


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda b: base64.b64encode(b).decode()))
def test_no_text_is_taken_for_a_token(text: str) -> None:
    with pytest.raises(OaiError, match="token"):
        resumed(text, "epoch")


@given(st.lists(st.none() | st.booleans() | st.integers() | st.text(max_size=5), min_size=7,
                max_size=11))  # fmt: skip
def test_a_forged_token_is_no_worse_than_arguments(parts: list[Any]) -> None:
    text = base64.urlsafe_b64encode(json.dumps(["epoch", "oai_dc", *parts[2:]]).encode()).decode()
    try:
        found = resumed(text.rstrip("="), "epoch")
    except OaiError:
        return
    assert resumed(token(found, "epoch"), "epoch") == found


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["verb", "from", "until", "set", "metadataPrefix", "identifier", "x", ""]
            ),
            st.sampled_from([*oai.VERBS, "2020-01-01", "2020-01-01T00:00:00Z", "a:b"])
            | st.text(max_size=12),
        ),
        max_size=5,
    )
)
def test_any_arguments_are_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        asked = read(pairs)
        if asked.verb.startswith("ListI"):
            stretch(asked, "epoch")
    except OaiError as err:
        code = err.code
    else:
        code = ""
    assert code in ("", "badVerb", "badArgument", "badResumptionToken")


def test_the_corpus_is_of_both_models(shared: Path) -> None:
    judges = {record.judge.partition("-")[0] for record in originals(shared)}
    assert judges == {"impex", "spase"}
    rows = list(corpus(shared, 300))
    assert len({made.id for made in rows}) == 300
    assert all(made.source == OWN for made in rows)
    assert [made.content for made in corpus(shared, 300)] == [made.content for made in rows]
