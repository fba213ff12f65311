"""Snapshot: one time of an output that changes, named by its id as `ID?YYYYMMDD_hhmmss`."""

import re

import numpy as np

from vo_server.errors import BadArgument, excerpt
from vo_server.model.time import parse_time

_STAMP = re.compile(r"\?([0-9]{4})([0-9]{2})([0-9]{2})_([0-9]{2})([0-9]{2})([0-9]{2})", re.ASCII)
_MARK = "?"


def snapshot_id(id: str, time: np.datetime64) -> str:
    """Give the id of what is called `id` at a time; fractions of seconds are cut."""
    text = str(time.astype("datetime64[s]"))
    return f"{id}{_MARK}{text.replace('-', '').replace(':', '').replace('T', '_')}"


def parted(id: str, *, argument: str = "id") -> tuple[str, np.datetime64 | None]:
    """Give an id without its time, and the time where it names one.

    Raises BadArgument where what stands behind the mark is no time.
    """
    plain, mark, _ = id.partition(_MARK)
    if not mark:
        return id, None
    match = _STAMP.fullmatch(id, len(plain))
    if match is None:
        raise BadArgument(
            f"{argument} {excerpt(id, 200)} names no time; it is written as in "
            f"{excerpt(plain, 200)[1:-1]}?20120131_235900",
            argument=argument,
        )
    year, month, day, hour, minute, second = match.groups()
    return plain, parse_time(f"{year}-{month}-{day}T{hour}:{minute}:{second}", argument=argument)
