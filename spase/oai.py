"""OAI: requests of OAI-PMH 2.0, read strictly, and the tokens by which a list goes on.

Source: The Open Archives Initiative Protocol for Metadata Harvesting, version 2.0, 2002-06-14.
"""

import base64
import binascii
import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from vo_server.errors import Refusal, excerpt

# Arguments of each verb: required, optional, and the one that stands alone.
VERBS: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "Identify": ((), (), ""),
    "ListMetadataFormats": ((), ("identifier",), ""),
    "ListSets": ((), (), "resumptionToken"),
    "GetRecord": (("identifier", "metadataPrefix"), (), ""),
    "ListIdentifiers": (("metadataPrefix",), ("from", "until", "set"), "resumptionToken"),
    "ListRecords": (("metadataPrefix",), ("from", "until", "set"), "resumptionToken"),
}
_LONGEST = 2000  # characters of an argument
_WORD = re.compile(r"[A-Za-z0-9\-_.!~*'()]+")
_SET = re.compile(r"[A-Za-z0-9\-_.!~*'()]+(:[A-Za-z0-9\-_.!~*'()]+)*")
_FORMS = {"metadataPrefix": _WORD, "set": _SET}
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_SECOND = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z")


class OaiError(Refusal):
    """An error of the protocol; code: in its words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which part of a list is asked for, and how far it was given.

    since, until: datestamps, both included; after: place of the last record given; given, size: how
    many records came before, and how many there are.
    """

    prefix: str
    set: str = ""
    since: int | None = None
    until: int | None = None
    after: tuple[int, str] = (0, "")
    given: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """A verb with arguments that it has."""

    verb: str
    arguments: dict[str, str] = field(default_factory=dict)


def read(pairs: Sequence[tuple[str, str]]) -> Ask:
    """Read the arguments of a request; raises OaiError."""
    verbs = [text for name, text in pairs if name == "verb"]
    if len(verbs) != 1 or verbs[0] not in VERBS:
        said = excerpt(verbs[0]) if len(verbs) == 1 else f"given {len(verbs)} times"
        raise OaiError("badVerb", f"verb is {said}; expected one of {', '.join(VERBS)}")
    verb = verbs[0]
    return Ask(verb, _arguments(verb, [(name, text) for name, text in pairs if name != "verb"]))


def stretch(ask: Ask, epoch: str) -> Stretch:
    """Give which part of a list is asked for; raises OaiError.

    epoch: of the store, which the tokens of another one do not have.
    """
    given = ask.arguments
    if "resumptionToken" in given:
        return resumed(given["resumptionToken"], epoch)
    since, until = _span(given.get("from"), given.get("until"))
    return Stretch(given["metadataPrefix"], given.get("set", ""), since, until)


def _arguments(verb: str, pairs: list[tuple[str, str]]) -> dict[str, str]:
    required, optional, alone = VERBS[verb]
    for name, text in pairs:
        if name not in (*required, *optional, alone) or not name:
            raise OaiError("badArgument", f"{verb} has no argument {excerpt(name)}")
        if sum(other == name for other, _ in pairs) > 1:
            raise OaiError("badArgument", f"{name} is given more than once")
        _check_text(name, text)
    given = dict(pairs)
    if alone and alone in given:
        if len(given) > 1:
            raise OaiError("badArgument", f"{alone} stands for all other arguments of {verb}")
        return given
    for name in required:
        if name not in given:
            raise OaiError("badArgument", f"{verb} needs {name}")
    return given


def _check_text(name: str, text: str) -> None:
    if not text or len(text) > _LONGEST or not text.isprintable():
        code = "badResumptionToken" if name == "resumptionToken" else "badArgument"
        raise OaiError(code, f"{name} is empty, too long, or of characters that XML has not")
    if name in _FORMS and _FORMS[name].fullmatch(text) is None:
        raise OaiError("badArgument", f"{name} {excerpt(text)} has a character too many")


def _span(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """Give the seconds of two dates, the last of a day that is an end."""
    if since is not None and until is not None and len(since) != len(until):
        raise OaiError("badArgument", "from and until must have the same granularity")
    first = None if since is None else _stamp("from", since)
    last = None if until is None else _stamp("until", until)
    if last is not None and until is not None and _DAY.fullmatch(until):
        last += 86_399
    if first is not None and last is not None and first > last:
        raise OaiError("badArgument", "from is later than until")
    return first, last


def _stamp(name: str, text: str) -> int:
    match = _DAY.fullmatch(text) or _SECOND.fullmatch(text)
    if match is None:
        raise OaiError(
            "badArgument", f"{name} {excerpt(text)} is neither YYYY-MM-DD nor YYYY-MM-DDThh:mm:ssZ"
        )
    year, month, day, *clock = (int(part) for part in match.groups())
    hours, minutes, seconds = clock or (0, 0, 0)
    fits = 1 <= month <= 12 and year > 0 and 1 <= day <= calendar.monthrange(year, month)[1]
    if not fits or hours > 23 or minutes > 59 or seconds > 59:
        raise OaiError("badArgument", f"{name} {excerpt(text)} is no time of the calendar")
    return calendar.timegm((year, month, day, hours, minutes, seconds))


def token(stretch: Stretch, epoch: str) -> str:
    """Give the token by which a list goes on: all that is needed, kept by nobody."""
    parts = [
        epoch, stretch.prefix, stretch.set, stretch.since, stretch.until, *stretch.after,
        stretch.given, stretch.size,
    ]  # fmt: skip
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def resumed(text: str, epoch: str) -> Stretch:
    """Read a token; raises OaiError for what is none, or is of a store that is gone."""
    wrong = OaiError("badResumptionToken", "the token is none that was given here")
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        parts = orjson.loads(base64.b64decode(padded, b"-_", validate=True))
    except (ValueError, binascii.Error) as err:
        raise wrong from err
    if not isinstance(parts, list) or len(parts) != len(_PARTS):
        raise wrong
    if not all(isinstance(part, kind) for part, kind in zip(parts, _PARTS, strict=True)):
        raise wrong
    of, prefix, set_, since, until, revision, id, given, size = parts
    numbers = [number for number in (since, until, revision, given, size) if number is not None]
    if any(isinstance(number, bool) or not 0 <= number < 2**53 for number in numbers):
        raise wrong
    if _WORD.fullmatch(prefix) is None or (set_ and _SET.fullmatch(set_) is None):
        raise wrong
    if of != epoch:
        raise OaiError("badResumptionToken", "the token has expired: the list was begun anew")
    return Stretch(prefix, set_, since, until, (revision, id), given, size)


_PARTS: tuple[Any, ...] = (str, str, str, int | None, int | None, int, str, int, int)
