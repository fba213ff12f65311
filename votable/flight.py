"""Flight: a table that came by SAMP, taken as a trajectory and flown through a resource."""

import secrets
from collections import deque
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path

from vo_server import sampling
from vo_server.context import providers, read
from vo_server.fetch import Fetcher
from vo_server.model.request import Method, SampleRequest
from vo_server.registry import Registry
from vo_server.roles import trajectory
from vo_server.settings import Settings
from votable.message import Message, load
from votable.shelf import Shelf
from votable.write import write

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_KEPT = 50  # results that stay available
_MEDIA_TYPE = "application/x-votable+xml"


class Pilot:
    """Flies one resource of a node along the tables that messages name.

    Their URLs may be on loopback, where desktop tools give their tables out, or public; the
    node's own exceptions do not count here.
    """

    def __init__(  # what the command is told
        self,
        settings: Settings,
        resource: str,
        variables: Sequence[str],
        method: Method,
        folder: Path,
        shelf: Shelf,
    ) -> None:
        """Find the resource and its variables; raises UnknownResource, UnknownParameter."""
        registry = Registry(providers(settings))
        self._entry = sampling.find_output(registry, resource, variables, argument="RESOURCE")
        resource_found = self._entry.resource
        self._names = sampling.parameter_names(resource_found, variables, argument="variable")
        self._source = sampling.source_of(self._entry, "RESOURCE")
        self._fetcher = Fetcher(settings.fetch.model_copy(update={"allow": _LOOPBACK}))
        self._limits, self._method = settings.limits, method
        self._folder, self._shelf = folder, shelf
        self._flown: deque[tuple[str, Path]] = deque()

    def fly(self, message: Message) -> Message:
        """Give the message of the result; raises a Refusal for what cannot be flown."""
        budget = self._limits.budget()
        resource = self._entry.resource
        body = resource.body
        with self._fetcher.fetch(message.url, budget, argument="url") as fetched:
            tables = read(fetched.stream, (fetched.name, fetched.media_type), budget, "url")
            path = trajectory(
                tables,
                body=body.name if body else "",
                radius=body.radius if body else None,
                argument="url",
            )
        request = SampleRequest(resource, self._names, path, self._method)
        file = self._folder / f"flight-{secrets.token_hex(4)}.vot"
        with file.open("wb") as out:
            out.writelines(write(sampling.fly(request, self._source, budget, argument="url")))
        name = f"{message.name or 'table'} through {resource.title or resource.id}"
        url = self._shelf.put(file, _MEDIA_TYPE)
        self._flown.append((url, file))
        while len(self._flown) > _KEPT:
            old, gone = self._flown.popleft()
            self._shelf.drop(old)
            gone.unlink(missing_ok=True)
        return load("votable", url, name)
