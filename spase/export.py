"""Export: a folder of records, one a file, that knows which of its files it wrote."""

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from spase.record import Record
from spase.write import path, write
from vo_server.errors import BadArgument, StorageFull

_LIST = ".vo-server-export.json"


class Export:
    """Writes records; when it ends, what it wrote at other times and not now is removed.

    A file that somebody else wrote, or changed since, is neither written nor removed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = _listed(folder / _LIST)
        self._now: dict[str, str] = {}
        self.written = self.same = self.removed = 0
        self.in_the_way: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:  # not all records came: nothing is removed
            self._now = {**self._before, **self._now}
        for name in self._before.keys() - self._now.keys():
            self._remove(name)
        content = orjson.dumps(self._now, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        self._put(self._folder / _LIST, content + b"\n")

    def put(self, record: Record) -> None:
        """Write one record in the place of its id; raises StorageFull, BadArgument for a bad id."""
        try:
            name = path(record)
        except ValueError as err:
            raise BadArgument(f"{record.id[:200]}: {err}", argument="id") from err
        content = write(record)
        digest = hashlib.sha256(content).hexdigest()
        file = self._folder / name
        there = _digest(file)
        if there not in ("", digest, self._before.get(name)):
            self.in_the_way.append(file)
            return
        self._now[name] = digest
        if there == digest:
            self.same += 1
            return
        self._put(file, content)
        self.written += 1

    def _put(self, file: Path, content: bytes) -> None:
        if file.is_file() and file.read_bytes() == content:
            return
        part = file.with_name(f".{file.name}.part")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(file)
        except OSError as err:
            raise StorageFull(f"cannot write {file}: {err.strerror}") from err

    def _remove(self, name: str) -> None:
        """Remove a file that was written here and is as it was, and folders that become empty."""
        file = self._folder / name
        if _digest(file) != self._before[name] or not file.resolve().is_relative_to(
            self._folder.resolve()
        ):
            return
        file.unlink()
        self.removed += 1
        for parent in file.parents:
            if parent == self._folder or any(parent.iterdir()):
                break
            parent.rmdir()


def _listed(file: Path) -> dict[str, str]:
    """Give the digests of files written before, by path; none where that is not known."""
    try:
        found = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return {str(name): str(digest) for name, digest in found.items() if ".." not in name.split("/")}


def _digest(file: Path) -> str:
    """Give the digest of a file; '' where there is none."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
