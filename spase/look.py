"""Look: what is wrong with each of many documents, and what their records are called and name."""

import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from time import monotonic

from spase.glance import Glance
from spase.read import glances
from spase.rules import broken, references
from vo_server.budget import Budget
from vo_server.check import Finding
from vo_server.errors import BadArgument, Failure, Refusal, excerpt

_LARGE = 100_000_000  # bytes of all documents beyond which more processes are worth their start
_MOST = 8  # processes
_BATCH = 64  # documents that a process is given at once


@dataclass(frozen=True, slots=True)
class Seen:
    """A record: its id, where it is, its parent, and whom it names: id, element and line of each.

    Lines are 0 where they are not known.
    """

    id: str
    file: str
    line: int
    parent: str
    named: tuple[tuple[str, str, int], ...]


def look(file: Path, budget: Budget, *, at_id: bool) -> Iterator[Finding | Seen]:
    """Give what is wrong with a document, and its records, in their order.

    at_id: whether its path must end with its id where it has one record. Raises BadArgument and
    TooMuch where it cannot be read.
    """
    try:
        stream = file.open("rb")
    except OSError as err:
        raise BadArgument(f"cannot read {file}: {err.strerror}", argument="target") from err
    path = str(file)
    alone: list[Glance] = []
    with stream:
        for found in glances(stream, budget):
            if isinstance(found, Finding):
                yield replace(found, path=path)
                continue
            for finding in (*found.findings, *broken(found)):
                yield replace(finding, path=path)
            if found.judge and found.id:
                yield _seen(found, path)
            alone = [*alone[:1], found]
    if at_id and len(alone) == 1:
        yield from _path(alone[0], file)


def looks(
    files: Sequence[Path], budget: Budget, processes: int | None = None
) -> Iterator[list[Finding | Seen]]:
    """Give what `look` gives of each document of a folder, in their order.

    Every document has the budget for itself, and one that cannot be read has a finding. Large
    folders are shared out to processes, unless their number is told; raises Failure where one of
    them ends.
    """
    if processes is None:
        is_large = sum(map(_size, files)) > _LARGE
        processes = min(_MOST, os.cpu_count() or 1) if is_large else 1
    if processes == 1:
        for file in files:
            yield _looked(file, budget)
        return
    work = (files[at : at + _BATCH] for at in range(0, len(files), _BATCH))
    waiting: deque[Future[list[list[Finding | Seen]]]] = deque()
    with ProcessPoolExecutor(processes, get_context("spawn"), _begin) as pool:
        try:
            for batch in work:
                waiting.append(pool.submit(_batch, batch, budget.bytes, budget.seconds))
                if len(waiting) > 2 * processes:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as err:
            raise Failure("a process that checks documents has ended; try again") from err
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # which is told when it is read
        return 0


def _looked(file: Path, budget: Budget) -> list[Finding | Seen]:
    told: list[Finding | Seen] = []
    try:
        told.extend(look(file, replace(budget, started=monotonic()), at_id=True))
    except Refusal as err:
        told.append(Finding("read", err.message, None, str(file)))
    return told


def _batch(files: Sequence[Path], size: int, seconds: float) -> list[list[Finding | Seen]]:
    return [_looked(file, Budget(bytes=size, seconds=seconds)) for file in files]


def _begin() -> None:
    """Leave it to the process that shares out to be interrupted, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def _seen(record: Glance, path: str) -> Seen:
    parent = record.first("ParentID")
    return Seen(
        record.id, path, record.top.line, "" if parent is None else parent.text.strip(),
        tuple((id, mark.name, mark.line) for id, mark in references(record)),
    )  # fmt: skip


def _path(record: Glance, file: Path) -> Iterator[Finding]:
    rest = record.id.partition("://")[2]
    if record.judge and rest and not file.absolute().as_posix().endswith(f"/{rest}.xml"):
        message = f"{excerpt(rest, 120)} is not where it stands; expected .../{rest[:120]}.xml"
        yield Finding("path", message, record.top.line or None, str(file))
