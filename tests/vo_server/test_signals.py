"""Signals: the drain begins, the handler that was there is still called, the end is bounded."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import pytest

from vo_server.signals import GRACE, LAST, drain_on_signal
from vo_server.streaming import Drain

_NUMBERS = (signal.SIGTERM, signal.SIGINT)


class Timer:
    """In the place of the timer that ends the process."""

    made: list[tuple[Any, ...]]

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.daemon = False

    def start(self) -> None:
        assert self.daemon, "the timer would keep the process alive"
        self.made.append(self.arguments)


class Draining(Drain):
    """A drain that records when it began."""

    def __init__(self) -> None:
        super().__init__(lambda scope, receive, send: asyncio.sleep(0), threading.Event())
        self.begun: list[float] = []

    def begin(self, grace: float) -> None:
        self.begun.append(grace)


@pytest.fixture(autouse=True)
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, ...]]]:
    """Give the timers that would have ended the process; put the handlers back."""
    before = [(number, signal.getsignal(number)) for number in _NUMBERS]
    monkeypatch.setattr(Timer, "made", [], raising=False)
    monkeypatch.setattr("vo_server.signals.threading.Timer", Timer)
    yield Timer.made
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.parametrize("number", _NUMBERS)
def test_a_signal_begins_the_drain_and_goes_on(number: int, ends: list[tuple[Any, ...]]) -> None:
    received: list[int] = []

    def own(number: int, frame: FrameType | None) -> None:
        received.append(number)

    for each in _NUMBERS:
        signal.signal(each, own)
    drain = Draining()

    async def serve() -> None:
        drain_on_signal(drain)
        signal.raise_signal(number)
        await asyncio.sleep(0)

    asyncio.run(serve())
    assert received == [number]
    assert drain.begun == [GRACE]
    assert ends == [(LAST, os._exit, (0,))]


def test_a_default_handler_is_not_called() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    drain = Draining()

    async def serve() -> None:
        drain_on_signal(drain)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(0)

    asyncio.run(serve())
    assert drain.begun == [GRACE]


def test_outside_the_main_thread_nothing_happens() -> None:
    before = [signal.getsignal(number) for number in _NUMBERS]

    async def serve() -> None:
        drain_on_signal(Draining())

    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, serve()).result()
    assert [signal.getsignal(number) for number in _NUMBERS] == before
