"""Records of a series: exactly those of the interval, in order, each time once, however split."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_server import series
from vo_server.budget import Budget
from vo_server.errors import BadFile
from vo_server.model.parameter import REAL, Parameter
from vo_server.model.request import SeriesRequest
from vo_server.model.resource import Kind, Resource
from vo_server.model.table import Header, Table
from vo_server.model.time import TimeInterval

_HEADER = Header(
    (Parameter("Time", np.dtype("datetime64[ns]")), Parameter("x", REAL), Parameter("y"))
)
_EPOCH = np.datetime64("2026-01-01", "ns")
_ALL = TimeInterval(_EPOCH - np.timedelta64(1, "D"), _EPOCH + np.timedelta64(365, "D"))


class _Source:
    """Gives records of these minutes in blocks of these lengths."""

    def __init__(self, minutes: Sequence[int], lengths: Sequence[int]) -> None:
        self._times = _EPOCH + np.array(minutes, np.int64) * np.timedelta64(60_000_000_000, "ns")
        self._lengths = lengths

    def read(self, request: SeriesRequest) -> Iterator[Table]:
        place = np.arange(len(self._times), dtype=float)
        start = 0
        for length in [*self._lengths, len(place)]:
            part = slice(start, start + length)
            yield Table(_HEADER, (self._times[part], place[part], -place[part]))
            start += length


def _read(
    minutes: Sequence[int], lengths: Sequence[int] = (), interval: TimeInterval = _ALL
) -> list[tuple[int, int]]:
    """Give (minute, place in the source) of every record read."""
    request = SeriesRequest(Resource("r", Kind.SERIES, ""), interval, ("Time", "x"))
    found = list(series.read(request, _Source(minutes, lengths), Budget()))
    result: list[tuple[int, int]] = []
    for table in found:
        assert [p.name for p in table.header.parameters] == ["Time", "x"]
        past = (table.columns[0] - _EPOCH) // np.timedelta64(1, "m")
        result += zip(past.tolist(), table.columns[1].astype(int).tolist(), strict=True)
    return result


def _minute(number: float) -> np.datetime64:
    return _EPOCH + np.timedelta64(round(number * 60e9), "ns")


@given(
    st.lists(st.integers(0, 200), max_size=80),
    st.lists(st.integers(1, 40), max_size=20),
    st.integers(0, 200),
    st.integers(1, 100),
)
@settings(max_examples=300, deadline=None)
def test_equals_a_plain_sort_and_trim(
    minutes: list[int], lengths: list[int], start: int, span: int
) -> None:
    interval = TimeInterval(_minute(start), _minute(start + span))
    first: dict[int, int] = {}
    for place, minute in enumerate(minutes):
        if start <= minute < start + span:
            first.setdefault(minute, place)
    assert _read(minutes, lengths, interval) == sorted(first.items())


@given(st.lists(st.integers(1, 3000), max_size=8))
@settings(max_examples=20, deadline=None)
def test_the_split_into_blocks_changes_nothing(lengths: list[int]) -> None:
    random = np.random.default_rng(5)
    minutes = np.arange(9000) + random.integers(-700, 700, 9000)
    minutes -= minutes.min()
    assert _read(minutes.tolist(), lengths) == _read(minutes.tolist())


def test_adjacent_intervals_make_the_whole() -> None:
    minutes = sorted(np.random.default_rng(1).choice(500, 300, replace=False).tolist())
    cuts = [0, 0.5, 1, 77, 77.25, 250, 499, 499.000_001, 500]
    parts = [
        record
        for a, b in pairwise(cuts)
        for record in _read(minutes, interval=TimeInterval(_minute(a), _minute(b)))
    ]
    assert parts == _read(minutes)


def test_ten_thousand_adjacent_intervals_make_the_whole() -> None:
    random = np.random.default_rng(2)
    minutes = np.sort(random.choice(10_000, 3000, replace=False)).tolist()
    source = _Source(minutes, (1000, 500))
    resource = Resource("r", Kind.SERIES, "")
    cuts = np.unique(np.concatenate([[0, 10_000 * 60_000], random.integers(0, 6 * 10**8, 10_000)]))
    moments = _EPOCH + cuts * np.timedelta64(1_000_000, "ns")
    found: list[int] = []
    for start, stop in pairwise(moments):
        request = SeriesRequest(resource, TimeInterval(start, stop), ("Time", "x"))
        for table in series.read(request, source, Budget()):
            found += table.columns[1].astype(int).tolist()
    assert len(moments) > 9000
    assert found == list(range(3000))


@pytest.mark.parametrize("lengths", [(), (1, 5000), (2048, 2048), (4000,)])
def test_what_comes_far_too_late_is_refused_however_split(lengths: tuple[int, ...]) -> None:
    minutes = [*range(1, 3 * series.ROWS), 0]
    with pytest.raises(BadFile, match="out of order"):
        _read(minutes, lengths)


def test_a_record_that_is_late_by_less_finds_its_place() -> None:
    minutes = [*range(1, series.ROWS), 0, *range(series.ROWS, 9000)]
    assert [minute for minute, _ in _read(minutes)] == list(range(9000))


def test_a_record_without_a_time_is_refused() -> None:
    class Broken:
        def read(self, request: SeriesRequest) -> Iterator[Table]:
            times = np.array(["NaT", "2026-01-01"], "datetime64[ns]")
            yield Table(_HEADER, (times, np.zeros(2), np.zeros(2)))

    request = SeriesRequest(Resource("r", Kind.SERIES, ""), _ALL, ("Time",))
    with pytest.raises(BadFile, match="has no time"):
        list(series.read(request, Broken(), Budget()))
