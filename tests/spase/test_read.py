"""Reading takes anybody's documents as they are, and tells what was wrong with them."""

import tracemalloc
from io import BytesIO

import numpy as np
import pytest

from schemas.simple_type import SimpleType
from spase.dictionary import nearest, value
from spase.read import read, records
from spase.record import Record
from vo_server.budget import Budget
from vo_server.errors import BadArgument, Refusal, TooMuch


def _rules(content: bytes) -> list[str]:
    found, findings = read(content, Budget())
    return [f.rule for each in found for f in each.findings] + [f.rule for f in findings]


def test_a_good_record_is_read_whole(good: bytes) -> None:
    (record,), findings = read(good, Budget())
    assert (findings, record.findings) == ([], ())
    assert record.id == "spase://Own/NumericalData/Probe/MAG/PT1M"
    assert (record.kind, record.version, record.judge) == ("NumericalData", "2.7.1", "spase-2.7.1")
    assert [node.line for node in record.resource.all("Parameter")] == [32, 40]
    types = {path: kind for path, _, kind in record.walk()}
    start = types["NumericalData/TemporalDescription/TimeSpan/StartDate"]
    assert isinstance(start, SimpleType)
    assert value(" 2020-01-01T00:00:00Z ", start) == np.datetime64("2020-01-01", "ns")
    assert None not in types.values()


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        (b"<Cadence>PT1M", b"<Cadence>\n  PT1M ", []),
        (b"</StartDate>", b" </StartDate>", []),
        (b"<Cadence>PT1M", b"<Cadence>1 minute", ["schema"]),
        (b"<Version>2.7.1</Version>", b"<Version>2.7.2</Version>", ["version"]),
        (b"<Version>2.7.1</Version>", b"<Version>2.6.0</Version>", []),
        (b"<Version>2.7.1</Version>", b"", ["version", "schema"]),
        (b"http://www.spase-group.org", b"https://www.spase-group.org", ["namespace"]),
        (b"MeasurementType>", b"MeasuredType>", ["schema"]),
        (b"</Spase>", b"", ["xml"]),
        (b"Minutes.", b"Minutes \xe9.", ["xml"]),
        (b"Minutes.", b"Minutes &nothing;.", ["xml"]),
        (b"<Format>CSV</Format>", b"<!-- why --><Format>CSV</Format>", []),
    ],
)
def test_what_is_wrong_is_told_and_the_record_kept(
    good: bytes, old: bytes, new: bytes, rules: list[str]
) -> None:
    assert good.count(old) > 0
    content = good.replace(old, new)
    assert _rules(content) == rules
    (record,), _ = read(content, Budget())
    assert record.id == "spase://Own/NumericalData/Probe/MAG/PT1M"


def test_texts_around_what_is_no_element_are_kept(good: bytes) -> None:
    told = good.replace(b"Minutes.", b"One &nothing; two <?do it?>three<!-- x --> four.")
    (record,), _ = read(told, Budget())
    (node,) = record.resource.all("ResourceHeader/Description")
    assert node.text == "One &nothing; two three"
    assert [(child.text, child.tail) for child in node.children] == [(" x ", " four.")]


def test_verdicts_on_real_documents(real: dict[str, bytes]) -> None:
    told = {name.rpartition("/")[2]: _rules(real[name]) for name in real if "trees" not in name}
    assert told["PT1M.xml"][-1] == "xml"
    assert told["PUNCH.xml"] == ["version", "schema"]
    assert told["Movies.xml"] == []
    for name in ("CCMC/Tree_CCMC.xml", "FMI_HYB/Tree_FMI_HYB.xml.gz", "SINP/SINP_tree.xml"):
        assert _rules(real[f"standards/impex/trees/{name}"]) == [], name
    assert _rules(real["standards/impex/trees/CLWEB/clweb_tree.xml.gz"]) == ["xml"]


