"""Places: threads of which only so many are at work at a time; one that waits gives its place away.

Work begins in the order in which it came. Work that comes back from waiting goes before work that
has not begun, so that what is under way ends.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

_log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 0.25  # seconds of a wait that are not worth giving a place away for

_AWAY_EACH = 3  # pieces of work that may be away for each place,
_AWAY_MOST = 32  # and altogether
_HERE = threading.local()  # `places` of the thread that has one of them


class Places:
    """Runs work in threads, `count` at a time beside what is away."""

    def __init__(self, count: int, name: str) -> None:
        threads = count + min(_AWAY_EACH * count, _AWAY_MOST)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._free = count
        self._idle = threads
        self._returning: deque[threading.Event] = deque()
        self._line: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._closed = False

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Have work run once there is a place; raises RuntimeError after `close`.

        A future that is cancelled in line is never begun.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("no work is begun any more")
            self._line.append((future, work))
            self._assign()
        return future

    def close(self) -> None:
        """Begin no work any more and cancel what is in line; what has begun goes on to its end."""
        with self._lock:
            self._closed = True
            left = [future for future, _ in self._line]
            self._line.clear()
            self._executor.shutdown(wait=False)
        for future in left:
            future.cancel()

    def _assign(self) -> None:
        """Give free places to who waits for one; to be called with the lock.

        A place goes to new work only where a thread is idle: one that stood in line for a thread
        with its place taken would keep out those who must come back before any thread is idle.
        """
        while self._free and self._returning:
            self._free -= 1
            self._returning.popleft().set()
        while self._free and self._idle and self._line:
            future, work = self._line.popleft()
            if future.cancelled():
                continue
            self._free -= 1
            self._idle -= 1
            try:
                self._executor.submit(self._run, future, work)
            except RuntimeError:  # the process ends, or can have no more threads now
                _log.exception("work was not begun")
                future.cancel()

    def _run(self, future: Future[T], work: Callable[[], T]) -> None:
        """Do one piece of work with the place that was assigned to it."""
        _HERE.places = self
        try:
            if future.set_running_or_notify_cancel():
                _settle(future, work)
        finally:
            _HERE.places = None
            del future, work  # no cycle through the frame of an error
            with self._lock:
                self._free += 1
                self._idle += 1
                self._assign()

    def leave(self) -> None:
        """Give the place of this thread away."""
        _HERE.places = None
        with self._lock:
            self._free += 1
            self._assign()

    def come_back(self) -> None:
        """Wait until this thread has a place again."""
        mine = threading.Event()
        with self._lock:
            self._returning.append(mine)
            self._assign()
        mine.wait()
        _HERE.places = self


def _settle(future: Future[T], work: Callable[[], T]) -> None:
    """Give a future what work gives or raises."""
    try:
        result = work()
    except BaseException as err:  # noqa: BLE001  # raised again where it is waited for
        future.set_exception(err)
    else:
        future.set_result(result)
    finally:
        del future, work


@contextmanager
def away() -> Iterator[None]:
    """Give the place of this thread away for a wait that may be long; does nothing without one.

    Not to be used with a lock held that others at work may wait for: they have the places.
    """
    places: Places | None = getattr(_HERE, "places", None)
    if places is None:
        yield
        return
    places.leave()
    try:
        yield
    finally:
        places.come_back()
