"""Public clients harvest and search the node: sickle by OAI-PMH, hdpws as NASA's data portal."""

import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hdpws.hdpws import HdpWs
from hdpws.resourcetype import ResourceType
from lxml import etree
from sickle import Sickle, oaiexceptions
from sickle.iterator import OAIResponseIterator

from spase.forms import Impex, Spase
from tests.benchmarks.node import served
from tests.spase.corpus import corpus
from tests.spase.schemas import errors
from vo_server.context import Context
from vo_server.row import OWN, Row
from vo_server.settings import load

pytestmark = pytest.mark.conformance

_COUNT = 10_000
_PREFIXES = ("spase", "impex", "oai_dc", "ivo_vor")
_PRODUCTS = ("NumericalData", "NumericalOutput", "DisplayData", "Catalog")


@dataclass(frozen=True)
class Harvested:
    """A running node with many records; context: one over the same store."""

    url: str
    context: Context
    rows: list[Row]

    def sickle(self, **options: Any) -> Any:
        """Give a client of its OAI-PMH."""
        return Sickle(f"{self.url}/oai", timeout=60, **options)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Harvested]:
    """Run the sample node, whose store holds records that have every form."""
    forms = (Spase(None), Impex(None))

    def fits(row: Row) -> bool:
        written = (form.write(row) for form in forms)
        return row.kind in _PRODUCTS and all(content is not None for content in written)

    with served(tmp_path_factory.mktemp("spase-clients")) as made:
        with urllib.request.urlopen(f"{made.url}/spase/", timeout=60) as answer:
            assert answer.status == 200  # it has told of itself now
        context = Context(load(made.config), threading.Event())
        rows = list(corpus(shared, _COUNT, fits=fits))
        context.keep(OWN, rows, complete=False)
        yield Harvested(made.url, context, rows)
        context.close()


@pytest.mark.slow
@pytest.mark.parametrize("prefix", _PREFIXES)
def test_sickle_harvests_all_and_every_page_is_valid(
    node: Harvested, shared: Path, prefix: str
) -> None:
    seen: set[str] = set()
    wrong: list[str] = []
    pages = node.sickle(iterator=OAIResponseIterator).ListRecords(metadataPrefix=prefix)
    for page in pages:
        wrong += errors(shared, page.raw.encode())
        seen |= {str(name.text) for name in page.xml.findall(".//{*}header/{*}identifier")}
    assert wrong == []
    assert len(seen) >= _COUNT
    if prefix != "ivo_vor":
        assert {row.id for row in node.rows} <= seen


@pytest.mark.slow
@pytest.mark.parametrize("prefix", _PREFIXES)
def test_a_second_run_gets_what_changed_and_nothing_else(node: Harvested, prefix: str) -> None:
    form = node.context.record_formats[prefix]
    with urllib.request.urlopen(f"{node.url}/oai?verb=Identify", timeout=60) as answer:
        since = etree.fromstring(answer.read()).findtext("{*}responseDate")
    time.sleep(2.1)
    changed = [replace(row, title=f"{prefix} {row.title}") for row in node.rows[:7]]
    gone = node.rows[7]
    new = [replace(row, id=f"{row.id}/{prefix}") for row in node.rows[8:13]]
    node.context.keep(OWN, [*changed, *new, replace(gone, deleted=True)], complete=False)
    later = (datetime.fromisoformat(str(since)) + timedelta(seconds=2)).astimezone(UTC)
    records = list(node.sickle().ListRecords(metadataPrefix=prefix, **{"from": f"{later:%FT%TZ}"}))
    deleted = {record.header.identifier for record in records if record.header.deleted}
    kept = {record.header.identifier for record in records} - deleted
    assert kept == {form.identifier(row) for row in (*changed, *new)}
    assert deleted == {form.identifier(gone)}
    with pytest.raises(oaiexceptions.NoRecordsMatch):
        node.sickle().ListRecords(metadataPrefix=prefix, until="2001-01-01")
    node.context.keep(OWN, [*node.rows[:8], *(replace(r, deleted=True) for r in new)], False)


