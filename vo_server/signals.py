"""Signals: what SIGTERM and SIGINT do beside stopping the server: open the drain, bound the end."""

import asyncio
import os
import signal
import threading
from types import FrameType

from vo_server.streaming import Drain

# Seconds that work in flight has after the signal before it is cut with 503.
GRACE = 4.0
# Seconds after which the process goes even if a thread is stuck in a library.
LAST = GRACE + 4.0


def drain_on_signal(drain: Drain) -> None:
    """Chain before the server's own handlers; outside a main thread there are no signals."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        _chain(number, drain, loop)


def _chain(number: int, drain: Drain, loop: asyncio.AbstractEventLoop) -> None:
    before = signal.getsignal(number)

    def handle(received: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(drain.begin, GRACE)
        last = threading.Timer(LAST, os._exit, (0,))
        last.daemon = True
        last.start()
        if callable(before):
            before(received, frame)

    signal.signal(number, handle)
