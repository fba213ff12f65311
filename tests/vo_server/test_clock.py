"""The clock, against cdflib and ERFA's own numbers."""

import numpy as np
import pytest
from cdflib.epochs import CDFepoch
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_server.clock import MODIFIED_JULIAN_DATE, from_tt2000, moments, to_tt2000
from vo_server.errors import BadTable

_SINCE_1972 = st.integers(63_072_000 * 10**9, 4_000_000_000 * 10**9)


def test_reference_numbers() -> None:
    """Reference: the NASA CDF library's numbers for J2000 and the leap second of 2016."""
    texts = ["2000-01-01T11:58:55.816", "2017-01-01T00:00:00", "2016-12-31T23:59:59"]
    times = np.array(texts, "datetime64[ns]")
    numbers = [0, 536500869184000000, 536500867184000000]
    assert to_tt2000(times).tolist() == numbers
    assert from_tt2000(np.array(numbers)).tolist() == times.tolist()


@settings(derandomize=True, deadline=None)
@given(nanoseconds=st.lists(_SINCE_1972, min_size=1, max_size=20))
def test_tt2000_is_that_of_cdflib(nanoseconds: list[int]) -> None:
    times = np.array(nanoseconds, "datetime64[ns]")
    numbers = to_tt2000(times)
    parts = CDFepoch.breakdown_tt2000(numbers).reshape(-1, 9)
    whole = [
        f"{p[0]:04}-{p[1]:02}-{p[2]:02}T{p[3]:02}:{p[4]:02}:{p[5]:02}.{p[6]:03}{p[7]:03}{p[8]:03}"
        for p in parts.astype(int)
    ]
    np.testing.assert_array_equal(np.array(whole, "datetime64[ns]"), times)
    np.testing.assert_array_equal(from_tt2000(numbers), times)


def test_missing_times() -> None:
    times = np.array(["NaT", "2005-01-01"], "datetime64[ns]")
    numbers = to_tt2000(times)
    assert numbers[0] == np.iinfo(np.int64).min
    assert np.isnat(from_tt2000(numbers)).tolist() == [True, False]
    days = np.array([np.nan, np.inf, 1e12, -1e12, 53371.0])
    assert np.isnat(moments(days, MODIFIED_JULIAN_DATE)).tolist() == [True] * 4 + [False]
    with pytest.raises(BadTable, match="before 1972"):
        to_tt2000(np.array(["1971-12-31"], "datetime64[ns]"))


@settings(derandomize=True, deadline=None)
@given(days=st.integers(0, 60_000), milliseconds=st.integers(0, 86_399_999))
def test_julian_dates_keep_the_millisecond(days: int, milliseconds: int) -> None:
    number = days + milliseconds / 86_400_000
    expected = np.datetime64("1858-11-17", "ns") + np.timedelta64(days, "D")
    expected += np.timedelta64(milliseconds, "ms")
    (found,) = moments(np.array([number]), MODIFIED_JULIAN_DATE)
    assert abs(found - expected) <= np.timedelta64(1, "us")


def test_barycentric_time() -> None:
    """TDB is within 2 ms of TT."""
    days = np.array([53371.0])
    both = [moments(days, MODIFIED_JULIAN_DATE, scale)[0] for scale in ("TT", "TDB")]
    assert abs(both[0] - both[1]) < np.timedelta64(2, "ms")