def test_trees_without_a_namespace_are_read(real: dict[str, bytes]) -> None:
    name = next(name for name in real if "RemoteParams" in name)
    found, _ = read(real[name], Budget())
    assert {record.kind for record in found} == {"dataCenter"}
    assert all(record.model is None for record in found)
    assert found[0].id


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   ",
        b"no xml at all",
        b"\x1f\x8b\x08\x00",
        b'<!DOCTYPE a [<!ENTITY b "c">]><Spase>&b;</Spase>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><Spase/>',
        b"<Spase>" + b"<a>" * 100,
        b"<Spase>" + b"<Version>1</Version>" * 200,
    ],
)
def test_what_cannot_be_read_is_refused(content: bytes) -> None:
    with pytest.raises(Refusal):
        read(content, Budget())


def test_an_html_page_is_no_document() -> None:
    found, findings = read(b"<html><body><p>Not found</p></body></html>", Budget())
    assert [f.rule for f in findings] == ["root"]
    assert [f.model for f in found] == [None]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<Format>", b"<Format " + b" ".join(b'a%d="1"' % n for n in range(10_000)) + b">"),
        (b"<Format>", b"<Stranger/>" * 30_000 + b"<Format>"),
        (b"Minutes.", b"x" * 11_000_000),
    ],
)
def test_what_is_large_in_a_record_is_told_as_any_other(
    good: bytes, old: bytes, new: bytes
) -> None:
    assert set(_rules(good.replace(old, new))) & {"schema", "xml"}


def test_bytes_are_bounded(good: bytes) -> None:
    with pytest.raises(TooMuch):
        read(good, Budget(bytes=100))


@pytest.mark.parametrize("more", [0, 2**20])  # bytes, by which documents are read in two ways
@pytest.mark.parametrize(
    "inside", ["<x:b/>" * 3000, "<b " + " ".join(f"x:a{i}=''" for i in range(3000)) + "/>"]
)
def test_a_long_namespace_is_refused_before_names_are_made_of_it(
    good: bytes, inside: str, more: int
) -> None:
    told = f"<a xmlns:x='{'u' * 100_000}'>{inside}</a>{' ' * more}".encode()
    content = good.replace(b"<Format>", told + b"<Format>")
    tracemalloc.start()
    try:
        with pytest.raises(BadArgument, match="a namespace has more than 256 characters"):
            read(content, Budget())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


def test_memory_does_not_grow_with_the_number_of_resources(good: bytes) -> None:
    head, _, rest = good.partition(b"  <NumericalData>")
    resource = b"  <NumericalData>" + rest.replace(b"</Spase>\n", b"")

    def peak(count: int) -> int:
        document = BytesIO(head + resource * count + b"</Spase>")
        tracemalloc.start()
        seen = sum(isinstance(each, Record) for each in records(document, Budget()))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert seen == count
        return most

    few = peak(20)
    assert peak(400) - few < 400 * len(resource) / 2 + 1_000_000


@pytest.mark.parametrize(
    ("dialect", "version", "judge"),
    [
        ("impex", "2.2.2", "impex-1.0.2"),
        ("spase", "1.2.0", "spase-2.6.1"),
        ("spase", "2.6.1", "spase-2.6.1"),
        ("spase", "2.7.0", "spase-2.7.1"),
        ("spase", "9.9.9", "spase-2.7.1"),
        ("spase", "nonsense", "spase-2.7.1"),
    ],
)
def test_the_nearest_model_judges(dialect: str, version: str, judge: str) -> None:
    assert nearest(dialect, version).name == judge


def test_texts_mean_what_their_type_says() -> None:
    integers = SimpleType("typeSequence", items=SimpleType("integer"))
    assert value(" 3  4 ", integers) == (3, 4)
    assert value("INF", SimpleType("double")) == float("inf")
    assert value("1", SimpleType("boolean")) is True
    assert value(" a b ", SimpleType("string")) == "a b"
    for bad, kind in (("x", "double"), ("yes", "boolean"), ("1.5", "integer"), ("now", "dateTime")):
        with pytest.raises(BadArgument):
            value(bad, SimpleType(kind))
