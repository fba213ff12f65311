"""The records of a node's own resources, by the published schema and by what is checked here."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import netCDF4
import numpy as np
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
from vo_server.errors import BadFile
from vo_server.model.run import parse_run
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


_STORM = """
[run]
id = "spase://Lab/SimulationRun/MHD/Storm"
model = "spase://Lab/SimulationModel/MHD"
body = "Earth"
body_radius = "6371 km"
frame = "GSE"
release_date = "2026-01-01"
[[run.outputs]]
id = "spase://Lab/NumericalOutput/MHD/Storm"
snapshots = [
    { time = 2012-01-31T12:00:00Z, file = "a.nc", url = "https://data.example.org/a.nc?x=1&y" },
    { time = 2012-01-31T12:10:00Z, file = "b.nc", url = "https://data.example.org/b.nc" },
    { time = 2012-01-31T12:20:00Z, file = "c.nc" },
]
"""


@pytest.fixture
def storm(tmp_path: Path) -> Iterator[Context]:
    """Give a node with a run that changes in time, of which two files can be had elsewhere."""
    for name in "abc":
        with netCDF4.Dataset(tmp_path / f"{name}.nc", "w") as dataset:
            for axis in "xyz":
                dataset.createDimension(axis, 4)
                dataset.createVariable(axis, "f8", (axis,))[:] = np.arange(4) * 1e7
                dataset[axis].units = "m"
            dataset.createVariable("n", "f8", ("x", "y", "z"))[:] = 1.0
            dataset["n"].units = "cm-3"
    (tmp_path / "run.toml").write_text(_STORM)
    provider = '[[providers]]\nuse = "netcdf-cubes"\npath = "*.nc"\n'
    (tmp_path / "node.toml").write_text(f'[node]\nauthority = "Lab"\n{_NODE}{provider}')
    made = Context(load(tmp_path / "node.toml"), Event())
    yield made
    made.close()


def test_a_snapshot_whose_file_can_be_had_has_a_granule(
    storm: Context, schema: Any, tmp_path: Path
) -> None:
    made = list(records(storm))
    granules = [record for record in made if record.kind == "Granule"]
    names = ("ResourceID", "ParentID", "StartDate", "StopDate", "Source/URL", "RegionEnd")
    assert [tuple(granule.resource.get(name) for name in names) for granule in granules] == [
        (
            f"spase://Lab/Granule/MHD/Storm/20120131_12{minute}00",
            "spase://Lab/NumericalOutput/MHD/Storm",
            f"2012-01-31T12:{minute}:00.000Z",
            f"2012-01-31T12:{minute}:00.000Z",
            f"https://data.example.org/{file}",
            granules[0].resource.get("RegionEnd"),
        )
        for minute, file in (("00", "a.nc?x=1&y"), ("10", "b.nc"))
    ]
    for record in made:
        content = write(record)
        schema.validate(etree.fromstring(content))
        assert [f"{record.id}: {error.message}" for error in schema.error_log] == []
        file = tmp_path / "records" / path(record)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    assert [str(f) for f in SpaseChecker().check(str(tmp_path / "records"), Budget())] == []


@pytest.mark.parametrize("url", ["file:///a.nc", "a.nc", "https://a b", "javascript:alert(1)"])
def test_a_snapshot_has_no_other_url(url: str) -> None:
    with pytest.raises(BadFile, match="url"):
        parse_run(_STORM.replace("https://data.example.org/b.nc", url), "Lab")
