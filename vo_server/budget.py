"""Budget: how long and how large the work of one request may be, and whether it must stop."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Have `spend` ask this budget while work goes on, on this thread."""
        before = _AT_WORK.set(self)
        try:
            yield
        finally:
            _AT_WORK.reset(before)

    def payer(self, what: str, seeds: str) -> Callable[[int], None]:
        """Give what is to be called while lines or tracks grow, with the number of their points.

        It raises what `spend` raises, and TooMuch beyond `points`; seeds: what they start from.
        """

        def pay(points: int) -> None:
            if points > self.points:
                raise TooMuch(
                    f"the {what} have more than {self.points} points, this node's limit a "
                    f"request; ask for fewer steps or {seeds}"
                )
            self.spend()

        return pay

    def allow(self, what: str, count: int, *, argument: str | None = None) -> None:
        """Raise TooMuch when `count` of 'points', 'lines', 'steps' or 'bytes' is over its limit."""
        limit = int(getattr(self, what))
        if count > limit:
            raise TooMuch(
                f"{count} {what} asked for; this node's limit is {limit} {what} a request",
                argument=argument,
            )


_AT_WORK: ContextVar[Budget | None] = ContextVar("budget at work", default=None)


def spend() -> None:
    """Spend from the budget that is at work on this thread, if there is one."""
    budget = _AT_WORK.get()
    if budget is not None:
        budget.spend()
