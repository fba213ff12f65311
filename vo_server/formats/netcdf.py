"""netCDF classic: one variable a column along the dimension `count`, remarks as attributes.

Floats keep their type, integers become int, logicals byte (-1 where unknown), text char padded
with NUL, times double seconds since midnight before the first one. Missing floats are NaN, as
`missing_value` and `_FillValue` say; a vector's component has its `frame`. Array columns have a
second dimension; complex ones are two variables, NAME_re and NAME_im. Each `Key: value` line of
the description, each constant and each note is a global attribute. Names keep their ASCII
letters, digits and `_.@+-`.

Reading takes the variables along one dimension: that of the most one-dimensional ones.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vo_server.budget import Budget
from vo_server.errors import BadTable, TooMuch, excerpt
from vo_server.formats import cf, classic
from vo_server.formats.cells import objects
from vo_server.formats.classic import Dataset, Variable
from vo_server.formats.comments import statement
from vo_server.formats.rows import begun, native
from vo_server.formats.scalars import (
    no_arrays_of_differing_length,
    real_header,
    real_table,
)
from vo_server.formats.source import (
    check_columns,
    check_rows,
    frame_statement,
    recognise,
    tells_frame,
    whole,
)
from vo_server.model.parameter import REAL, TEXT, Parameter
from vo_server.model.table import Column, Constant, Header, Table, concatenate

_ROWS = "count"
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.@+-]")
_INT = np.iinfo(np.int32)
_UNKNOWN = -1  # a logical that is missing
_TEXT_BYTES = 268_435_456  # padded text of one column

Written = dict[str, str | NDArray[np.generic]]


class NetcdfFormat:
    """netCDF classic files of columns."""

    name = "netcdf"
    extensions = ("nc", "netcdf")
    media_type = "application/x-netcdf"

    def write(self, tables: Iterable[Table]) -> Iterator[bytes]:
        """Write a table once all of it is known: the format has its size in front.

        Raises BadTable where an integer needs more than 32 bits, TooMuch where padded text
        would be huge, ValueError where there is no block.
        """
        first, blocks = begun(tables)
        no_arrays_of_differing_length(first)
        header = real_header(first)
        table = concatenate([real_table(block, header) for block in blocks])
        yield from classic.encode(_dataset(table))

    def read(self, stream: BinaryIO, budget: Budget) -> Iterator[Table]:
        """Read the columns of a file as one block.

        Raises BadTable where it is broken or no netCDF classic, TooMuch beyond the budget.
        """
        data = whole(stream, budget)
        known = recognise(data[:64])
        if known == "HDF5 or netCDF-4" or data[:4] == b"CDF\x05":
            raise BadTable("netCDF-4 and CDF-5 tables are not read here; send netCDF classic")
        if known not in (None, "netCDF classic"):
            raise BadTable(f"this is {known}, not netCDF")
        yield _table(classic.decode(data), len(data), budget)


def _dataset(table: Table) -> Dataset:
    """Give the dimensions, attributes and variables of a table."""
    dimensions = {_ROWS: len(table)}
    variables: list[Variable] = []
    names: set[str] = set()
    for parameter, column in zip(table.header.parameters, table.columns, strict=True):
        data, attributes = _encoded(parameter, column)
        axes = [_ROWS]
        for length in data.shape[1:]:
            axis = f"{'text' if data.dtype.kind == 'S' else 'elements'}{length}"
            dimensions[axis] = length
            axes.append(axis)
        described = _described(parameter) | attributes
        variables.append(Variable(_free(parameter.name, names), tuple(axes), data, described))
    return Dataset(dimensions, _attributes(table), variables)


def _described(parameter: Parameter) -> Written:
    words = {
        "units": parameter.unit,
        "long_name": " ".join(parameter.description.split()) or parameter.name,
        "ucd": parameter.ucd,
        "utype": parameter.utype,
        "frame": parameter.frame,
    }
    return {name: word for name, word in words.items() if word}


def _encoded(parameter: Parameter, column: Column) -> tuple[NDArray[np.generic], Written]:
    """Give a column in a type of the format, and the attributes that tell how to read it."""
    kind = parameter.dtype.kind
    if kind == "f":
        dtype = native(parameter.dtype)
        nan: NDArray[np.generic] = np.array([np.nan], dtype)
        return np.asarray(column, dtype), {"missing_value": nan, "_FillValue": nan}
    if kind in "iu":
        return _integers(parameter, column)
    if kind == "M":
        values, unit = cf.seconds(column.astype("datetime64[ns]"))
        gap = np.array([np.nan])
        return values, {"units": unit, "calendar": "standard", "_FillValue": gap}
    if kind == "b":
        flat = column.reshape(-1).tolist()
        codes = [_UNKNOWN if cell is None else int(bool(cell)) for cell in flat]
        fill = np.array([_UNKNOWN], np.int8)
        return np.array(codes, np.int8).reshape(column.shape), {"_FillValue": fill}
    return _characters(parameter, column), {}


def _integers(parameter: Parameter, column: Column) -> tuple[NDArray[np.generic], Written]:
    values = np.asarray(column, parameter.dtype)
    missing = (
        values == parameter.null if parameter.null is not None else np.zeros_like(values, bool)
    )
    kept = values[~missing]
    fits = parameter.null is not None and _INT.min <= parameter.null <= _INT.max
    fill = parameter.null if parameter.null is not None and fits else _INT.min
    lowest, highest = int(kept.min(initial=0)), int(kept.max(initial=0))
    if lowest < _INT.min or highest > _INT.max or (missing.any() and np.any(kept == fill)):
        raise BadTable(
            f"column {excerpt(parameter.name)} has integers beyond 32 bits, which netCDF classic "
            "cannot hold; ask for VOTable or CSV"
        )
    result = np.where(missing, fill, values).astype(np.int32)
    mark = np.array([fill], np.int32)
    return result, {"missing_value": mark, "_FillValue": mark} if missing.any() else {}


def _characters(parameter: Parameter, column: Column) -> NDArray[np.generic]:
    """Give text as characters (n, longest), padded with NUL."""
    cells = ["" if cell is None else str(cell) for cell in column.tolist()]
    raw = [cell.encode(errors="replace") for cell in cells]
    longest = max(map(len, raw), default=0) or 1
    if longest * len(raw) > _TEXT_BYTES:
        raise TooMuch(
            f"column {excerpt(parameter.name)} has text too long for netCDF classic, which pads "
            "every row; ask for VOTable or CSV"
        )
    return np.array(raw, f"S{longest}").view("S1").reshape(len(raw), longest)


def _attributes(table: Table) -> Written:
    """Give the global attributes: name, description, constants, notes."""
    header = table.header
    said: list[tuple[str, str | NDArray[np.generic]]] = []
    if header.name:
        said.append(("Title", header.name))
    lines = [(line, statement(line)) for line in header.description.splitlines()]
    said += [pair for _, pair in lines if pair is not None]
    rest = "\n".join(line for line, pair in lines if pair is None).strip()
    if rest:
        said.append(("description", rest))
    for constant in header.constants:
        said += _constant(constant)
    said += table.notes
    written: Written = {}
    names: set[str] = set()
    for name, value in said:
        if isinstance(value, str) and written.get(_clean(name)) == value:
            continue
        written[_free(name, names)] = value
    return written


def _constant(constant: Constant) -> Iterator[tuple[str, str | NDArray[np.generic]]]:
    parameter, value = constant.parameter, constant.value
    if parameter.ucd == "pos.frame":
        yield "Coordinate_system", str(value)
        return
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > _INT.max):
        yield parameter.name, np.array([value], np.float64)
    elif isinstance(value, int):
        yield parameter.name, np.array([value], np.int32)
    else:
        yield parameter.name, value if isinstance(value, str) else " ".join(value)
    if parameter.unit:
        yield f"{parameter.name}_units", parameter.unit


def _clean(name: str) -> str:
    """Give a name that netCDF allows."""
    clean = _FORBIDDEN.sub("_", name[:200]) or "_"
    return clean if clean[0].isalnum() or clean[0] == "_" else f"_{clean[1:]}"


def _free(name: str, taken: set[str]) -> str:
    """Give the clean name, with a number where it is taken, and take it."""
    clean = free = _clean(name)
    number = 1
    while free in taken:
        number += 1
        free = f"{clean}_{number}"
    taken.add(free)
    return free


def _table(dataset: Dataset, size: int, budget: Budget) -> Table:
    """Give the columns of a file."""
    rows = _rows(dataset)
    chosen = [v for v in dataset.variables if _is_column(v, rows)]
    check_rows(dataset.dimensions[rows], budget)
    check_columns(len(chosen))
    if sum(variable.data.nbytes for variable in chosen) > size:
        raise BadTable("the netCDF file has variables that overlap")
    pairs = [_decoded(variable) for variable in chosen]
    header = Header(
        tuple(parameter for parameter, _ in pairs),
        _word(dataset.attributes, "Title") or _word(dataset.attributes, "title") or "",
        *_remarks(dataset.attributes),
    )
    return Table(header, tuple(column for _, column in pairs))


def _rows(dataset: Dataset) -> str:
    """Give the dimension that the rows are along; raises BadTable where there is none."""
    numbers = [v for v in dataset.variables if v.data.ndim == 1 and _is_number(v)]
    others = [v for v in dataset.variables if v.data.ndim == 2]
    if not numbers and not others:
        raise BadTable("the netCDF file has no variables along one dimension to take as columns")
    return Counter(v.dimensions[0] for v in numbers or others).most_common(1)[0][0]


def _is_number(variable: Variable) -> bool:
    return variable.data.dtype.kind != "S"


def _is_column(variable: Variable, rows: str) -> bool:
    axes = variable.dimensions
    return axes[:1] == (rows,) and len(axes) <= 2 and rows not in axes[1:]


def _decoded(variable: Variable) -> tuple[Parameter, Column]:
    """Give a variable as a column."""
    data, attributes = variable.data, variable.attributes
    told = _word(attributes, "long_name") or ""
    unit = _word(attributes, "units")
    parameter = Parameter(
        variable.name,
        TEXT,
        unit,
        _word(attributes, "ucd"),
        _word(attributes, "utype"),
        description="" if told == variable.name else told,
        frame=_word(attributes, "frame"),
    )
    if not _is_number(variable):
        longest = data.shape[-1] if data.ndim == 2 else 1
        cells = np.ascontiguousarray(data).reshape(-1).view(f"S{longest}").tolist()
        return parameter, objects([cell.decode(errors="replace") for cell in cells])
    values, null = cf.unpacked(data.astype(data.dtype.newbyteorder("=")), attributes)
    moments = cf.times(values, unit, _word(attributes, "calendar")) if unit else None
    if moments is not None and moments.ndim == 1:
        dtype: np.dtype[np.generic] = moments.dtype
        return replace(parameter, dtype=dtype, unit=None, xtype="timestamp"), moments
    return replace(parameter, dtype=values.dtype, shape=values.shape[1:], null=null), values


def _word(attributes: Mapping[str, str | NDArray[np.generic]], name: str) -> str | None:
    """Give an attribute that is text and not blank."""
    value = attributes.get(name)
    return value.strip() or None if isinstance(value, str) else None


def _remarks(
    attributes: Mapping[str, str | NDArray[np.generic]],
) -> tuple[str, tuple[Constant, ...]]:
    """Give the description and constants that global attributes tell."""
    lines: list[str] = []
    constants: list[Constant] = []
    for name, value in attributes.items():
        if not isinstance(value, str):
            if value.size == 1 and value.dtype.kind == "f":
                constants.append(Constant(Parameter(name, REAL), float(value.item())))
            elif value.size == 1:
                constants.append(Constant(Parameter(name, np.dtype(np.int32)), int(value.item())))
        elif tells_frame(name) and value.strip():
            constants.append(frame_statement(value.strip()))
        elif name.lower() == "description":
            lines.append(value.strip())
        elif name.lower() != "title" and value.strip():
            lines.append(f"{name}: {value.strip()}")
    return "\n".join(lines), tuple(constants)
