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
    utc_first, utc_second = erfa.taiutc(first, atomic)
    seconds += np.rint(((first - utc_first) + (atomic - utc_second)) * 86_400.0)
    return np.asarray(seconds)
