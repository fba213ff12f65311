"""ASCII: what NumPy reads, what other nodes write, round trips, refusals."""

import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_server.budget import Budget
from vo_server.errors import BadTable, TooMuch, WrongUnit
from vo_server.formats.ascii import AsciiFormat
from vo_server.model.parameter import Parameter
from vo_server.model.space import Frame
from vo_server.model.table import Header, Table, concatenate
from vo_server.model.time import print_times
from vo_server.roles import trajectory

Draw = Callable[..., Table]


def write(*tables: Table) -> str:
    """Give the text of a table."""
    return b"".join(AsciiFormat().write(tables)).decode()


def read(text: str, **limits: Any) -> Table:
    """Give the table of a text."""
    return concatenate(list(AsciiFormat().read(io.BytesIO(text.encode()), Budget(**limits))))


def test_a_flight(flight: Table) -> None:
    assert write(flight).splitlines() == [
        "# Time X Density Line_no label flux_1 flux_2 wave_re wave_im ok",
        "# units: - km 1/m3 - - eV eV - - -",
        "# name: Mars_RunB",
        "# description: NumericalOutput: spase://MyLab/Out",
        "# description: Coordinate system: MSO",
        "# description: free words",
        "# frame: MSO",
        "# Radius [km]: 3390.5",
        "# Steps: 7",
        "2005-01-01T00:00:00.100Z -4061.77 0.1 nan Mars,_1 1.0 2.0 1.0 2.0 1",
        "- nan inf 2 - 3.0 -inf 0.0 0.0 nan",
        "# points ok: 2",
    ]
    back = read(write(flight))
    assert back.header.name == flight.header.name
    assert back.header.description == flight.header.description
    assert [c.value for c in back.header.constants] == ["MSO", 3390.5, 7]
    assert back.notes == flight.notes
    assert [p.unit for p in back.header.parameters] == [
        None, "km", "1/m3", None, None, "eV", "eV", None, None, None,
    ]  # fmt: skip


def test_numpy_reads_numbers(flight: Table) -> None:
    parameters = (flight.header.parameters[1], flight.header.parameters[2])
    text = write(Table(Header(parameters, "n", "a: b"), flight.columns[1:3], (("note", "x"),)))
    np.testing.assert_array_equal(
        np.loadtxt(io.StringIO(text)), [[-4061.77, 0.1], [np.nan, np.inf]]
    )
    named = np.genfromtxt(io.StringIO(text), names=True)
    assert named.dtype.names == ("X", "Density")
    mixed = np.genfromtxt(io.StringIO(write(flight)), names=True, dtype=None, encoding=None)
    assert mixed["Time"].tolist() == ["2005-01-01T00:00:00.100Z", "-"]
    assert mixed["label"].tolist() == ["Mars,_1", "-"]


@settings(derandomize=True, deadline=None)
@given(data=st.data(), place=st.integers(0, 12))
def test_round_trip(draw_table: Draw, data: st.DataObject, place: int) -> None:
    table = draw_table(data, st.sampled_from(["a", "b#c d", "é\n", "x:y"]))
    halves = [
        Table(table.header, tuple(c[part] for c in table.columns))
        for part in (slice(0, place), slice(place, None))
    ]
    assert write(*halves) == write(table)
    back = read(write(table))
    for parameter, column, found, described in zip(
        table.header.parameters, table.columns, back.columns, back.header.parameters, strict=True
    ):
        assert (described.name, described.unit) == (parameter.name, parameter.unit)
        if parameter.dtype.kind == "f":
            np.testing.assert_array_equal(column, found.astype(column.dtype))
        elif parameter.dtype.kind == "M":
            assert found.tolist() == print_times(column)
        elif parameter.dtype.kind == "i":
            expected = np.where(column == parameter.null, np.nan, column)
            np.testing.assert_array_equal(found, expected)
        elif parameter.dtype.kind == "b":
            expected = np.array([np.nan if cell is None else cell for cell in column], float)
            np.testing.assert_array_equal(found, expected)
        else:
            cells = [cell.replace("#", "_").replace(" ", "_").replace("\n", "_") for cell in column]
            assert found.tolist() == cells


def test_names_and_units_are_words() -> None:
    header = Header((Parameter("a b: #c", unit="km / s"), Parameter("", unit=" "), Parameter("x:")))
    table = Table(header, (np.ones(1), np.ones(1), np.ones(1)))
    assert write(table).splitlines()[:2] == ["# a_b__c - x_", "# units: km./.s - -"]
    assert read(write(table)).header.parameters[0] == Parameter("a_b__c", unit="km./.s")


def test_files_of_other_nodes() -> None:
    text = "#t x y z B\n2005-01-01T00:00:00 1 2 3 nan\n2005-01-01T00:01:00 1e3 2 3 4\n"
    table = read(text)
    assert [p.name for p in table.header.parameters] == ["t", "x", "y", "z", "B"]
    with pytest.raises(WrongUnit, match="column 'x' of url_XYZ has no unit"):
        trajectory([table], body="Mars", radius=3.39e6, argument="url_XYZ")
    told = "# AMDA orbit - Frame : MSO - 2012\n# x y z\n#units: Rm Rm Rm\n" + "1 2 3\n" * 2
    orbit = trajectory([read(told)], body="Mars", radius=3.39e6, argument="url_XYZ")
    assert orbit.frame == Frame("MSO")
    np.testing.assert_allclose(orbit.positions[1], [3.39e6, 6.78e6, 1.017e7])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no line of column names"),
        ("1 2 3\n", "no line of column names; begin it with '# X Y Z'"),
        ("# x y\n1 2 3\n", "no line of column names"),
        ("# x y\n1 2\n1\n", "line 3: the row has 1 cells, the table 2 columns"),
        ("# x y\n# units: km\n1 2\n", "2 columns, but 1 units"),
        ("%PDF-1.4", "this is PDF, not ASCII"),
        ("# x\n" + "1 " * 600_000, "line 2 has more than 1 MB"),
        ("# x\n" + "# a: b\n" * 10_001, "more than 10000 comment lines"),
        ("#" + " a" * 1001 + "\n", "more than 1000 columns"),
    ],
)
def test_refusals(text: str, reason: str) -> None:
    with pytest.raises(BadTable, match=reason):
        read(text)


@settings(derandomize=True, deadline=None)
@given(text=st.text(st.sampled_from("ab1.#: -\n\r\té\0")))
def test_any_text_is_refused_or_read(text: str) -> None:
    with suppress(BadTable):
        table = read("# a b\n" + text)
        assert len(read(write(table))) == len(table)


def test_endless_comment_lines_take_no_time() -> None:
    line = "#a" + " " * 1_000_000 + "\n"
    assert len(read("# x y\n" + line * 10 + "1 2\n")) == 1


def test_no_rows_and_limits() -> None:
    assert len(read("# x y z\n# units: km km km\n")) == 0
    with pytest.raises(TooMuch, match="more rows"):
        read("# x\n1\n2\n", points=1)