def test_sickle_knows_the_errors(node: Harvested) -> None:
    client = node.sickle()
    assert {form.metadataPrefix for form in client.ListMetadataFormats()} == set(_PREFIXES)
    assert "ivo_managed" in [found.setSpec for found in client.ListSets()]
    with pytest.raises(oaiexceptions.IdDoesNotExist):
        client.GetRecord(identifier="spase://no/such/thing", metadataPrefix="spase")
    with pytest.raises(oaiexceptions.CannotDisseminateFormat):
        client.ListRecords(metadataPrefix="marc")
    with pytest.raises(oaiexceptions.BadArgument):
        client.ListRecords(metadataPrefix="spase", **{"from": "now"})
    with pytest.raises(oaiexceptions.BadResumptionToken):
        client.ListRecords(resumptionToken="none")
    record = next(iter(client.ListRecords(metadataPrefix="oai_dc")))
    assert record.metadata["title"]
    assert client.Identify().deletedRecord == "persistent"


# -- hdpws


@pytest.fixture
def portal(node: Harvested) -> Iterator[HdpWs]:
    client = HdpWs(endpoint=f"{node.url}/WS/hdp/1/", timeout=60)
    yield client
    client.close()


def test_hdpws_reads_the_lists(portal: HdpWs) -> None:
    for name, key in (
        ("get_observed_regions", "ObservedRegion"),
        ("get_measurement_types", "MeasurementType"),
        ("get_keywords", "Keyword"),
        ("get_styles", "Style"),
        ("get_spectral_ranges", "SpectralRange"),
        ("get_phenomenon_types", "PhenomenonType"),
        ("get_repository_ids", "RepositoryID"),
        ("get_observatory_ids", "ObservatoryID"),
        ("get_instrument_ids", "InstrumentID"),
        ("get_observatory_group_ids", "ObservatoryGroupID"),
        ("get_application_interfaces", "ApplicationInterface"),
    ):
        told = getattr(portal, name)()
        assert told["HttpStatus"] == 200
        assert isinstance(told[key], list)
    assert "MagneticField" in portal.get_measurement_types()["MeasurementType"]


def test_hdpws_gets_records(node: Harvested, portal: HdpWs) -> None:
    ids = [row.id for row in islice(node.rows, 3)]
    told = portal.get_spase(ids)
    assert told["HttpStatus"] == 200
    assert [e.text for e in told["Result"].iterfind(".//{*}ResourceID")] == ids
    assert portal.get_spase(ids, if_modified_since=told["Last-Modified"])["HttpStatus"] == 304
    page = portal.get_spase_html(ids[0])
    assert page["Result"].startswith("<!DOCTYPE html>")
    assert ids[0] in portal.get_spase_json_ld(ids[0])["Result"]
    missing = portal.get_spase(["spase://no/such/thing"])
    assert missing["HttpStatus"] == 404
    assert "not known" in missing["ErrorMessage"]
    assert missing["ErrorDescription"] == "HTTP 404"


def test_hdpws_searches(portal: HdpWs) -> None:
    kinds = [ResourceType.NUMERICAL_DATA, ResourceType.DISPLAY_DATA]
    for query, dates in (
        ({"MeasurementType": "MagneticField"}, None),
        ({"ObservedRegion": "Mars"}, ["2008-01-01", "2016-01-02"]),
        ({"Cadence": "<=PT1H", "AccessRights": "Open"}, None),
        ({"Description": "magnetic AND field"}, None),
    ):
        told = portal.get_spase_data(kinds, query, dates)
        assert told["HttpStatus"] == 200
        found = told["Result"].findall(".//{*}ResourceID")
        assert found
        assert all("Data/" in e.text for e in found)
    refused = portal.get_spase_data(kinds, {"Colour": "red"})
    assert refused["HttpStatus"] == 400
    assert "Colour" in refused["ErrorMessage"]
