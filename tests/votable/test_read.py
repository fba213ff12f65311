"""The reader: tables of other nodes, every datatype and serialisation, limits, broken documents."""

import base64
import io
import itertools
import struct
import tracemalloc
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import votable as astropy_votable
from astropy.table import MaskedColumn
from astropy.table import Table as AstropyTable
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from vo_server.budget import Budget
from vo_server.errors import BadTable, Stopping, TooMuch
from vo_server.model.table import Column, Table, concatenate
from votable.read import read
from votable.read import read_all as read_tables
from votable.write import write

pytestmark = pytest.mark.usefixtures("working_engine")

Draw = Callable[..., Table]

_DOCTYPE = {
    "calcDPVFT.xml",
    "calcDPV_457.401.xml",
    "calcSC_FMI.xml",
    "getDPV_2003-11-20UT12_340.401.xml",
}
# Two numbers that ran into each other: the rest of the row would be read one column off.
_GLUED = "getDPV_2003-11-20UT12_340.401.xml"
_NAMESPACES = [
    "",
    ' xmlns="http://www.ivoa.net/xml/VOTable/v1.1"',
    ' xmlns="http://www.ivoa.net/xml/VOTable/v1.2"',
    ' xmlns="http://www.ivoa.net/xml/VOTable/v1.3"',
    ' xmlns="http://vizier.u-strasbg.fr/VOTable"',
]


class Trickle(io.RawIOBase):
    """A stream that gives as many bytes at a time as it is told."""

    def __init__(self, document: bytes, sizes: Iterable[int]) -> None:
        self._document = io.BytesIO(document)
        self._sizes = iter(sizes)

    def read(self, size: int = -1) -> bytes:
        return self._document.read(next(self._sizes, size))


def read_all(document: bytes, **limits: Any) -> Table:
    """Give the whole table of a document."""
    return concatenate(list(read(io.BytesIO(document), Budget(**limits))))


def document(fields: str, data: str, head: str = "", root: str = "") -> bytes:
    """Give a document with these FIELDs and this content of DATA."""
    return (
        f"<?xml version='1.0'?>\n<VOTABLE version='1.4'{root}><RESOURCE>{head}<TABLE>\n"
        f"{fields}<DATA>{data}</DATA></TABLE></RESOURCE></VOTABLE>"
    ).encode()


def rows(*cells: Iterable[str]) -> str:
    """Give TABLEDATA."""
    body = "".join(f"<TR>{''.join(f'<TD>{c}</TD>' for c in row)}</TR>" for row in cells)
    return f"<TABLEDATA>{body}</TABLEDATA>"


def column(datatype: str, *cells: str, more: str = "", values: str = "") -> Column:
    """Read a column of these cells."""
    field = f'<FIELD name="c" datatype="{datatype}" {more}>{values}</FIELD>'
    return read_all(document(field, rows(*[[c] for c in cells]))).columns[0]


def stream(fields: str, raw: bytes, kind: str = "BINARY", attributes: str = "") -> bytes:
    """Give a document of bytes in base64."""
    text = base64.encodebytes(raw).decode()
    attributes = attributes or 'encoding="base64"'
    return document(fields, f"<{kind}><STREAM {attributes}>{text}</STREAM></{kind}>")


def agree(name: str, mine: Column, theirs: MaskedColumn) -> None:
    """Assert that a column has the cells that astropy reads; NaN is null, blanks do not count."""
    if mine.dtype == object:
        assert [str(cell).strip() for cell in mine] == [str(c).strip() for c in theirs], name
    else:
        filled = np.ma.filled(np.ma.asarray(theirs), np.nan if mine.dtype.kind == "f" else 0)
        np.testing.assert_array_equal(mine, filled.reshape(mine.shape), name)


@pytest.mark.parametrize("folder", ["standards/impex/mocks", "data/trajectories"])
def test_tables_of_other_nodes(shared: Path, folder: str) -> None:
    files = sorted((shared / folder).glob("*.xml"))
    assert len(files) == {"standards/impex/mocks": 18, "data/trajectories": 6}[folder]
    for file in files:
        if file.name in _DOCTYPE:
            with file.open("rb") as opened, pytest.raises(BadTable, match=r"line 2: .* DOCTYPE"):
                list(read(opened, Budget()))
        if file.name == _GLUED:
            with file.open("rb") as opened, pytest.raises(BadTable, match=r"'-1\.85-10\.30' is no"):
                list(read(opened, Budget(), doctype=True))
            continue
        with file.open("rb") as opened:
            mine = concatenate(list(read(opened, Budget(), doctype=True)))
        theirs = astropy_votable.parse(file, verify="ignore").get_first_table()
        told = etree.parse(file).iterfind(".//{*}FIELD")
        for parameter, field in zip(mine.header.parameters, told, strict=True):
            for word in ("name", "unit", "ucd", "utype", "xtype"):
                assert getattr(parameter, word) == (field.get(word) or None)
        for index, described in enumerate(theirs.fields):
            agree(file.name, mine.columns[index], theirs.array[described.ID])


