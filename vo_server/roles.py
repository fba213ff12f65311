"""Roles: which columns of a table are x, y, z and time, in which units and frame."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadArgument, BadTable, TooMuch, WrongUnit, excerpt
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.space import Frame
from vo_server.model.table import Header, Table, concatenate
from vo_server.model.time import Times, parse_times
from vo_server.model.trajectory import Trajectory
from vo_server.units import length_in_metres

_AXES = "xyz"
_LONGEST_UNIT = 80
_TIME_XTYPES = ("datetime", "timestamp", "adql:timestamp")

_FRAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_TOLD = re.compile(
    r"\b(?:coordinate[ _]system|frame)\s*[:=]\s*([A-Za-z][A-Za-z0-9]{1,11})\b", re.IGNORECASE
)
_IN = re.compile(r"\bin\s+(?:the\s+)?([A-Z][A-Z0-9]{1,11})\b")
# Words in capitals behind 'in' or 'frame:' that name no frame: units, times, formats.
_NO_FRAMES = frozenset(
    (
        *("KM", "CM", "MM", "AU", "RE", "RM", "RV", "RJ", "RS", "RP", "RT", "SI", "CGS"),
        *("UT", "UTC", "TT", "TDB", "TAI", "JD", "MJD", "ISO", "ISO8601"),
        *("ASCII", "CSV", "FITS", "CDF", "NETCDF", "XML", "VOTABLE", "HDF5"),
        *("CARTESIAN", "SPHERICAL", "NONE", "UNKNOWN"),
    )
)

Level = Callable[[Parameter], bool]


def trajectory(
    tables: Iterable[Table], *, body: str, radius: float | None, argument: str
) -> Trajectory:
    """Give the positions that a stream of blocks holds.

    body, radius: the run's body and its published radius in metres, for units such as Rm. X, y
    and z are found by UCD, else utype, else name; every other column is carried along, times
    too, which `times` reads. Raises BadTable where a column is missing, not of numbers or found
    twice, or statements of the frame differ; WrongUnit where a unit is missing or no length.
    Every refusal, those of the reader too, names `argument`.
    """
    try:
        table = concatenate(list(tables))
    except (BadTable, TooMuch) as err:
        err.argument = err.argument or argument
        raise
    if not len(table):
        raise BadTable(f"the table of {argument} has no rows", argument=argument)
    axes = _axes(table.header, argument)
    columns = [_metres(table, i, body, radius, argument) for i in axes]
    return Trajectory(
        np.column_stack(columns),
        _frame(table.header, axes, argument),
        table,
        axes,
    )


def _axes(header: Header, argument: str) -> tuple[int, int, int]:
    """Find the columns of x, y and z."""
    found = [_find(header, axis, _position_levels(axis), argument) for axis in _AXES]
    missing = [axis for axis, i in zip(_AXES, found, strict=True) if i is None]
    if missing:
        raise BadTable(
            f"the table of {argument} has no column for {' and '.join(missing)}; name columns "
            "X, Y and Z or give them the UCDs pos.cartesian.x, .y and .z",
            argument=argument,
        )
    x, y, z = (i for i in found if i is not None)
    return x, y, z


def _position_levels(axis: str) -> Sequence[Level]:
    utype = f"position3d.value3.c{_AXES.index(axis) + 1}"
    names = (axis, f"pos_{axis}", f"pos{axis}")
    return (
        lambda p: _primary(p.ucd) == f"pos.cartesian.{axis}",
        lambda p: (p.utype or "").lower().endswith(utype),
        lambda p: p.name.strip().lower() in names,
    )


def _time_levels() -> Iterator[Level]:
    yield lambda p: _primary(p.ucd) == "time.epoch"
    yield lambda p: (p.xtype or "").lower() in _TIME_XTYPES
    for name in ("time", "epoch", "date"):
        yield lambda p, name=name: p.name.strip().lower() == name  # type: ignore[misc]


def _primary(ucd: str | None) -> str:
    """Give the first word of a UCD, which says what the column is."""
    return (ucd or "").lower().split(";")[0].strip()


def _find(header: Header, role: str, levels: Iterable[Level], argument: str) -> int | None:
    """Find the one column of a role; the first level that knows any decides."""
    for level in levels:
        found = [i for i, parameter in enumerate(header.parameters) if level(parameter)]
        if len(found) > 1:
            first, second = (excerpt(header.parameters[i].name) for i in found[:2])
            raise BadTable(
                f"columns {found[0] + 1} ({first}) and {found[1] + 1} ({second}) of {argument} "
                f"could both be {role}; mark one of them",
                argument=argument,
            )
        if found:
            return found[0]
    return None


def _metres(
    table: Table, index: int, body: str, radius: float | None, argument: str
) -> NDArray[np.float64]:
    """Give a column of positions in metres; missing ones are NaN."""
    parameter, column = table.header.parameters[index], table.columns[index]
    name = f"column {excerpt(parameter.name)} of {argument}"
    if parameter.dtype.kind not in "iuf" or parameter.shape:
        raise BadTable(f"{name} is not numeric", argument=argument)
    if len(parameter.unit or "") > _LONGEST_UNIT:
        unit = excerpt(parameter.unit or "")
        raise WrongUnit(f"unit {unit} of {name} is not known", argument=argument)
    try:
        scale = length_in_metres(parameter.unit, body, radius, argument=name)
    except WrongUnit as err:
        raise WrongUnit(err.message, argument=argument) from err
    values = np.array(column, np.float64)
    if parameter.null is not None:
        values[column == parameter.null] = np.nan
    with np.errstate(over="ignore"):
        return values * scale


def times(table: Table, *, argument: str) -> Times | None:
    """Give the times of the rows, None where no column tells them as ISO 8601 or datetime64.

    Raises BadTable where two columns claim to.
    """
    index = _find(table.header, "time", _time_levels(), argument)
    if index is None:
        return None
    column, dtype = table.columns[index], table.header.parameters[index].dtype
    if dtype.kind == "M":
        return column.astype("datetime64[ns]")
    if dtype != TEXT:
        return None
    try:
        return parse_times(map(str, column))
    except BadArgument:
        return None


def _frame(header: Header, axes: tuple[int, int, int], argument: str) -> Frame | None:
    """Give the frame that the table states for its positions, None where it states none."""
    stated = [
        str(constant.value).strip()
        for constant in header.constants
        if _primary(constant.parameter.ucd) == "pos.frame"
    ]
    stated += _words(_TOLD, header.description)
    for index in axes:
        text = header.parameters[index].description
        stated += _words(_IN, text) + _words(_TOLD, text)
    names = list(dict.fromkeys(name.upper() for name in stated or _words(_IN, header.description)))
    for name in names:
        if not _FRAME.fullmatch(name):
            raise BadTable(f"{argument}: {excerpt(name)} is no name of a frame", argument=argument)
    if len(names) > 1:
        raise BadTable(
            f"the table of {argument} states two frames, {names[0]} and {names[1]}",
            argument=argument,
        )
    return Frame(names[0]) if names else None


def _words(pattern: re.Pattern[str], text: str) -> list[str]:
    """Give the frames that a pattern finds in a text."""
    return [word for word in pattern.findall(text) if word.upper() not in _NO_FRAMES]
