"""Roles: which columns are positions, velocities, times, masses and charges, in which units.

Found by UCD, else utype, else name, as AMDA, 3DView, FMI, LATMOS and SINP write them. Two columns
that could both play a role are refused, and named.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vo_server.clock import JULIAN_DATE, MODIFIED_JULIAN_DATE, moments
from vo_server.errors import BadArgument, BadTable, TooMuch, WrongUnit, excerpt
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.space import Frame
from vo_server.model.table import Header, Table, concatenate
from vo_server.model.time import Times, parse_times
from vo_server.model.trajectory import Trajectory
from vo_server.units import factor, length_in_metres

_AXES = "xyz"
_VECTORS = ("xyz", "pos", "position")  # names of positions in one column
_ORIGINS = {"jd": JULIAN_DATE, "mjd": MODIFIED_JULIAN_DATE}
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
    and z are found by UCD, else utype, else name, or together in one column of arrays of three,
    which then becomes three; every other column is carried along, times too, which `times` reads.
    Raises BadTable where a column is missing, not of numbers or found
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
    table = _unfolded(table, argument)
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


def _unfolded(table: Table, argument: str) -> Table:
    """Make three columns of one that holds positions as arrays of three, as AMDA's do."""
    if any(_find(table.header, a, _position_levels(a), argument) is not None for a in _AXES):
        return table
    levels: Sequence[Level] = (
        lambda p: p.shape == (3,) and _primary(p.ucd) == "pos.cartesian",
        lambda p: p.shape == (3,) and p.name.strip().lower().partition("_")[0] in _VECTORS,
    )
    index = _find(table.header, "the position", levels, argument)
    if index is None:
        return table
    parameters, columns = list(table.header.parameters), list(table.columns)
    vector, values = parameters[index], columns[index]
    parameters[index : index + 1] = [
        replace(vector, name=axis.upper(), shape=(), ucd=f"pos.cartesian.{axis}") for axis in _AXES
    ]
    columns[index : index + 1] = [values[:, number] for number in range(3)]
    return Table(replace(table.header, parameters=tuple(parameters)), tuple(columns), table.notes)


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
    yield lambda p: (p.xtype or "").lower() in (*_TIME_XTYPES, *_ORIGINS)
    for name in ("time", "epoch", "date", *_ORIGINS):
        yield lambda p, name=name: p.name.strip().lower() == name  # type: ignore[misc]


def _primary(ucd: str | None) -> str:
    """Give the first word of a UCD, which says what the column is."""
    return _words_of(ucd)[0]


def _words_of(ucd: str | None) -> list[str]:
    return [word.strip() for word in (ucd or "").lower().split(";")]


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


def velocities(table: Table, *, argument: str) -> NDArray[np.float64] | None:
    """Give velocities (n, 3) in m/s, None where no column tells any.

    Raises BadTable where only some components are there or one is told twice, WrongUnit where a
    unit is missing or no velocity.
    """
    found = [_find(table.header, f"v{a}", _velocity_levels(a), argument) for a in _AXES]
    if found == [None, None, None]:
        return None
    missing = [axis for axis, i in zip(_AXES, found, strict=True) if i is None]
    if missing:
        names = ", ".join(excerpt(table.header.parameters[i].name) for i in found if i is not None)
        raise BadTable(
            f"the table of {argument} has {names}, but no velocity along {' and '.join(missing)}",
            argument=argument,
        )
    return np.column_stack([_in_unit(table, i, "m/s", argument) for i in found if i is not None])


def masses(table: Table, *, argument: str) -> NDArray[np.float64] | None:
    """Give masses (n,) in kg, None where no column tells them; see `velocities`."""
    index = _find(table.header, "mass", _named("phys.mass", "mass", "m"), argument)
    return None if index is None else _in_unit(table, index, "kg", argument)


def charges(table: Table, *, argument: str) -> NDArray[np.float64] | None:
    """Give electric charges (n,) in C, None where no column tells them; see `velocities`."""
    index = _find(table.header, "charge", _named("phys.electcharge", "charge", "q"), argument)
    return None if index is None else _in_unit(table, index, "C", argument)


def _velocity_levels(axis: str) -> Sequence[Level]:
    utype = f"velocity3d.value3.c{_AXES.index(axis) + 1}"
    names = [f"{v}{bar}{axis}" for v in ("v", "u", "vel", "velocity") for bar in ("", "_")]
    return (
        lambda p: _words_of(p.ucd)[:2] == ["phys.veloc", f"pos.cartesian.{axis}"],
        lambda p: (p.utype or "").lower().endswith(utype),
        lambda p: p.name.strip().lower() in names,
    )


