"""Orbit: positions between those that are given, and how regular their times are."""

import numpy as np

from vo_server.model.parameter import Parameter
from vo_server.model.space import Frame, Points
from vo_server.model.table import Header, Table
from vo_server.model.time import TimeInterval, Times
from vo_server.model.trajectory import Trajectory

_GAP = 1.5  # steps from which on a distance of times is a gap


_COLUMNS = (
    Parameter("Time", np.dtype("datetime64[ns]"), ucd="time.epoch"),
    *(Parameter(name.upper(), unit="m", ucd=f"pos.cartesian.{name}") for name in ("x", "y", "z")),
)


def timed(times: Times, positions: Points, frame: Frame | None) -> Trajectory:
    """Give positions (n, 3) in m at times (n,) as a trajectory with the columns Time, X, Y, Z."""
    table = Table(Header(_COLUMNS), (times, *positions.T.copy()))
    return Trajectory(positions, frame, table, (1, 2, 3), times)


def steady_step(times: Times) -> np.timedelta64 | None:
    """Give the median distance of times (n,), None where there are not two."""
    steps = np.diff(np.sort(times))
    return np.sort(steps)[len(steps) // 2] if len(steps) else None


def resampled(whole: Trajectory, step: np.timedelta64, interval: TimeInterval | None) -> Trajectory:
    """Give positions at multiples of a step after the first time, those in an interval only.

    Between positions the cubic through the nearest four is taken, so that a position depends on
    its neighbours alone and not on what else is asked for; across a gap it is NaN. The table must
    have the columns time and position (n, 3).
    """
    assert whole.times is not None
    order = np.argsort(whole.times, kind="stable")
    known = whole.times[order]
    start, stop = known[0], known[-1] + np.timedelta64(1, "ns")
    if interval is not None:
        late = max(interval.start - start, np.timedelta64(0, "ns"))
        first, stop = start + -(-late // step) * step, min(stop, interval.stop)
    else:
        first = start
    times = np.arange(first, max(stop, first), step, dtype="datetime64[ns]")
    positions = between(known, whole.positions[order], times)
    told = between(known, np.asarray(whole.table.columns[1])[order], times)
    table = Table(whole.table.header, (times, told))
    return Trajectory(positions, whole.frame, table, whole.axes, times)


def between(
    known: Times, values: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", times: Times
) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Give values (m, 3) at times by Lagrange's formula on four neighbours of each."""
    count = min(4, len(known))
    before = np.clip(np.searchsorted(known, times, "right") - 1, 0, len(known) - 1)
    after = np.minimum(before + 1, len(known) - 1)
    first = np.clip(before - 1, 0, len(known) - count)
    nodes = first[:, None] + np.arange(count)
    # Seconds from the time asked for: small numbers, so that nothing is lost.
    apart = (known[nodes] - times[:, None]) / np.timedelta64(1, "s")
    result = np.zeros((len(times), values.shape[1]))
    for i in range(count):
        weight = np.ones(len(times))
        for j in range(count):
            if j != i:
                weight *= apart[:, j] / (apart[:, j] - apart[:, i])
        result += weight[:, None] * values[nodes[:, i]]
    step = steady_step(known)
    if step is not None:
        gap = (known[after] - known[before] > step * _GAP) & (times != known[before])
        result[gap] = np.nan
    return result
