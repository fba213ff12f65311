"""Fields: the columns that a client sends as text, checked and given their types and meaning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vo_server.errors import BadArgument, excerpt
from vo_server.formats.cells import NotANumber, integers, objects, reals
from vo_server.model.parameter import TEXT, Parameter, default_ucd
from vo_server.model.table import Column, Header, Table
from vo_server.model.time import parse_times
from votable.describe import is_id
from votable.field import DTYPES

# Types of columns by VOTable's datatype; single numbers or words only.
_NOT_STORED = ("bit", "floatComplex", "doubleComplex")
_DTYPES = {name: dtype for name, dtype in DTYPES.items() if name not in _NOT_STORED}
_LOGICAL = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_TIMES = ("datetime", "timestamp", "iso8601")  # xtypes


@dataclass(frozen=True, slots=True)
class _Known:
    """What is filled in for a column of a well-known name where the client does not say it."""

    name: str
    unit: str | None
    ucd: str
    datatype: str = "double"
    xtype: str | None = None


def _vector(quantity: str, unit: str, *components: str) -> list[_Known]:
    names = [f"{quantity}{component}" for component in components]
    return [_Known(name, unit, default_ucd(name) or "") for name in names]


_KNOWN = {
    known.name.lower(): known
    for known in (
        _Known("Time", None, "time.epoch", "char", "dateTime"),
        *(_Known(axis, "m", f"pos.cartesian.{axis.lower()}") for axis in "XYZ"),
        *_vector("U", "m/s", "x", "y", "z", "tot"),
        *_vector("B", "T", "x", "y", "z", "tot"),
        _Known("Mass", "kg", "phys.mass"),
        _Known("Density", "1/m3", "phys.density"),
        _Known("Temperature", "K", "phys.temperature"),
    )
}


def table(given: Mapping[str, Any]) -> Table:
    """Give the table that a request for getVOTableURL describes.

    Raises BadArgument naming the field whose values do not fit, or whose length differs.
    """
    fields = [_column(field) for field in given["Fields"]]
    names = [parameter.name for parameter, _ in fields]
    for name in names:
        if names.count(name) > 1:
            raise BadArgument(f"Fields has two columns {excerpt(name)}", argument="Fields")
    ids = [parameter.id for parameter, _ in fields if parameter.id]
    for id in ids:
        if ids.count(id) > 1:
            raise BadArgument(
                f"Fields has two columns with the ID {excerpt(id)}", argument="Fields"
            )
    lengths = {len(column) for _, column in fields}
    if len(lengths) > 1:
        told = ", ".join(f"{excerpt(p.name)} {len(column)}" for p, column in fields[:10])
        raise BadArgument(
            f"the columns of Fields have unequal numbers of values: {told}", argument="Fields"
        )
    header = Header(
        tuple(parameter for parameter, _ in fields),
        name=given["Table_name"] or "Table",
        description=given["Description"] or "",
        rows=max(lengths, default=0),
    )
    return Table(header, tuple(column for _, column in fields))


def _column(field: Mapping[str, Any]) -> tuple[Parameter, Column]:
    """Give one column and what it is."""
    known = _KNOWN.get(field["name"].lower())
    name = known.name if known else field["name"]
    cells = field["data"]
    datatype = field["datatype"] or (known.datatype if known else _guess(cells))
    dtype = _DTYPES.get(datatype)
    if dtype is None:
        raise _wrong(name, f"has datatype {datatype}; stored here are {', '.join(_DTYPES)}")
    if dtype != TEXT and field["arraysize"] not in (None, "1"):
        raise _wrong(name, "has an arraysize; columns of numbers hold one number a row here")
    parameter = Parameter(
        name,
        dtype,
        unit=field["unit"] or (known.unit if known else None),
        ucd=field["ucd"] or (known.ucd if known else None),
        utype=field["utype"],
        xtype=field["xtype"] or (known.xtype if known and dtype == TEXT else None),
        description=field["description"] or "",
        id=field["ID"] or None,
    )
    if parameter.id and not is_id(parameter.id):
        raise _wrong(name, f"has the ID {excerpt(parameter.id)}, which is no name")
    if dtype == TEXT and (parameter.xtype or "").lower() in _TIMES:
        times = parse_times(cells, argument=f"data of column {excerpt(name)}:")
        return replace(parameter, dtype=times.dtype, xtype=None), times
    return parameter, _values(name, datatype, cells)


def _guess(cells: Sequence[str]) -> str:
    """Give the datatype of a column of which nothing is said: numbers if they all are."""
    try:
        reals(cells)
    except NotANumber:
        return "char"
    return "double"


def _values(name: str, datatype: str, cells: Sequence[str]) -> Column:
    """Read the cells of a column; raises BadArgument naming the first that does not fit."""
    dtype = _DTYPES[datatype]
    try:
        if dtype == TEXT:
            return objects(cells)
        if dtype.kind == "b":
            return np.array([_LOGICAL[cell.lower()] for cell in cells], dtype)
        values: Column = integers(cells, 0) if dtype.kind in "iu" else reals(cells)
    except NotANumber as err:
        raise _misfit(name, datatype, cells[err.index]) from err
    except KeyError as err:
        raise _misfit(name, datatype, str(err.args[0])) from err
    kind: Any = dtype.type
    limits = np.iinfo(kind) if dtype.kind in "iu" else np.finfo(kind)
    beyond = np.isfinite(values) & ((values < limits.min) | (values > limits.max))
    if beyond.any():
        raise _misfit(name, datatype, cells[int(np.argmax(beyond))])
    return values.astype(dtype)


def _misfit(name: str, datatype: str, cell: str) -> BadArgument:
    return _wrong(name, f"has the value {excerpt(cell)}, which is no {datatype}")


def _wrong(name: str, what: str) -> BadArgument:
    return BadArgument(f"column {excerpt(name)} of Fields {what}", argument="Fields")
