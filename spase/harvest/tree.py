"""Tree: harvests an IMPEx tree, and all the trees that an IMPEx configuration names."""

import re
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from lxml import etree
from pydantic import BaseModel, ConfigDict

from spase.harvest.document import rows
from vo_server.budget import Budget
from vo_server.errors import BadArgument, StorageFull
from vo_server.fetch import Seen
from vo_server.harvester import Ground, Haul
from vo_server.row import Row

_MOST = 200  # databases of one configuration
_LARGEST = 2**20  # bytes of a configuration
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


class UrlOptions(BaseModel):
    """Options of the harvesters of URLs; url: of the tree, or of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str


class TreeHarvester:
    """Harvests one tree, asking whether it is new."""

    Options = UrlOptions

    def __init__(self, options: UrlOptions, ground: Ground) -> None:
        self._url = options.url
        self._ground = ground

    def hauls(self, budget: Budget) -> Iterator[Haul]:
        """Give the tree."""
        yield tree(self._url, self._ground.source, self._ground, budget)


class ConfigurationHarvester:
    """Harvests every tree that a configuration.xml names, each a source of its own."""

    Options = UrlOptions

    def __init__(self, options: UrlOptions, ground: Ground) -> None:
        self._url = options.url
        self._ground = ground

    def hauls(self, budget: Budget) -> Iterator[Haul]:
        """Give the trees, in the order of the configuration.

        Raises BadArgument where that is none, and what `Fetcher.fetch` raises.
        """
        with self._ground.fetcher.fetch(self._url, budget, argument="url") as fetched:
            content = fetched.stream.read(_LARGEST + 1)
        for name, url in trees(content, self._url):
            yield tree(url, f"{self._ground.source}.{name}", self._ground, budget)


def trees(content: bytes, base: str) -> list[tuple[str, str]]:
    """Give the name and URL of each tree of a configuration; base: its own URL.

    Raises BadArgument where it is no configuration, or names no tree.
    """
    if len(content) > _LARGEST:
        raise BadArgument("the configuration is larger than 1 MiB", argument="url")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root: Any = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as err:
        raise BadArgument(f"this is no XML: {(err.msg or '')[:200]}", argument="url") from err
    if root.getroottree().docinfo.doctype or etree.QName(root).localname != "impexconfiguration":
        raise BadArgument("this is no impexconfiguration", argument="url")
    found: dict[str, str] = {}
    for database in list(root.iterchildren("{*}database"))[:_MOST]:
        for url in _urls(database, base):
            name = _NO_NAME.sub("_", (database.findtext("{*}name") or "").strip()) or "tree"
            unique, number = name, 2
            while unique in found:
                unique, number = f"{name}_{number}", number + 1
            found[unique] = url
    if not found:
        raise BadArgument("the configuration names no tree", argument="url")
    return list(found.items())


def _urls(database: Any, base: str) -> Iterator[str]:
    """Give the URL of each tree of a database: a path below one of its hosts, or a whole URL."""
    hosts = [text for dns in database.iterchildren("{*}dns") if (text := (dns.text or "").strip())]
    scheme = (database.findtext("{*}protocol") or "http").strip()
    host = f"{scheme}://{hosts[0]}" if hosts else base
    for element in database.iterchildren("{*}tree"):
        place = (element.text or "").strip()
        if place:
            yield place if "://" in place else urljoin(f"{host}/", place)


def tree(url: str, source: str, ground: Ground, budget: Budget) -> Haul:
    """Give what is new in a tree; nothing is fetched before its rows are asked for.

    Its URL is the cursor: what was seen at another one tells nothing.
    """
    haul = Haul(source)
    haul.rows = _Rows(url, haul, ground, budget)
    return haul


class _Rows:
    """The rows of a tree, fetched when they are taken."""

    def __init__(self, url: str, haul: Haul, ground: Ground, budget: Budget) -> None:
        self._url, self._haul, self._ground, self._budget = url, haul, ground, budget

    def __iter__(self) -> Iterator[Row]:
        haul, ground = self._haul, self._ground
        state = ground.state(haul.source)
        haul.cursor = self._url
        seen = Seen(state.etag, state.modified) if state.cursor == self._url else Seen()
        fetched = ground.fetcher.fetch_newer(self._url, self._budget, seen, argument="url")
        if fetched is None:
            haul.complete = False
            haul.etag, haul.modified = seen.etag, seen.modified
            return
        haul.etag, haul.modified = fetched.seen.etag, fetched.seen.modified
        part = ground.part(haul.source)
        with fetched:
            try:
                with part.open("wb") as file:
                    shutil.copyfileobj(fetched.stream, file)
            except OSError as err:
                raise StorageFull("there is no room to keep what was harvested") from err
            fetched.stream.seek(0)
            yield from rows(fetched.stream, haul, self._budget)
        haul.document = part
