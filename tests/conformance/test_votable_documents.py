"""Documents of every type, with and without nulls, in every serialisation and version.

Judged by votlint (which knows versions up to 1.4), the schemas, and by astropy, STILTS and the
project's reader, which must find the same cells: those that were written.
"""

import csv
import io
import re
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import votable as astropy_votable
from lxml import etree

from vo_server.budget import Budget
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Column, Constant, Header, Table, concatenate
from vo_server.model.time import print_times
from votable.read import read
from votable.words import VERSIONS, CooSys, Group, Link, Serialisation, TimeSys, Words
from votable.write import write

pytestmark = pytest.mark.conformance

_PROGRAM = Path(__file__).parent / "programs" / "ManyStilts.java"
_JARS = "/usr/share/java/*"


def _int(bits: int, signed: bool = True) -> tuple[Any, list[Any]]:
    dtype = np.dtype(f"{'i' if signed else 'u'}{bits // 8}")
    limits = np.iinfo(dtype.str)
    return dtype, [limits.min + signed, -1 if signed else 254, 0, 7, limits.max]


_BYTE, _BYTES = _int(8, signed=False)
_SHORT, _SHORTS = _int(16)
_INT, _INTS = _int(32)
_LONG, _LONGS = _int(64)
_F4, _F8 = np.dtype("f4"), np.dtype("f8")
_C8, _C16 = np.dtype("c8"), np.dtype("c16")
_DOUBLES = [0.1, -1e300, 5e-324, np.inf, np.nan]
_FLOATS = [np.float32(0.1), np.float32(-3e38), np.float32(1e-45), -np.inf, np.nan]
_MOMENTS = [np.datetime64(n, "ns") for n in (0, 1, 10**18, -(10**18), 10**15 + 10**6)]
_WORDS = ["a", "two words", "<&>", "]]>", "'\""]
_ARRAYS = [np.arange(n, dtype=float) for n in (1, 2, 3, 4, 1)]
_PAIRS = [np.arange(2.0 * n).reshape(n, 2) for n in (1, 2, 3, 4, 1)]

# Parameter and five cells; the null of integers is one that does not occur in the cells.
_KINDS: dict[str, tuple[Parameter, list[Any]]] = {
    "double": (Parameter("v", unit="km/s", ucd="phys.veloc"), _DOUBLES),
    "float": (Parameter("v", _F4, unit="nT", ucd="phys.magField"), _FLOATS),
    "byte": (Parameter("v", _BYTE, null=9), _BYTES),
    "short": (Parameter("v", _SHORT, null=-(2**15)), _SHORTS),
    "int": (Parameter("v", _INT, null=-(2**31)), _INTS),
    "long": (Parameter("v", _LONG, null=-(2**63)), _LONGS),
    "boolean": (Parameter("v", np.dtype(bool)), [True, False, True, True, False]),
    "text": (Parameter("v", TEXT, ucd="meta.note"), _WORDS),
    "unicode": (Parameter("v", np.dtype("U")), ["é", "Ω ü", "日本", "\U0001d11e", "z"]),
    "time": (Parameter("v", np.dtype("M8[ns]"), ucd="time.epoch"), _MOMENTS),
    "complex": (Parameter("v", _C16), [1 + 2j, -1e300j, 0j, 5 - 1j, 1j]),
    "floatcomplex": (Parameter("v", _C8), [1 + 2j, -1e30j, 0j, 5 - 1j, 1j]),
    "interval": (
        Parameter("v", unit="eV", shape=(2,), xtype="interval"), [(n, n + 0.5) for n in range(5)]
    ),
    "floats": (Parameter("v", _F4, shape=(3,)), [(n, 0.1, np.nan) for n in range(5)]),
    "matrix": (Parameter("v", shape=(2, 3)), [np.arange(6.0).reshape(2, 3) + n for n in range(5)]),
    "ints": (Parameter("v", _INT, shape=(2,)), [(n, -n) for n in range(5)]),
    "booleans": (Parameter("v", np.dtype(bool), shape=(2,)), [(True, n > 2) for n in range(5)]),
    "variable": (Parameter("v", shape=(-1,), unit="T"), _ARRAYS),
    "pairs": (Parameter("v", shape=(-1, 2)), _PAIRS),
}  # fmt: skip
_NULLS = {"none": [], "one": [1], "all": [0, 1, 2, 3, 4]}


@dataclass(frozen=True)
class Document:
    """A written document: its table, where it is, and how it was written."""

    path: Path
    table: Table
    version: str
    serialisation: Serialisation
    nulls: list[int]


