"""Status: every 12xx, 14xx and 15xx code of HAPI, its words and its HTTP status."""

from dataclasses import dataclass
from http import HTTPStatus

from vo_server.errors import (
    BadArgument,
    BadTable,
    Failure,
    Refusal,
    Stopping,
    TooMuch,
    UnknownParameter,
    UnknownResource,
    UpstreamFailed,
)


@dataclass(frozen=True, slots=True)
class Status:
    """One code: HTTP status and the standard's words."""

    code: int
    http: int
    words: str

    @property
    def phrase(self) -> str:
        """The HTTP reason phrase that tells the code, in the standard's form."""
        usual = HTTPStatus(self.http).phrase
        return usual if self.code == OK else f"{usual}; HAPI {self.code} {self.words}"


OK, NO_DATA = 1200, 1201
USER_INPUT, UNKNOWN_REQUEST, BAD_START, BAD_STOP, START_AFTER_STOP = 1400, 1401, 1402, 1403, 1404
OUTSIDE, UNKNOWN_DATASET, UNKNOWN_COLUMN, TOO_MUCH, BAD_FORMAT = 1405, 1406, 1407, 1408, 1409
BAD_INCLUDE, BAD_ORDER, BAD_REFERENCES, BAD_DEPTH = 1410, 1411, 1412, 1413
INTERNAL, UPSTREAM = 1500, 1501

STATUS = {
    status.code: status
    for status in (
        Status(OK, 200, "OK"),
        Status(NO_DATA, 200, "OK - no data for time range"),
        Status(USER_INPUT, 400, "Bad request - user input error"),
        Status(UNKNOWN_REQUEST, 400, "Bad request - unknown API parameter name"),
        Status(BAD_START, 400, "Bad request - syntax error in start time"),
        Status(BAD_STOP, 400, "Bad request - syntax error in stop time"),
        Status(START_AFTER_STOP, 400, "Bad request - start equal to or after stop"),
        Status(OUTSIDE, 400, "Bad request - start < startDate and/or stop > stopDate"),
        Status(UNKNOWN_DATASET, 404, "Bad request - unknown dataset id"),
        Status(UNKNOWN_COLUMN, 404, "Bad request - unknown dataset parameter"),
        Status(TOO_MUCH, 400, "Bad request - too much time or data requested"),
        Status(BAD_FORMAT, 400, "Bad request - unsupported output format"),
        Status(BAD_INCLUDE, 400, "Bad request - unsupported include value"),
        Status(BAD_ORDER, 400, "Bad request - out-of-order or duplicate parameters"),
        Status(BAD_REFERENCES, 400, "Bad request - unsupported resolve_references value"),
        Status(BAD_DEPTH, 400, "Bad request - unsupported depth value"),
        Status(INTERNAL, 500, "Internal server error"),
        Status(UPSTREAM, 500, "Internal server error - upstream request error"),
    )
}


class Rejected(Refusal):
    """A request that gets a code of HAPI; what is said besides the standard's words is ours."""

    def __init__(self, code: int, told: str = "") -> None:
        super().__init__(told)
        self.code = code


# From the kernel's refusals to codes; the first class that fits is taken.
_CODES: tuple[tuple[type[Refusal], int], ...] = (
    (UnknownResource, UNKNOWN_DATASET),
    (UnknownParameter, UNKNOWN_COLUMN),
    (TooMuch, TOO_MUCH),
    (UpstreamFailed, UPSTREAM),
    (BadArgument, USER_INPUT),
    (BadTable, INTERNAL),
    (Stopping, INTERNAL),
    (Failure, INTERNAL),
    (Refusal, INTERNAL),
)


def code_of(refusal: Refusal) -> int:
    """Give the code of a refusal."""
    if isinstance(refusal, Rejected):
        return refusal.code
    return next(code for kind, code in _CODES if isinstance(refusal, kind))


def message(code: int, told: str = "") -> str:
    """Say a code in words that clients of every version look for."""
    words = STATUS[code].words
    if code < USER_INPUT:
        return words
    return f"HAPI error {code}: {words}{': ' if told else ''}{told}"
