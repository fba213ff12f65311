"""Conventions of netCDF files (CF 1.11): times since an epoch, missing values, packed numbers."""

import math
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadArgument
from vo_server.model.parameter import REAL
from vo_server.model.time import Times, parse_time

Values = NDArray[np.generic]
Attributes = Mapping[str, str | NDArray[np.generic]]

_SINCE = re.compile(
    r"\s*([a-z]+)\s+since\s+(\d{4}-\d\d-\d\d[^a-z]*(?:T[^a-z]*)?Z?)\s*(?:UTC)?\s*", re.I
)
_NANOSECONDS = {
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), 10**6),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 10**9),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60 * 10**9),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600 * 10**9),
    **dict.fromkeys(("d", "day", "days"), 86400 * 10**9),
}
_CALENDARS = ("standard", "gregorian", "proleptic_gregorian")
_LIMIT = 9.2e18  # nanoseconds that datetime64[ns] reaches


def seconds(times: Times) -> tuple[NDArray[np.float64], str]:
    """Give times as seconds (n,) and their unit; NaT is NaN.

    The epoch is the midnight before the first time, so that a day keeps its nanoseconds.
    """
    known = times[~np.isnat(times)]
    first = known.min() if len(known) else np.datetime64(0, "ns")
    epoch = first.astype("datetime64[D]")
    elapsed = (times - epoch) / np.timedelta64(1, "s")
    return np.asarray(elapsed, np.float64), f"seconds since {epoch} 00:00:00"


def times(values: Values, unit: str, calendar: str | None) -> Times | None:
    """Give numbers since an epoch as datetime64[ns] (n,); NaN is NaT.

    None where the unit or calendar tells no moment, or one beyond the years 1678 to 2262. Times
    are rounded to the decimal that the numbers still tell apart.
    """
    match = _SINCE.fullmatch(unit[:80])
    if match is None or (calendar or "standard").lower() not in _CALENDARS:
        return None
    scale = _NANOSECONDS.get(match[1].lower())
    try:
        epoch = parse_time(match[2])
    except BadArgument:
        return None
    numbers = np.asarray(values, np.float64)
    known = np.isfinite(numbers)
    largest = float(np.abs(numbers[known]).max(initial=0.0))
    if scale is None or largest * scale + abs(float(epoch.astype(np.int64))) > _LIMIT:
        return None
    if values.dtype.kind in "iu":
        elapsed = values.astype(np.int64) * scale
    else:
        quantum = 10 ** max(0, math.ceil(math.log10(2 * np.spacing(largest) * scale)))
        elapsed = np.rint(np.where(known, numbers, 0.0) * (scale / quantum)).astype(np.int64)
        elapsed *= quantum
    result = epoch + elapsed.astype("timedelta64[ns]")
    result[~known] = np.datetime64("NaT")
    return np.asarray(result)


def unpacked(values: Values, attributes: Attributes) -> tuple[Values, int | None]:
    """Give values with missing floats as NaN and packed numbers as float64.

    The second is the integer that stands for a missing value, where one is missing.
    """
    missing = np.zeros(values.shape, bool)
    for fill in _of(attributes, "_FillValue") + _of(attributes, "missing_value"):
        missing |= values == fill
    scale, offset = _of(attributes, "scale_factor"), _of(attributes, "add_offset")
    if scale or offset:
        with np.errstate(over="ignore", invalid="ignore"):
            values = values.astype(REAL) * (scale or [1.0])[0] + (offset or [0.0])[0]
    if not missing.any():
        return values, None
    if values.dtype.kind == "f":
        values[missing] = np.nan
        return values, None
    null = values[missing][0]
    values[missing] = null
    return values, int(null)


def _of(attributes: Attributes, name: str) -> list[float]:
    """Give the numbers of an attribute, none where it is text or not there."""
    value = attributes.get(name, "")
    return [] if isinstance(value, str) else [float(number) for number in value.tolist()]
