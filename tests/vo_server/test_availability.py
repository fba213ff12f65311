"""Availability: stretches without gaps, the same whatever interval or block."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from vo_server import series
from vo_server.availability import Availability
from vo_server.budget import Budget
from vo_server.model.parameter import Parameter
from vo_server.model.request import SeriesRequest
from vo_server.model.resource import Kind, Resource
from vo_server.model.series import Series
from vo_server.model.table import Header, Table
from vo_server.model.time import TimeInterval, Times
from vo_server.sampling import STATUS

_EPOCH = np.datetime64("2026-01-01T00:30", "ns")
_MINUTE = np.timedelta64(60_000_000_000, "ns")
_COVERAGE = TimeInterval(_EPOCH, _EPOCH + 2000 * _MINUTE)
_TIME = Parameter("Time", np.dtype("datetime64[ns]"))


class _Source:
    def __init__(self, times: Times, block: int) -> None:
        self._times = times
        self._block = block

    def read(self, request: SeriesRequest) -> Iterator[Table]:
        header = Header((_TIME, STATUS))
        for start in range(0, len(self._times), self._block):
            times = self._times[start : start + self._block]
            status = np.where((times - _EPOCH) // _MINUTE % 100 == 99, 4, 0)
            yield Table(header, (times, status))


def _resource(*further: Parameter) -> Resource:
    described = Series("mag", _COVERAGE, cadence=np.timedelta64(60, "s"))
    return Resource("spase://A/B", Kind.SERIES, "Mag", (_TIME, *further), series=described)


def _rows(made: Availability, interval: TimeInterval) -> list[tuple[str, str, int]]:
    request = SeriesRequest(made.resource, interval, ("Time", "Stop", "Records"))
    return [
        (str(a)[5:16], str(b)[5:16], int(n))
        for table in series.read(request, made, Budget())
        for a, b, n in zip(*table.columns, strict=True)
    ]


_MINUTES = np.concatenate([np.arange(100), np.arange(130, 140), np.arange(1990, 2000)])


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_stretches_end_at_gaps_and_round_hours(block: int) -> None:
    made = Availability(_resource(), _Source(_EPOCH + _MINUTES * _MINUTE, block), "av_mag")
    assert _rows(made, _COVERAGE) == [
        ("01-01T00:30", "01-01T01:00", 30),
        ("01-01T01:00", "01-01T02:00", 60),
        ("01-01T02:00", "01-01T02:10", 10),
        ("01-01T02:40", "01-01T02:50", 10),
        ("01-02T09:40", "01-02T09:50", 10),
    ]
    described = made.resource.series
    assert described is not None
    assert (described.name, described.cadence) == ("av_mag", np.timedelta64(3600, "s"))


def test_parts_make_the_whole() -> None:
    made = Availability(_resource(), _Source(_EPOCH + np.arange(2000) * _MINUTE, 300), "av_mag")
    cuts = [0, 10, 60, 61, 777, 1500, 2000]
    parts = [
        row
        for a, b in pairwise(cuts)
        for row in _rows(made, TimeInterval(_EPOCH + a * _MINUTE, _EPOCH + b * _MINUTE))
    ]
    assert parts == _rows(made, _COVERAGE)
    assert sum(count for *_, count in parts) == 2000


def test_of_a_virtual_spacecraft_only_what_has_values_counts() -> None:
    made = Availability(_resource(STATUS), _Source(_EPOCH + np.arange(200) * _MINUTE, 50), "av_mag")
    rows = _rows(made, _COVERAGE)
    assert sum(count for *_, count in rows) == 198
    assert ("01-01T02:00", "01-01T02:09", 9) in rows
