"""Clock: numbers that tell time, counted from an origin in a time scale, as moments in UTC.

Leap seconds and the relations of the scales are those of ERFA (IAU SOFA).
"""

import math

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadTable, excerpt
from vo_server.model.time import Times

JULIAN_DATE = 0.0  # origin of JD, as a Julian date
MODIFIED_JULIAN_DATE = 2400000.5  # origin of MJD
_UNIX = 2440587.5  # 1970-01-01T00:00:00 as a Julian date
_DAY = 86_400_000_000_000  # nanoseconds
_FIRST, _LAST = -106_000.0, 106_000.0  # days from 1970 that datetime64[ns] reaches
_J2000 = np.datetime64("2000-01-01T12:00", "ns")
LEAP_SECONDS = np.datetime64("1972-01-01", "ns")
_REACH = 9.1e18  # nanoseconds from 2000 beyond which a number is a fill
_SCALES = ("UTC", "TAI", "TT", "TDB")


def moments(days: NDArray[np.float64], origin: float, scale: str = "UTC") -> Times:
    """Give days (n,) after a Julian date as datetime64[ns] UTC; NaN and what is too far is NaT.

    They are rounded to the decimal that the numbers still tell apart. Raises BadTable for a time
    scale that is not known.
    """
    scale = scale.strip().upper()
    if scale not in _SCALES:
        raise BadTable(
            f"the time scale {excerpt(scale)} is not known; known are {', '.join(_SCALES)}"
        )
    offset = origin - _UNIX
    with np.errstate(invalid="ignore"):
        known = (days + offset > _FIRST) & (days + offset < _LAST)
    kept = np.where(known, days, -offset)
    quantum = _quantum(kept)
    if scale != "UTC":
        kept = kept - _ahead_of_utc(kept, origin, scale) / 86_400.0
    whole = np.floor(kept)
    elapsed = np.rint((kept - whole) * (_DAY / quantum)).astype(np.int64) * quantum
    start = math.floor(offset)
    total = (whole.astype(np.int64) + start) * _DAY + round((offset - start) * _DAY) + elapsed
    result = total.astype("datetime64[ns]")
    result[~known] = np.datetime64("NaT")
    return np.asarray(result)


def _quantum(days: NDArray[np.float64]) -> int:
    """Give the power of ten in nanoseconds that neighbouring numbers differ by at least."""
    largest = float(np.abs(days).max(initial=1.0))
    return int(10 ** max(0, math.ceil(math.log10(2 * np.spacing(largest) * _DAY))))


def _ahead_of_utc(days: NDArray[np.float64], origin: float, scale: str) -> NDArray[np.float64]:
    """Give the seconds (n,) by which a scale is ahead of UTC."""
    import erfa

    first, second = np.full_like(days, origin), days
    seconds = np.zeros_like(days)
    if scale == "TDB":
        seconds += erfa.dtdb(first, second, 0.0, 0.0, 0.0, 0.0)
    if scale in ("TDB", "TT"):
        seconds += 32.184
    atomic = second - seconds / 86_400.0
    utc_first, utc_second, _ = erfa.ufunc.taiutc(first, atomic)
    seconds += np.rint(((first - utc_first) + (atomic - utc_second)) * 86_400.0)
    return np.asarray(seconds)


def to_tt2000(moments: Times) -> NDArray[np.int64]:
    """Give moments (n,) in UTC as nanoseconds of TT after 2000-01-01T12:00; NaT is the least.

    Raises BadTable for moments before 1972, when UTC had no leap seconds.
    """
    whole = moments.astype("datetime64[ns]")
    known = ~np.isnat(whole)
    if np.any(whole[known] < LEAP_SECONDS):
        raise BadTable("times before 1972 have no place in CDF_TIME_TT2000; ask for VOTable or CSV")
    elapsed = (whole - _J2000).astype(np.int64)
    result = elapsed + _terrestrial(whole, known)
    result[~known] = np.iinfo(np.int64).min
    return np.asarray(result)


def from_tt2000(nanoseconds: NDArray[np.int64]) -> Times:
    """Give the moments of `to_tt2000`; within a leap second, those of the second after it."""
    known = np.abs(nanoseconds.astype(np.float64)) < _REACH
    moments = _J2000 + np.where(known, nanoseconds, 0).astype("timedelta64[ns]")
    guess = moments
    for _ in range(2):
        guess = moments - _terrestrial(guess, known).astype("timedelta64[ns]")
    guess[~known] = np.datetime64("NaT")
    return np.asarray(guess)


def _terrestrial(moments: Times, known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give the nanoseconds (n,) by which TT is ahead of UTC."""
    import erfa

    days, places = np.unique(np.where(known, moments, _J2000).astype("M8[D]"), return_inverse=True)
    years = days.astype("M8[Y]").astype(int) + 1970
    months = days.astype("M8[M]").astype(int) % 12 + 1
    numbers = (days - days.astype("M8[M]")).astype(int) + 1
    # The functions below erfa's own do not warn of years beyond the known leap seconds.
    found, _ = erfa.ufunc.dat(years, months, numbers, 0.0)
    ahead = np.rint(np.maximum(found, 10.0)).astype(np.int64)
    return np.asarray((ahead * 10**9 + 32_184_000_000)[places.reshape(-1)])
