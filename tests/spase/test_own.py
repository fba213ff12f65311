"""The records of a node's own resources, by the published schema and by what is checked here."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest
from lxml import etree

from hapi.operations import Operations
from hapi.version import MOUNTS
from spase.check import SpaseChecker
from spase.own import records, told_by
from spase.read import read
from spase.record import Record
from spase.write import path, write
from vo_server.budget import Budget
from vo_server.check import Finding
from vo_server.context import Context
from vo_server.demo import node
from vo_server.settings import load

_NODE = """\
license = "CC-BY-4.0"

[node.contact]
name = "Ada Operator"
email = "ops@example.org"
"""


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    config = node.write(tmp_path_factory.mktemp("node"), 8000)
    text = config.read_text().replace('state_dir = "state"\n', f'state_dir = "state"\n{_NODE}')
    config.write_text(text)
    made = Context(load(config), Event())
    yield made
    made.close()


@pytest.fixture(scope="module")
def schema(shared: Path) -> Any:
    file = shared / "standards/spase/xsd/spase-2_7_1.xsd"
    return etree.XMLSchema(etree.parse(file))


def test_every_record_is_valid_and_nothing_is_found(
    context: Context, schema: Any, tmp_path: Path
) -> None:
    for record in records(context):
        content = write(record)
        schema.validate(etree.fromstring(content))
        assert [f"{record.id}: {error.message}" for error in schema.error_log] == []
        assert read(content, Budget())[0] == [record]
        file = tmp_path / path(record)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    assert [str(f) for f in SpaseChecker().check(str(tmp_path), Budget())] == []


def test_all_kinds_are_there_and_what_is_not_is_told(context: Context) -> None:
    kinds = {record.kind for record in records(context)}
    assert kinds == {
        *("Repository", "Person", "Model", "ModelRun", "NumericalOutput", "NumericalData"),
        "Granule",
    }
    (finding,) = (found for found in told_by(context) if isinstance(found, Finding))
    assert finding.message == (
        "spase://Demo/SimulationModel/Dipole has no record: its kind of simulation is not told; "
        "give model_type in run.toml"
    )


def test_the_same_registry_gives_the_same_bytes(context: Context) -> None:
    first = [write(record) for record in records(context)]
    assert [write(record) for record in records(context)] == first


def _of(context: Context, end: str) -> Record:
    return next(record for record in records(context) if record.id.endswith(end))


def test_an_output_says_where_it_is_served(context: Context) -> None:
    resource = _of(context, "RunB-coarse/H+").resource
    (access,) = resource.all("AccessInformation")
    urls = [(node.get("Style"), node.get("URL")) for node in access.all("AccessURL")]
    assert urls == [
        ("WebService", "http://127.0.0.1:8000/impex/fmi?wsdl"),
        ("WebService", "http://127.0.0.1:8000/impex/latmos?wsdl"),
    ]
    assert access.get("RightsList/Rights/RightsURI") == ("https://spdx.org/licenses/CC-BY-4.0.html")
    keys = [node.get("ParameterKey") for node in resource.all("Parameter")]
    assert "Ux,Uy,Uz" in keys
    density = next(n for n in resource.all("Parameter") if n.get("ParameterKey") == "Density")
    assert density.get("UCD") == "phys.density"
    assert density.get("Particle/ParticleType") == "Proton"
    assert density.get("Particle/ParticleQuantity") == "NumberDensity"


def test_a_series_names_the_hapi_server_and_its_dataset(context: Context) -> None:
    resource = _of(context, "MEX-like/MAG/PT1M").resource
    (found,) = resource.all("AccessInformation/AccessURL")
    assert found.get("Style") == "HAPI"
    assert found.get("URL") == "http://127.0.0.1:8000/hapi"
    assert found.get("ProductKey") in {r.series.name for r in context.datasets.all() if r.series}
    assert resource.get("MeasurementType") == "Ephemeris" or [
        node.text for node in resource.all("MeasurementType")
    ] == ["Ephemeris", "MagneticField"]


def test_a_granule_is_a_flight_that_can_be_downloaded(context: Context) -> None:
    granule = next(r for r in records(context) if r.kind == "Granule").resource
    assert granule.get("Source/URL").startswith("http://127.0.0.1:8000/hapi/data?id=")
    parents = {record.id for record in records(context)}
    assert granule.get("ParentID") in parents


def test_a_dataset_of_hapi_names_its_record(context: Context) -> None:
    operations = Operations(context, 1000, 10.0)
    found: dict[str, object] = {}
    for resource in context.datasets.all():
        assert resource.series is not None
        name = resource.series.name
        info = orjson.loads(operations.info(MOUNTS[-1], f"dataset={name}").content)
        found[name] = info.get("additionalMetadata")
    base = "http://127.0.0.1:8000/spase/Demo/NumericalData/MEX-like/MAG/PT1M.xml"
    assert found["mex_like_mag"] == [{"name": "SPASE", "contentURL": base}]
    assert found["av_mex_like_mag"] is None
    assert {name.endswith("_err") for name in found if found[name] is None} == {True, False}
