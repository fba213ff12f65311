"""Budget: how long and how large the work of one request may be, and whether it must stop."""

import threading
import time
from dataclasses import dataclass, field

from vo_server.errors import Stopping, TooMuch


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one request; `spend` is called between blocks of work, never inside a kernel.

    points, lines, steps: counts; bytes: size of a table read or written; seconds: wall time
    from the creation of the budget.
    """

    points: int = 1_000_000
    lines: int = 10_000
    steps: int = 100_000
    bytes: int = 268_435_456
    seconds: float = 60.0
    stop: threading.Event = field(default_factory=threading.Event)
    started: float = field(default_factory=time.monotonic)

    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.started + self.seconds - time.monotonic())

    def spend(self) -> None:
        """Raise TooMuch when the time is up and Stopping when the node goes down."""
        if self.stop.is_set():
            raise Stopping("the node is shutting down; try again later")
        if self.remaining() <= 0.0:
            raise TooMuch(f"the request took longer than this node's limit of {self.seconds:g} s")

    def allow(self, what: str, count: int, *, argument: str | None = None) -> None:
        """Raise TooMuch when `count` of 'points', 'lines', 'steps' or 'bytes' is over its limit."""
        limit = int(getattr(self, what))
        if count > limit:
            raise TooMuch(
                f"{count} {what} asked for; this node's limit is {limit} {what} a request",
                argument=argument,
            )
