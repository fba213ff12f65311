"""Wind: what the solar wind was in an observed interval, by which runs are ranked."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadArgument, BadTable, WrongFrame, excerpt
from vo_server.misfit import deviation
from vo_server.model.space import Frame
from vo_server.model.table import Table, concatenate
from vo_server.model.time import TimeInterval, Times
from vo_server.ranking import NAMES, Criterion, Nearest, criterion, rank_runs
from vo_server.registry import Registry
from vo_server.roles import stated_frame, times
from vo_server.units import factor, to_si

Floats = NDArray[np.float64]

_UNITS = {"Density": "1/m3", "Utot": "m/s", "Temperature": "K", "Solar_F10.7": "W.m-2.Hz-1"}
_FIELD = "T"
_COMPONENTS = ("Bx", "By", "Bz")
# Names of the quantities whose length a total is, where no column tells it.
_LENGTHS = {"Utot": ("U", "V"), "Btot": ("B",)}
_USUAL = ("Density", "Utot", "Temperature", "Btot")


@dataclass(frozen=True, slots=True)
class Observed:
    """One quantity in an interval: its median and spread in SI, and of how many values.

    spread: 0 where it does not vary; frame: of a component, None where nothing tells it.
    """

    name: str
    median: float
    spread: float
    count: int
    frame: Frame | None = None


def observe(
    tables: Iterable[Table],
    names: Sequence[str],
    span: tuple[np.datetime64 | None, np.datetime64 | None],
    columns: Mapping[str, str],
    *,
    argument: str,
) -> list[Observed]:
    """Give medians and spreads of the named quantities, of the usual ones where none is named.

    span: times [start, stop) of the rows, None for no end; columns: names in the table, where
    they are not those of `vo_server.ranking.NAMES`. A total is the length of its components where
    it has no column. Raises BadTable and WrongUnit for what the table lacks, BadArgument for names
    that are not known and an interval without values.
    """
    for name in (*names, *columns):
        if name not in NAMES:
            raise BadArgument(
                f"{excerpt(name)} is nothing that runs are ranked by; there are {', '.join(NAMES)}",
                argument="Variable",
            )
    table = concatenate(list(tables))
    inside = _inside(table, span, argument)
    found = []
    for name in names or [n for n in _USUAL if _found(table, n, columns)]:
        values = _values(table, name, columns, argument)[inside]
        known = values[np.isfinite(values)]
        if not len(known):
            raise BadTable(f"{argument} has no value of {name} in the interval", argument=argument)
        frame = _frame(table, name, columns) if name in _COMPONENTS else None
        found.append(Observed(name, float(np.median(known)), deviation(known), len(known), frame))
    if not found:
        told = ", ".join(p.name for p in table.header.parameters)
        raise BadTable(
            f"{argument} has none of {', '.join(_USUAL)}; it has {told[:500]}: say which is which",
            argument=argument,
        )
    return found


def nearest_runs(
    registry: Registry, body: str, observed: Sequence[Observed], count: int
) -> list[Nearest]:
    """Rank the runs of a body by the medians, differences in spreads.

    What does not vary is divided by the body's typical value. Raises WrongFrame where components
    are in a frame that no run of the body has.
    """
    criteria = [_criterion(seen, body) for seen in observed]
    frames = {seen.frame for seen in observed if seen.frame is not None}
    found = rank_runs(registry, body, criteria, count, frames)
    if not found and frames and rank_runs(registry, body, criteria, 1, frozenset()):
        raise WrongFrame(
            f"components are observed in frame {', '.join(sorted(map(str, frames)))}; no run "
            f"around {body} is in it",
            argument="Variable",
        )
    return found


def columns_of(told: Iterable[str]) -> dict[str, str]:
    """Read names of columns, each written as NAME=COLUMN; raises BadArgument."""
    pairs = [text.partition("=") for text in told]
    for name, sign, column in pairs:
        if not (name and sign and column):
            raise BadArgument(
                f"{excerpt(name + sign + column)} is not written as NAME=COLUMN", argument="column"
            )
    return {name: column for name, _, column in pairs}


def _criterion(seen: Observed, body: str) -> Criterion:
    return criterion(seen.name, body, seen.median, scale=seen.spread or None)


def _inside(
    table: Table, span: tuple[np.datetime64 | None, np.datetime64 | None], argument: str
) -> NDArray[np.bool_]:
    """Tell which rows lie in the interval."""
    start, stop = span
    if start is not None and stop is not None:
        TimeInterval(start, stop)  # refuses one that is reversed or empty
    inside = np.ones(len(table), bool)
    if start is None and stop is None:
        return inside
    moments: Times | None = times(table, argument=argument)
    if moments is None:
        raise BadTable(f"{argument} has no column of times to choose by", argument=argument)
    if start is not None:
        inside &= moments >= start
    if stop is not None:
        inside &= moments < stop
    return inside


def _found(table: Table, name: str, columns: Mapping[str, str]) -> list[int]:
    """Give the columns of a quantity: its own, else those whose length it is, else none."""
    known = [parameter.name.casefold() for parameter in table.header.parameters]
    if name in columns:
        wanted = columns[name].casefold()
        return [known.index(wanted)] if wanted in known else []
    if name.casefold() in known:
        return [known.index(name.casefold())]
    for quantity in _LENGTHS.get(name, ()):
        components = [f"{quantity}{axis}".casefold() for axis in "xyz"]
        if set(components) <= set(known):
            return [known.index(component) for component in components]
    return []


def _values(table: Table, name: str, columns: Mapping[str, str], argument: str) -> Floats:
    """Give a quantity (n,) in SI."""
    found = _found(table, name, columns)
    if not found:
        told = ", ".join(p.name for p in table.header.parameters)
        raise BadTable(
            f"{argument} has no {excerpt(columns.get(name, name))}; it has {told[:500]}",
            argument=argument,
        )
    parts = [_column(table, index, name, argument) for index in found]
    values = np.column_stack(parts)
    return values[:, 0] if values.shape[1] == 1 else np.sqrt(np.sum(values**2, axis=1))


def _column(table: Table, index: int, name: str, argument: str) -> Floats:
    """Give a column of numbers, or of vectors where the quantity is a length, in SI."""
    parameter = table.header.parameters[index]
    told = f"column {excerpt(parameter.name)} of {argument}"
    vector = len(parameter.shape) == 1 and name in _LENGTHS
    if parameter.dtype.kind not in "iuf" or (parameter.shape and not vector):
        raise BadTable(f"{told} is not numeric", argument=argument)
    if not parameter.unit:
        raise BadTable(f"{told} has no unit", argument=argument)
    if name == "Temperature":
        worth, unit = to_si(parameter.unit, temperature=True, argument=told)
        worth *= factor(unit, "K", argument=told)
    else:
        worth = factor(parameter.unit, _UNITS.get(name, _FIELD), argument=told)
    values = np.array(table.columns[index], np.float64)
    for missing in (parameter.null, parameter.fill):
        if missing is not None and math.isfinite(float(missing)):
            values[values == float(missing)] = np.nan
    return values * worth


def _frame(table: Table, name: str, columns: Mapping[str, str]) -> Frame | None:
    """Give the frame of a component, None where nothing tells it."""
    (index,) = _found(table, name, columns)
    told = table.header.parameters[index].frame
    return Frame(told) if told else stated_frame(table.header)
