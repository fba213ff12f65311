"""CDF after the ISTP guidelines: one zVariable a column, along the records of one time variable.

UNITS, FILLVAL, CATDESC, FIELDNAM, DEPEND_0 and VAR_TYPE are the guidelines' attributes; UCD, utype
and xtype stand in attributes of these names. Times are CDF_TIME_TT2000, logicals CDF_INT1 (-1
where unknown) with UNITS "logical", text CDF_CHAR as wide as the longest, complex columns two.
Missing floats are NaN. The frame stands in the global attribute Coordinate_system.

Reading takes the time variable that most others depend on, and those. cdflib parses the file from
memory through a guard that bounds what it reads and inflates.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vo_server.budget import Budget
from vo_server.clock import LEAP_SECONDS, from_tt2000, to_tt2000
from vo_server.errors import BadArgument, BadTable, Refusal, TooMuch, excerpt
from vo_server.formats.cdf_guard import opened
from vo_server.formats.cells import objects
from vo_server.formats.rows import begun, native
from vo_server.formats.scalars import (
    no_arrays_of_differing_length,
    real_header,
    real_table,
)
from vo_server.formats.source import check_columns, check_rows, check_size, whole
from vo_server.formats.statements import header_words, said_of, words_of
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Column, Table, concatenate

_MAGIC = (b"\xcd\xf3\x00\x01", b"\xcd\xf2\x60\x02")
_PLAIN = b"\x00\x00\xff\xff"  # behind the magic: the file as a whole is not compressed
_TYPES = {
    "i1": 1, "i2": 2, "i4": 4, "i8": 8, "u1": 11, "u2": 12, "u4": 14, "f4": 44, "f8": 45,
}  # fmt: skip
_INTEGERS = {
    1: "CDF_INT1", 2: "CDF_INT2", 4: "CDF_INT4", 8: "CDF_INT8", 11: "CDF_UINT1",
    12: "CDF_UINT2", 14: "CDF_UINT4",
}  # fmt: skip
_EPOCH, _EPOCH16, _TT2000, _CHAR = 31, 32, 33, 51
_TIMES, _TEXTS = (_EPOCH, _EPOCH16, _TT2000), (51, 52)
_FILL = -1e30  # and below: the guidelines' fill of real numbers
_NO_TIME = int(np.iinfo(np.int64).min)
_YEAR_0 = 62_167_219_200  # seconds from the epoch of CDF_EPOCH to 1970
_UNKNOWN = -1  # a logical that is missing
_LOGICAL = "logical"
_TEXT_BYTES = 268_435_456  # padded text of one column
_WORDS = "Table_words"


class CdfFormat:
    """ISTP CDF; needs the extra `cdf`."""

    name = "cdf"
    extensions = ("cdf",)
    media_type = "application/x-cdf"

    def write(self, tables: Iterable[Table]) -> Iterator[bytes]:
        """Write a table once all of it is known: the format links its parts by place.

        Raises BadTable for integers and times that it cannot hold, ValueError where there is no
        block.
        """
        library = _library()
        first, blocks = begun(tables)
        no_arrays_of_differing_length(first)
        header = real_header(first)
        table = concatenate([real_table(block, header) for block in blocks])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table.cdf"
            _write(library, path, table)
            with path.open("rb") as file:
                while piece := file.read(65_536):
                    yield piece

    def read(self, stream: BinaryIO, budget: Budget) -> Iterator[Table]:
        """Read the variables along one time as one block; raises BadTable, TooMuch."""
        library = _library()
        data = whole(stream, budget)
        if data[:4] not in _MAGIC:
            raise BadTable("this is no CDF file of version 2.6 or 3")
        if data[4:8] != _PLAIN:
            raise BadTable("CDF files compressed as a whole are not read; compress the variables")
        try:
            yield _read(opened(library, data, budget), budget)
        except Refusal:
            raise
        except Exception as err:  # the parser trusts what it reads
            raise BadTable("the CDF file is broken") from err


def _library() -> Any:
    try:
        import cdflib
    except ImportError as err:
        raise BadArgument(
            "CDF needs cdflib; install vo-server with the extra [cdf]", argument="format"
        ) from err
    return cdflib


def _write(library: Any, path: Path, table: Table) -> None:
    file = library.cdfwrite.CDF(path, cdf_spec={"Compressed": 0, "Majority": 1})
    try:
        names = _names(table)
        epoch = next(
            (n for n, p in zip(names, table.header.parameters, strict=True) if p.dtype.kind == "M"),
            None,
        )
        file.write_globalattrs(_globals(table))
        for name, parameter, column in zip(
            names, table.header.parameters, table.columns, strict=True
        ):
            kind, width, data, told = _encoded(parameter, column)
            sizes = [] if kind == _CHAR else list(data.shape[1:])
            attributes = _described(parameter) | told
            if epoch is not None and name != epoch:
                attributes["DEPEND_0"] = epoch
            spec = {
                "Variable": name, "Data_Type": kind, "Num_Elements": width, "Rec_Vary": True,
                "Dim_Sizes": sizes, "Compress": 0,
            }  # fmt: skip
            if len(table):
                file.write_var(spec, var_attrs=attributes, var_data=data)
            else:
                file.write_var(spec, var_attrs=attributes)
    finally:
        file.close()


def _names(table: Table) -> list[str]:
    """Give names that differ."""
    names: list[str] = []
    for parameter in table.header.parameters:
        name = clean = parameter.name[:200] or "_"
        number = 1
        while name in names:
            number += 1
            name = f"{clean}_{number}"
        names.append(name)
    return names


def _globals(table: Table) -> dict[str, dict[int, str]]:
    words = header_words(table.header)
    told = {"Logical_source": words.get("name"), "TEXT": words.get("description")}
    told |= {"Coordinate_system": words.get("frame"), _WORDS: json.dumps(words)}
    notes = dict(table.notes)
    if notes:
        told["Notes"] = json.dumps(notes)
    return {key: {0: str(word)} for key, word in told.items() if word}


def _described(parameter: Parameter) -> dict[str, Any]:
    words = words_of(parameter)
    told = {
        "FIELDNAM": parameter.name, "CATDESC": words.get("description"),
        "UNITS": words.get("unit") or " ", "UCD": words.get("ucd"), "utype": words.get("utype"),
        "xtype": words.get("xtype"), "VAR_TYPE": "data",
    }  # fmt: skip
    return {key: word for key, word in told.items() if word}


def _encoded(
    parameter: Parameter, column: Column
) -> tuple[int, int, NDArray[np.generic], dict[str, Any]]:
    """Give CDF type, elements of a text, cells, and attributes that tell how to read them."""
    kind = parameter.dtype.kind
    if isinstance(column, np.ma.MaskedArray):
        column = column.filled(np.nan) if kind == "f" else np.ma.getdata(column)
    if kind == "M":
        return *_times(parameter, column), {"VAR_TYPE": "support_data"}
    if kind == "b":
        flat = column.reshape(-1).tolist()
        codes = [_UNKNOWN if cell is None else int(bool(cell)) for cell in flat]
        values = np.array(codes, np.int8).reshape(column.shape)
        return 1, 1, values, {"UNITS": _LOGICAL, "FILLVAL": [_UNKNOWN, "CDF_INT1"]}
    if kind in "fiu":
        dtype = native(parameter.dtype)
        number = _TYPES.get(f"{dtype.kind}{dtype.itemsize}")
        if number is None:
            raise BadTable(f"column {excerpt(parameter.name)} has integers that CDF cannot hold")
        fill = {} if parameter.null is None else {"FILLVAL": [parameter.null, _INTEGERS[number]]}
        return number, 1, np.asarray(column, dtype), fill
    raw = ["" if cell is None else str(cell) for cell in column.tolist()]
    longest = max((len(text.encode()) for text in raw), default=0) or 1
    if longest * len(raw) > _TEXT_BYTES:
        raise TooMuch(
            f"column {excerpt(parameter.name)} has text too long for CDF, which pads every row"
        )
    if not all(text.isascii() for text in raw):
        raise BadTable(
            f"column {excerpt(parameter.name)} has text beyond ASCII, which CDF cannot hold; ask "
            "for VOTable or CSV"
        )
    return _CHAR, longest, np.array(raw, f"U{longest}"), {}


def _times(parameter: Parameter, column: Column) -> tuple[int, int, NDArray[np.generic]]:
    """Give type and cells of times; TT2000 begins with the leap seconds, before is CDF_EPOCH."""
    moments = column.astype("datetime64[ns]")
    known = moments[~np.isnat(moments)]
    if not len(known) or known.min() >= LEAP_SECONDS:
        return _TT2000, 1, to_tt2000(moments)
    milliseconds = moments.astype("datetime64[ms]")
    if np.any(milliseconds[~np.isnat(moments)] != known):
        raise BadTable(
            f"column {excerpt(parameter.name)} has times before 1972 finer than a millisecond, "
            "which CDF cannot hold; ask for VOTable or CSV"
        )
    values = milliseconds.astype(np.float64) + _YEAR_0 * 1000.0
    return _EPOCH, 1, np.where(np.isnat(moments), -1e31, values)


def _read(file: Any, budget: Budget) -> Table:
    info = file.cdf_info()
    names = [*info.zVariables, *info.rVariables]
    check_columns(len(names))
    described = {name: file.varinq(name) for name in names}
    attributes = {name: file.varattsget(name) for name in names}
    rows = {name: int(described[name].Last_Rec) + 1 for name in names}
    chosen = _chosen(names, described, attributes)
    count = rows[chosen[0]]
    columns = [n for n in chosen if rows[n] == count and described[n].Rec_Vary]
    check_rows(count, budget)
    size = sum(_size(described[name]) for name in columns)
    check_size(count, size, budget)
    pairs = []
    for name in columns:
        budget.spend()
        data = file.varget(name) if count else None
        pairs.append(_decoded(name, described[name], attributes[name], data, count))
    told = {key: _first(value) for key, value in file.globalattsget().items()}
    header = said_of(_said(told), tuple(parameter for parameter, _ in pairs))
    return Table(header, tuple(column for _, column in pairs))


def _chosen(names: list[str], described: Any, attributes: Any) -> list[str]:
    """Give the variables along the time that most depend on; all, where there is no time."""
    told = {name: str(attributes[name].get("DEPEND_0", "")) for name in names}
    times = [name for name in names if int(described[name].Data_Type) in _TIMES]
    counts = Counter(word for word in told.values() if word in times)
    if not counts and not times:
        if not names:
            raise BadTable("the CDF file has no variables")
        return names
    time = counts.most_common(1)[0][0] if counts else times[0]
    return [name for name in names if name == time or told[name] == time]


def _size(inquiry: Any) -> int:
    """Give the bytes that a cell takes in a column."""
    elements = int(np.prod([int(size) for size in inquiry.Dim_Sizes], dtype=object))
    width = int(inquiry.Num_Elements) if int(inquiry.Data_Type) in _TEXTS else 16
    if not 0 < elements * width <= 16_000_000:
        raise BadTable(f"variable {excerpt(str(inquiry.Variable))} has cells of odd size")
    return elements * width


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _said(told: dict[str, Any]) -> dict[str, Any]:
    """Give the words of a table from the global attributes."""
    try:
        words = json.loads(str(told.get(_WORDS, "")))
    except (ValueError, RecursionError):
        words = None
    if isinstance(words, dict):
        return words
    said = {"name": told.get("Logical_source"), "description": told.get("TEXT")}
    said["frame"] = told.get("Coordinate_system")
    return {key: str(word) for key, word in said.items() if word}


def _decoded(
    name: str, inquiry: Any, attributes: dict[str, Any], data: Any, count: int
) -> tuple[Parameter, Column]:
    kind = int(inquiry.Data_Type)
    unit = str(attributes.get("UNITS", "")).strip() or None
    parameter = Parameter(
        name, TEXT, unit, _told(attributes, "UCD"), _told(attributes, "utype"),
        _told(attributes, "xtype"), _told(attributes, "CATDESC") or "",
    )  # fmt: skip
    shape = tuple(int(size) for size in inquiry.Dim_Sizes)
    if kind in _TEXTS:
        flat = [] if data is None else np.asarray(data).reshape(-1).tolist()
        return parameter, objects([str(cell).rstrip("\0 ") for cell in flat])
    if kind in _TIMES:
        moments = _moments(kind, data)
        plain = replace(parameter, dtype=moments.dtype, unit=None, xtype="timestamp")
        return plain, moments.reshape(count)
    values = np.zeros((0, *shape)) if data is None else np.asarray(data).reshape(count, *shape)
    if data is None:
        values = values.astype(_dtype(kind))
    fill = _fill(attributes.get("FILLVAL"))
    if values.dtype.kind == "f":
        values = np.where(values <= _FILL, np.nan, values) if fill == -1e31 else values
        if fill is not None and fill != -1e31:
            values = np.where(values == fill, np.nan, values)
        values = values.astype(_dtype(kind))
        return replace(parameter, dtype=values.dtype, shape=shape), values
    if unit == _LOGICAL:
        meant: dict[Any, bool] = {0: False, 1: True}
        flags = objects([meant.get(code) for code in values.reshape(-1).tolist()])
        boolean = replace(parameter, dtype=np.dtype(np.bool_), unit=None, shape=shape)
        return boolean, flags.reshape(values.shape)
    null = None if fill is None else int(fill)
    values = values.astype(values.dtype.newbyteorder("="))
    return replace(parameter, dtype=values.dtype, shape=shape, null=null), values


def _dtype(kind: int) -> np.dtype[np.generic]:
    known = {number: np.dtype(name) for name, number in _TYPES.items()}
    known |= {21: np.dtype("f4"), 22: np.dtype("f8"), 41: np.dtype("i1")}
    return known[kind]


def _told(attributes: dict[str, Any], name: str) -> str | None:
    return str(attributes.get(name, "")).strip() or None


def _fill(value: Any) -> float | int | None:
    array = np.asarray(value).reshape(-1) if value is not None else np.zeros(0)
    return array[0].item() if array.size == 1 and array.dtype.kind in "fiu" else None


def _moments(kind: int, data: Any) -> NDArray[np.datetime64]:
    """Give CDF times as datetime64[ns] UTC; fills are NaT."""
    if data is None:
        return np.empty(0, "datetime64[ns]")
    if kind == _TT2000:
        return from_tt2000(np.asarray(data, np.int64).reshape(-1))
    if kind == _EPOCH16:
        pairs = np.asarray(data).reshape(-1)
        seconds, rest = pairs.real, np.rint(pairs.imag / 1000.0)
    else:
        milliseconds = np.asarray(data, np.float64).reshape(-1)
        seconds = np.floor(milliseconds / 1000.0)
        rest = np.rint((milliseconds - seconds * 1000.0) * 1e6)
    known = (np.abs(seconds - _YEAR_0) < 9.2e9) & np.isfinite(rest)
    kept = np.where(known, seconds - _YEAR_0, 0.0).astype(np.int64) * 10**9
    moments = (kept + np.where(known, rest, 0.0).astype(np.int64)).astype("datetime64[ns]")
    moments[~known] = np.datetime64("NaT")
    return moments
