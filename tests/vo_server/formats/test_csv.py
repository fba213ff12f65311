"""CSV: what is written, read back, and refused."""

import csv
import io
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_server.budget import Budget
from vo_server.errors import BadTable, TooMuch
from vo_server.formats.csv import CsvFormat
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Column, Header, Table, concatenate
from vo_server.model.time import print_times

Draw = Callable[..., Table]


def write(*tables: Table) -> str:
    """Give the text of a table."""
    return b"".join(CsvFormat().write(tables)).decode()


def read(text: str, **limits: Any) -> Table:
    """Give the table of a text."""
    return concatenate(list(CsvFormat().read(io.BytesIO(text.encode()), Budget(**limits))))


def test_a_flight(flight: Table) -> None:
    assert write(flight).splitlines() == [
        "# name: Mars_RunB",
        "# description: NumericalOutput: spase://MyLab/Out",
        "# description: Coordinate system: MSO",
        "# description: free words",
        "# frame: MSO",
        "# Radius [km]: 3390.5",
        "# Steps: 7",
        "Time,X [km],Density [1/m3],Line_no,label,flux_1 [eV],flux_2 [eV],wave_re,wave_im,ok",
        '2005-01-01T00:00:00.100Z,-4061.77,0.1,,"Mars, #1",1.0,2.0,1.0,2.0,true',
        ",nan,inf,2,,3.0,-inf,0.0,0.0,",
        "# points ok: 2",
    ]
    back = read(write(flight))
    assert back.header.name == flight.header.name
    assert back.header.description == flight.header.description
    assert back.header.constants == tuple(
        c if c.parameter.dtype != np.int32 else type(c)(Parameter("Steps", np.dtype(np.int64)), 7)
        for c in flight.header.constants
    )
    assert back.notes == flight.notes
    assert [p.dtype.kind for p in back.header.parameters] == list("OffiOffffb")
    assert back.header.parameters[1].unit == "km"
    assert back.header.parameters[3].null == back.columns[3][0]
    assert back.column("ok").tolist() == [True, None]


@settings(derandomize=True, deadline=None)
@given(data=st.data(), places=st.lists(st.integers(0, 12)))
def test_round_trip(draw_table: Draw, data: st.DataObject, places: list[int]) -> None:
    words = st.text(st.characters(codec="utf-8"))
    table = draw_table(data, words.filter(lambda text: text != ""))
    edges = [0, *sorted(min(place, len(table)) for place in places), len(table)]
    blocks = [Table(table.header, tuple(c[a:b] for c in table.columns)) for a, b in pairwise(edges)]
    assert write(*blocks) == write(table)
    back = read(write(table))
    for parameter, column, found, described in zip(
        table.header.parameters, table.columns, back.columns, back.header.parameters, strict=True
    ):
        assert (described.name, described.unit) == (parameter.name, parameter.unit)
        assert same(parameter, column, found), parameter.name


def same(parameter: Parameter, column: Column, found: Column) -> Any:
    """Compare a column with what the untyped format makes of it."""
    if parameter.dtype.kind == "f":
        return np.array_equal(column, found.astype(column.dtype), equal_nan=True)
    if parameter.dtype.kind == "M":
        return found.tolist() == print_times(column)
    if parameter.null is not None and np.all(column == parameter.null):
        return found.tolist() == [""] * len(column)
    if parameter.dtype.kind == "b" and not any(cell is not None for cell in column):
        return found.tolist() == [""] * len(column)
    if parameter.dtype == TEXT and found.dtype != TEXT:
        return np.array_equal([float(cell) for cell in column], found, equal_nan=True)
    if parameter.dtype == TEXT and not all(isinstance(cell, str) for cell in found):
        return [cell.lower() for cell in column] == [str(cell).lower() for cell in found]
    return np.all(column == found)


def test_other_peoples_files() -> None:
    table = read(
        '\ufeff# Coordinate_System: gse\r\n\r\n"X [km]", Y [km] ,"a ""b"""\r\n1,2.5,"x\n#y"\r\n'
    )
    assert [(p.name, p.unit) for p in table.header.parameters] == [
        ("X", "km"), ("Y", "km"), ('a "b"', None),
    ]  # fmt: skip
    assert [column.tolist() for column in table.columns] == [[1], [2.5], ["x\n#y"]]
    (frame,) = table.header.constants
    assert (frame.parameter.ucd, frame.value) == ("pos.frame", "gse")


