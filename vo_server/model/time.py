"""Time: ISO 8601 text to datetime64[ns] UTC and back, and half-open intervals."""

import calendar
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadArgument

# Whole years that nanoseconds in 64 bits reach.
_FIRST_YEAR, _LAST_YEAR = 1678, 2261

# What the end of a coverage lies behind its last time, so that the last record can be asked for;
# a millisecond, as many programs tell no finer times apart.
BEHIND = np.timedelta64(1_000_000, "ns")

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


# Restricted ISO 8601 of HAPI: day by month or by number, cut off anywhere, Z or nothing.
_RESTRICTED = re.compile(
    r"(\d{4})(?:-(\d{3})|-(\d{2})(?:-(\d{2}))?)?"
    r"(?:T(\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?)?Z?",
    re.ASCII,
)
# Days at whose end the IERS put a leap second in (Bulletin C 1 to 71; none since 2016).
LEAP_DAYS = frozenset(
    [f"{year}-06-30" for year in (1972, 1981, 1982, 1983, 1985, 1992, 1993, 1994, 1997, 2012, 2015)]
    + [f"{year}-12-31" for year in (*range(1972, 1980), 1987, 1989, 1990, 1995, 1998, 2005, 2008)]
    + ["2016-12-31"]
)
_REACH = (np.datetime64("1678-01-01", "ns"), np.datetime64("2262-01-01", "ns"))


def parse_restricted(text: str, *, argument: str) -> np.datetime64:
    """Read a time as HAPI restricts it: `2017Z`, `2017-015T23Z`, `2017-01-15T23:59:60.5Z`.

    What is cut off is the earliest; hour 24 is the next midnight, and so is a leap second, which
    datetime64 does not have. Years beyond what nanoseconds reach give the last that is reached.
    Raises BadArgument, which does not repeat the text.
    """
    wrong = BadArgument(f"{argument} is no time of the calendar", argument=argument)
    match = _RESTRICTED.fullmatch(text) if len(text) <= 40 else None
    if match is None:
        raise BadArgument(
            f"{argument} is not of the form YYYY-MM-DDThh:mm:ss.sssZ or YYYY-DDDThh:mm:ss.sssZ",
            argument=argument,
        )
    year, number, month, day, *clock = match.groups()
    if clock[0] is not None and number is None and day is None:
        raise wrong
    hours, minutes, seconds = (int(part or 0) for part in clock[:3])
    fraction = int((clock[3] or "").ljust(9, "0"))
    date = _date(int(year), number, int(month or 1), int(day or 1), wrong)
    midnight = hours == 24 and not (minutes or seconds or fraction)
    leap = (hours, minutes, seconds) == (23, 59, 60) and str(date) in LEAP_DAYS
    if not (midnight or leap or (hours < 24 and minutes < 60 and seconds < 60)):
        raise wrong
    whole = date.astype("datetime64[s]") + np.timedelta64(3600 * hours + 60 * minutes + seconds)
    if not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
        return _REACH[int(year) > _LAST_YEAR]
    moment: np.datetime64 = whole.astype("datetime64[ns]")
    return moment + np.timedelta64(0 if leap else fraction, "ns")


def _date(year: int, number: str | None, month: int, day: int, wrong: BadArgument) -> np.datetime64:
    """Give a day of the calendar; raises `wrong` where there is none."""
    if number is not None:
        if not 1 <= int(number) <= 365 + calendar.isleap(year):
            raise wrong
        return np.datetime64(f"{year:04}-01-01") + np.timedelta64(int(number) - 1, "D")
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        raise wrong
    return np.datetime64(f"{year:04}-{month:02}-{day:02}")


_TENS = np.array([f"{i:02}" for i in range(100)], "S2").view(np.uint16)
_HUNDREDS = np.array([f"{i:03}" for i in range(1000)], "S3").view(np.uint8).reshape(-1, 3)
_DAY = 86_400_000_000_000  # ns


def stamp_length(digits: int) -> int:
    """Give the characters of a time with this many digits of the second's fraction."""
    return 21 + digits if digits else 20


def stamps(times: Times, digits: int) -> NDArray[np.bytes_]:
    """Write times (n,) as `2017-01-15T23:59:59.000Z`, all of `stamp_length(digits)` bytes.

    digits: 0, 3, 6 or 9; what is beyond them is cut off. Times must not be NaT.
    """
    whole = times.astype("datetime64[ns]").view(np.int64)
    day, rest = np.divmod(whole, _DAY)
    text = np.empty((len(whole), stamp_length(digits)), np.uint8)
    turns = np.concatenate([[0], np.flatnonzero(day[1:] != day[:-1]) + 1])[: len(day)]
    names = np.datetime_as_string(day[turns].astype("datetime64[D]")).astype("S10")
    text[:, :10] = np.repeat(
        names.view(np.uint8).reshape(-1, 10), np.diff(turns, append=len(day)), axis=0
    )
    second, fraction = np.divmod(rest, 1_000_000_000)
    minute, second = np.divmod(second, 60)
    hour, minute = np.divmod(minute, 60)
    for start, part in ((11, hour), (14, minute), (17, second)):
        text[:, start : start + 2] = _TENS[part].view(np.uint8).reshape(-1, 2)
    text[:, 10], text[:, 13], text[:, 16], text[:, -1] = b"T::Z"
    if digits:
        text[:, 19] = ord(".")
        for start in range(digits // 3):
            part = fraction // 10 ** (6 - 3 * start) % 1000
            text[:, 20 + 3 * start : 23 + 3 * start] = _HUNDREDS[part]
    return text.view(f"S{text.shape[1]}").reshape(-1)


def fraction_digits(times: Times) -> int:
    """Give how many digits of the second's fraction times need: 3, 6 or 9."""
    rest = times.astype("datetime64[ns]").view(np.int64) % 1_000_000_000
    for digits in (3, 6):
        if not (rest % 10 ** (9 - digits)).any():
            return digits
    return 9


def print_duration(length: np.timedelta64) -> str:
    """Write a duration as ISO 8601 in days, hours, minutes and seconds, such as P1DT30M."""
    nanoseconds = int(length.astype("timedelta64[ns]").astype(np.int64))
    days, rest = divmod(nanoseconds, _DAY)
    hours, rest = divmod(rest, 3_600_000_000_000)
    minutes, rest = divmod(rest, 60_000_000_000)
    seconds = f"{rest // 1_000_000_000}.{rest % 1_000_000_000:09}".rstrip("0").rstrip(".")
    clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M")) if n)
    clock += f"{seconds}S" if rest or not (days or hours or minutes) else ""
    return "P" + f"{days}D" * bool(days) + f"T{clock}" * bool(clock)


_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?"
    r"(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)


def parse_duration(text: str) -> np.timedelta64 | None:
    """Read a duration of ISO 8601 such as P1DT30M, a month as 30 and a year as 365 days.

    None where it is none, zero, or longer than 200 years.
    """
    match = _DURATION.fullmatch(text[:60])
    if match is None:
        return None
    parts = [float(part or 0) for part in match.groups()]
    units = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3_600, 60, 1)
    seconds = sum(part * unit for part, unit in zip(parts, units, strict=True))
    if not 0 < seconds < 200 * 365 * 86_400:
        return None
    return np.timedelta64(round(seconds * 1e9), "ns")


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
