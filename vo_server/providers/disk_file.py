"""Disk file: bytes of one state of a file by their place, without mapping it into memory."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadFile
from vo_server.providers.stamp import stamp

Bytes = NDArray[np.uint8]


class DiskFile:
    """A file as it is when this object is made; what another file in its place says is refused.

    It is open while somebody holds it, so that a file which is replaced by another one is read
    to the end of the request, and closed afterwards.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stamp = stamp(path)
        self._lock = threading.Lock()
        self._holders = 0
        self._descriptor = -1
        self._state: tuple[int, ...] = ()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the file open; raises BadFile where it is gone or another one by now."""
        with self._lock:
            if self._holders == 0:
                self._open()
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                if self._holders == 0:
                    os.close(self._descriptor)

    def read(self, offset: int, length: int, what: str) -> Bytes:
        """Read bytes, all of them; raises BadFile naming the file and what was wanted of it."""
        data = np.empty(length, np.uint8)
        rest = data.data
        with self.held():
            try:
                while len(rest):
                    count = os.preadv(self._descriptor, [rest], offset + length - len(rest))
                    if count == 0:
                        raise BadFile(f"{self.path.name} is truncated: {what} ends too early")
                    rest = rest[count:]
                if _state(self._descriptor) != self._state:
                    raise self.replaced()
            except (OSError, OverflowError) as err:
                raise BadFile(f"{self.path.name}: {what} cannot be read: {err}") from err
        return data

    def check(self) -> None:
        """Raise BadFile unless the file of this name is the one of the start."""
        if not self.stamp or stamp(self.path) != self.stamp:
            raise self.replaced()

    def replaced(self) -> BadFile:
        """Give the error of a file that is another one by now."""
        return BadFile(f"{self.path.name} was removed or replaced just now; ask again")

    def _open(self) -> None:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as err:
            raise BadFile(f"{self.path.name} cannot be read: {err.strerror}") from err
        try:
            self.check()
            self._state = _state(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor


def _state(descriptor: int) -> tuple[int, ...]:
    """Tell what changes when an open file is written to, but not when its name goes."""
    status = os.fstat(descriptor)
    return status.st_mtime_ns, status.st_size, status.st_ino
