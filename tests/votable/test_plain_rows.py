"""Plain rows of TABLEDATA: read at once, they give what the parser gives cell by cell."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.votable.plain_documents import (
    FIELDS,
    HOSTILE,
    ODD,
    PLAIN_ROW,
    SIZES,
    documents,
    outcome,
    row,
    table,
)
from votable import read as reader
from votable.tabledata import TableData

pytestmark = pytest.mark.usefixtures("working_engine")


def parsed(document: bytes, sizes: list[int], **options: Any) -> Any:
    """Give the same where every row goes through the parser."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TableData, "take_plain", lambda _, document, start: start)
        return outcome(document, sizes, **options)


@settings(derandomize=True, deadline=None, max_examples=1000)
@given(document=documents(), sizes=SIZES, nulls=st.booleans(), points=st.sampled_from([3, 99]))
def test_plain_rows_give_what_the_parser_gives(
    document: bytes, sizes: list[int], nulls: bool, points: int
) -> None:
    found = outcome(document, sizes, nulls=nulls, points=points)
    assert found == parsed(document, sizes, nulls=nulls, points=points)


@pytest.mark.parametrize("encoding", ["", "utf-8", "us-ascii", "iso-8859-1"])
@pytest.mark.parametrize("prefix", ["", "v:"])
def test_plain_rows_do_not_go_through_the_parser(
    monkeypatch: pytest.MonkeyPatch, encoding: str, prefix: str
) -> None:
    taken: list[int] = []
    take_plain = TableData.take_plain

    def spy(data: TableData, document: bytes, start: int) -> int:
        before = data.rows
        end = take_plain(data, document, start)
        taken.append(data.rows - before)
        return end

    monkeypatch.setattr(TableData, "take_plain", spy)
    head = f"<?xml version='1.0' encoding='{encoding}'?>" if encoding else ""
    rows = row(2) * 500 + b"<TR><TD/><TD>&lt;</TD></TR>" * 50 + row(2) * 500
    document = table(rows, (FIELDS[0], FIELDS[2]), head.encode())
    document = re.sub(rb"(</?)(?=[A-Z])", rb"\1" + prefix.encode(), document)
    for sizes, least in (([65_536], 900), ([4_096], 850)):
        taken.clear()
        assert outcome(document, sizes, points=1050)[0][2][1].count("<") == 50
        assert sum(taken) >= least


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("size", [65_536, 200, 7, 1])
def test_odd_documents(name: str, size: int) -> None:
    for nulls in (True, False):
        found = outcome(ODD[name], [size], nulls=nulls)
        assert found == parsed(ODD[name], [size], nulls=nulls)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("size", [65_536, 1_000])
def test_hostile_rows_are_looked_at_no_oftener_than_they_are_long(
    name: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = table(HOSTILE[name], FIELDS[2:3])
    fed: list[int] = []
    tried = 0
    give, take = reader._Document._give_parser, TableData.take_plain

    def counted(self: reader._Document, data: bytes) -> None:
        fed.append(len(data))
        give(self, data)

    def tally(self: TableData, data: bytes, start: int) -> int:
        nonlocal tried
        tried += 1
        return take(self, data, start)

    monkeypatch.setattr(reader._Document, "_give_parser", counted)
    monkeypatch.setattr(TableData, "take_plain", tally)
    outcome(document, [size], points=10**6)
    assert sum(fed) <= len(document)
    assert len(fed) <= len(document) // 10
    assert tried <= len(fed) + 1


def test_blanks_of_plain_rows_are_no_piece_of_text() -> None:
    document = table((b"\n" * 20_000 + row(1)) * 60)
    (block,) = outcome(document, [65_536])
    assert block[2] == [np.full(60, 1.5).tobytes()]


def test_a_long_cell_in_one_piece_is_refused() -> None:
    document = table(PLAIN_ROW * 2 + row(1, "x" * 1_100_000), FIELDS[2:3])
    assert "a cell has more than 1 MB" in outcome(document, [len(document)])[2]
