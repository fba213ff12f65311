"""The writer, judged by the schemas, astropy, STILTS and the project's reader."""

import io
import re
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import votable as astropy_votable
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from vo_server.budget import Budget
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Column, Constant, Header, Table, concatenate
from vo_server.model.time import print_times
from votable.read import read
from votable.words import CooSys, Group, Serialisation, TimeSys, Words
from votable.write import write

Draw = Callable[..., Table]

_VERSIONS = ("1.2", "1.4")
_LEGAL = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.just("\n"))
_ANY = st.text(st.characters())
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write_bytes(
    *tables: Table,
    version: str = "1.4",
    serialisation: Serialisation = "tabledata",
    words: Words | None = None,
) -> bytes:
    """Give a whole document."""
    return b"".join(write(tables, version, serialisation, words or Words()))


def read_bytes(document: bytes) -> Table:
    """Give a whole table."""
    return concatenate(list(read(io.BytesIO(document), Budget())))


def cut(table: Table, *places: int) -> Iterator[Table]:
    """Give a table as blocks that end at these rows."""
    edges = [0, *sorted(places), len(table)]
    for start, stop in pairwise(edges):
        yield Table(table.header, tuple(c[start:stop] for c in table.columns))
    yield Table(table.header, tuple(c[:0] for c in table.columns), table.notes)


def as_read(parameter: Parameter, column: Column) -> Column:
    """Give a column as it comes back: times and text as legal text."""
    if parameter.dtype.kind == "M":
        return np.array(print_times(column), object)
    if parameter.dtype == TEXT:
        return np.array([_ILLEGAL.sub("�", str(cell)) for cell in column], object)
    return column


def same(first: Any, second: Any) -> bool:
    """Tell whether columns have the same cells, NaN like NaN."""
    first, second = np.asarray(first), np.asarray(second)
    if first.dtype.kind not in "fc":
        return first.shape == second.shape and bool(np.all(first == second))
    return first.tobytes() == second.tobytes() or np.array_equal(first, second, equal_nan=True)


@pytest.fixture(scope="session")
def schemas() -> dict[str, etree.XMLSchema]:
    """Give the schemas that astropy carries, by version."""
    folder = Path(astropy_votable.__file__).parent / "data"
    return {v: etree.XMLSchema(file=folder / f"VOTable.v{v}.xsd") for v in _VERSIONS}


@settings(derandomize=True, deadline=None)
@given(data=st.data(), version=st.sampled_from(_VERSIONS))
def test_round_trip(draw_table: Draw, data: st.DataObject, version: str) -> None:
    table = draw_table(data, _ANY)
    back = read_bytes(write_bytes(table, version=version))
    assert [p.name for p in back.header.parameters] == [p.name for p in table.header.parameters]
    assert back.header.description == table.header.description
    assert back.notes == table.notes
    for parameter, column, found, described in zip(
        table.header.parameters, table.columns, back.columns, back.header.parameters, strict=True
    ):
        assert described.unit == parameter.unit
        assert described.shape == parameter.shape
        assert same(as_read(parameter, column), found), parameter.name
        if parameter.name not in ("byte", "time"):
            assert described.dtype == parameter.dtype
        if parameter.null is not None:
            assert described.null == parameter.null


@settings(derandomize=True, deadline=None)
@given(data=st.data(), version=st.sampled_from(_VERSIONS))
def test_schema_and_astropy(
    draw_table: Draw, schemas: dict[str, etree.XMLSchema], data: st.DataObject, version: str
) -> None:
    table = draw_table(data, _LEGAL.filter(str.isascii))
    document = write_bytes(table, version=version)
    schemas[version].assertValid(etree.fromstring(document))
    parsed = astropy_votable.parse(io.BytesIO(document), verify="exception")
    found = parsed.get_first_table()
    assert parsed.version == version
    assert found.nrows == 0 or len(found.array) == len(table)
    for number, (parameter, column) in enumerate(
        zip(table.header.parameters, table.columns, strict=True), 1
    ):
        cells = found.array[found.array.dtype.names[number - 1]]
        assert found.fields[number - 1].name == parameter.name
        assert astropy_agrees(parameter, column, cells), parameter.name


def test_astropy_calls_columns_by_their_names() -> None:
    header = Header(tuple(Parameter(name) for name in ("X", "Density", "a b", "a b")))
    document = write_bytes(Table(header, tuple(np.ones(2) for _ in range(4))))
    found = astropy_votable.parse_single_table(io.BytesIO(document)).to_table()
    assert found.colnames == ["X", "Density", "col3", "col4"]


def astropy_agrees(parameter: Parameter, column: Column, cells: Any) -> bool:
    """Compare a column with astropy's masked one, which has lost the blanks around text."""
    values, mask = np.ma.getdata(cells), np.ma.getmaskarray(cells)
    if parameter.dtype.kind in "OM":
        expected = [str(cell).strip(" \t\r\n") for cell in as_read(parameter, column)]
        return expected == [str(value) for value in values.tolist()]
    if parameter.dtype.kind == "b":
        unknown = column == np.array(None)
        return bool(np.all(unknown == mask)) and bool(np.all(column[~mask] == values[~mask]))
    if parameter.dtype.kind in "iu":
        return bool(np.all((column == parameter.null) == mask)) and same(column, values)
    return same(column, values)


