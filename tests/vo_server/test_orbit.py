"""Positions between those given: a cubic exactly, local, and nothing across a gap."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_server.model.parameter import Parameter
from vo_server.model.table import Header, Table
from vo_server.model.time import TimeInterval
from vo_server.model.trajectory import Trajectory
from vo_server.orbit import resampled, steady_step

_EPOCH = np.datetime64("2026-01-01", "ns")
_MINUTE = np.timedelta64(60, "s")
_STEP = np.timedelta64(7, "s")


def _way(minutes: NDArray[np.int64]) -> Trajectory:
    """Give a cubic way through the given minutes."""
    position = _exact(minutes * 60.0)
    times = _EPOCH + minutes * _MINUTE
    header = Header((Parameter("Time"), Parameter("Position", shape=(3,))))
    return Trajectory(position, None, Table(header, (times, position / 1e3)), (1, 1, 1), times)


def _exact(seconds: NDArray[Any]) -> NDArray[np.float64]:
    x = seconds / 1000.0
    return np.column_stack([x**3 - x, 5.0 - x**2, 2.0 * x])


def test_a_cubic_is_exact() -> None:
    made = resampled(_way(np.arange(60)), _STEP, None)
    assert made.times is not None
    seconds = (made.times - _EPOCH) / np.timedelta64(1, "s")
    assert made.times[0] == _EPOCH
    assert seconds[-1] <= 59 * 60
    assert np.diff(seconds) == pytest.approx(7.0)
    assert made.positions == pytest.approx(_exact(seconds), rel=1e-12, abs=1e-12)
    assert made.table.columns[1] == pytest.approx(made.positions / 1e3)


def test_a_part_is_the_same_as_in_the_whole() -> None:
    way = _way(np.arange(60))
    whole = resampled(way, _STEP, None)
    cut = _EPOCH + np.timedelta64(1234, "s")
    end = _EPOCH + np.timedelta64(2, "h")
    parts = [resampled(way, _STEP, TimeInterval(_EPOCH, cut)),
             resampled(way, _STEP, TimeInterval(cut, end))]  # fmt: skip
    joined = np.concatenate([part.positions for part in parts])
    assert (joined == whole.positions).all()


def test_nothing_is_made_up_across_a_gap() -> None:
    minutes = np.concatenate([np.arange(30), np.arange(40, 60)])
    made = resampled(_way(minutes), _STEP, None)
    assert made.times is not None
    seconds = (made.times - _EPOCH) / np.timedelta64(1, "s")
    inside = (seconds > 29 * 60) & (seconds < 40 * 60)
    assert np.isnan(made.positions[inside]).all()
    assert np.isfinite(made.positions[~inside]).all()


def test_the_step_is_the_median() -> None:
    assert steady_step(_EPOCH + np.array([0, 1, 2, 3, 50]) * _MINUTE) == _MINUTE
    assert steady_step(np.array([_EPOCH])) is None