def _named(ucd: str, *names: str) -> Sequence[Level]:
    """Give the levels of a role by its UCD and names, the best name first."""
    by_name: list[Level] = [
        lambda p, name=name: p.name.strip().lower() == name  # type: ignore[misc]
        for name in names
    ]
    return (lambda p: _primary(p.ucd) == ucd, *by_name)


def _metres(
    table: Table, index: int, body: str, radius: float | None, argument: str
) -> NDArray[np.float64]:
    """Give a column of positions in metres; missing ones are NaN."""
    return _scaled(
        table,
        index,
        lambda unit, name: length_in_metres(unit, body, radius, argument=name),
        argument,
    )


def _in_unit(table: Table, index: int, to: str, argument: str) -> NDArray[np.float64]:
    """Give a column in a unit; missing numbers are NaN."""

    def scale(unit: str | None, name: str) -> float:
        if unit is None or not unit.strip():
            raise WrongUnit(f"{name} has no unit; give one, such as '{to}'")
        return factor(unit, to, argument=name)

    return _scaled(table, index, scale, argument)


def _scaled(
    table: Table, index: int, scale: Callable[[str | None, str], float], argument: str
) -> NDArray[np.float64]:
    """Give a column multiplied by what its unit is worth; missing numbers are NaN."""
    parameter, column = table.header.parameters[index], table.columns[index]
    name = f"column {excerpt(parameter.name)} of {argument}"
    if parameter.dtype.kind not in "iuf" or parameter.shape:
        raise BadTable(f"{name} is not numeric", argument=argument)
    if len(parameter.unit or "") > _LONGEST_UNIT:
        unit = excerpt(parameter.unit or "")
        raise WrongUnit(f"unit {unit} of {name} is not known", argument=argument)
    try:
        worth = scale(parameter.unit, name)
    except WrongUnit as err:
        raise WrongUnit(err.message, argument=argument) from err
    values = np.array(column, np.float64)
    if parameter.null is not None:
        values[column == parameter.null] = np.nan
    with np.errstate(over="ignore"):
        return values * worth


def times(table: Table, *, argument: str) -> Times | None:
    """Give the times of the rows in UTC, None where no column tells moments.

    Moments are datetime64, ISO 8601, or numbers whose origin is told: JD and MJD by xtype, unit
    or name, others by the constant `timeorigin` with a unit, in the scale of the constant
    `timescale`. Raises BadTable where two columns claim to be time, WrongUnit for a unit that is
    none of time.
    """
    index = _find(table.header, "time", _time_levels(), argument)
    if index is None:
        return None
    column, dtype = table.columns[index], table.header.parameters[index].dtype
    if dtype.kind == "M":
        return column.astype("datetime64[ns]")
    if dtype.kind in "iuf" and not table.header.parameters[index].shape:
        return _counted(table, index, argument)
    if dtype != TEXT:
        return None
    try:
        return parse_times(map(str, column))
    except BadArgument:
        return None


def _counted(table: Table, index: int, argument: str) -> Times | None:
    """Give times that are numbers since an origin, None where none is told."""
    parameter = table.header.parameters[index]
    told = {c.parameter.name: c.value for c in table.header.constants}
    scale = str(told.get("timescale", "UTC"))
    for word in (parameter.xtype, parameter.unit, parameter.name):
        key = (word or "").strip().lower()
        if key in _ORIGINS:
            days = _scaled(table, index, lambda unit, name: 1.0, argument)
            return moments(days, _ORIGINS[key], scale)
    origin = told.get("timeorigin")
    if not isinstance(origin, float | int):
        return None
    return moments(_in_unit(table, index, "d", argument), float(origin), scale)


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
        told = (header.parameters[index].frame or "").strip()
        stated += [told] if _FRAME.fullmatch(told) else []
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


def stated_frame(header: Header) -> Frame | None:
    """Give the frame that a table states for itself by a constant, None where it states none."""
    stated = {
        str(constant.value).strip().upper()
        for constant in header.constants
        if _primary(constant.parameter.ucd) == "pos.frame"
    }
    return Frame(stated.pop()) if len(stated) == 1 else None


def _words(pattern: re.Pattern[str], text: str) -> list[str]:
    """Give the frames that a pattern finds in a text."""
    return [word for word in pattern.findall(text) if word.upper() not in _NO_FRAMES]
