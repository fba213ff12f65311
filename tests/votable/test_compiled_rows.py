"""Plain rows by compiled kernels: what Python gives, to the bit and to the word."""

from typing import Any

import numpy as np
import pytest

from interpolation.engine import numpy_only
from tests.votable.plain_documents import (
    FIELDS,
    HOSTILE,
    NUMERIC,
    ODD,
    outcome,
    row,
    table,
)
from vo_server.formats import engine
from votable import plain
from votable.plain import PlainRows

SEED = 20261128
X, INT, TEXT, FLOAT = FIELDS[:4]
MIXED = (
    b"<TR><TD>%d.25</TD><TD>%d</TD><TD>t%d</TD><TD>1e3%d</TD></TR>\n" % ((n,) * 4) for n in range(9)
)
DOCUMENT = table(b"".join(MIXED), (X, INT, TEXT, FLOAT))
EMPTY = b"<TR>" + b"<TD></TD>" * 1_000 + b"</TR>"


@pytest.fixture
def all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have kernels take as few rows as there are."""
    monkeypatch.setattr(plain, "_MUCH", -1)


def same(document: bytes, sizes: list[int], **options: Any) -> Any:
    """Assert that both engines read the same, and give it."""
    found = outcome(document, sizes, **options)
    with numpy_only():
        assert outcome(document, sizes, **options) == found
    return found


@pytest.mark.usefixtures("all_rows")
@pytest.mark.parametrize("nulls", [True, False])
def test_documents_cut_at_every_place(nulls: bool) -> None:
    for place in range(1, len(DOCUMENT)):
        assert len(same(DOCUMENT, [place, len(DOCUMENT)], nulls=nulls)[0][2][0]) == 9 * 8
    for size in range(1, 99):
        same(DOCUMENT, [size], nulls=nulls)


@pytest.mark.usefixtures("all_rows")
@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("size", [65_536, 200, 7])
def test_odd_documents(name: str, size: int) -> None:
    for nulls in (True, False):
        same(ODD[name], [size], nulls=nulls)


def rows(words: list[str]) -> bytes:
    """Give rows of one cell each."""
    return b"".join(f"<TR><TD>{word}</TD></TR>\n".encode() for word in words)


@pytest.mark.parametrize("field", [X, FLOAT, FIELDS[9]])
def test_many_numbers(field: str) -> None:
    random = np.random.default_rng(SEED)
    numbers = random.integers(0, 2**64, 30_000, np.uint64).view(np.float64).tolist()
    numbers += (random.normal(size=30_000) * 10.0 ** random.integers(-5, 9, 30_000)).tolist()
    words = [repr(number) for number in numbers]
    odd = ["", " ", "nan", "-Inf", "1e999", "-1", "1" * 30]
    for place in range(0, len(words), 997):
        words[place] = odd[place % len(odd)]
    for nulls in (True, False):
        blocks = same(table(rows(words), (field,)), [65_536], nulls=nulls, points=10**5)
        assert len(blocks) > 10


def test_blocks_and_limits() -> None:
    document = table(row(2) * 20_000, (X, FLOAT))
    blocks = same(document, [65_536], points=20_000)
    assert len({len(block[2][0]) for block in blocks[:-1]}) > 1
    assert "more rows" in same(document, [65_536], points=19_999)[2]


@pytest.mark.parametrize("field", NUMERIC)
@pytest.mark.parametrize("bad", [b"one", b"1_0", b"1,2", b"--1", b"1e5.0", b"9" * 40, b"0x1G"])
def test_refusals_tell_row_and_column(field: str, bad: bytes) -> None:
    odd = b"<TR><TD>7</TD><TD>" + bad + b"</TD></TR>"
    for before, behind in ((0, 9), (5_000, 9_000), (9_000, 0)):
        document = table(row(2, "7") * before + odd + row(2, "7") * behind, (X, field))
        found = same(document, [65_536], points=10**5)
        if isinstance(found, tuple):
            assert f"row {before + 1}, column " in found[2]


def test_the_first_column_that_is_wrong_is_told() -> None:
    first, second = (
        b"<TR><TD>%s</TD><TD>%s</TD></TR>" % pair for pair in ((b"1", b"x"), (b"y", b"1"))
    )
    document = table(row(2, "7") * 99 + first + row(2, "7") * 2_000 + second, (X, INT))
    assert "row 2101, column 'x': 'y' is no double" in same(document, [65_536], points=10**5)[2]
    large, word = (row(2, "7").replace(b"7", b"1", 1).replace(b"7", w) for w in (b"9" * 12, b"z"))
    document = table(large + row(2, "7") * 3_000 + word, (X, INT))
    assert "row 3002" in same(document, [65_536], points=10**5)[2]


MANY = 1_000_000
REFUSED = {
    "a row that never ends": b"<TR>" + b"<TD>1</TD>" * 400_000,
    "a cell that never ends": b"<TR><TD>" + b"1" * 3_000_000,
    "blanks that never end": b"<TR><TD>" + b" " * 3_000_000,
    "a row short of a cell": row(2) * 3_000 + row(1) + row(2),
    "a row with a cell too many": row(2) * 3_000 + row(3) + row(2),
    "a cell outside a row": row(2) * 3_000 + b"<TD>1</TD>" + row(2),
    "a row in a row": row(2) * 3_000 + b"<TR><TD>1</TD><TR>" + row(2),
    "a cell in a cell": row(2) * 3_000 + b"<TR><TD>1<TD>2</TD></TD></TR>",
    "a tag that is not closed": row(2) * 3_000 + b"<TR><TD>1</TD><TD>2</TR>" + row(2),
    "another end tag": row(2) * 3_000 + b"<TR><TD>1</TD><TD>2</TR></TD>" + row(2),
    "NUL": row(2) * 3_000 + row(2, "\0") + row(2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    for fields in ((X, FLOAT), (TEXT, X)):
        assert isinstance(same(table(REFUSED[name], fields), [65_536], points=10**6), tuple)


@pytest.mark.parametrize("field", [X, TEXT])
def test_a_million_empty_cells(field: str) -> None:
    same(table(EMPTY * (MANY // 1_000), (field,) * 1_000), [65_536], points=10**6)
    same(table(b"<TR><TD></TD></TR>" * (MANY // 4), (field,)), [65_536], points=10**6)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_rows(name: str) -> None:
    for field in (X, TEXT):
        same(table(HOSTILE[name], (field,)), [65_536], points=10**6)


def test_kernels_take_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    take = PlainRows.take

    def spy(rows: PlainRows, document: bytes, start: int) -> Any:
        found = take(rows, document, start)
        taken.append(found[0])
        return found

    monkeypatch.setattr(PlainRows, "take", spy)
    body = b"<TR>" + b"".join(b"<TD>%d</TD>" % n for n in range(len(NUMERIC))) + b"</TR>\n"
    outcome(table(body * 1_000, tuple(NUMERIC)), [65_536], points=1_000)
    assert sum(taken) > 990
    taken.clear()
    outcome(table(body * 9, FIELDS[: len(NUMERIC)]), [65_536])  # with an array and a logical
    assert taken == []


def test_kernels_are_not_called_for_every_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    found = engine.kernels()
    assert found is not None
    calls: list[int] = []
    read = found.parse.rows

    def spy(*arguments: Any) -> Any:
        calls.append(len(arguments[0]))
        return read(*arguments)

    monkeypatch.setattr(found.parse, "rows", spy)
    document = table(HOSTILE["every other row"], (X,))
    outcome(document, [65_536], points=10**6)
    assert 0 < len(calls) < 1_000
    calls.clear()
    document = table(row(2) * 9_000, (X, FLOAT))
    outcome(document, [65_536], points=10**6)
    assert len(calls) >= len(document) // 65_536