def test_words_of_a_table(shared: Path) -> None:
    with (shared / "standards/impex/mocks/getDPS_FMI.xml").open("rb") as opened:
        table = concatenate(list(read(opened, Budget())))
    assert table.header.name == "Venus_H+_spectra"
    assert "Object radius              : 6051800 m" in table.header.description
    (edges,) = table.header.constants
    assert edges.parameter.name == "EnergyRange"
    assert edges.parameter.unit == "eV"
    assert isinstance(edges.value, tuple)
    assert len(edges.value) == 97
    flux = table.header.parameters[3]
    assert (flux.shape, flux.unit) == ((96,), "m-2.s-1.sr-1.eV-1")
    assert flux.dtype == np.float32
    assert table.column("ParticleFlux").shape == (21, 96)


@pytest.mark.parametrize(
    ("datatype", "value", "kept"),
    [
        ("double", "1.5", 1.5),
        ("int", " 7 ", 7),
        ("float", "0.1 NaN", ("0.1", "NaN")),
        ("unsignedByte", "300", "300"),
        ("int", "a lot", "a lot"),
        ("float", "1e300", 1e300),
        ("boolean", "T", "T"),
        ("char", " words ", " words "),
        ("double", "", ""),
        ("", "x", "x"),
    ],
)
def test_constants(datatype: str, value: str, kept: object) -> None:
    param = f'<GROUP><PARAM name="p" datatype="{datatype}" value="{value}" unit="km"/></GROUP>'
    table = read_all(document(param + '<FIELD name="x" datatype="int"/>', rows(["1"])))
    (constant,) = table.header.constants
    assert constant.value == kept
    assert constant.parameter.unit == "km"
    again = read_all(b"".join(write([table]))).header.constants
    assert len(again) == 1


@pytest.mark.parametrize("namespace", _NAMESPACES)
def test_any_namespace(namespace: str) -> None:
    table = read_all(document('<FIELD name="x" datatype="int"/>', rows(["1"]), root=namespace))
    assert table.columns[0].tolist() == [1]