@pytest.mark.parametrize("version", _VERSIONS)
def test_attack_on_xml_stays_text(schemas: dict[str, etree.XMLSchema], version: str) -> None:
    evil = "\"><TD>&\x00\ud800]]><!--\r\n\t'é𝄞"
    parameter = Parameter(evil, TEXT, evil, "bad ucd!", evil, evil, evil)
    number = Parameter("n", unit="m")
    header = Header((parameter,), evil, evil, (Constant(parameter, evil), Constant(number, 0.1)))
    table = Table(header, (np.array([evil], object),), ((evil, evil),))
    document = write_bytes(table, version=version)
    schemas[version].assertValid(etree.fromstring(document))
    clean = _ILLEGAL.sub("�", evil)
    back = read_bytes(document)
    assert back.columns[0].tolist() == [clean]
    assert back.notes == ((clean, clean),)
    (described,) = back.header.parameters
    assert (described.name, described.unit, described.utype) == (clean, clean, clean)
    assert described.ucd is None
    assert back.header.constants[0].value == clean
    assert back.header.constants[1] == Constant(number, 0.1)


def test_constants() -> None:
    floats = Parameter("radii", np.dtype(np.float32), "km", "instr.param", shape=(2,))
    constants = (
        Constant(floats, ("0.1", "3396.2")),
        Constant(Parameter("count", np.dtype(np.int32), description="of points"), 12),
        Constant(Parameter("scale", np.dtype(np.float32)), 0.1),
        Constant(Parameter("frame", TEXT, ucd="pos.frame"), "MSO"),
    )
    header = Header((Parameter("x"),), constants=constants)
    document = write_bytes(Table(header, (np.zeros(0),)))
    assert b'datatype="float" value="0.1"' in document
    back = read_bytes(document).header.constants
    assert back[0] == constants[0]
    assert back[1] == constants[1]
    assert back[2].value == np.float32(0.1).item() or back[2].value == 0.1
    assert back[3] == constants[3]


@settings(derandomize=True, deadline=None)
@given(data=st.data(), places=st.lists(st.integers(0, 12)))
def test_blocks_do_not_show(draw_table: Draw, data: st.DataObject, places: list[int]) -> None:
    table = draw_table(data, _ANY)
    blocks = cut(table, *[min(place, len(table)) for place in places])
    assert write_bytes(*blocks) == write_bytes(table)


def test_pieces_are_of_useful_size() -> None:
    header = Header((Parameter("x"), Parameter("y")))
    column = np.arange(1000.0) / 7

    def blocks() -> Iterator[Table]:
        for _ in range(100):
            yield Table(header, (column, column))

    sizes = [len(piece) for piece in write(blocks())]
    assert min(sizes[:-1]) >= 65_536
    assert max(sizes) <= 262_144


def test_what_it_does_not_write() -> None:
    header = Header((Parameter("x", np.dtype(np.uint64)),))
    table = Table(header, (np.zeros(1, np.uint64),))
    with pytest.raises(ValueError, match=r"1\.1 is not written; choose 1\.2 or 1\.3"):
        write([table], "1.1")
    with pytest.raises(ValueError, match=r"1\.2 has no binary2; choose tabledata or binary"):
        write([table], "1.2", "binary2")
    with pytest.raises(ValueError, match=r"1\.3 has no TIMESYS; choose 1\.4 or 1\.5"):
        write([table], "1.3", words=Words(times=(TimeSys(),)))
    with pytest.raises(ValueError, match=r"COOSYS of VOTable 1\.5 has no system GSE; frames of"):
        write([table], "1.5", words=Words(frames=(CooSys("GSE"),)))
    with pytest.raises(ValueError, match=r"COOSYS of VOTable 1\.4 has no refposition; choose 1\.5"):
        write([table], words=Words(frames=(CooSys("ICRS", refposition="GEOCENTER"),)))
    with pytest.raises(ValueError, match="refers to a column y that is not there"):
        write_bytes(
            Table(Header((Parameter("x"),)), (np.zeros(1),)),
            words=Words(groups=(Group("g", ("y",)),)),
        )
    with pytest.raises(ValueError, match="no datatype for uint64"):
        write_bytes(table)
    with pytest.raises(ValueError, match="one block"):
        write_bytes()


@pytest.mark.conformance
@pytest.mark.parametrize("version", _VERSIONS)
def test_votlint(
    program: Callable[[str], str], tmp_path: Path, full_table: Table, version: str
) -> None:
    empty = Table(full_table.header, tuple(column[:0] for column in full_table.columns))
    for number, table in enumerate((full_table, empty)):
        file = tmp_path / f"{number}.vot"
        file.write_bytes(write_bytes(table, version=version))
        command = [program("stilts"), "votlint", f"votable={file}", f"version={version}"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        lines = (said.stdout + said.stderr).splitlines()
        assert not [line for line in lines if line.startswith(("ERROR", "WARNING"))]


@pytest.mark.conformance
def test_stilts_reads_the_same(
    program: Callable[[str], str], tmp_path: Path, full_table: Table
) -> None:
    file = tmp_path / "table.vot"
    file.write_bytes(write_bytes(full_table))
    command = [
        program("stilts"),
        "tpipe",
        f"in={file}",
        "ofmt=csv",
        "cmd=keepcols 'double long time'",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert said.stdout.splitlines() == [
        "double,long,time",
        "1.5,,1970-01-01T00:00:00.000Z",
        ",4611686018427387904,1970-01-01T00:00:00.000000001Z",
        "-Infinity,-5,",
    ]


def test_the_rows_are_told_where_they_are_known() -> None:
    header = Header((Parameter("a"),), rows=3)
    blocks = [Table(header, (np.zeros(2),)), Table(header, (np.zeros(1),))]
    assert b' nrows="3"' in b"".join(write(blocks))
    with pytest.raises(ValueError, match="a table of 3 rows has 2"):
        b"".join(write(blocks[:1]))
