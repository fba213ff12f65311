"""Blocks of numbers as text: compiled kernels and Python write the same bytes."""

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from interpolation import engine as numbers_engine
from vo_server.formats import engine
from vo_server.formats.rows import Spelling, text
from vo_server.formats.spelled import spelled
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Column, Header, Table

_DTYPES = tuple(np.dtype(name) for name in ("f8", "f4", "i8", "i4", "u1", "u8"))
_MARKS = st.text(st.sampled_from("<>/TRD,]\n "), max_size=40).map(str.encode)
_WORDS = Spelling("|", " ", "NaN", ("+Inf", "-Inf"), "", {True: "T", False: "F", None: ""}, list)


def _cell(number: Any) -> bytes:
    """Give a number as its shortest text, by itself."""
    return orjson.dumps(np.array([number]), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]


def _expected(
    block: NDArray[Any],
    separator: bytes,
    between: bytes,
    odd: list[tuple[NDArray[np.bool_], bytes]],
    lead: NDArray[np.uint8] | None,
) -> bytes:
    lines = []
    for i, row in enumerate(block):
        cells = [_cell(number) for number in row]
        for mask, word in odd:
            cells = [word if own else cell for own, cell in zip(mask[i], cells, strict=True)]
        lines.append(separator.join(([] if lead is None else [lead[i].tobytes()]) + cells))
    return between.join(lines)


@given(st.data())
def test_both_engines_write_what_cells_are_by_themselves(data: st.DataObject) -> None:
    assert engine.warm()
    dtype = data.draw(st.sampled_from(_DTYPES))
    rows, width = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 5))
    content = data.draw(st.binary(min_size=8 * rows * width, max_size=8 * rows * width))
    block = np.frombuffer(content, dtype)[: rows * width].reshape(rows, width)
    odd: list[tuple[NDArray[np.bool_], bytes]] = []
    words = st.text(st.sampled_from("NaInf+-"), max_size=40).map(str.encode)
    if dtype.kind == "f":
        masks = (np.isnan(block), np.isposinf(block), np.isneginf(block))
        odd = [(mask, data.draw(words)) for mask in masks]
    elif data.draw(st.booleans()):
        odd = [(block == block[0, 0], data.draw(words))]
    lead = None
    if data.draw(st.booleans()):
        length = data.draw(st.integers(1, 40))
        cells = data.draw(st.binary(min_size=rows * length, max_size=rows * length))
        lead = np.frombuffer(cells, np.uint8).reshape(rows, length)
    asked = (block, data.draw(_MARKS), data.draw(_MARKS), odd, lead)
    compiled = spelled(*asked)
    with numbers_engine.numpy_only():
        assert engine.kernels() is None
        assert spelled(*asked) == compiled
    assert compiled == _expected(*asked)


def test_a_large_block_of_every_kind_of_number_is_spelled_exactly() -> None:
    assert engine.warm()
    bits = np.random.default_rng(7).integers(0, 2**63, 300_000).view(np.float64)
    block = np.where(np.isfinite(bits), bits, 0.5).reshape(-1, 3) * [1.0, -1.0, 1.0]
    lines = spelled(block, b"</TD><TD>", b"\n").split(b"\n")
    back = np.array([line.split(b"</TD><TD>") for line in lines]).astype(np.float64)
    assert (back.view(np.int64) == block.view(np.int64)).all()


_TIMES = np.array(
    ["2005-01-01T00:00:00", "2262-01-01", "1678-01-01T00:00:00.999"], "datetime64[ns]"
)
_LEADS: list[tuple[str, Column]] = [
    ("whole milliseconds", _TIMES),
    ("finer than milliseconds", _TIMES + np.timedelta64(1, "ns")),
    ("a missing time", np.array([_TIMES[0], "NaT", _TIMES[1]], "datetime64[ns]")),
    ("masked times", np.ma.masked_array(_TIMES, [True, False, False])),
    ("texts of one length", np.array(["ab", "c|", " \n"], object)),
    ("texts of different lengths", np.array(["ab", "c", ""], object)),
    ("texts beyond ASCII", np.array(["aä", "öc", "ßd"], object)),
    ("long texts", np.array(["x" * 50] * 3, object)),
    ("empty texts", np.array(["", "", ""], object)),
    ("no text", np.array([None, None, None], object)),
]


@pytest.mark.parametrize(("what", "column"), _LEADS, ids=[what for what, _ in _LEADS])
def test_a_first_column_of_words_reads_the_same_whatever_follows(what: str, column: Column) -> None:
    assert engine.warm()
    kind = np.dtype("datetime64[ns]") if column.dtype.kind == "M" else TEXT
    first, numbers = Parameter("first", kind), np.array([0.1, np.nan, -1e300])
    spelling = Spelling(**{**{n: getattr(_WORDS, n) for n in _WORDS.__slots__}, "text": _shout})
    table = Table(Header((first, Parameter("x"), Parameter("y"))), (column, numbers, -numbers))
    alone = text(Table(Header((first,)), (column,)), spelling, "\0").split(b"\0")
    values = [b"0.1|-0.1", b"NaN|NaN", b"-1e+300|1e+300"]
    expected = b"\0".join(b"|".join(pair) for pair in zip(alone, values, strict=True))
    assert text(table, spelling, "\0") == expected
    with numbers_engine.numpy_only():
        assert text(table, spelling, "\0") == expected


def _shout(cells: list[str]) -> list[str]:
    """Escape texts as a format may: they become longer, and others."""
    return [cell.replace("|", "||").upper() for cell in cells]


def test_a_row_without_a_letter_has_a_word_of_its_own() -> None:
    table = Table(Header((Parameter("only", TEXT),)), (np.array(["", "a"], object),))
    assert text(table, _WORDS, blank='""') == b'""\na'
