"""CDF, ECSV, FITS and Parquet: read back equal, read by the formats' own libraries, and bounded."""

import io
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_server import plugins
from vo_server.budget import Budget
from vo_server.context import read as read_any
from vo_server.errors import BadTable, Refusal, TooMuch
from vo_server.model.parameter import Parameter
from vo_server.model.table import Column, Header, Table, concatenate
from vo_server.model.time import print_times
from vo_server.roles import times, trajectory

Draw = Callable[..., Table]

_FORMATS = ("cdf", "ecsv", "fits", "parquet")


def write(name: str, *tables: Table) -> bytes:
    """Give a whole file."""
    return b"".join(plugins.format_named(name).write(tables))


def read(name: str, data: bytes, **limits: Any) -> Table:
    """Give a whole table."""
    return concatenate(list(plugins.format_named(name).read(io.BytesIO(data), Budget(**limits))))


def as_text(table: Table, name: str) -> list[Any]:
    """Give a column in a form in which times are text and NaN is equal to itself."""
    parameter = table.header.parameters[table.header.index(name) or 0]
    column = table.column(name)
    if parameter.dtype.kind == "M":
        return print_times(column)
    if parameter.dtype.kind in "iu" and parameter.null is not None:
        return [None if value == parameter.null else value for value in column.tolist()]
    return [repr(value) if isinstance(value, float) else value for value in column.tolist()]


@pytest.mark.parametrize("name", _FORMATS)
@settings(derandomize=True, deadline=None, max_examples=60)
@given(data=st.data())
def test_round_trip(draw_table: Draw, name: str, data: st.DataObject) -> None:
    letters = st.text(st.characters(min_codepoint=33, max_codepoint=126))
    table = draw_table(data, letters)
    back = read(name, write(name, table))
    assert [p.name for p in back.header.parameters] == [p.name for p in table.header.parameters]
    for mine, theirs in zip(table.header.parameters, back.header.parameters, strict=True):
        assert (theirs.unit, theirs.description) == (mine.unit, mine.description)
        assert as_text(table, mine.name) == as_text(back, mine.name), mine.name
    assert back.header.name == table.header.name


@pytest.mark.parametrize("name", _FORMATS)
def test_a_flight(name: str, flight: Table) -> None:
    back = read(name, write(name, flight))
    words = {p.name: (p.unit, p.ucd, p.description) for p in back.header.parameters}
    assert words["X"] == ("km", "pos.cartesian.x", "")
    assert words["Density"] == ("1/m3", None, "of protons")
    frames = [c.value for c in back.header.constants if c.parameter.ucd == "pos.frame"]
    assert frames == ["MSO"]
    assert back.header.name == "Mars_RunB"
    assert back.column("X")[0] == -4061.77
    assert np.isnan(back.column("X")[1])
    assert as_text(back, "Time")[0] == "2005-01-01T00:00:00.100Z"


@pytest.mark.parametrize("name", ["cdf", "fits", "parquet"])
def test_types_and_arrays(name: str) -> None:
    columns: dict[str, Column] = {
        "f4": np.array([0.1, np.nan], np.float32), "i2": np.array([-1, 300], np.int16),
        "u1": np.array([0, 255], np.uint8), "u4": np.array([0, 2**32 - 1], np.uint32),
        "i8": np.array([-(2**63) + 1, 2**63 - 1]), "m": np.arange(12.0).reshape(2, 2, 3),
    }  # fmt: skip
    header = Header(
        tuple(Parameter(n, c.dtype, shape=c.shape[1:], unit="nT") for n, c in columns.items())
    )
    back = read(name, write(name, Table(header, tuple(columns.values()))))
    for parameter, column in zip(back.header.parameters, back.columns, strict=True):
        assert parameter.dtype == columns[parameter.name].dtype, parameter.name
        np.testing.assert_array_equal(column, columns[parameter.name])


@pytest.mark.parametrize("name", _FORMATS)
def test_tables_without_rows(name: str, flight: Table) -> None:
    empty = Table(flight.header, tuple(column[:0] for column in flight.columns))
    back = read(name, write(name, empty))
    assert len(back) == 0
    assert back.header.parameters[1].unit == "km"


