"""Records: the same in every format, whatever the range, the block or the subset."""

import csv
import io
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hapi.binary_rows import BinaryRows
from hapi.csv_rows import CsvRows
from hapi.json_rows import JsonRows
from hapi.wire import Wire, wire
from vo_server.errors import BadFile
from vo_server.formats import engine
from vo_server.model.parameter import REAL, TEXT, Parameter

if TYPE_CHECKING:
    from tests.hapi.conftest import Server

_TIME = Parameter("Time", np.dtype("datetime64[ns]"))
_INT = np.dtype(np.int32)
_PARAMETERS = (
    _TIME,
    Parameter("a"),
    Parameter("v", REAL, shape=(3,)),
    Parameter("n", _INT),
    Parameter("m", _INT, shape=(2,)),
    Parameter("t", TEXT, length=40),
    Parameter("w", TEXT, length=40, shape=(2,)),
    Parameter("g", REAL, shape=(2, 2)),
    Parameter("one", REAL, shape=(1,)),
    Parameter("other", np.dtype("datetime64[ns]")),
)
_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1,
                 max_size=8)  # fmt: skip
_reals = st.floats(allow_nan=True, allow_infinity=True)
_ints = st.integers(-(2**31), 2**31 - 1)
_row = st.tuples(
    _reals, st.tuples(*[_reals] * 3), _ints, st.tuples(_ints, _ints), _texts,
    st.tuples(_texts, _texts), st.tuples(*[_reals] * 4),
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Let the compiled kernels of text work."""
    assert engine.warm()


def _columns(rows: Sequence[Any]) -> list[NDArray[Any]]:
    count = len(rows)
    times = np.datetime64("2026-01-01", "ns") + np.arange(count) * np.timedelta64(1, "m")
    words = np.empty((count, 2), object)
    words[:] = [row[5] for row in rows]
    texts = np.empty(count, object)
    texts[:] = [row[4] for row in rows]
    return [
        times,
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows], np.int32),
        np.array([row[3] for row in rows], np.int32),
        texts,
        words,
        np.array([row[6] for row in rows]).reshape(count, 2, 2),
        np.array([row[0] for row in rows]).reshape(count, 1),
        np.where(np.arange(count) % 2, times, np.datetime64("NaT")),
    ]


def _wires(parameters: Sequence[Parameter] = _PARAMETERS) -> list[Wire]:
    return [wire(p, 3, primary=i == 0) for i, p in enumerate(parameters)]


def _flat(row: Any) -> list[Any]:
    return [x for part in row for x in (_flat(part) if isinstance(part, list) else [part])]


def _bits(value: float) -> bytes:
    return np.float64(value).tobytes()


def _same(wires: Sequence[Wire], cells: Sequence[NDArray[Any]]) -> None:
    """Write in every format, read each as a stranger would, and compare cell by cell."""
    text = CsvRows(wires).rows(cells)
    rows = list(csv.reader(io.StringIO(text.decode(), newline="")))
    writer = JsonRows(wires)
    document = orjson.loads(
        writer.begin(b'{"a":1}', asked=False) + writer.rows(cells) + writer.end()
    )
    dtype = np.dtype([(f"f{i}", made.dtype) for i, made in enumerate(wires)])
    records = np.frombuffer(BinaryRows(wires).rows(cells), dtype)
    assert len(rows) == len(document["data"]) == len(records)
    for row, listed, record in zip(rows, document["data"], records, strict=True):
        told = _flat(listed)
        packed = [x for i in range(len(wires)) for x in np.atleast_1d(record[f"f{i}"]).ravel()]
        kinds = [made.type for made in wires for _ in range(int(np.prod(made.size)))]
        assert len(row) == len(told) == len(packed) == len(kinds)
        for kind, a, b, c in zip(kinds, row, told, packed, strict=True):
            if kind == "double":
                assert _bits(float(a)) == _bits(float(b)) == _bits(c)
            elif kind == "integer":
                assert int(a) == b == int(c)
            else:
                assert a == b == bytes(c).decode()
        for made, value in zip(wires, listed, strict=True):
            assert np.shape(np.array(value, object)) == made.size


@given(st.lists(_row, min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_formats_say_the_same(rows: list[Any]) -> None:
    wires = _wires()
    cells = [made.cells(column) for made, column in zip(wires, _columns(rows), strict=True)]
    _same(wires, cells)


@given(st.lists(_row, min_size=1, max_size=6), st.sets(st.integers(1, 9)))
@settings(max_examples=80, deadline=None)
def test_a_column_reads_the_same_whatever_is_beside_it(rows: list[Any], chosen: set[int]) -> None:
    columns, parameters = _columns(rows), _PARAMETERS
    whole = list(csv.reader(io.StringIO(_csv(parameters, columns), newline="")))
    widths = [int(np.prod(p.shape)) for p in parameters]
    starts = [0, *itertools.accumulate(widths)]
    kept = [0, *sorted(chosen)]
    part = list(csv.reader(io.StringIO(_csv([parameters[i] for i in kept],
    [columns[i] for i in kept]),
                                       newline="")))  # fmt: skip
    for all_cells, some in zip(whole, part, strict=True):
        assert some == [c for i in kept for c in all_cells[starts[i] : starts[i] + widths[i]]]


def _csv(parameters: Sequence[Parameter], columns: Sequence[NDArray[Any]]) -> str:
    wires = _wires(parameters)
    cells = [made.cells(column) for made, column in zip(wires, columns, strict=True)]
    return CsvRows(wires).rows(cells).decode()


@pytest.mark.slow
def test_ten_million_reals_bit_for_bit() -> None:
    wires = _wires((_TIME, Parameter("x", REAL, shape=(5,))))
    random = np.random.default_rng(7)
    dtype = np.dtype([(f"f{i}", made.dtype) for i, made in enumerate(wires)])
    writers = CsvRows(wires), BinaryRows(wires)
    for block in range(50):
        bits = random.integers(0, 2**64, 200_000, np.uint64)
        if block % 5 == 0:
            bits &= np.uint64(0x800FFFFFFFFFFFFF)  # denormals and zeros
        values = bits.view(np.float64).reshape(-1, 5)
        values = np.where(np.isfinite(values), values, 0.5)
        times = np.datetime64("2026-01-01", "ns") + np.arange(len(values)) * np.timedelta64(1, "s")
        cells = [made.cells(c) for made, c in zip(wires, (times, values), strict=True)]
        text = writers[0].rows(cells)
        lines = text[:-1].replace(b"\n", b",").split(b",")
        del lines[::6]
        read = np.array(list(map(float, lines))).view(np.uint64)
        assert (read == values.reshape(-1).view(np.uint64)).all()
        json = JsonRows(wires)
        document = orjson.loads(json.begin(b"{}", asked=True).replace(b"{,",
        b"{") + json.rows(cells)
                                + json.end())  # fmt: skip
        listed = np.array([row[1] for row in document["data"]]).reshape(-1).view(np.uint64)
        assert (listed == read).all()
        packed = np.frombuffer(writers[1].rows(cells), dtype)["f1"]
        assert (np.ascontiguousarray(packed).reshape(-1).view(np.uint64) == read).all()


def test_what_is_no_number_becomes_the_declared_fill() -> None:
    made = wire(Parameter("x", fill="-99.5"), 3)
    assert made.cells(np.array([1.0, np.nan, np.inf, -np.inf])).tolist() == [
        1.0,
        -99.5,
        -99.5,
        -99.5,
    ]
    wires = [made]
    cells = [made.cells(np.array([np.nan]))]
    assert CsvRows(wires).rows(cells) == b"-99.5\n"
    nan = wire(Parameter("x", fill="NaN"), 3)
    assert CsvRows([nan]).rows([nan.cells(np.array([np.inf, 1.0]))]) == b"NaN\n1.0\n"
    integer = wire(Parameter("n", np.dtype(np.int64), null=-7, fill="-1"), 3)
    assert integer.cells(np.array([1, -7])).tolist() == [1, -1]
    assert wire(Parameter("n", np.dtype(np.int16), null=-7), 3).cells(
        np.array([-7], np.int16)
    ).tolist() == [-(2**31)]
    text = wire(Parameter("t", TEXT, length=5), 3)
    column = np.array(["", None, "ab"], object)
    assert text.cells(column).tolist() == [b"N/A", b"N/A", b"ab"]
    truth = wire(Parameter("b", np.dtype(bool)), 3)
    assert truth.cells(np.array([True, None, False], object)).tolist() == [1, -(2**31), 0]


def test_what_does_not_fit_is_refused() -> None:
    for wrong, column in (
        (wire(Parameter("n", np.dtype(np.int64)), 3), np.array([2**31])),
        (wire(Parameter("n", np.dtype(np.int64)), 3), np.array([-(2**31) - 1])),
        (wire(Parameter("t", TEXT, length=3), 3), np.array(["Zür"], object)),
    ):
        with pytest.raises(BadFile, match="more than"):
            wrong.cells(column)
    for parameter in (
        Parameter("x", fill="inf"), Parameter("x", fill="none"), Parameter("n", _INT, fill="1.5"),
        Parameter("n", _INT, fill="2147483648"), Parameter("s", np.dtype("datetime64[ns]"),
        fill="2026Z"),
    ):  # fmt: skip
        with pytest.raises(BadFile, match="the fill of"):
            wire(parameter, 3)


def test_adjacent_ranges_make_the_whole(server: "Server") -> None:
    random = np.random.default_rng(3)
    first = np.datetime64("2026-01-01T00:00:00", "ns")
    last = np.datetime64("2026-01-02T23:59:00.001", "ns")
    for form in ("csv", "binary"):
        base = f"/hapi/data?id=mixed&parameters=Position,Count&format={form}"
        whole = server.ask(f"{base}&time.min={first}Z&time.max={last}Z").content
        cuts = np.sort(random.integers(0, int((last - first).astype(int)), 60))
        cuts[::3] -= cuts[::3] % 60_000_000_000  # on records too
        moments = [first, *(first + np.unique(cuts[cuts > 0]).astype("timedelta64[ns]")), last]
        parts = [
            server.ask(f"{base}&time.min={a}Z&time.max={b}Z").content
            for a, b in itertools.pairwise(moments)
        ]
        assert b"".join(parts) == whole


@pytest.mark.parametrize("id", ["mixed", "dipole_cube_at_mex", "av_dipole_cube_at_mex"])
def test_a_subset_is_the_same_columns(server: "Server", id: str) -> None:
    query = f"id={id}&time.min=2026-01-01Z&time.max=2026-01-01T09Z"
    info = server.ask(f"/v3.3/hapi/info?id={id}").json
    rows = list(csv.reader(io.StringIO(server.ask(f"/v3.3/hapi/data?{query}").content.decode())))
    assert rows
    start = 0
    for parameter in info["parameters"]:
        width = int(np.prod(parameter.get("size", [1])))
        got = server.ask(f"/v3.3/hapi/data?{query}&parameters={parameter['name']}").content.decode()
        some = list(csv.reader(io.StringIO(got)))
        assert [row[-width:] for row in some] == [row[start : start + width] for row in rows]
        start += width


def test_the_last_record_is_reached(server: "Server") -> None:
    info = server.ask("/hapi/info?id=sets/%C3%B6d%2B1").json
    query = f"id=sets/%C3%B6d%2B1&time.min={info['startDate']}&time.max={info['stopDate']}"
    rows = server.ask(f"/hapi/data?{query}").content.splitlines()
    assert len(rows) == 60
    assert rows[-1].startswith(b"2026-01-03T11:00:00.000001Z,59,")
    assert all(len(row.split(b",")[0]) == info["parameters"][0]["length"] for row in rows)
