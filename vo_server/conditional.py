"""Conditional: whether a client has already what it asks for (RFC 9110, 13.2.2)."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime


def unchanged(headers: Mapping[str, str], modified: datetime, *tags: str) -> bool:
    """Tell from the headers of a request whether its client has the answer.

    tags: under which the answer goes, without quotes; none where it has no entity tag.
    """
    given = headers.get("if-none-match")
    if given is not None:
        known = {item.strip().removeprefix("W/").strip('"') for item in given.split(",")}
        return bool(tags) and bool(known & {*tags, "*"})
    since = headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return modified <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False
