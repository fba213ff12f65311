"""Harvest: brings the records of other places here, each on its own timetable.

One process of a node harvests, and there each source has a thread of its own, so that a dead peer
holds up nobody. What a source gave last stays as it is until it gives something better.
"""

import fcntl
import logging
import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import IO

from vo_server import plugins
from vo_server.budget import Budget
from vo_server.context import Context
from vo_server.errors import Refusal, StorageFull, UpstreamBusy
from vo_server.fetch import Fetcher
from vo_server.harvester import GROUP, Ground, Harvester, Haul, document, kept_in, listing
from vo_server.row import Changes, SourceState
from vo_server.settings import Source
from vo_server.units import quantity

_log = logging.getLogger(__name__)

_SECONDS = 3600.0  # of one run of one source
_ONE_URL = 300.0  # seconds
_BYTES = 2**28  # of one document
_FIRST_WAIT = 60.0  # seconds after a failure, doubled with each one that follows
_LOOK = 30.0  # seconds between two looks whether the process that harvests is gone


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the harvest of one source went; error: '' where it went well; after: seconds to wait."""

    source: str
    changes: Changes | None = None
    error: str = ""
    after: float = 0.0


def harvester(context: Context, source: Source) -> Harvester:
    """Construct the harvester of a source; raises BadArgument naming what is wrong with it."""
    settings = context.settings
    fetching = settings.fetch.model_copy(update={"seconds": _ONE_URL, "bytes": _BYTES})
    ground = Ground(
        source.name, settings.folder, Fetcher(fetching), kept_in(settings), context.records.state
    )
    made: Harvester = plugins.build(GROUP, source.use, source.options(), ground)
    return made


def run(context: Context, source: Source, stop: Event | None = None) -> list[Outcome]:
    """Harvest a source now; a failure is told in the outcome, and in the state of the source."""
    budget = Budget(bytes=_BYTES, seconds=_SECONDS, stop=stop or Event())
    outcomes: list[Outcome] = []
    try:
        for haul in harvester(context, source).hauls(budget):
            outcomes.append(_take(context, haul))  # noqa: PERF401  # those before a failure count
        _forget(context, source.name, {outcome.source for outcome in outcomes})
    except Exception as err:  # noqa: BLE001  # the border to foreign code and foreign records
        outcomes.append(_failed(context, source.name, err))
    if source.name not in {outcome.source for outcome in outcomes}:
        broken = [outcome for outcome in outcomes if outcome.error]
        told = "; ".join(f"{outcome.source}: {outcome.error}" for outcome in broken)
        _note(context, source.name, told, Haul(source.name))
    return outcomes


def _take(context: Context, haul: Haul) -> Outcome:
    """Bring the rows of one source into the store."""
    try:
        changes = Changes()
        if haul.rows is not None:
            changes = context.keep(haul.source, haul.rows, lambda: haul.complete)
            if haul.document is not None:
                haul.document.replace(document(kept_in(context.settings), haul.source))
        _note(context, haul.source, "", haul)
    except Exception as err:  # noqa: BLE001  # as above
        return _failed(context, haul.source, err)
    return Outcome(haul.source, changes)


def _failed(context: Context, source: str, err: Exception) -> Outcome:
    after = 0.0
    if isinstance(err, Refusal):
        told = err.message
        after = err.after or 0.0 if isinstance(err, UpstreamBusy) else 0.0
    else:
        _log.exception("the harvest of %s failed", source)
        told = "the harvester failed; the log has the reason"
    with suppress(StorageFull):
        _note(context, source, told, None)
    return Outcome(source, None, told, after)


def _note(context: Context, source: str, error: str, haul: Haul | None) -> None:
    """Keep how it stands with a source; what was good stays known where the new is not."""
    state, now = context.records.state(source), int(time.time())
    state = replace(state, tried=now, error=error)
    if haul is not None and not error:
        state = replace(
            state, succeeded=now, etag=haul.etag, modified=haul.modified, cursor=haul.cursor
        )
    context.records.note(state)


def _forget(context: Context, name: str, there: set[str]) -> None:
    """Let go of the parts of a source that it does not have any more."""
    for state in context.records.states():
        if state.name.startswith(f"{name}.") and state.name not in there:
            _let_go(context, state, "it is no longer part of its source")


def forget_unset(context: Context) -> list[str]:
    """Let go of every source that the node file does not name any more; gives their names.

    Their records become deleted ones, which OAI-PMH tells of; where another source has a record
    of the same id, that comes forward.
    """
    named = {source.name for source in context.settings.harvest}
    return [
        state.name
        for state in context.records.states()
        if state.name.partition(".")[0] not in named
        and _let_go(context, state, "it is no longer in the node file")
    ]


def _let_go(context: Context, state: SourceState, why: str) -> bool:
    """Delete what came from a source, and what to ask it with; False where that was done before."""
    gone = SourceState(state.name, state.tried, state.succeeded, error=why)
    if state == gone:
        return False
    context.keep(state.name, (), True)
    kept = kept_in(context.settings)
    for path in (document(kept, state.name), listing(kept, state.name)):
        path.unlink(missing_ok=True)
    context.records.note(gone)
    return True


class Timetable:
    """The threads that harvest, in the one process of the node that has the lock."""

    def __init__(self, context: Context, stop: Event) -> None:
        self._context = context
        self._stop = stop

    def start(self) -> None:
        """Begin in the background; there is nothing to do where no source is or was set."""
        threading.Thread(target=self._lead, name="harvest", daemon=True).start()

    def _lead(self) -> None:
        """Wait until this is the process that harvests, then start a thread for each source."""
        if not self._context.settings.harvest and not self._harvested():
            return
        lock = None
        while lock is None:
            lock = _locked(self._context.settings.state)
            if lock is None and self._stop.wait(_LOOK):
                return
        with lock:
            self._forget()
            threads = [
                threading.Thread(
                    target=self._follow, args=(source,), name=f"harvest {source.name}", daemon=True
                )
                for source in self._context.settings.harvest
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def _harvested(self) -> bool:
        with suppress(Refusal):
            return bool(self._context.records.states())
        return False

    def _forget(self) -> None:
        """Let go of sources that are not set any more."""
        try:
            for name in forget_unset(self._context):
                _log.info("no longer harvested, its records are deleted: %s", name)
        except Exception:  # noqa: BLE001  # what is still set is harvested all the same
            _log.exception("what came from sources that are no longer set could not be deleted")

    def _follow(self, source: Source) -> None:
        """Harvest one source again and again."""
        for wait in self._waits(source):
            if self._stop.wait(wait):
                return

    def _waits(self, source: Source) -> Iterator[float]:
        """Give the seconds to wait before each harvest, and harvest after each."""
        every = quantity(source.every, "s", argument="every")
        state = self._context.records.state(source.name)
        last = state.succeeded if not state.error else None
        yield max(0.0, (last or 0) + every - time.time())
        failures = 0
        while True:
            outcomes = run(self._context, source, self._stop)
            wait = every
            if any(outcome.error for outcome in outcomes):
                for outcome in outcomes:
                    if outcome.error:
                        _log.warning("not harvested: %s: %s", outcome.source, outcome.error)
                wait = min(every, _FIRST_WAIT * 2.0**failures) * random.uniform(0.9, 1.1)  # noqa: S311
                failures = min(failures + 1, 20)
            else:
                failures = 0
            yield max(wait, *(outcome.after for outcome in outcomes))


def _locked(state: Path) -> IO[bytes] | None:
    """Take the lock of the process that harvests; None where another has it."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        file = (state / "harvest.lock").open("ab")
    except OSError as err:
        _log.warning("nothing is harvested: %s", err.strerror)
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
