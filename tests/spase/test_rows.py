"""Rows: what the store keeps of records, and records of what it keeps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spase.read import read
from spase.rows import ids_named, kinds_named, record_of, row
from tests.spase.corpus import originals
from vo_server.budget import Budget
from vo_server.errors import BadArgument
from vo_server.record_address import page_url
from vo_server.row import Row


def _row(content: bytes) -> Row:
    return row(read(content, Budget())[0][0], "peer", content)


def test_every_real_record_comes_back_from_its_row(shared: Path) -> None:
    for record in originals(shared):
        kept = row(record, "peer")
        again = record_of(kept)
        assert again == record
        assert again.judge == record.judge
        assert kept.title
        assert kept.authority == record.id.split("/")[2]


def test_a_row_says_what_its_record_covers(good: bytes) -> None:
    made = _row(good)
    assert (made.title, made.description, made.kind) == (
        "Field at a probe", "Minutes.", "NumericalData",
    )  # fmt: skip
    assert (made.start, made.stop) == (np.datetime64("2020-01-01"), np.datetime64("2021-01-01"))
    assert made.facets["MeasurementType"] == ("MagneticField",)
    assert made.facets["Parameter"] == ("B", "B again")
    assert made.facets["Quantity"] == ("Magnetic",)


def test_what_goes_on_has_no_end(good: bytes) -> None:
    stop = b"<StopDate>2021-01-01T00:00:00Z</StopDate>"
    still = _row(good.replace(stop, b"<RelativeStopDate>-P1D</RelativeStopDate>"))
    assert (still.start, still.stop) == (np.datetime64("2020-01-01"), None)
    wrong = _row(good.replace(b"2020-01-01T00:00:00Z</StartDate>", b"soon</StartDate>"))
    assert (wrong.start, wrong.stop) == (None, np.datetime64("2021-01-01"))


def test_lists_are_bounded(good: bytes) -> None:
    keywords = b"".join(b"<Keyword>k%d</Keyword>" % number for number in range(1000))
    long = b"<Keyword>" + b"k" * 5000 + b"</Keyword>"
    made = _row(good.replace(b"<Parameter>", long + keywords + b"<Parameter>", 1))
    assert made.facets["Keyword"] == tuple(f"k{number}" for number in range(300))


def test_a_row_without_a_record_is_told(good: bytes) -> None:
    with pytest.raises(BadArgument, match="no record"):
        record_of(replace(_row(good), content=b"<Spase/>"))


def test_either_name_of_a_kind_is_meant() -> None:
    assert kinds_named("SimulationRun") == kinds_named("ModelRun") == ("ModelRun", "SimulationRun")
    assert kinds_named("Person") == ("Person",)
    assert "spase://A/SimulationRun/x/y" in ids_named("A/ModelRun/x/y")
    assert ids_named("A/Person/x")[0] == "spase://A/Person/x"


@pytest.mark.parametrize(
    ("id", "path"),
    [
        ("spase://A/Person/Ada", "/spase/A/Person/Ada.html"),
        ("impex://A/Granule/x y?#&", "/spase/A/Granule/x%20y%3F%23%26.html"),
        ("spase://A/../etc/passwd", None),
        ("spase://A//b", None),
        ("spase://A", None),
        ("javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        ("http://example.org/a", None),
        ("", None),
    ],
)
def test_addresses_of_records(id: str, path: str | None) -> None:
    assert page_url("https://b", id) == (None if path is None else f"https://b{path}")