def test_prefixed_elements() -> None:
    plain = document('<FIELD name="x" datatype="int"/>', rows(["1"], ["2"])).decode()
    prefixed = plain.replace("</", "</v:").replace("<", "<v:").replace("<v:/v:", "</v:")
    prefixed = prefixed.replace("<v:?", "<?").replace("<v:VOTABLE", '<v:VOTABLE xmlns:v="u"')
    assert read_all(prefixed.encode()).columns[0].tolist() == [1, 2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_encodings(encoding: str) -> None:
    text = document('<FIELD name="é" datatype="char" arraysize="*"/>', rows(["ü"])).decode()
    table = read_all(text.replace("'?>", f"' encoding='{encoding}'?>").encode(encoding))
    assert table.header.parameters[0].name == "é"
    assert table.columns[0].tolist() == ["ü"]


def test_numbers() -> None:
    assert column("short", " 7 ", "0x1F", "-3", "").tolist() == [7, 31, -3, -32768]
    assert column("int", "5", "", values='<VALUES null="-99"/>').tolist() == [5, -99]
    assert column("unsignedByte", "255", "").tolist() == [255, -32768]
    assert column("unsignedByte", "255", "", values='<VALUES null="255"/>').dtype == np.uint8
    assert column("long", str(2**63 - 1), str(-(2**63))).tolist() == [2**63 - 1, -(2**63)]
    floats = column("double", " 1.5E3 ", "+.5", "NaN", "", "-Inf", "+inf", "-999", "1e999",
                    values='<VALUES null="-999"/>')  # fmt: skip
    np.testing.assert_array_equal(
        floats, [1500, 0.5, np.nan, np.nan, -np.inf, np.inf, np.nan, np.inf]
    )
    assert column("float", "0.1", more='arraysize="1"').dtype == np.float32
    assert column("floatComplex", "1 -2", "").tolist()[0] == 1 - 2j
    assert column("double", "1 2 3 4 5 6", more='arraysize="2x3"').shape == (1, 3, 2)
    np.testing.assert_array_equal(column("float", "", more='arraysize="2"'), [[np.nan] * 2])


def test_words_and_logicals() -> None:
    assert column("char", " a &amp; b ", "", more='arraysize="*"').tolist() == [" a & b ", ""]
    assert column("unicodeChar", "<![CDATA[<x>]]>", more='arraysize="9"').tolist() == ["<x>"]
    logicals = column("boolean", "T", "false", "?", "", "1", " 0 ")
    assert logicals.tolist() == [True, False, None, None, True, False]
    assert column("bit", "1", "0").tolist() == [True, False]
    assert (
        column("bit", "0110", "0 1 1 1", more='arraysize="4"').tolist()[1] == [False] + [True] * 3
    )


def test_binary() -> None:
    fields = "".join(
        f'<FIELD name="{datatype}" datatype="{datatype}" {more}/>'
        for datatype, more in [
            ("boolean", ""), ("bit", 'arraysize="10"'), ("unsignedByte", ""), ("short", ""),
            ("int", ""), ("long", ""), ("char", 'arraysize="4"'), ("char", 'arraysize="*"'),
            ("unicodeChar", 'arraysize="9*"'), ("unicodeChar", 'arraysize="2"'), ("float", ""),
            ("double", 'arraysize="2"'), ("floatComplex", ""), ("doubleComplex", ""), ("char", ""),
        ]
    )  # fmt: skip
    row = (
        struct.pack(">c2sBhiq", b"T", b"\x80\x40", 255, -2, -3, -4)
        + b"ab\0z" + struct.pack(">i", 3) + b"xyz"
        + struct.pack(">i", 2) + "éü".encode("utf-16-be") + "𝄞".encode("utf-16-be")
        + struct.pack(">f2d2f2dc", 0.1, 1.5, np.nan, 1, 2, 3, -4, b"c")
    )  # fmt: skip
    table = read_all(stream(fields, row * 3))
    assert len(table) == 3
    cells = [c[2].tolist() if isinstance(c[2], np.ndarray) else c[2] for c in table.columns]
    assert cells[:10] == [
        True, [True] + [False] * 8 + [True], 255, -2, -3, -4, "ab", "xyz", "éü", "𝄞",
    ]  # fmt: skip
    assert cells[10] == np.float32(0.1)
    np.testing.assert_array_equal(cells[11], [1.5, np.nan])
    assert cells[12:] == [1 + 2j, 3 - 4j, "c"]
    assert table.header.parameters[2].dtype == np.uint8  # BINARY has no nulls to make room for
    assert table.header.parameters[3].null is None


@pytest.mark.parametrize("kind", ["tabledata", "binary", "binary2"])
def test_what_astropy_writes(kind: str) -> None:
    mask = [False, kind != "binary", False]  # BINARY has no nulls
    given = AstropyTable(
        {
            "i": MaskedColumn(np.array([1, 2, 3], np.int32), mask=mask),
            "b": MaskedColumn(np.array([1, 2, 255], np.uint8), mask=mask),
            "f": MaskedColumn([1.5, 2.5, np.inf], mask=mask),
            "s": MaskedColumn(["a", "b", "é"], mask=mask),
            "t": MaskedColumn([True, False, True], mask=mask),
            "a": np.arange(6.0).reshape(3, 2),
            "c": np.array([1 + 1j, 2, 3]),
        }
    )
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given.write(written, format="votable", tabledata_format=kind)
    table = read_all(written.getvalue())
    nulls = {p.name: p.null for p in table.header.parameters}
    assert table.column("i").tolist() == [1, nulls["i"] if mask[1] else 2, 3]
    assert table.column("b").tolist() == [1, nulls["b"] if mask[1] else 2, 255]
    np.testing.assert_array_equal(table.column("f"), [1.5, np.nan if mask[1] else 2.5, np.inf])
    assert table.column("s").tolist() == ["a", "" if mask[1] else "b", "é"]
    assert table.column("t").tolist() == [True, None if mask[1] else False, True]
    np.testing.assert_array_equal(table.column("a"), given["a"])
    np.testing.assert_array_equal(table.column("c"), given["c"])


def test_text_first_in_binary2() -> None:
    fields = '<FIELD name="t" datatype="char" arraysize="*"/><FIELD name="n" datatype="short"/>'
    row = struct.pack(">Bi3sh", 0, 3, b"abc", 7) + struct.pack(">Bi1sh", 0b11000000, 1, b"x", 9)
    table = read_all(stream(fields, row * 2, "BINARY2"))
    assert [c.tolist() for c in table.columns] == [["abc", "", "abc", ""], [7, -32768, 7, -32768]]


def test_frames() -> None:
    head = (
        '<COOSYS ID="m" system="MSO"/><COOSYS ID="s" system="ICRS"/><COOSYS ID="o" system="GSE"/>'
    )
    fields = "".join(f'<FIELD name="{n}" datatype="int" ref="{r}"/>' for n, r in ("xm", "ys", "zm"))
    table = read_all(document(fields, rows(["1", "2", "3"]), head))
    assert [(c.parameter.ucd, c.value) for c in table.header.constants] == [("pos.frame", "MSO")]


@pytest.mark.parametrize(
    ("beside", "frames"),
    [
        ('<COOSYS ID="m" system="GSE"/>', ["GSE"]),
        ('<COOSYS ID="s" system="ICRS"/><COOSYS ID="m" system="MSO"/>', ["MSO"]),
        ('<COOSYS ID="a" system="GSE"/><COOSYS ID="b" system="GSM"/>', ["GSE", "GSM"]),
        ('<COOSYS ID="s" system="ICRS"/>', []),
    ],
)
def test_systems_that_no_field_refers_to_are_meant_for_all(beside: str, frames: list[str]) -> None:
    text = (
        f'<VOTABLE version="1.4">{beside}<RESOURCE><TABLE><FIELD name="X" datatype="double"/>'
        "<DATA><TABLEDATA><TR><TD>1</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    (table,) = read(io.BytesIO(text.encode()), Budget())
    assert [constant.value for constant in table.header.constants] == frames


def test_a_param_may_tell_the_frame() -> None:
    text = (
        '<VOTABLE version="1.4"><RESOURCE><TABLE>'
        '<PARAM name="Coordinate_system" datatype="char" arraysize="*" value="MSO"/>'
        '<FIELD name="X" datatype="double"/></TABLE></RESOURCE></VOTABLE>'
    )
    (table,) = read(io.BytesIO(text.encode()), Budget())
    (constant,) = table.header.constants
    assert (constant.parameter.ucd, constant.value) == ("pos.frame", "MSO")


def test_tables_without_rows() -> None:
    field = '<FIELD name="x" datatype="double"/><FIELD name="b" datatype="boolean"/>'
    bare = document(field, "").replace(b"<DATA></DATA>", b"")
    for text in (document(field, rows()), stream(field, b""), stream(field, b"", "BINARY2"), bare):
        blocks = list(read(io.BytesIO(text), Budget()))
        assert [len(block) for block in blocks] == [0]
        assert blocks[0].columns[0].dtype == np.float64
        assert blocks[0].columns[1].dtype == object


def test_nrows_and_markup_in_texts_mean_nothing() -> None:
    text = document("<DESCRIPTION>in <TABLE><TD/></TABLE></DESCRIPTION>"
                    '<FIELD name="x" datatype="int"/>', rows(["1"]))  # fmt: skip
    text = text.replace(b"<TABLE>\n", b'<TABLE nrows="2000000000">\n')
    assert len(read_all(text)) == 1


@settings(derandomize=True, deadline=None)
@given(data=st.data(), sizes=st.lists(st.integers(1, 400)))
def test_pieces_of_the_stream_do_not_show(
    draw_table: Draw, data: st.DataObject, sizes: list[int]
) -> None:
    written = b"".join(write([draw_table(data, st.text(st.characters()))]))
    whole = read_all(written)
    parts = concatenate(list(read(Trickle(written, sizes), Budget())))  # type: ignore[arg-type]
    assert parts.header == whole.header
    assert parts.notes == whole.notes
    for first, second in zip(parts.columns, whole.columns, strict=True):
        np.testing.assert_array_equal(first, second)


def test_blocks_of_large_tables() -> None:
    numbers = np.arange(20_000, dtype=">i4")
    field = '<FIELD name="x" datatype="int"/>'
    for text in (
        document(field, rows(*[[str(n)] for n in numbers])),
        stream(field, numbers.tobytes()),
    ):
        blocks = list(read(io.BytesIO(text), Budget()))
        assert len(blocks) > 1
        assert all(block.header is blocks[0].header for block in blocks)
        np.testing.assert_array_equal(concatenate(blocks).columns[0], numbers)


_X = '<FIELD name="x" datatype="double"/>'


def test_a_doctype_that_was_asked_for_resolves_nothing() -> None:
    text = document(_X, rows(["1"])).replace(b"?>", b"?><!DOCTYPE VOTABLE SYSTEM 'http://x/v.dtd'>")
    with pytest.raises(BadTable, match="DOCTYPE"):
        read_all(text)
    (table,) = read(io.BytesIO(text), Budget(), doctype=True)
    assert table.columns[0].tolist() == [1.0]
    for bad, words in (
        (text.replace(b"<TD>1", b"<TD>&x;"), "'x' is not resolved"),
        (text.replace(b"v.dtd'", b"v.dtd' [<!ENTITY x '1'>]"), "DOCTYPE"),
        (text.replace(b"DOCTYPE VOTABLE", b"DOCTYPE html"), "HTML"),
    ):
        with pytest.raises(BadTable, match=words):
            list(read(io.BytesIO(bad), Budget(), doctype=True))


def test_several_tables() -> None:
    two = document(_X, rows(["1"], ["2"])).decode()
    more = f"<TABLE name='b'>{_X}{_X.replace('x', 'y')}</TABLE><TABLE name='c'>{_X}<DATA>"
    more += f"{rows(['3'])}</DATA><INFO name='n' value='v'/></TABLE>"
    text = two.replace("</TABLE>", f"</TABLE>{more}").encode()
    blocks = list(read_tables(io.BytesIO(text), Budget()))
    assert [block.header.name for block in blocks] == ["", "b", "c"]
    assert [len(block) for block in blocks] == [2, 0, 1]
    assert blocks[2].columns[0].tolist() == [3.0]
    assert [block.notes for block in blocks] == [(), (), (("n", "v"),)]
    assert [len(b) for b in read_tables(io.BytesIO(two.encode()), Budget())] == [2]
    with pytest.raises(TooMuch, match="more rows"):
        list(read_tables(io.BytesIO(text), Budget(points=2)))
    with pytest.raises(BadTable, match="no TABLE"):
        list(read_tables(io.BytesIO(b"<VOTABLE><RESOURCE/></VOTABLE>"), Budget()))


def test_null_and_nan_are_told_apart_on_request() -> None:
    text = document(_X + _X.replace("double", "int"), rows(["", "1"], ["NaN", ""], ["2", "3"]))
    (table,) = read(io.BytesIO(text), Budget(), nulls=True)
    floats, integers = table.columns
    assert np.ma.getmaskarray(floats).tolist() == [True, False, False]
    assert np.isnan(floats.data[1])
    assert np.ma.getmaskarray(integers).tolist() == [False, True, False]
    raw = struct.pack(">BdBd", 0x80, 0.0, 0, np.nan)
    (table,) = read(io.BytesIO(stream(_X, raw, "BINARY2")), Budget(), nulls=True)
    assert np.ma.getmaskarray(table.columns[0]).tolist() == [True, False]


def test_arrays_of_variable_length() -> None:
    fields = '<FIELD name="a" datatype="short" arraysize="*"/>'
    fields += '<FIELD name="b" datatype="float" arraysize="2x*"/>'
    text = document(fields, rows(["1 2 3", "1 2 3 4"], ["", ""]))
    raw = struct.pack(">i3hi4f", 3, 1, 2, 3, 4, 1, 2, 3, 4) + bytes(8)
    for table in (read_all(text), read_all(stream(fields, raw))):
        assert [p.shape for p in table.header.parameters] == [(-1,), (-1, 2)]
        assert [cell.tolist() for cell in table.columns[0]] == [[1, 2, 3], []]
        assert [cell.tolist() for cell in table.columns[1]] == [[[1, 2], [3, 4]], []]
        assert table.columns[1][0].dtype == np.float32


def test_a_time_system_becomes_constants() -> None:
    head = '<TIMESYS ID="t" timescale="TT" timeorigin="MJD-origin" refposition="GEOCENTER"/>'
    table = read_all(document('<FIELD name="t" datatype="double" ref="t"/>', rows(["1"]), head))
    assert [(c.parameter.name, c.value) for c in table.header.constants] == [
        ("timescale", "TT"), ("timeorigin", 2400000.5),
    ]  # fmt: skip


def test_limits() -> None:
    two = document(_X, rows(["1"], ["2"]))
    assert len(read_all(two, points=2, bytes=len(two))) == 2
    with pytest.raises(TooMuch, match="more rows than this node's limit of 1"):
        read_all(two, points=1)
    with pytest.raises(TooMuch, match=f"larger than this node's limit of {len(two) - 1} bytes"):
        read_all(two, bytes=len(two) - 1)
    with pytest.raises(TooMuch, match="longer than"):
        read_all(two, seconds=0)
    stopped = Budget()
    stopped.stop.set()
    with pytest.raises(Stopping):
        list(read(io.BytesIO(two), stopped))


class Endless(io.RawIOBase):
    """A document whose one row goes on and on."""

    def __init__(self, head: bytes, piece: bytes, count: int) -> None:
        self._pieces = itertools.chain([head], itertools.repeat(piece, count))

    def read(self, size: int = -1) -> bytes:
        return next(self._pieces, b"")


def test_a_row_of_100_mb() -> None:
    head = document('<FIELD name="t" datatype="char" arraysize="*"/>' * 1000, "").partition(b"</DA")
    cells = b"<TD>" + b"x" * 100_000 + b"</TD>"
    stream = Endless(head[0] + b"<TABLEDATA><TR>", cells, 1000)
    tracemalloc.start()
    with pytest.raises(TooMuch, match="larger than this node's limit of 50000000 bytes"):
        list(read(stream, Budget(bytes=50_000_000)))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 70_000_000


def test_names_and_ids_that_are_there_twice() -> None:
    field = '<FIELD ID="a" name="x" datatype="int"/>'
    table = read_all(document(field * 2, rows(["1", "2"])))
    assert [p.name for p in table.header.parameters] == ["x", "x"]
    assert [c.tolist() for c in table.columns] == [[1], [2]]


def test_small_cells_do_not_become_large_columns() -> None:
    array = '<FIELD name="x" datatype="double" arraysize="999999"/>'
    with pytest.raises(TooMuch, match="values take more"):
        read_all(document(array, rows(*[[""]] * 10_000)))
    bits = '<FIELD name="x" datatype="bit" arraysize="999992"/>'
    with pytest.raises(TooMuch, match="values take more"):
        read_all(stream(bits, bytes(124_999 * 40)))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(data=st.data())
def test_broken_documents_are_refused_or_read(full_table: Table, data: st.DataObject) -> None:
    text = bytearray(b"".join(write([full_table])))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, max(0, len(text) - 2)))
        what = data.draw(st.sampled_from(["flip", "cut", "double", "end"]))
        if what == "flip":
            text[place : place + 1] = bytes([data.draw(st.integers(0, 255))])
        elif what == "cut":
            del text[place : place + data.draw(st.integers(1, 40))]
        elif what == "double":
            text[place:place] = text[place : place + data.draw(st.integers(1, 200))]
        else:
            del text[place + 1 :]
    with suppress(BadTable, TooMuch):
        read_all(bytes(text))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(raw=st.binary(max_size=200), kind=st.sampled_from(["BINARY", "BINARY2"]))
def test_any_bytes_in_a_stream_are_refused_or_read(raw: bytes, kind: str) -> None:
    fields = (
        f'{_X}<FIELD name="t" datatype="char" arraysize="*"/>'
        '<FIELD name="n" datatype="short"/><FIELD name="b" datatype="bit"/>'
    )
    with suppress(BadTable):
        assert len(read_all(stream(fields, raw, kind))) <= len(raw)


_ARRAYS = (
    '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>'
    '<FIELD name="a" datatype="double" arraysize="*"/><DATA><TABLEDATA>{rows}</TABLEDATA></DATA>'
    '<INFO name="told" value="at the end"/></TABLE></RESOURCE></VOTABLE>'
)


@pytest.mark.parametrize("count", [0, 1, 4200, 4369, 4500])
def test_arrays_whose_lengths_differ_end_anywhere(count: int) -> None:
    document = _ARRAYS.format(rows="<TR><TD>1 2.5</TD></TR>" * count).encode()
    blocks = list(read(io.BytesIO(document), Budget()))
    assert sum(map(len, blocks)) == count
    assert blocks[-1].notes == (("told", "at the end"),)
    assert all(cell.tolist() == [1.0, 2.5] for block in blocks for cell in block.columns[0])
