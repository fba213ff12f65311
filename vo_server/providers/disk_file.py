"""Disk file: bytes of one state of a file by their place, without mapping it into memory."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
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

    @contextmanager
    def reader(self, what: str) -> Iterator[Callable[[int, int], Bytes]]:
        """Give what reads so many bytes from an offset on; raises BadFile naming file and `what`.

        That the file is the same still is looked at in the end, for all reads together.
        """
        with self.held():
            descriptor = self._descriptor
            try:
                yield partial(_read, descriptor, self._state[1])
            except EOFError as err:
                raise BadFile(f"{self.path.name} is truncated: {what} ends too early") from err
            except (OSError, OverflowError) as err:
                raise BadFile(f"{self.path.name}: {what} cannot be read: {err}") from err
            if _state(descriptor) != self._state:
                raise self.replaced()

    def read(self, offset: int, length: int, what: str) -> Bytes:
        """Read bytes, all of them; raises BadFile naming the file and what was wanted of it."""
        with self.reader(what) as read:
            return read(offset, length)

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


def _read(descriptor: int, size: int, offset: int, length: int) -> Bytes:
    if offset + length > size:
        raise EOFError
    data = np.empty(length, np.uint8)
    done = os.preadv(descriptor, [data.data], offset)
    while done < length:
        count = os.preadv(descriptor, [data[done:].data], offset + done)
        if count == 0:
            raise EOFError
        done += count
    return data


def _state(descriptor: int) -> tuple[int, ...]:
    """Tell what changes when an open file is written to, but not when its name goes."""
    status = os.fstat(descriptor)
    return status.st_mtime_ns, status.st_size, status.st_ino
