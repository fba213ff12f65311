"""Header: what the records of a node's own resources have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from spase.element import each, element, told
from spase.quantity import names_of
from spase.record import Node
from vo_server import settings
from vo_server.errors import BadArgument
from vo_server.model.resource import Resource
from vo_server.model.time import parse_time, print_time
from vo_server.ports import Link

_SPDX = "https://spdx.org/licenses/"
_ID = "spase://"


@dataclass(frozen=True, slots=True)
class House:
    """Who publishes; links: what the node's fronts do with a resource; now: release of the node."""

    node: settings.Node
    links: Callable[[Resource], Sequence[Link]]
    now: np.datetime64

    @property
    def repository(self) -> str:
        """Id of the node as a repository."""
        return f"{_ID}{self.node.authority}/Repository/Node"

    @property
    def person(self) -> str:
        """Id of whom to ask about the node."""
        contact = self.node.contact
        if contact.person is not None and contact.person.startswith(_ID):
            return contact.person
        name = ".".join((contact.name or "Operator").replace("/", " ").split())
        return f"{_ID}{self.node.authority}/Person/{name}"

    def header(
        self, name: str, released: np.datetime64, description: str, role: str = "DataProducer"
    ) -> Node:
        """Give a ResourceHeader."""
        return element(
            "ResourceHeader",
            element("ResourceName", name),
            element("ReleaseDate", print_time(released)),
            element("Description", description or name),
            told("Acknowledgement", self.node.acknowledgement),
            element("Contact", element("PersonID", self.person), element("Role", role)),
        )

    def released(self, resource: Resource) -> np.datetime64:
        """Give when a resource was published, as far as that is known."""
        return released(resource) or self.now

    def access(self, links: Sequence[Link]) -> list[Node]:
        """Give the AccessInformation of services; none where there are none."""
        if not links:
            return []
        formats = dict.fromkeys(form for link in links for form in link.formats)
        return [
            element(
                "AccessInformation",
                element("RepositoryID", self.repository),
                element("Availability", "Online"),
                element("AccessRights", "Open"),
                self._rights(),
                *(_access_url(link) for link in links),
                *each("Format", formats),
            )
        ]

    def _rights(self) -> Node | None:
        license = self.node.license.strip()
        if not license:
            return None
        if "://" in license:
            return element("RightsList", element("Rights", element("RightsURI", license)))
        if " " in license:
            uri, name = self.node.base_url, license
            known: list[Node] = []
        else:
            uri, name = f"{_SPDX}{license}.html", ""
            known = [
                element("SchemeURI", _SPDX),
                element("RightsIdentifierScheme", "SPDX"),
                element("RightsIdentifier", license),
            ]
        rights = element("Rights", *known, element("RightsURI", uri), told("RightsName", name))
        return element("RightsList", rights)


def _access_url(link: Link) -> Node:
    return element(
        "AccessURL",
        element("Name", link.title),
        element("URL", link.url),
        told("Style", link.style),
        told("ProductKey", link.key),
    )


def released(resource: Resource) -> np.datetime64 | None:
    """Give when a resource was published: as told, else when its file was last changed."""
    if resource.release_date:
        try:
            return parse_time(resource.release_date)
        except BadArgument:
            pass
    if resource.series is not None and resource.series.modified is not None:
        return resource.series.modified
    return changed(Path(resource.source))


def changed(path: Path) -> np.datetime64 | None:
    """Give when a file was last changed, to the second; None where there is no such file."""
    try:
        moment = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    except (OSError, ValueError):
        return None
    return np.datetime64(moment.replace(tzinfo=None), "ns")


def region(body: str) -> str:
    """Give SPASE's name of a body, Planet where it has none."""
    return names_of("ModeledRegion").get(body.casefold(), "Planet")
