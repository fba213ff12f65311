"""Registry: every resource of the node by id, kept fresh by asking the providers again."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vo_server.errors import UnknownResource, excerpt
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.ports import Provider

_log = logging.getLogger(__name__)

# Seconds after which providers are asked again, so that new runs appear without a restart.
FRESH = 1.0
# Times that age at which an answer is no longer given at all; a busy node never gets there.
_TOO_OLD = 3.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource and the provider that serves it."""

    resource: Resource
    provider: Provider


class Registry:
    """The only look-up of a resource.

    What the providers said last is given at once for a second or a few, while they are asked
    again in the background; what is older, or an id that is not known, waits for their answer.
    """

    def __init__(self, providers: Sequence[Provider], fresh: float = FRESH) -> None:
        self._providers = tuple(providers)
        self._fresh = fresh
        self._asking = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._refused: tuple[Refused, ...] = ()
        self._asked = float("-inf")

    def get(self, id: str, *, argument: str = "id") -> Entry:
        """Give the entry of an id; raises UnknownResource."""
        entry = self._current().get(id)
        if entry is None:
            self.refresh()
            entry = self._entries.get(id)
        if entry is None:
            raise UnknownResource(
                f"{argument} {excerpt(id, 200)} is not served here", argument=argument
            )
        return entry

    def all(self, kind: Kind | None = None) -> list[Resource]:
        """Give every resource, of one kind where asked, in the order of their ids."""
        found = [entry.resource for entry in self._current().values()]
        return sorted((r for r in found if kind in (None, r.kind)), key=lambda r: r.id)

    def entries(self) -> Mapping[str, Entry]:
        """Give every entry by id: the same object for as long as the last answer holds."""
        return self._current()

    def children(self, id: str) -> list[Resource]:
        """Give the resources whose parent is `id`."""
        return [resource for resource in self.all() if resource.parent == id]

    def refused(self) -> tuple[Refused, ...]:
        """Give every file that is not served, with its reason."""
        self._current()
        return self._refused

    def snapshot(self) -> tuple[int, int]:
        """Give how many resources and refused files there were at the last answer; never waits."""
        return len(self._entries), len(self._refused)

    def refresh(self) -> None:
        """Ask the providers again unless the last answer is fresh."""
        with self._asking:
            if time.monotonic() - self._asked > self._fresh:
                self._entries, self._refused = self._ask()
                self._asked = time.monotonic()

    def _current(self) -> dict[str, Entry]:
        """Give the last answer where it is young enough, else wait for the next."""
        age = time.monotonic() - self._asked
        if age > _TOO_OLD * self._fresh:
            self.refresh()
        elif age > self._fresh and not self._asking.locked():
            threading.Thread(target=self.refresh, name="registry", daemon=True).start()
        return self._entries

    def _ask(self) -> tuple[dict[str, Entry], tuple[Refused, ...]]:
        entries: dict[str, Entry] = {}
        refused: list[Refused] = []
        for provider in self._providers:
            offered, not_served = _offer(provider)
            refused.extend(not_served)
            for resource in offered:
                other = entries.setdefault(resource.id, Entry(resource, provider))
                if other.provider is not provider and resource.kind in (Kind.OUTPUT, Kind.ORBIT):
                    refused.append(
                        Refused(resource.source, f"{resource.id} is served from elsewhere already")
                    )
        for file in refused:
            if file not in self._refused:
                _log.warning("not served: %s: %s", file.source, file.reason)
        return entries, tuple(refused)


def _offer(provider: Provider) -> tuple[Sequence[Resource], Sequence[Refused]]:
    """Ask one provider; one that fails in a way nobody foresaw takes no other with it."""
    try:
        return provider.resources(), provider.refused()
    except Exception:  # noqa: BLE001  # the border to foreign code
        name = type(provider).__name__
        _log.exception("the provider %s failed", name)
        return (), (Refused(name, "the provider failed; the log has the reason"),)
