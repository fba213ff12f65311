"""Registry: every resource of the node by id, kept fresh by asking the providers again."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from vo_server.errors import UnknownResource
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.ports import Provider

# Seconds after which providers are asked again, so that new runs appear without a restart.
FRESH = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource and the provider that serves it."""

    resource: Resource
    provider: Provider


class Registry:
    """The only look-up of a resource."""

    def __init__(self, providers: Sequence[Provider], fresh: float = FRESH) -> None:
        self._providers = tuple(providers)
        self._fresh = fresh
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._refused: tuple[Refused, ...] = ()
        self._asked = float("-inf")

    def get(self, id: str, *, argument: str = "id") -> Entry:
        """Give the entry of an id; raises UnknownResource."""
        entry = self._current().get(id)
        if entry is None:
            raise UnknownResource(f"{argument} '{id[:200]}' is not served here", argument=argument)
        return entry

    def all(self, kind: Kind | None = None) -> list[Resource]:
        """Give every resource, of one kind where asked, in the order of their ids."""
        found = [entry.resource for entry in self._current().values()]
        return sorted((r for r in found if kind in (None, r.kind)), key=lambda r: r.id)

    def children(self, id: str) -> list[Resource]:
        """Give the resources whose parent is `id`."""
        return [resource for resource in self.all() if resource.parent == id]

    def refused(self) -> tuple[Refused, ...]:
        """Give every file that is not served, with its reason."""
        self._current()
        return self._refused

    def _current(self) -> dict[str, Entry]:
        """Ask the providers again when the last answer is no longer fresh."""
        with self._lock:
            if time.monotonic() - self._asked > self._fresh:
                self._entries, self._refused = self._ask()
                self._asked = time.monotonic()
            return self._entries

    def _ask(self) -> tuple[dict[str, Entry], tuple[Refused, ...]]:
        entries: dict[str, Entry] = {}
        refused: list[Refused] = []
        for provider in self._providers:
            for resource in provider.resources():
                other = entries.setdefault(resource.id, Entry(resource, provider))
                if other.provider is not provider and resource.kind in (Kind.OUTPUT, Kind.ORBIT):
                    refused.append(
                        Refused(resource.source, f"{resource.id} is served from elsewhere already")
                    )
            refused.extend(provider.refused())
        return entries, tuple(refused)
