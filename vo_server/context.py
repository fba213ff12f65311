"""Context: what a front is given: registry, results, client tables, budgets, the thread border."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from threading import Event
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from starlette.responses import Response

from vo_server import plugins
from vo_server.budget import Budget
from vo_server.datasets import Datasets
from vo_server.errors import BadTable, UpstreamFailed
from vo_server.fetch import Fetcher
from vo_server.model.resource import Resource
from vo_server.model.table import Table
from vo_server.ports import Format, Link, LinkSource, Provider, Service, ServiceSource, Site
from vo_server.record_format import Forms, RecordFormat, record_formats
from vo_server.records import Records
from vo_server.registry import Registry
from vo_server.results import ResultStore
from vo_server.row import Changes, Row
from vo_server.settings import Settings
from vo_server.streaming import Workers

T = TypeVar("T")

_CLERKS = 2  # threads for short look-ups

# First bytes of a table to the format that reads it; what they do not tell, the name does.
_MAGIC = (
    (b"<", "votable"),
    (b"\xff\xfe", "votable"),  # UTF-16: only XML comes in it
    (b"\xfe\xff", "votable"),
    (b"CDF", "netcdf"),
    (b"\x89HDF", "netcdf"),
    (b"\xcd\xf3\x00\x01", "cdf"),
    (b"\xcd\xf2\x60\x02", "cdf"),
    (b"SIMPLE  =", "fits"),
    (b"PAR1", "parquet"),
    (b"# %ECSV", "ecsv"),
    (b"#{", "hapi"),
    (b"# {", "hapi"),
)


@dataclass(frozen=True, slots=True)
class Given:
    """A table given by a client: its blocks, and a digest of its content and how it is read."""

    tables: Iterator[Table]
    digest: str


class Context:
    """Everything a front works with; one a process, nothing shared between processes but files.

    settings: of the node; registry: every resource; results: the store behind `/results/`;
    fronts: all of the node's; datasets: every time series by its short name; records: what is
    known of resources here and elsewhere, opened when first asked.
    """

    def __init__(self, settings: Settings, stop: Event) -> None:
        self.settings = settings
        self.registry = Registry(providers(settings))
        self.results = ResultStore(
            settings.state / "results", settings.node.base_url, settings.results
        )
        self.records = Records(settings.state / "records.sqlite")
        self.fronts = tuple(fronts(settings))
        self._fetcher = Fetcher(settings.fetch)
        self._stop = stop
        self.datasets = Datasets(self.registry, settings.flights)
        self._workers = Workers(settings.limits.concurrent)
        self._clerks = Workers(_CLERKS)

    def budget(self) -> Budget:
        """Start the budget of one request; it ends when the node stops."""
        return self.settings.limits.budget(self._stop)

    async def work(self, call: Callable[[], T]) -> T:
        """Run synchronous work in a worker thread, a limited number at a time."""
        return await self._workers.run(call)

    async def look_up(self, call: Callable[[], T]) -> T:
        """Run a short look-up in a thread of its own kind, which never waits behind work."""
        return await self._clerks.run(call)

    async def stream(
        self,
        blocks: Callable[[], Iterator[bytes]],
        media_type: str,
        headers: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        """Give a response whose body is made block by block; see `Workers.stream`."""
        return await self._workers.stream(blocks, media_type, headers, status)

    def close(self) -> None:
        """Begin no work any more."""
        self._workers.close()
        self._clerks.close()
        self.results.close()
        self.records.close()

    def url(self, path: str) -> str:
        """Give the public URL of a path below `base_url`."""
        return f"{self.settings.node.base_url}{path}"

    @cached_property
    def record_formats(self) -> dict[str, RecordFormat]:
        """Every form in which records are given away, by its prefix."""
        return record_formats(self)

    def keep(
        self, source: str, rows: Iterable[Row], complete: bool | Callable[[], bool] = True
    ) -> Changes:
        """Bring the records of a source up to date; see `Records.update`."""
        return self.records.update(source, rows, complete, Forms(self.record_formats))

    def services(self) -> list[Service]:
        """Give what every front offers."""
        return [
            service
            for front in self.fronts
            if isinstance(front, ServiceSource)
            for service in front.services(self)
        ]

    def links(self, resource: Resource) -> list[Link]:
        """Give what every front does with a resource."""
        return [
            link
            for front in self.fronts
            if isinstance(front, LinkSource)
            for link in front.links(self, resource)
        ]

    @contextmanager
    def table(self, url: str, budget: Budget, *, argument: str) -> Iterator[Given]:
        """Open a table that a client names by URL; one of this node's own results comes from disk.

        Raises what `Fetcher.fetch` raises, and BadTable where the content is no known table.
        """
        name = self.results.own(url)
        if name is None:
            address = plugins.address(url)
            with self._fetcher.fetch(address, budget, argument=argument) as fetched:
                form = _format(fetched.stream, (fetched.name, fetched.media_type), argument)
                tables = form.read(fetched.stream, budget)
                yield Given(tables, f"{form.name}:{fetched.digest}")
            return
        path = self.results.path(name)
        gone = UpstreamFailed(f"result {name} is no longer kept here", argument=argument)
        if path is None:
            raise gone
        try:
            stream = path.open("rb")
        except OSError as err:
            raise gone from err
        with stream:
            yield Given(read(stream, (name,), budget, argument), name)


def providers(settings: Settings) -> list[Provider]:
    """Construct the node's providers; raises BadArgument naming what is wrong with which."""
    site = Site(settings.node.authority, settings.folder)
    return [
        plugins.build("vo_server.providers", provider.use, provider.options(), site)
        for provider in settings.providers
    ]


def fronts(settings: Settings) -> list[Any]:
    """Construct the node's fronts: those named, or every installed one."""
    wanted = [(front.use, front.options()) for front in settings.fronts]
    wanted = wanted or [(name, {}) for name in plugins.installed("vo_server.fronts")]
    return [plugins.build("vo_server.fronts", name, options) for name, options in wanted]


def read(stream: BinaryIO, names: Sequence[str], budget: Budget, argument: str) -> Iterator[Table]:
    """Read a client's table in the format that its first bytes or its names tell."""
    return _format(stream, names, argument).read(stream, budget)


def _format(stream: BinaryIO, names: Iterable[str], argument: str) -> Format:
    head = stream.read(64)
    stream.seek(0)
    known = plugins.formats()
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, name in _MAGIC:
        if start.startswith(magic) and name in known:
            return known[name]
    for name in names:
        extension = urlsplit(name).path.rpartition(".")[2].lower()
        for candidate in known.values():
            if extension in candidate.extensions or name == candidate.media_type:
                return candidate
    raise BadTable(
        f"{argument} gives no table in a known format ({', '.join(sorted(known))})",
        argument=argument,
    )
