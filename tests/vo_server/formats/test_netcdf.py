"""netCDF classic: what other libraries read and write, round trips, broken files."""

import io
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import netcdf_file

from vo_server.budget import Budget
from vo_server.errors import BadTable, TooMuch
from vo_server.formats.netcdf import NetcdfFormat
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.space import Frame
from vo_server.model.table import Constant, Header, Table
from vo_server.roles import times, trajectory

Draw = Callable[..., Table]
Open = Callable[[bytes], netCDF4.Dataset]


def write(*tables: Table) -> bytes:
    """Give the bytes of a table."""
    return b"".join(NetcdfFormat().write(tables))


def read(data: bytes, **limits: Any) -> Table:
    """Give the table of a file."""
    (table,) = NetcdfFormat().read(io.BytesIO(data), Budget(**limits))
    return table


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Open bytes with the netCDF library: as a file, since it refuses some sound ones in memory."""

    def open_file(data: bytes) -> netCDF4.Dataset:
        (tmp_path / "table.nc").write_bytes(data)
        return netCDF4.Dataset(tmp_path / "table.nc")

    return open_file


def test_the_netcdf_library_reads_a_flight(opened: Open, flight: Table) -> None:
    dataset = opened(write(flight, Table(flight.header, tuple(c[:0] for c in flight.columns))))
    assert dataset.data_model == "NETCDF3_CLASSIC"
    assert len(dataset.dimensions["count"]) == 2
    assert dataset.Title == "Mars_RunB"
    assert dataset.NumericalOutput == "spase://MyLab/Out"
    assert dataset.Coordinate_system == "MSO"
    assert dataset.description == "free words"
    assert (dataset.Radius, dataset.Radius_units, dataset.Steps) == (3390.5, "km", 7)
    assert dataset.points_ok == "2"
    time = dataset["Time"]
    assert time.units == "seconds since 2005-01-01 00:00:00"
    moment = netCDF4.num2date(time[0], time.units, time.calendar)
    assert str(moment) == "2005-01-01 00:00:00.100000"
    assert time[:].mask.tolist() == [False, True]
    assert dataset["X"].units == "km"
    assert dataset["X"].dtype == np.float64
    assert dataset["X"][:].mask.tolist() == [False, True]
    assert np.isnan(dataset["X"].missing_value)
    assert dataset["Density"].long_name == "of protons"
    assert dataset["Density"].dtype == np.float32
    assert dataset["Line_no"][:].tolist() == [None, 2]
    assert netCDF4.chartostring(dataset["label"][:]).tolist() == ["Mars, #1", ""]
    assert dataset["flux"].dimensions == ("count", "elements2")
    assert (dataset["wave_re"][0], dataset["wave_im"][0]) == (1.0, 2.0)
    assert dataset["ok"][:].tolist() == [1, None]


def test_a_flight_comes_back(flight: Table) -> None:
    back = read(write(flight))
    assert [p.name for p in back.header.parameters] == [
        "Time", "X", "Density", "Line_no", "label", "flux", "wave_re", "wave_im", "ok",
    ]  # fmt: skip
    for name in ("Time", "X", "Density", "label", "flux"):
        np.testing.assert_array_equal(back.column(name), flight.column(name))
    assert back.header.parameters[1] == flight.header.parameters[1]
    assert back.header.parameters[3].null == back.column("Line_no")[0]
    assert back.header.name == "Mars_RunB"
    assert "NumericalOutput: spase://MyLab/Out" in back.header.description
    told = [(c.parameter.name, c.value) for c in back.header.constants]
    assert told == [("COOSYS", "MSO"), ("Radius", 3390.5), ("Steps", 7)]


@settings(derandomize=True, deadline=None)
@given(data=st.data(), place=st.integers(0, 12))
def test_round_trip(draw_table: Draw, data: st.DataObject, place: int) -> None:
    table = draw_table(data, st.text(st.characters(exclude_characters="\0", codec="utf-8")))
    halves = [
        Table(table.header, tuple(c[part] for c in table.columns))
        for part in (slice(0, place), slice(place, None))
    ]
    assert write(*halves) == write(table)
    back = read(write(table))
    scipys = netcdf_file(io.BytesIO(write(table)), mmap=False)
    for parameter, column, found, described in zip(
        table.header.parameters, table.columns, back.columns, back.header.parameters, strict=True
    ):
        assert described.name == parameter.name
        if parameter.dtype.kind == "b":
            unknown = described.null
            assert [None if c == unknown else bool(c) for c in found] == column.tolist()
        elif parameter.null is not None:
            gaps = np.array([cell == described.null for cell in found])
            np.testing.assert_array_equal(gaps, column == parameter.null)
            np.testing.assert_array_equal(found[~gaps], column[~gaps])
        else:
            np.testing.assert_array_equal(found, column)
        if parameter.dtype.kind in "fi" and parameter.null is None:
            np.testing.assert_array_equal(scipys.variables[parameter.name][:], column)


def test_no_rows(opened: Open) -> None:
    header = Header((Parameter("x"), Parameter("t", TEXT), Parameter("n", np.dtype(np.int32))))
    table = Table(header, (np.empty(0), np.empty(0, object), np.empty(0, np.int32)))
    assert len(opened(write(table))["x"]) == 0
    back = read(write(table))
    assert len(back) == 0
    assert [p.name for p in back.header.parameters] == ["x", "t", "n"]


def test_names_are_cleaned_and_unique(opened: Open) -> None:
    names = ["a/b", "a b", "+x", "é" * 300, "H+", ""]
    header = Header(
        tuple(Parameter(name) for name in names),
        description="A key: 1\nA_key: 2\nA key: 1",
        constants=(Constant(Parameter("A key", TEXT), "1"),),
    )
    dataset = opened(write(Table(header, tuple(np.ones(1) for _ in names))))
    assert list(dataset.variables) == ["a_b", "a_b_2", "_x", "_" * 200, "H+", "_"]
    assert dataset["a_b"].long_name == "a/b"
    assert (dataset.A_key, dataset.A_key_2) == ("1", "2")


def test_integers_of_more_than_32_bits() -> None:
    header = Header((Parameter("n", np.dtype(np.int64), null=0),))
    assert (
        read(write(Table(header, (np.array([2**31 - 1, 0, -(2**31)]),)))).columns[0][0] == 2**31 - 1
    )
    for cells in ([2**31], [-(2**31) - 1], [2**62]):
        with pytest.raises(BadTable, match="'n' has integers beyond 32 bits"):
            write(Table(header, (np.array(cells),)))


def test_text_too_long_to_pad() -> None:
    cells = np.array(["x"] * 3000, object)
    cells[0] = "x" * 100_000
    with pytest.raises(TooMuch, match="text too long for netCDF classic"):
        write(Table(Header((Parameter("t", TEXT),)), (cells,)))


@pytest.mark.parametrize("data_model", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET"])
@pytest.mark.parametrize("size", [None, 3])
def test_files_of_the_netcdf_library(data_model: Any, size: int | None) -> None:
    dataset = netCDF4.Dataset("memory.nc", "w", format=data_model, memory=1000)
    dataset.createDimension("count", size)
    dataset.createDimension("one", 1)
    dataset.createDimension("name", 19)
    dataset.frame = "mso"
    time = dataset.createVariable("Time", "f8", ("count",))
    time.units = "days since 2005-01-01T00:00:00Z"
    time[:3] = [0.0, 0.5, 1.25]
    for name in "xyz":
        variable = dataset.createVariable(name, "i2", ("count",), fill_value=-9)
        variable.setncatts({"units": "km", "scale_factor": 10.0, "add_offset": 1.0})
        variable.set_auto_maskandscale(False)
        variable[:3] = [1, -9, 3]
    density = dataset.createVariable("Density", "f4", ("count",))
    density.setncatts({"units": "1/m3", "missing_value": np.float32(-999)})
    density[:3] = [-999, 1, 2]
    dataset.createVariable("label", "S1", ("count", "name"))[:3] = netCDF4.stringtochar(
        np.array(["a", "bc", ""], "S19")
    )
    dataset.createVariable("planetname", "S1", ("name",))
    dataset.createVariable("r_planet", "f4", ("one",))[:] = 3390e3
    table = read(bytes(dataset.close()))
    orbit = trajectory([table], body="Mars", radius=None, argument="url_XYZ")
    assert [p.name for p in table.header.parameters] == [
        "Time", "x", "y", "z", "Density", "label",
    ]  # fmt: skip
    assert orbit.frame == Frame("MSO")
    np.testing.assert_array_equal(orbit.positions[:, 0], [11e3, np.nan, 31e3])
    np.testing.assert_array_equal(table.column("Density"), [np.nan, 1, 2])
    assert table.column("label").tolist() == ["a", "bc", ""]
    moments = times(orbit.table, argument="url_XYZ")
    assert moments is not None
    assert (
        moments.tolist()
        == np.array(["2005-01-01T00", "2005-01-01T12", "2005-01-02T06"], "datetime64[ns]").tolist()
    )


@pytest.mark.parametrize(
    ("unit", "value", "moment"),
    [
        ("seconds since 1970-01-01 00:00:00", 1104537600.1, "2005-01-01T00:00:00.1"),
        ("milliseconds since 2005-01-01 UTC", 1.5, "2005-01-01T00:00:00.0015"),
        ("hours since 2005-01-01T12:00:00+01:00", 2.0, "2005-01-01T13"),
        ("months since 2005-01-01", 1.0, None),
        ("days since the flood", 1.0, None),
        ("seconds since 2005-13-01", 1.0, None),
        ("days since 2005-01-01", 1e9, None),
        ("seconds since 2005-01-01", np.inf, "NaT"),
        ("s", 1.0, None),
    ],
)
def test_times(unit: str, value: float, moment: str | None) -> None:
    table = read(write(Table(Header((Parameter("t", unit=unit),)), (np.array([value]),))))
    if moment is None:
        assert table.columns[0].tolist() == [value]
        assert table.header.parameters[0].unit == unit
    else:
        np.testing.assert_array_equal(table.columns[0], np.array([moment], "datetime64[ns]"))


def test_real_files(shared: Path) -> None:
    for file in sorted((shared / "data").rglob("*.nc")):
        data = file.read_bytes()
        with suppress(BadTable):
            table = read(data)
            dataset = netcdf_file(io.BytesIO(data), mmap=False)
            for parameter, column in zip(table.header.parameters, table.columns, strict=True):
                if parameter.dtype.kind == "f":
                    theirs = dataset.variables[parameter.name]
                    fills = [
                        getattr(theirs, "missing_value", None),
                        getattr(theirs, "_FillValue", None),
                    ]
                    kept = ~np.isin(theirs[:], [fill for fill in fills if fill is not None])
                    np.testing.assert_array_equal(column[kept], theirs[:][kept])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "this is no netCDF classic"),
        (
            b"CDF\x05" + bytes(40),
            "netCDF-4 and CDF-5 tables are not read here; send netCDF classic",
        ),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "netCDF-4 and CDF-5"),
        (b"\xcd\xf3\x00\x01" + bytes(40), "this is CDF, not netCDF"),
        (b"<html>", "this is HTML, not netCDF"),
        (b"CDF\x01", "the netCDF header ends too early"),
        (b"CDF\x01" + bytes(28), "no variables along one dimension"),
        (b"CDF\x01" + bytes(4) + b"\0\0\0\x0a\xff\xff\xff\xff", "more than 65536 entries"),
        (b"CDF\x01" + bytes(12) + b"\0\0\0\x0c\0\0\0\x01\xff\xff\xff\xff", "ends too early"),
        (b"CDF\x01" + bytes(4) + b"\0\0\0\x0b\0\0\0\x01", "header is broken"),
    ],
)
def test_refusals(data: bytes, reason: str) -> None:
    with pytest.raises(BadTable, match=reason):
        read(data)


def test_headers_that_lie() -> None:
    good = write(Table(Header((Parameter("x"), Parameter("y"))), (np.arange(5.0), np.arange(5.0))))
    length = good.index(b"count\0\0\0") + 8
    huge = good[:length] + b"\x7f\xff\xff\xff" + good[length + 4 :]
    with pytest.raises(BadTable, match="variable 'x' lies beyond the end of the file"):
        read(huge)
    with pytest.raises(BadTable, match="variable 'y' lies beyond the end of the file: truncated"):
        read(good[:-8])
    places = [
        i for i in range(len(good) - 3) if good[i : i + 4] == len(good[:-80]).to_bytes(4, "big")
    ]
    assert places
    with pytest.raises(TooMuch, match="more rows"):
        read(good, points=4)
    with pytest.raises(TooMuch, match="larger than"):
        read(good, bytes=len(good) - 1)


def test_variables_that_overlap() -> None:
    names = [Parameter(f"v{i}") for i in range(50)]
    good = write(Table(Header(tuple(names)), tuple(np.arange(100.0) for _ in names)))
    begin = len(good) - 50 * 800
    for number in range(1, 50):
        good = good.replace((begin + 800 * number).to_bytes(4, "big"), begin.to_bytes(4, "big"))
    with pytest.raises(BadTable, match="variables that overlap"):
        read(good[: begin + 800])


@settings(derandomize=True, deadline=None, max_examples=400)
@given(data=st.data())
def test_broken_files_are_refused_or_read(draw_table: Draw, data: st.DataObject) -> None:
    raw = bytearray(write(draw_table(data, st.text(max_size=5))))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place] = data.draw(st.sampled_from([0, 1, 2, 11, 127, 128, 255]) | st.integers(0, 255))
    cut = data.draw(st.none() | st.integers(0, len(raw)))
    tracemalloc.start()
    try:
        with suppress(BadTable, TooMuch):
            read(bytes(raw[:cut]))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
