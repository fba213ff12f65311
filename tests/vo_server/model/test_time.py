"""Times: ISO 8601 in and out, offsets, and what is no time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_server.errors import BadArgument
from vo_server.model.time import TimeInterval, parse_time, parse_times, print_time


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2005-01-01T00:00:00.000Z", "2005-01-01T00:00:00"),
        ("2005-01-01", "2005-01-01"),
        ("2005-01-01T12:34", "2005-01-01T12:34"),
        ("2014-06-26T20:04:24.970+02:00", "2014-06-26T18:04:24.970"),
        ("2014-06-26 20:04:24-0130", "2014-06-26T21:34:24"),
        ("2005-01-01T00:00:00.123456789Z", "2005-01-01T00:00:00.123456789"),
    ],
)
def test_parse(text: str, moment: str) -> None:
    assert parse_time(text) == np.datetime64(moment, "ns")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2005-13-01",
        "2005-02-30T00:00",
        "20050101",
        "2012-01-01T-9.14",
        "1",
        "3000-01-01T00:00:00",
        "1500-01-01",
        "2262-04-12",
        "2005-01-01T00:00+99:99",
        "2005-01-01T00:00-10:60",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadArgument, match="epoch"):
        parse_time(text, argument="epoch")


@given(st.integers(-(10**18), 4 * 10**18))
@settings(derandomize=True, deadline=None)
def test_round_trip(nanoseconds: int) -> None:
    moment = np.datetime64(nanoseconds, "ns")
    assert parse_time(print_time(moment)) == moment


def test_intervals_are_half_open() -> None:
    times = parse_times(["2005-01-01", "2005-01-02", "2005-01-03"])
    interval = TimeInterval(times[0], times[2])
    assert interval.holds(times).tolist() == [True, True, False]
    with pytest.raises(BadArgument):
        TimeInterval(times[2], times[0])
