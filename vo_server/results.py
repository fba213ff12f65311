"""Results: the files that answers leave behind, named by the hash of what they answer."""

import errno
import hashlib
import math
import os
import re
import stat
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vo_server.budget import Budget
from vo_server.errors import StorageFull, TooMuch
from vo_server.settings import Results
from vo_server.settle import Settler, boot

_NAME = re.compile(r"[0-9a-f]{32}\.[a-z0-9]{1,8}")
_UNFINISHED = ".part"
_BESIDE = re.compile(rf"\.({_NAME.pattern})-([0-9a-f]{{8}})-[^.]*\{_UNFINISHED}")
_TRUSTED = 1.0  # seconds for which a look through the folder is trusted
_SHARE = 32  # part of the free bytes that a process adds without another look
_UNSETTLED, _UNSETTLED_SHARE = 2**26, 16  # bytes that may wait for the disk, part of all bytes
_STALE = 3600.0  # seconds after which an unfinished file has no writer any more
_DAY = 86400.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True, order=True)
class _Kept:
    """A result on disk, ordered by when it was last asked for."""

    modified: float
    name: str
    size: int


class ResultStore:
    """A folder of results, shared by every process of the node.

    A result appears whole or not at all, whenever the machine goes down. The oldest go first, by
    the time they were last asked for, so that all together never need more than `max_bytes`, and
    while the disk is slow a sixteenth of it. The folder is looked through at most once in a while
    where there is room for plenty: one process trusts its last look for as long as what it added
    since is a small share of what was free then.
    """

    def __init__(self, folder: Path, base_url: str, settings: Results) -> None:
        """Make the folder and remove what crashed writers left; raises StorageFull."""
        self._folder = folder
        self._prefix = f"{base_url}/results/"
        self._settings = settings
        self._looked, self._free, self._added = -math.inf, 0, 0
        self._counting = threading.Lock()
        self._settler = Settler(min(_UNSETTLED, settings.max_bytes // _UNSETTLED_SHARE))
        with _storing():
            folder.mkdir(parents=True, exist_ok=True)
            self._sweep()

    @staticmethod
    def key(*parts: str) -> str:
        """Give the 32 hex digits that name the answer to these parts, in this order."""
        digest = hashlib.sha256()
        for part in parts:
            content = part.encode()
            digest.update(len(content).to_bytes(8, "big") + content)
        return digest.hexdigest()[:32]

    def find(self, key: str, extension: str) -> str | None:
        """Give the name of a result that is there, which counts as fresh from now on."""
        name = _name(key, extension)
        with suppress(OSError):  # not there, or a folder that this process may only read
            os.utime(self._folder / name, follow_symlinks=False)
        return None if self.path(name) is None else name

    def put(self, key: str, extension: str, blocks: Iterable[bytes], budget: Budget) -> str:
        """Write a result and give its name; `blocks` is closed where it can be.

        Raises TooMuch for a result over a limit, StorageFull when the disk does not take it, and
        whatever `blocks` raises; nothing is left behind then.
        """
        name = _name(key, extension)
        try:
            with _storing():
                self._folder.mkdir(parents=True, exist_ok=True)
                beginning = f".{name}-{boot()}-"
                handle, unfinished = tempfile.mkstemp(_UNFINISHED, beginning, self._folder)
            try:
                size = self._write(handle, blocks, budget)
                with _storing():
                    self._settler.publish(handle, size, Path(unfinished), self._folder / name)
            except BaseException:
                with suppress(OSError):
                    Path(unfinished).unlink()
                raise
        finally:
            close = getattr(blocks, "close", None)
            if close is not None:
                close()
        with self._counting:
            self._added += size
        with _storing():
            if self._share() < 0:
                self._make_room(0, keep=name)  # for what other processes added meanwhile
        return name

    def url(self, name: str) -> str:
        """Give the public URL of a result."""
        return self._prefix + name

    def path(self, name: str) -> Path | None:
        """Give the file of a result, or None when there is none of this name."""
        if _NAME.fullmatch(name) is None:
            return None
        path = self._folder / name
        try:
            return path if stat.S_ISREG(path.lstat().st_mode) else None
        except OSError:
            return None

    def own(self, url: str) -> str | None:
        """Give the name of the result that a URL of this node stands for, be it there or gone."""
        name = url.removeprefix(self._prefix)
        return name if name != url and _NAME.fullmatch(name) else None

    def close(self) -> None:
        """Wait until all results are on the disk."""
        self._settler.close()

    def _write(self, handle: int, blocks: Iterable[bytes], budget: Budget) -> int:
        """Write the blocks into an open file, making room as they come, and give its size.

        The file is closed where that fails.
        """
        limit = min(self._settings.max_bytes, budget.bytes)
        size = room = 0
        try:
            for block in blocks:
                budget.spend()
                size += len(block)
                if size > limit:
                    raise TooMuch(f"the result is larger than this node's limit of {limit} bytes")
                with _storing():
                    if size > room:
                        share = self._share()
                        room = share if size <= share else self._make_room(size)
                    _write_all(handle, block)
            with _storing():
                os.fchmod(handle, 0o644)
        except BaseException:
            os.close(handle)
            raise
        return size

    def _share(self) -> int:
        """Give the bytes that may still be added before the folder is looked through again."""
        with self._counting:
            fresh = time.monotonic() - self._looked < _TRUSTED
            return self._free // _SHARE - self._added if fresh else -1

    def _make_room(self, needed: int, keep: str = "") -> int:
        """Drop what is too old, then the oldest until `needed` bytes fit; gives the free bytes."""
        kept = sorted(self._kept())
        room = self._settings.max_bytes - sum(result.size for result in kept)
        expired = time.time() - self._settings.days * _DAY
        for result in kept:
            if result.modified >= expired and room >= needed:
                break
            if result.name != keep:
                (self._folder / result.name).unlink(missing_ok=True)
                room += result.size
        with self._counting:
            self._looked, self._free, self._added = time.monotonic(), room, 0
        return room

    def _kept(self) -> Iterator[_Kept]:
        """Every result on disk; one that vanishes meanwhile is left out."""
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name) is None:
                    continue
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(found.st_mode):
                    yield _Kept(found.st_mtime, entry.name, found.st_size)

    def _sweep(self) -> None:
        """Remove unfinished files whose writer is gone, and results that may not be whole."""
        stale = time.time() - _STALE
        for path in self._folder.glob(f".*{_UNFINISHED}"):
            found = _BESIDE.fullmatch(path.name)
            down = found is not None and found[2] != boot()
            with suppress(OSError):  # gone by now, or a folder that this process may only read
                if found is not None and down:
                    (self._folder / found[1]).unlink(missing_ok=True)
                if down or path.lstat().st_mtime < stale:
                    path.unlink()


def _name(key: str, extension: str) -> str:
    """Give the file name of a result; raises ValueError for what `key` never gives."""
    name = f"{key}.{extension}"
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of a result")
    return name


def _write_all(handle: int, block: bytes) -> None:
    """Write a block whole; the system may take it in parts."""
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(handle, rest) :]


@contextmanager
def _storing() -> Iterator[None]:
    """Turn an error of the file system into StorageFull."""
    try:
        yield
    except OSError as err:
        if err.errno in _FULL:
            raise StorageFull(
                "the disk of this node is full; try again later or ask for less"
            ) from err
        raise StorageFull(
            f"this node cannot store results ({err.strerror}); tell its operator"
        ) from err
