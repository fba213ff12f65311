"""Settling: a finished file has its name at once, and is brought to the disk behind the answer.

Until it is there, its unfinished name stands beside the other one. Both are kept in the order in
which they were made, so that after a machine went down a file that may not be whole is told by an
unfinished name of an earlier boot.
"""

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import BoundedSemaphore

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_BACKLOG = 64  # files that wait; with more, answers wait for the disk

_log = logging.getLogger(__name__)


@cache
def boot() -> str:
    """Give what names the time since this machine went up, of 8 hex digits; '' where unknown."""
    try:
        return _BOOT.read_text(encoding="ascii")[:8]
    except (OSError, ValueError):
        return ""


class Settler:
    """Gives files their names; one thread brings them to the disk."""

    def __init__(self) -> None:
        self._room = BoundedSemaphore(_BACKLOG)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vo-settle")

    def publish(self, handle: int, unfinished: Path, final: Path) -> None:
        """Give a written file its name in place of another, and close it; raises OSError.

        handle: the open file; unfinished: its name so far, which holds `boot()`.
        """
        if not self._later(handle, unfinished, final):
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            unfinished.replace(final)
            unfinished.unlink(missing_ok=True)  # which stays where both are one file already

    def close(self) -> None:
        """Wait until all files are on the disk."""
        self._thread.shutdown()

    def _later(self, handle: int, unfinished: Path, final: Path) -> bool:
        """Give a file its name and leave the rest to the thread, where that can be done."""
        if not boot() or not self._room.acquire(blocking=False):
            return False
        twin = unfinished.with_suffix(f".twin{unfinished.suffix}")
        try:
            twin.hardlink_to(unfinished)
            twin.replace(final)
            self._thread.submit(self._settle, handle, unfinished, final)
        except (OSError, RuntimeError):  # no links on this disk, or the thread has ended
            twin.unlink(missing_ok=True)
            self._room.release()
            return False
        return True

    def _settle(self, handle: int, unfinished: Path, final: Path) -> None:
        try:
            os.fsync(handle)
        except OSError:
            _log.exception("the disk did not take %s, which goes", final.name)
            final.unlink(missing_ok=True)
        finally:
            os.close(handle)
            unfinished.unlink(missing_ok=True)
            self._room.release()
