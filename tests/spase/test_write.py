"""What is written says all that was read, in the same bytes every time."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spase.read import read
from spase.record import COMMENT, Node, Record
from spase.write import document, path, write
from vo_server.budget import Budget


def _one(content: bytes) -> Record:
    records, findings = read(content, Budget())
    assert findings == []
    (record,) = records
    return record


def test_every_real_document_is_written_and_read_back_equal(real: dict[str, bytes]) -> None:
    count = 0
    for name, content in real.items():
        records, _ = read(content, Budget())
        written = document(records)
        again, findings = read(written, Budget())
        assert again == records, name
        assert document(again) == written, name
        assert not records[0].judge or findings == [], name
        count += len(records)
    assert count == 4293


def test_records_of_real_documents_stand_alone(real: dict[str, bytes]) -> None:
    for name, content in real.items():
        if "-tools" in name or "LATMOS" in name:
            continue  # as the other tree of FMI, and large
        records, _ = read(content, Budget())
        for record in records[:: max(1, len(records) // 5)]:
            written = write(record)
            again, _ = read(written, Budget())
            assert again == [record], name
            assert write(again[0]) == written, name


def test_bytes_are_those_of_the_layout(good: bytes) -> None:
    record = _one(good)
    assert write(record).replace(b"'", b'"') == good
    assert path(record) == "Own/NumericalData/Probe/MAG/PT1M.xml"


_TEXT = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"),
    max_size=30,
)
_LEAF = st.builds(Node, st.sampled_from(["Name", "Note", "Ü"]), _TEXT)
_OTHER = st.builds(Node, st.just("X"), _TEXT, namespace=st.sampled_from(["", "urn:other"]))
_COMMENT = st.builds(
    Node, st.just(COMMENT), _TEXT.filter(lambda t: "--" not in t and not t.endswith("-"))
)
_TREE = st.recursive(
    st.one_of(_LEAF, _OTHER, _COMMENT),
    lambda inner: st.builds(
        Node, st.just("Extension"), children=st.lists(inner, min_size=1, max_size=4).map(tuple)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(_TREE, _TEXT.filter(lambda text: text.strip() != ""))
def test_any_tree_comes_back(tree: Node, tail: str) -> None:
    mixed = Node("Extension", "begin", (("lang", tail),), (replace(tree, tail=tail),))
    identity = Node("ResourceID", "spase://A/Person/B")
    resource = Node("Person", "", (), (identity, tree, mixed))
    space = "http://www.spase-group.org/data/schema"
    record = Record(resource, (Node("Version", "2.7.1"),), space, "spase-2.7.1")
    assert _one(write(record)) == record


def test_records_of_two_documents_make_no_document(good: bytes) -> None:
    record = _one(good)
    with pytest.raises(ValueError, match="share"):
        document([record, replace(record, header=())])


@pytest.mark.parametrize(
    "id",
    ["spase://A/../../etc/passwd", "spase://A/B?x=1", "file://A/B", "spase://A", "spase://A//B",
     "spase://A/./B", "spase://A/B\x00", "spase://A/" + "b" * 300, "", "spase://A/B\\C"],
)  # fmt: skip
def test_an_id_that_is_no_path_of_a_file_is_refused(id: str) -> None:
    resource = Node("Person", children=(Node("ResourceID", id),))
    with pytest.raises(ValueError, match="id of"):
        path(Record(resource, (), None, "spase-2.7.1"))
