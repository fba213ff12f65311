"""Misfit: how far outputs, flown along a real orbit, are from what was observed there."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_server.budget import Budget
from vo_server.errors import BadArgument, BadTable, Refusal, Stopping, TooMuch, WrongFrame, excerpt
from vo_server.frames import turn
from vo_server.model.parameter import vector_name
from vo_server.model.request import SampleRequest
from vo_server.model.space import Frame
from vo_server.model.table import Column, Table, concatenate
from vo_server.model.trajectory import Trajectory
from vo_server.ports import FieldSource
from vo_server.registry import Entry
from vo_server.sampling import fly, moments_of
from vo_server.units import factor

_AXES = ("x", "y", "z")
# Vectors that do not change with the motion of a frame, and frames around Earth that turn so
# slowly that velocities and electric fields are told along their axes unchanged.
_INVARIANT = ("B", "J")
_SLOW = {"GSE", "GSM", "SM"}

# Standard deviation of normal numbers over their median absolute deviation.
_NORMAL = 1.4826


@dataclass(frozen=True, slots=True, eq=False)
class Misfit:
    """An output beside what was observed.

    value: root of the mean over parameters of the mean squared difference, in spreads of what was
    observed; NaN where nothing can be compared, and then `why` says so; points: how many rows of
    the first parameter were compared; terms: root mean squared difference of each parameter;
    flown: the series, the columns of the orbit first.
    """

    output: str
    value: float
    points: int
    terms: dict[str, float]
    flown: Table | None
    why: str = ""


def misfits(
    observed: Trajectory, names: Sequence[str], outputs: Sequence[Entry], budget: Budget
) -> Iterator[Misfit]:
    """Fly outputs along the positions of what was observed, and compare the named parameters.

    Gives one for each output, in their order, as soon as it is there. Components are compared in
    the frame in which they were observed: that of their column, else of the table; where it is
    not the output's, the vector must be named whole. Raises BadTable and WrongUnit where an
    observed column is missing or has no unit of the right kind, and TooMuch and Stopping, which
    are no matter of one output.
    """
    if not names:
        raise BadArgument("no parameter is named to compare", argument="variable")
    for name in names:
        _column(observed.table, name)
    for entry in outputs:
        budget.spend()
        try:
            yield _compared(observed, names, entry, budget)
        except (TooMuch, Stopping):
            raise
        except Refusal as err:
            yield Misfit(entry.resource.id, math.nan, 0, {}, None, err.message)


def ranked(found: Sequence[Misfit]) -> list[Misfit]:
    """Give misfits the least first, those that cannot be compared last."""
    return sorted(found, key=lambda m: (math.isnan(m.value), m.value, m.output))


def _compared(observed: Trajectory, names: Sequence[str], entry: Entry, budget: Budget) -> Misfit:
    assert isinstance(entry.provider, FieldSource)
    request = SampleRequest(entry.resource, tuple(names), observed)
    flown = concatenate(list(fly(request, entry.provider, budget, argument="OBSERVED")))
    width = len(observed.table.columns)
    series = dict(zip(names, flown.columns[width:], strict=True))
    series |= _in_observed_frames(series, observed, entry)
    terms: dict[str, float] = {}
    squares, counts = [], []
    for name, parameter in zip(names, flown.header.parameters[width:], strict=True):
        values = series[name]
        seen, unit = _column(observed.table, name)
        scaled = seen * factor(unit, parameter.unit or "", argument=f"observed {name}")
        both = np.isfinite(scaled) & np.isfinite(values)
        counts.append(int(both.sum()))
        if not both.any():
            return Misfit(entry.resource.id, math.nan, 0, {}, flown, f"{name}: nothing to compare")
        difference = float(np.sqrt(np.mean((values[both] - scaled[both]) ** 2)))
        terms[name] = difference
        squares.append((difference / _spread(scaled)) ** 2)
    value = math.sqrt(sum(squares) / len(squares))
    return Misfit(entry.resource.id, value, counts[0], terms, flown)


def _in_observed_frames(
    series: Mapping[str, Column], observed: Trajectory, entry: Entry
) -> dict[str, Column]:
    """Give the flown components that were observed in another frame, along its axes.

    Raises WrongFrame naming both where they cannot be turned, or not all of the vector is there.
    """
    own = entry.resource.frame
    assert own is not None
    found = [vector_name(name) for name in series]
    turned: dict[str, Column] = {}
    for quantity in dict.fromkeys(quantity for quantity, axis in found if axis in _AXES):
        whole = [f"{quantity}{axis}" for axis in _AXES]
        named = [name for name in whole if name in series]
        frames = {_frame(observed, name) or own for name in named}
        if frames == {own}:
            continue
        told = ", ".join(sorted(map(str, frames)))
        refusal = f"{', '.join(named)} of OBSERVED are in frame {told}, the run is in {own}; "
        if len(frames) > 1 or named != whole:
            raise WrongFrame(f"{refusal}turning them takes {', '.join(whole)}, all in one frame")
        given = frames.pop()
        if quantity not in _INVARIANT and not {given.name, own.name} <= _SLOW:
            raise WrongFrame(f"{refusal}between these the motion of the frame adds to them")
        vectors = np.column_stack([series[name] for name in whole])
        times = moments_of(observed, argument="OBSERVED")
        vectors = turn(vectors, own, given, argument="OBSERVED", times=times)
        turned |= dict(zip(whole, vectors.T, strict=True))
    return turned


def _frame(observed: Trajectory, name: str) -> Frame | None:
    """Give the frame of an observed component: that of its column, else of the table."""
    index = observed.table.header.index(name)
    assert index is not None
    told = observed.table.header.parameters[index].frame
    return Frame(told) if told else observed.frame


def _column(table: Table, name: str) -> tuple[NDArray[np.float64], str]:
    """Give an observed column and its unit."""
    index = table.header.index(name)
    if index is None:
        known = ", ".join(parameter.name for parameter in table.header.parameters)
        raise BadTable(f"OBSERVED has no column {excerpt(name)}; it has {known[:500]}")
    parameter = table.header.parameters[index]
    if parameter.dtype.kind not in "iuf" or parameter.shape:
        raise BadTable(f"column {excerpt(name)} of OBSERVED is not numeric")
    if not parameter.unit:
        raise BadTable(f"column {excerpt(name)} of OBSERVED has no unit")
    values = np.array(table.columns[index], np.float64)
    if parameter.null is not None:
        values[table.columns[index] == parameter.null] = np.nan
    return values, parameter.unit


def deviation(values: NDArray[np.float64]) -> float:
    """Give how far numbers (n,), none of them NaN, lie apart: by medians, else their deviation."""
    by_medians = _NORMAL * np.median(np.abs(values - np.median(values)))
    return float(by_medians if by_medians > 0.0 else np.std(values))


def _spread(values: NDArray[np.float64]) -> float:
    """Give how far numbers lie apart, where they do not their size, else 1."""
    known = values[np.isfinite(values)]
    return deviation(known) or float(np.abs(np.median(known))) or 1.0
