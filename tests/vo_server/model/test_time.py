"""Times: ISO 8601 in and out, offsets, and what is no time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_server.errors import BadArgument
from vo_server.model.time import (
    LEAP_DAYS,
    TimeInterval,
    fraction_digits,
    parse_duration,
    parse_restricted,
    parse_time,
    parse_times,
    print_duration,
    print_time,
    stamp_length,
    stamps,
)


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


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2017", "2017-01-01"), ("2017Z", "2017-01-01"), ("2017-03Z", "2017-03-01"),
        ("2017-015", "2017-01-15"), ("2016-366T23Z", "2016-12-31T23"),
        ("2017-01-15T23:59", "2017-01-15T23:59"), ("2017-01-15T24Z", "2017-01-16"),
        ("2017-001T24:00:00.000Z", "2017-01-02"), ("2016-12-31T23:59:60.5Z", "2017-01-01"),
        ("1972-182T23:59:60Z", "1972-07-01"), ("0001Z", "1678-01-01"), ("9999Z", "2262-01-01"),
        ("2017-01-15T01:02:03.123456789Z", "2017-01-15T01:02:03.123456789"),
    ],
)  # fmt: skip
def test_restricted_forms(text: str, moment: str) -> None:
    assert parse_restricted(text, argument="start") == np.datetime64(moment, "ns")


@pytest.mark.parametrize("text", ["2017-13", "2017-366", "2015-12-31T23:59:60Z", "2017T12Z", "x"])
def test_restricted_refusals_repeat_nothing(text: str) -> None:
    with pytest.raises(BadArgument) as refused:
        parse_restricted(text, argument="start")
    assert refused.value.argument == "start"
    assert text not in refused.value.message or text == "x"


def test_leap_seconds_are_those_of_the_iers() -> None:
    # 27 leap seconds were put in from 1972 to 2016: TAI - UTC went from 10 s to 37 s.
    assert len(LEAP_DAYS) == 27


@given(st.lists(st.integers(-(2**62), 2**62), max_size=30), st.sampled_from([0, 3, 6, 9]))
@settings(deadline=None)
def test_stamps_are_what_numpy_prints(numbers: list[int], digits: int) -> None:
    times = np.array(numbers, "datetime64[ns]")
    made = [text.decode() for text in stamps(times, digits).tolist()]
    step = 10 ** (9 - digits)
    floored = (times.view(np.int64) // step * step).view("datetime64[ns]")
    assert made == [f"{text[: stamp_length(digits) - 1]}Z" for text in floored.astype(str)]
    assert all(len(text) == stamp_length(digits) for text in made)
    assert all(
        parse_restricted(text, argument="a") <= time for text, time in zip(made, times, strict=True)
    )


def test_digits_are_as_many_as_needed() -> None:
    for unit, digits in (("s", 3), ("ms", 3), ("us", 6), ("ns", 9)):
        assert fraction_digits(np.array([0, 1], f"datetime64[{unit}]")) == digits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT1M", 60), ("P1D", 86_400), ("P1DT1H30M", 91_800), ("PT0.5S", 0.5), ("P1W", 604_800)],
)
def test_durations(text: str, seconds: float) -> None:
    length = parse_duration(text)
    assert length == np.timedelta64(round(seconds * 1e9), "ns")
    assert length is not None
    assert parse_duration(print_duration(length)) == length


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1M", "PT0S", "P-1D", "P300Y", "PT1M" * 20, "pt1m"]
)
def test_what_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None
