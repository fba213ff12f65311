"""What became of each sampled point, as one small number per point."""

import enum


class Status(enum.IntEnum):
    """Outcome for one sampled point; a higher number is the more severe one."""

    OK = 0
    TOUCHES_BODY = 1
    MASKED = 2
    INSIDE_BODY = 3
    OUTSIDE = 4
    BAD_INPUT = 5

    @property
    def label(self) -> str:
        """The outcome in words."""
        return _LABELS[self]


_LABELS = {
    Status.OK: "ok",
    Status.TOUCHES_BODY: "stencil touches the body",
    Status.MASKED: "masked corner",
    Status.INSIDE_BODY: "inside the body",
    Status.OUTSIDE: "outside the domain",
    Status.BAD_INPUT: "bad input",
}