def test_formulas_and_commas_stay_text() -> None:
    evil = np.array(["=1+1", "@x", "-", "#no comment", 'say "hi"', " a", "a\nb", ""], object)
    table = Table(Header((Parameter("# a,b [c]", TEXT),)), (evil,))
    text = write(table)
    assert text.startswith('"# a,b [c] []"\n=1+1\n@x\n-\n"#no comment"\n')
    assert list(csv.reader(io.StringIO(text)))[1:] == [[cell] for cell in evil]
    back = read(text)
    assert back.header.parameters[0].name == "# a,b [c]"
    assert back.columns[0].tolist() == evil.tolist()


def test_kinds_of_columns() -> None:
    table = read("a,b,c,d,e\n1,1,true,,9223372036854775808\n,1.5,FALSE,,1\n-3,nan,,,x\n")
    assert [p.dtype.kind for p in table.header.parameters] == list("ifbOO")
    assert table.column("c").tolist() == [True, False, None]
    assert table.column("d").tolist() == [""] * 3
    assert table.header.parameters[0].null == table.column("a")[1]


def test_late_words_make_a_column_of_text() -> None:
    table = read("a\n" + "1\n" * 10_000 + "x\n")
    assert table.column("a").tolist() == ["1"] * 10_000 + ["x"]


def test_no_rows() -> None:
    (table,) = CsvFormat().read(io.BytesIO(b"# name: n\nX [km],Y\n# points: 0\n"), Budget())
    assert (len(table), table.header.name, table.notes) == (0, "n", (("points", "0"),))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no header line of column names"),
        ("# only: comments\n", "no header line"),
        ("a,b\n1,2\n1\n", "line 3: the row has 1 cells, the table 2 columns"),
        ("a\n# c: d\n1\n1,2\n", "line 4: the row has 2 cells"),
        ('a\n"1\n', "line 2: this is no row of CSV"),
        ('a\n"1"2\n', "line 2: this is no row of CSV"),
        ('a\n"' + "x" * 200_000 + '"\n', "line 2: this is no row of CSV"),
        (",".join("a" * 1001), "more than 1000 columns"),
        ("<html><body>404", "this is HTML, not CSV"),
        ("<?xml version='1.0'?><VOTABLE/>", "this is XML, not CSV"),
    ],
)
def test_refusals(text: str, reason: str) -> None:
    with pytest.raises(BadTable, match=reason):
        read(text)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a\n1\n\xff\n", "line 3 is no text in UTF-8"),
        (b"a\n" * 100_000 + b"\xe2\x82", "line 100001 is no text in UTF-8"),
        (b"\x1f\x8b\x08", "this is gzip; send it unpacked, not CSV"),
        (b"a\n" + b"1" * 1_100_000, "line 2 has more than 1 MB"),
        (b"a\n" + b'"\n",' * 300_000, "the row has more than 1 MB"),
        (b"#a: b\n" * 10_001, "more than 10000 comment lines"),
        (b"a\n1\n" + b"#\n" * 10_001, "more than 10000 comment lines"),
    ],
)
def test_attacks(data: bytes, reason: str) -> None:
    with pytest.raises(BadTable, match=reason):
        list(CsvFormat().read(io.BytesIO(data), Budget()))


@settings(derandomize=True, deadline=None)
@given(text=st.text(st.sampled_from('ab1.,"#:[] \n\r\t\0é')))
def test_any_text_is_refused_or_read(text: str) -> None:
    with suppress(BadTable):
        table = read(text)
        assert read(write(table)).header.parameters == table.header.parameters


def test_limits() -> None:
    assert len(read("a\n1\n2\n", points=2, bytes=16)) == 2
    with pytest.raises(TooMuch, match="values take more"):
        read("a,b\n" + ",\n" * 100, bytes=1599)
    with pytest.raises(TooMuch, match="more rows"):
        read("a\n1\n2\n", points=1)
    with pytest.raises(TooMuch, match="larger than"):
        read("a\n1\n2\n", bytes=5)


def test_a_stream_without_blocks() -> None:
    with pytest.raises(ValueError, match="one block"):
        write()