def _column(parameter: Parameter, cells: list[Any], nulls: list[int]) -> Column:
    """Give cells as a column in which some are null."""
    fixed = all(size >= 0 for size in parameter.shape)
    dtype = parameter.dtype if parameter.dtype.kind not in "bU" and fixed else TEXT
    shape = parameter.shape if fixed else ()
    column = np.empty((5, *shape), dtype)
    for index, cell in enumerate(cells):
        column[index] = cell
    for index in nulls:
        if dtype == TEXT:
            column[index] = None
        elif dtype.kind == "M":
            column[index] = np.datetime64("NaT")
        elif dtype.kind in "iu" and parameter.null is not None:
            column[index] = parameter.null
    if dtype.kind in "fc" and nulls:
        column = np.ma.masked_array(column, np.zeros(column.shape, bool))
        column[nulls] = np.ma.masked
    return column


def _words(version: str) -> Words:
    """Give what a version can say beside the table."""
    times = (TimeSys("TT", "GEOCENTER", 2400000.5, ("t",)),) if VERSIONS[version].timesys else ()
    return Words(
        infos=(("made by", "vo-server"),),
        frames=(CooSys("ICRS", ("ra",)),),
        times=times,
        groups=(Group("direction", ("ra", "v"), description="a & b", ucd="pos.eq"),),
        links=(Link("http://localhost/x?a=1&b=2", "more", "doc"),),
    )


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    """Write them all."""
    folder = tmp_path_factory.mktemp("documents")
    written = []
    for version, known in VERSIONS.items():
        for serialisation in known.serialisations:
            for kind, (parameter, cells) in _KINDS.items():
                for amount, nulls in _NULLS.items():
                    if nulls and serialisation == "binary" and kind in ("ints", "booleans"):
                        continue
                    if nulls and kind == "ints":
                        continue
                    header = Header(
                        (Parameter("t", unit="d", ucd="time.epoch"), parameter,
                         Parameter("ra", unit="deg", ucd="pos.eq.ra")),
                        "results", "Lines\n& more",
                        (Constant(Parameter("radius", unit="km"), 3390.5),
                         Constant(Parameter("frame", TEXT, ucd="pos.frame"), "MSO")),
                    )  # fmt: skip
                    columns = (np.arange(5.0), _column(parameter, cells, nulls), np.ones(5))
                    table = Table(header, columns, (("points ok", "5"),))
                    path = folder / f"{version}-{serialisation}-{kind}-{amount}.vot"
                    with path.open("wb") as file:
                        file.writelines(write([table], version, serialisation, _words(version)))
                    written.append(Document(path, table, version, serialisation, nulls))
    return written


