"""Time: ISO 8601 text to datetime64[ns] UTC and back, and half-open intervals."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadArgument

# Whole years that nanoseconds in 64 bits reach.
_FIRST_YEAR, _LAST_YEAR = 1678, 2261

Times = NDArray[np.datetime64]

_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?(Z|[+-]\d{2}:?\d{2})?"
)


def parse_time(text: str, *, argument: str = "time") -> np.datetime64:
    """Read one ISO 8601 time as UTC; an offset is applied, none means UTC.

    Raises BadArgument naming `argument`.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise BadArgument(f"{argument} '{text[:40]}' is not an ISO 8601 time", argument=argument)
    day, clock, zone = match.groups()
    try:
        moment = np.datetime64(f"{day}T{clock or '00:00'}", "ns")
        offset = _offset(zone)
    except ValueError as err:
        raise BadArgument(
            f"{argument} '{text[:40]}' is not a date of the calendar", argument=argument
        ) from err
    if not _FIRST_YEAR <= int(day[:4]) <= _LAST_YEAR:
        raise BadArgument(
            f"{argument} '{text[:40]}' lies outside the years {_FIRST_YEAR} to {_LAST_YEAR}",
            argument=argument,
        )
    return moment - offset


def _offset(zone: str | None) -> np.timedelta64:
    """Give the offset from UTC of a zone such as +02:00; raises ValueError beyond a day's."""
    if not zone or zone == "Z":
        return np.timedelta64(0, "m")
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError(zone)
    sign = 1 if zone[0] == "+" else -1
    return np.timedelta64(sign * (hours * 60 + minutes), "m")


def parse_times(texts: Iterable[str], *, argument: str = "time") -> Times:
    """Read many ISO 8601 times; see `parse_time`."""
    return np.array([parse_time(text, argument=argument) for text in texts], "datetime64[ns]")


def print_time(moment: np.datetime64) -> str:
    """Write a time as ISO 8601 with Z, to the millisecond or as far as it needs."""
    text = str(moment.astype("datetime64[ns]"))
    head, _, fraction = text.partition(".")
    return f"{head}.{fraction.rstrip('0').ljust(3, '0')}Z"


def print_times(moments: Times) -> list[str]:
    """Write many times; see `print_time`. A missing one (NaT) is empty text."""
    whole = moments.astype("datetime64[ns]")
    texts = [f"{text}Z" for text in np.datetime_as_string(whole, unit="ms").tolist()]
    for i in np.flatnonzero(np.isnat(whole)):
        texts[i] = ""
    for i in np.flatnonzero(whole.astype("datetime64[ms]") != whole):
        texts[i] = texts[i] and print_time(whole[i])
    return texts


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """Half-open interval [start, stop) of datetime64[ns] UTC."""

    start: np.datetime64
    stop: np.datetime64

    def __post_init__(self) -> None:
        if not self.start < self.stop:
            raise BadArgument("the start time must lie before the stop time", argument="start")

    def holds(self, times: Times) -> NDArray[np.bool_]:
        """Tell for each time whether it lies in the interval."""
        return np.asarray((times >= self.start) & (times < self.stop))
