"""IMPEx and SPASE of each other: every real tree, by the published schemas."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from spase.mapping import to_impex, to_spase
from spase.read import read
from spase.record import COMMENT, Node, Record
from spase.write import write
from vo_server.budget import Budget

# Elements that say another thing after a way there and back, each of which is told on the way.
_TOLD = {
    "TimeStart",  # a time of day in IMPEx, a date in SPASE
    "DiagnosisTimeStep",
    "PersonID",  # a name in IMPEx, an id in SPASE
    "RepositoryID",
}
_TREES = [
    "AMDA/spase_amda_tree-1_0_0.xml.gz",
    "CCMC/Tree_CCMC.xml",
    "FMI_GUMICS/Tree_FMI_GUMICS.xml.gz",
    "FMI_HYB/Tree_FMI_HYB.xml.gz",
    "LATMOS/tree.xml.gz",
    "LESIA/tree_Mag.xml",
    "SINP/SINP_tree.xml",
    "SMWG/Tree_UCLA.xml",
    "VMO/Tree_UCLA.xml",
]


@pytest.fixture(scope="module")
def schemas(shared: Path) -> tuple[Any, Any]:
    """The published schemas of SPASE 2.7.1 and IMPEx 1.0.2."""
    folder = shared / "standards"
    files = ("spase/xsd/spase-2_7_1.xsd", "impex/xsd/impex-1_0_2.xsd")
    spase, impex = (etree.XMLSchema(etree.parse(folder / file)) for file in files)
    return spase, impex


def _valid(schema: Any, record: Record) -> list[str]:
    schema.validate(etree.fromstring(write(record)))
    return [f"{record.id}: {error.message}" for error in schema.error_log]


def _leaves(node: Node, path: str = "") -> Iterator[tuple[str, str, tuple[tuple[str, str], ...]]]:
    attributes = tuple(sorted((k, " ".join(v.split())) for k, v in node.attributes if k[0] != "{"))
    yield f"{path}/{node.name}", node.text.strip(), attributes
    for child in node.children:
        if child.name != COMMENT:
            yield from _leaves(child, f"{path}/{node.name}")


@pytest.mark.parametrize("tree", _TREES)
def test_real_trees_there_and_back(
    tree: str, real: dict[str, bytes], schemas: tuple[Any, Any]
) -> None:
    spase, impex = schemas
    found, _ = read(real[f"standards/impex/trees/{tree}"], Budget(seconds=600.0))
    unmapped: Counter[str] = Counter()
    for record in found:
        made, told = to_spase(record)
        if made is None:
            unmapped[record.kind] += 1
            assert told
            continue
        assert made.id == record.id
        assert _valid(spase, made) == []
        back, _ = to_impex(made)
        assert back is not None
        assert _valid(impex, back) == []
        was, now = (Counter(_leaves(each.resource)) for each in (record, back))
        changed = {path.rpartition("/")[2] for path, *_ in (was - now) + (now - was)}
        assert changed <= _TOLD
        assert changed == changed & {finding.message.partition(":")[0] for finding in told}
    # SPASE wants a date of every granule, and has no word for an analytic model.
    assert unmapped == {
        "LATMOS/tree.xml.gz": {"Granule": 493},
        "LESIA/tree_Mag.xml": {"SimulationModel": 1},
        "SMWG/Tree_UCLA.xml": {"Granule": 1},
        "VMO/Tree_UCLA.xml": {"Granule": 1},
    }.get(tree, {})


def _only(document: bytes) -> Record:
    records, _ = read(document, Budget())
    return records[0]


def test_a_region_of_spase_2_7_has_its_old_name_in_impex(good: bytes) -> None:
    document = good.replace(
        b"<Parameter>", b"<ObservedRegion>Jupiter.Europa</ObservedRegion>\n<Parameter>", 1
    )
    record = _only(document)
    made, told = to_impex(record)
    assert made is not None
    assert made.resource.get("ObservedRegion") == "Europa"
    assert made.resource.get("AccessInformation/Format") == "Text"
    messages = [finding.message for finding in told]
    assert "Style: IMPEx 1.0.2 has no place for it" in messages
    assert "Format: IMPEx 1.0.2 has no value 'CSV'; Text stands for it" in messages
    assert all(finding.level == "warning" and finding.line for finding in told)


def test_a_kind_that_the_other_has_not_is_told(good: bytes) -> None:
    document = good.replace(b"NumericalData>", b"Software>")
    made, told = to_impex(_only(document))
    assert made is None
    assert [f.message for f in told] == ["Software: IMPEx 1.0.2 has no such resource"]
