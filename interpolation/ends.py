"""Why lines and particles end, and what the two ends of a field line say of it."""

import enum

import numpy as np
import numpy.typing as npt

Reasons = npt.NDArray[np.uint8]


class EndReason(enum.IntEnum):
    """Why a line or the track of a particle ends where it does."""

    MAX_STEPS = 0
    LEFT_DOMAIN = 1
    LEFT_REGION = 2
    REACHED_BODY = 3
    NULL_FIELD = 4
    MASKED = 5
    BAD_SEED = 6
    CLOSED_LOOP = 7

    @property
    def label(self) -> str:
        """The reason in words."""
        return _LABELS[self]


_LABELS = {
    EndReason.MAX_STEPS: "all steps taken",
    EndReason.LEFT_DOMAIN: "left the domain",
    EndReason.LEFT_REGION: "left the region",
    EndReason.REACHED_BODY: "reached the body",
    EndReason.NULL_FIELD: "null field",
    EndReason.MASKED: "masked cell",
    EndReason.BAD_SEED: "bad seed",
    EndReason.CLOSED_LOOP: "closed loop",
}


class Connectivity(enum.IntEnum):
    """What a field line joins."""

    UNKNOWN = 0
    CLOSED = 1
    OPEN = 2
    WIND = 3
    LOOP = 4

    @property
    def label(self) -> str:
        """What is joined, in words."""
        return _JOINED[self]


_JOINED = {
    Connectivity.UNKNOWN: "not followed to both ends",
    Connectivity.CLOSED: "both ends on the body",
    Connectivity.OPEN: "one end on the body, one in the wind",
    Connectivity.WIND: "both ends in the wind",
    Connectivity.LOOP: "closed loop",
}


def connectivity(forward: Reasons, backward: Reasons) -> npt.NDArray[np.uint8]:
    """Tell what lines (n,) join from the end reasons of both their sides; see Connectivity.

    An end that left the domain is in the wind. One that left a region within the domain, or
    that ended in the midst of the field, was not followed to its end.
    """
    body = [side == EndReason.REACHED_BODY for side in (forward, backward)]
    wind = [side == EndReason.LEFT_DOMAIN for side in (forward, backward)]
    loop = (forward == EndReason.CLOSED_LOOP) | (backward == EndReason.CLOSED_LOOP)
    return np.select(
        [
            loop,
            body[0] & body[1],
            (body[0] & wind[1]) | (wind[0] & body[1]),
            wind[0] & wind[1],
        ],
        [Connectivity.LOOP, Connectivity.CLOSED, Connectivity.OPEN, Connectivity.WIND],
        Connectivity.UNKNOWN,
    ).astype(np.uint8)