def _many_stilts(java: str, tasks: list[list[str]]) -> None:
    """Run STILTS tasks in one Java machine, the first word of each the file for its output."""
    lines = "".join("\t".join(task) + "\n" for task in tasks)
    done = subprocess.run(
        [java, "-cp", _JARS, str(_PROGRAM)],
        input=lines,
        text=True,
        capture_output=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


def test_there_are_many(documents: list[Document]) -> None:
    assert len(documents) >= 500


def test_schemas(documents: list[Document]) -> None:
    folder = Path(astropy_votable.__file__).parent / "data"
    schemas = {v: etree.XMLSchema(file=folder / f"VOTable.v{v}.xsd") for v in VERSIONS}
    for document in documents:
        schemas[document.version].assertValid(etree.parse(document.path))


def test_votlint(documents: list[Document], program: Callable[[str], str]) -> None:
    program("stilts")
    known = [d for d in documents if d.version != "1.5"]
    tasks = [
        [f"{d.path}.lint", "votlint", f"votable={d.path}", f"version={d.version}"] for d in known
    ]
    _many_stilts(program("java"), tasks)
    found = {}
    for document in known:
        said = Path(f"{document.path}.lint").read_text(encoding="utf-8").splitlines()
        bad = [line for line in said if line.startswith(("ERROR", "WARNING"))]
        if bad:
            found[document.path.name] = bad
    assert found == {}


def test_our_reader(documents: list[Document]) -> None:
    wrong = {}
    for document in documents:
        with document.path.open("rb") as stream:
            found = concatenate(list(read(stream, Budget())))
        assert found.notes == document.table.notes
        said = _cells(document.table.columns[1], document.table.header.parameters[1])
        parameter = found.header.parameters[1]
        mine = _cells(_nulled(found.columns[1], parameter), parameter)
        if mine != said:
            wrong[document.path.name] = (mine, said)
    assert wrong == {}


def test_our_reader_tells_null_from_nan(documents: list[Document]) -> None:
    for document in documents:
        column = document.table.columns[1]
        if column.dtype.kind not in "fc" or document.serialisation == "binary":
            continue
        if document.serialisation == "tabledata" and (column.ndim > 1 or column.dtype.kind == "c"):
            continue
        with document.path.open("rb") as stream:
            (found,) = read(stream, Budget(), nulls=True)
        mask = np.ma.getmaskarray(found.columns[1])
        np.testing.assert_array_equal(mask, np.ma.getmaskarray(column), document.path.name)
        kept = np.ma.getdata(found.columns[1])[~mask]
        np.testing.assert_array_equal(kept, np.ma.getdata(column)[~mask])


def test_astropy(documents: list[Document]) -> None:
    wrong = {}
    for document in documents:
        if document.serialisation != "tabledata" and "pairs" in document.path.name:
            continue  # astropy takes the count of an array for one of its pairs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = astropy_votable.parse(document.path, verify="ignore").get_first_table()
        column = found.array["v"]
        values, mask = np.ma.getdata(column), np.ma.getmaskarray(column)
        parameter = document.table.header.parameters[1]
        said = _cells(document.table.columns[1], parameter)
        theirs: list[Any] = []
        for value, masked in zip(values, mask, strict=True):
            cell = np.asarray(value)
            theirs.append(_flat(cell, np.broadcast_to(masked, cell.shape), parameter))
        if theirs != said:
            wrong[document.path.name] = (theirs, said)
    assert wrong == {}


def test_stilts(documents: list[Document], program: Callable[[str], str]) -> None:
    program("stilts")
    tasks = [
        [f"{d.path}.log", "tpipe", f"in={d.path}", "ifmt=votable", "cmd=keepcols v",
         f"out={d.path}.csv", "ofmt=csv"]
        for d in documents
    ]  # fmt: skip
    _many_stilts(program("java"), tasks)
    wrong = {}
    for document in documents:
        if (
            document.nulls
            and document.serialisation == "tabledata"
            and document.table.columns[1].dtype == TEXT
            and document.table.columns[1].ndim == 2
        ):
            continue  # its arrays of logicals have no null
        text = Path(f"{document.path}.csv").read_text(encoding="utf-8")
        rows = list(csv.reader(io.StringIO(text)))[1:]
        parameter = document.table.header.parameters[1]
        said = _cells(document.table.columns[1], parameter)
        theirs = [_stilts_cell(row[0] if row else "", parameter) for row in rows]
        if theirs != said:
            wrong[document.path.name] = (theirs, said)
    assert wrong == {}


def _nulled(column: Column, parameter: Parameter) -> Column:
    """Give a column with what stands for null as None."""
    if parameter.dtype.kind not in "iu" or parameter.null is None or column.dtype == object:
        return column
    nulled = column.astype(object)
    nulled[column == parameter.null] = None
    return nulled


def _cells(column: Column, parameter: Parameter) -> list[Any]:
    """Give cells in a form in which null, NaN and blank text are the same."""
    if parameter.dtype.kind == "M":
        return [text or None for text in print_times(column)]
    column = _nulled(column, parameter)
    mask = np.ma.getmaskarray(column)
    values = np.ma.getdata(column)
    found = []
    for index in range(len(column)):
        cell = values[index]
        array = np.asarray(cell)
        masked = np.broadcast_to(mask[index], array.shape)
        found.append(None if cell is None else _flat(array, masked, parameter))
    return found


def _flat(cell: Any, masked: Any, parameter: Parameter) -> Any:
    """Give one cell: numbers as a tuple of texts that tell each bit, None where all are null."""
    parts: list[str | None] = []
    for value, gone in zip(cell.reshape(-1).tolist(), masked.reshape(-1).tolist(), strict=True):
        if gone or value is None or value != value or value == "":
            parts.append(None)
        elif isinstance(value, complex):
            parts += [repr(value.real + 0.0), repr(value.imag + 0.0)]
        elif isinstance(value, float):
            parts.append(repr(value + 0.0))
        else:
            parts.append(str(value))
    if all(part is None for part in parts):
        return None
    return tuple(parts) if len(parts) > 1 else parts[0]


def _stilts_cell(text: str, parameter: Parameter) -> Any:
    """Understand a cell as STILTS prints it."""
    kind = parameter.dtype.kind
    if kind in "OUM":
        return text or None
    words = re.findall(r"[^(),\s]+", text)
    read: Any = {"b": lambda w: w == "true", "i": int, "u": int}.get(kind, float)
    values = [None if word.strip() in ("", "NaN", "null") else read(word) for word in words]
    values = [value + 0.0 if isinstance(value, float) else value for value in values]
    if (kind == "f" and parameter.dtype.itemsize == 4) or parameter.dtype == _C8:
        values = [None if value is None else float(np.float32(value)) for value in values]
    parts = [None if v is None else repr(v) if isinstance(v, float) else str(v) for v in values]
    if all(part is None for part in parts):
        return None
    return tuple(parts) if len(parts) > 1 else parts[0]