def test_arrays_of_differing_length() -> None:
    cells = np.empty(2, object)
    cells[:] = [np.arange(3.0), np.zeros(0)]
    table = Table(Header((Parameter("v", shape=(-1,)),)), (cells,))
    back = read("parquet", write("parquet", table))
    assert [cell.tolist() for cell in back.columns[0]] == [[0, 1, 2], []]
    for name in ("cdf", "ecsv", "fits", "netcdf", "csv", "ascii"):
        with pytest.raises(BadTable, match="'v' has arrays of differing length"):
            write(name, table)


def test_astropy_reads_ecsv_and_fits(flight: Table) -> None:
    from astropy.table import Table as AstropyTable

    narrow = [p for p in flight.header.parameters if p.name in ("X", "Density", "Line_no", "ok")]
    table = Table(
        replace(flight.header, parameters=tuple(narrow)),
        tuple(flight.column(p.name) for p in narrow),
    )
    ecsv = AstropyTable.read(write("ecsv", table).decode(), format="ascii.ecsv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has no 1/m3 for FITS
        fits = AstropyTable.read(io.BytesIO(write("fits", table)), format="fits")
    for theirs in (ecsv, fits):
        assert str(theirs["X"].unit) == "km"
        assert theirs["X"][0] == -4061.77
        assert theirs["Density"][0] == np.float32(0.1)
        assert theirs["Line_no"][1] == 2
    assert ecsv["X"].meta["ucd"] == "pos.cartesian.x"


def test_what_astropy_writes_is_read() -> None:
    from astropy import units
    from astropy.table import Table as AstropyTable

    table = AstropyTable({"x": [1.5, 2.5] * units.km, "n": [1, 2], "s": ["a b", "c"]})
    table["n"].info.description = "numbers"
    text, binary = io.StringIO(), io.BytesIO()
    table.write(text, format="ascii.ecsv")
    table.write(binary, format="fits")
    for name, data in (("ecsv", text.getvalue().encode()), ("fits", binary.getvalue())):
        back = read(name, data)
        assert back.column("x").tolist() == [1.5, 2.5]
        assert back.header.parameters[0].unit == "km"
        assert back.column("n").tolist() == [1, 2]
        assert back.column("s").tolist() == ["a b", "c"]


def test_a_real_cdf(shared: Any) -> None:
    path = shared / "data/trajectories/rbspa_ect-hope-PA-L3_20121201.cdf"
    with path.open("rb") as stream:
        table = concatenate(list(read_any(stream, (path.name,), Budget(), "orbit")))
    time = table.header.parameters[0]
    assert time.dtype.kind == "M"
    assert str(table.columns[0][0]).startswith("2012-12-01T00:00")
    assert len(table) == 100
    path_flown = trajectory([table], body="Earth", radius=None, argument="orbit")
    np.testing.assert_allclose(path_flown.positions[0], [9756757.8, 34897480.5, -6253369.1])
    moments = times(path_flown.table, argument="orbit")
    assert moments is not None
    assert str(moments[0]) == "2012-12-01T00:00:05.691000000"


def test_formats_are_told_by_their_first_bytes(flight: Table) -> None:
    for name in _FORMATS:
        stream = io.BytesIO(write(name, flight))
        (table,) = read_any(stream, ("table.bin",), Budget(), "url")
        assert table.header.name == "Mars_RunB"


@pytest.mark.parametrize("name", _FORMATS)
def test_limits(name: str, flight: Table) -> None:
    data = write(name, flight)
    with pytest.raises(TooMuch, match="rows"):
        read(name, data, points=1)
    with pytest.raises(TooMuch, match="larger"):
        read(name, data, bytes=len(data) - 1)
    with pytest.raises(TooMuch, match="longer than"):
        read(name, data, seconds=0)


@pytest.mark.parametrize("name", _FORMATS)
@settings(derandomize=True, deadline=None, max_examples=150)
@given(data=st.data())
def test_broken_files_are_refused_or_read(name: str, flight: Table, data: st.DataObject) -> None:
    content = bytearray(write(name, flight))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, max(0, len(content) - 2)))
        what = data.draw(st.sampled_from(["flip", "cut", "large", "end"]))
        if what == "flip":
            content[place : place + 1] = bytes([data.draw(st.integers(0, 255))])
        elif what == "large":
            content[place : place + 4] = data.draw(
                st.sampled_from([b"\x7f\xff\xff\xff", b"\xff" * 4])
            )
        elif what == "cut":
            del content[place : place + data.draw(st.integers(1, 40))]
        else:
            del content[place + 1 :]
    with suppress(Refusal):
        read(name, bytes(content), seconds=20, bytes=10_000_000)
