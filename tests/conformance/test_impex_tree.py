"""The node's tree and configuration against the published schemas."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lxml import etree

from impex.tree import configuration, tree
from tests.impex.stand_in import FIELD, OUTPUT, StandIn
from vo_server.model.parameter import Parameter
from vo_server.model.resource import Kind, Resource
from vo_server.model.snapshot import snapshot_id
from vo_server.model.space import Frame
from vo_server.ports import Link
from vo_server.settings import Contact, Node

if TYPE_CHECKING:
    from tests.conformance.conftest import MarsNode

pytestmark = pytest.mark.conformance

_NOW = np.datetime64("2026-01-02T03:04:05", "ns")
_NODE = Node(
    authority="MyLab",
    title="A <lab> & more",
    base_url="https://sim.lab.org/vo",
    contact=Contact(person="spase://MyLab/Person/Me"),
    acknowledgement="Thank us",
)


def _links(resource: Resource) -> list[Link]:
    return [Link("FMI", "https://sim.lab.org/vo/impex/fmi?wsdl", formats=("VOTable",))]


@pytest.fixture(params=["impex-1_0_2.xsd", "impex-1_0_3.xsd"])
def schema(request: pytest.FixtureRequest, shared: Path) -> Any:
    return etree.XMLSchema(etree.parse(shared / "standards/impex/xsd" / request.param))


def _valid(schema: Any, content: bytes) -> Any:
    document = etree.fromstring(content)
    schema.validate(document)
    assert [f"{e.line}: {e.message}" for e in schema.error_log] == []
    return document


def test_tree_of_a_run(schema: Any) -> None:
    resources = StandIn().resources()
    model = replace(resources[0], title="A hybrid code")
    document = _valid(schema, tree(_NODE, [model, *resources[1:]], _links, _NOW))
    names = [etree.QName(element).localname for element in document]
    assert names == [
        *("Version", "Repository", "Person", "SimulationModel", "SimulationRun"),
        *("NumericalOutput", "NumericalOutput"),
    ]
    assert document.findtext(".//{*}FieldValue") == " ".join(f"{b:.15g}" for b in FIELD)
    assert document.findtext(".//{*}PopulationDensity") == "5000000"
    assert document.findtext(".//{*}ReleaseDate") == "2026-01-02T03:04:05.000Z"
    (output,) = (
        element
        for element in document.findall("{*}NumericalOutput")
        if element.findtext("{*}ResourceID") == OUTPUT
    )
    keys = [key.text for key in output.iter("{*}ParameterKey")]
    assert keys == ["Density", "Bx,By,Bz", "Ux,Uy,Uz"]
    assert output.findtext("{*}SimulationProduct") == "3DCubes"


def test_what_the_model_cannot_express_is_named(schema: Any) -> None:
    odd = [
        replace(r, frame=Frame("XYZ"), parameters=(Parameter("Foo"), Parameter("Jx", unit="A/m2")))
        if r.kind in (Kind.RUN, Kind.OUTPUT)
        else r
        for r in StandIn().resources()
    ]
    document = _valid(schema, tree(_NODE, odd, _links, _NOW))
    comments = [str(comment) for comment in document.iter(etree.Comment)]
    assert any("kind of simulation is not told" in comment for comment in comments)
    assert any("wants a SimulationDomain" in comment for comment in comments)
    assert document.find("{*}SimulationRun") is None


def test_tree_and_configuration_of_a_running_node(
    schema: Any, mars_node: "MarsNode", shared: Path
) -> None:
    document = _valid(schema, mars_node.get(f"{mars_node.url}/impex/tree.xml"))
    assert len(document.findall("{*}NumericalOutput")) > 3
    assert document.find("{*}SimulationRun") is not None
    content = mars_node.get(f"{mars_node.url}/impex/configuration.xml")
    folder = shared / "standards/impex/xsd"
    configured = etree.XMLSchema(etree.parse(folder / "configuration-1_0_2.xsd"))
    document = _valid(configured, content)
    methods = [element.text or "" for element in document.iter("{*}methods")]
    assert methods == ["/impex/fmi.wsdl", "/impex/latmos.wsdl"]
    for path in (*methods, str(document.findtext(".//{*}tree"))):
        assert mars_node.get(f"{mars_node.url}{path}").startswith(b"<?xml")


def test_configuration_behind_a_path(shared: Path) -> None:
    folder = shared / "standards/impex/xsd"
    schema = etree.XMLSchema(etree.parse(folder / "configuration-1_0_2.xsd"))
    document = _valid(schema, configuration(_NODE, ["/impex/fmi.wsdl"], "/impex/tree.xml"))
    assert document.findtext(".//{*}dns") == "sim.lab.org"
    assert document.findtext(".//{*}methods") == "/vo/impex/fmi.wsdl"
    assert document.findtext(".//{*}protocol") == "https"


def test_an_output_that_changes_tells_its_times(schema: Any) -> None:
    resources = StandIn().resources()
    times = np.array(["2012-01-31T12:00", "2012-01-31T12:10"], "datetime64[ns]")
    (output,) = (r for r in resources if r.id == OUTPUT)
    snapshots = tuple(replace(output, id=snapshot_id(output.id, t), time=t) for t in times)
    changing = [replace(r, snapshots=snapshots) if r is output else r for r in resources]
    document = _valid(schema, tree(_NODE, changing, _links, _NOW))
    assert document.findtext(".//{*}TemporalDependence") == "Yes"
    assert document.findtext(".//{*}SimulationTime/{*}Description") == (
        "From 2012-01-31T12:00:00.000Z to 2012-01-31T12:10:00.000Z"
    )
    values = [value.text for value in document.iter("{*}PropertyValue")]
    assert values == ["1.5e-20", "20120131_120000 20120131_121000"]
