"""Settling: a finished file has its name at once, and is brought to the disk behind the answer.

Until it is there, its unfinished name stands beside the other one. Both are kept in the order in
which they were made, so that after a machine went down a file that may not be whole is told by an
unfinished name of an earlier boot.
"""

import logging
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_FILES = 64  # that wait for the disk, as the bytes of all; beyond that answers wait for it

_log = logging.getLogger(__name__)


@cache
def boot() -> str:
    """Give what names the time since this machine went up, of 8 hex digits; '' where unknown."""
    try:
        return _BOOT.read_text(encoding="ascii")[:8]
    except (OSError, ValueError):
        return ""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A file that has its name: open, with its size."""

    handle: int
    size: int
    unfinished: Path
    final: Path


class Settler:
    """Gives files their names; a thread brings them to the disk."""

    def __init__(self, most: int) -> None:
        """Let up to `most` bytes wait for the disk."""
        self._most = most
        self._files = self._bytes = 0
        self._counting = threading.Lock()
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    def publish(self, handle: int, size: int, unfinished: Path, final: Path) -> None:
        """Give a written file its name in place of another, and close it; raises OSError.

        handle: the open file; unfinished: its name so far, which holds `boot()`.
        """
        file = _Waiting(handle, size, unfinished, final)
        if self._take(size):
            if _named(file):
                self._queue.put(file)
                return
            self._give_back(size)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        unfinished.replace(final)

    def close(self) -> None:
        """Wait until all files are on the disk."""
        with self._counting:
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._queue.put(None)
            thread.join()

    def _take(self, size: int) -> bool:
        """Say whether a file may wait, which it does then, and somebody sees to it."""
        with self._counting:
            full = self._files >= _FILES or self._bytes + size > self._most
            if self._closed or full or not boot():
                return False
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="vo-settle", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # no more threads
                    return False
                self._thread = thread
            self._files += 1
            self._bytes += size
            return True

    def _give_back(self, size: int) -> None:
        with self._counting:
            self._files -= 1
            self._bytes -= size

    def _run(self) -> None:
        while (file := self._queue.get()) is not None:
            _settle(file)
            self._give_back(file.size)


def _named(file: _Waiting) -> bool:
    """Give a file its name beside the unfinished one; says whether that could be done."""
    twin = file.unfinished.with_suffix(f".twin{file.unfinished.suffix}")
    try:
        twin.hardlink_to(file.unfinished)
        twin.replace(file.final)
    except OSError:  # no links on this disk
        with suppress(OSError):
            twin.unlink()
        return False
    return True


def _settle(file: _Waiting) -> None:
    """Bring a file to the disk; where that fails its name goes, if it is this file's still."""
    try:
        os.fsync(file.handle)
    except OSError:
        _log.exception("the disk did not take %s, which goes", file.final.name)
        with suppress(OSError):
            if os.path.samestat(os.fstat(file.handle), file.final.stat()):
                file.final.unlink()
    finally:
        with suppress(OSError):
            os.close(file.handle)
        with suppress(OSError):
            file.unfinished.unlink()
