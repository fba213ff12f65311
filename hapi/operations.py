"""Operations: what each endpoint of HAPI gives, over the kernel; free of sockets."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson

from hapi import describe, query, status
from hapi.binary_rows import BinaryRows
from hapi.csv_rows import CsvRows
from hapi.json_rows import JsonRows
from hapi.status import Rejected
from hapi.version import V3_2, V3_3, Mount, Version
from hapi.wire import Wire
from vo_server import series
from vo_server.budget import Budget
from vo_server.context import Context
from vo_server.datasets import Dataset
from vo_server.errors import TooMuch
from vo_server.model.request import SeriesRequest
from vo_server.model.resource import Resource
from vo_server.model.series import Metadata
from vo_server.model.table import Table

Writer = CsvRows | BinaryRows | JsonRows
_WRITERS: dict[query.Format, type[Writer]] = {
    "csv": CsvRows,
    "binary": BinaryRows,
    "json": JsonRows,
}
STARTED = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Page:
    """A document that is there as a whole."""

    content: bytes
    modified: datetime
    media_type: str = "application/json"

    @property
    def tag(self) -> str:
        """A word that changes with the content."""
        return hashlib.sha256(self.content).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Records:
    """Records that are about to be read.

    blocks: gives the whole body in pieces, the first of which may raise what is wrong and
    `NoRecords` where there are none; tag: changes whenever the body may have, "" where nobody
    knows; empty: the body where there are no records.
    """

    blocks: Callable[[], Iterator[bytes]]
    media_type: str
    modified: datetime
    tag: str
    empty: bytes


class NoRecords(Exception):
    """There is no record in the interval."""


class Operations:
    """The endpoints of one node; records: most of one request; seconds: longest one may take."""

    def __init__(self, context: Context, records: int, seconds: float) -> None:
        self._context = context
        self._records = records
        self._seconds = seconds

    def capabilities(self, mount: Mount, asked: str) -> Page:
        """Say what the server can do."""
        query.nothing(mount, asked)
        base = self._context.settings.node.base_url
        return _page(describe.capabilities(mount.version, query.FORMATS, base), STARTED)

    def about(self, mount: Mount, asked: str) -> Page:
        """Say who runs the server, and how to test it."""
        query.nothing(mount, asked)
        node = self._context.settings.node
        told = {
            "id": node.authority,
            "title": describe.short_title(node.title),
            "contact": f"{node.contact.name} {node.contact.email}".strip() or node.base_url,
            "contactID": node.contact.person,
            "description": node.title,
        }
        if mount.version >= V3_3:
            told["serverCitation"] = node.acknowledgement or None
        content: dict[str, Any] = {key: value for key, value in told.items() if value}
        test = self._test() if mount.version >= V3_2 else None
        if test is not None:
            content["dataTest"] = test
        return _page(describe.answer(mount.version, content), STARTED)

    def catalog(self, mount: Mount, asked: str) -> Page:
        """List the datasets, with everything about them where that is asked."""
        wanted = query.catalog_query(mount, asked)
        resources = self._context.datasets.all()
        items = describe.catalog(mount.version, resources)
        if wanted.everything:
            for item, resource in zip(items, resources, strict=True):
                names = tuple(p.name for p in resource.parameters)
                item["info"] = self._told(mount, resource, names, wanted.resolve).content()
        newest = max((modified(resource) for resource in resources), default=STARTED)
        return _page(describe.answer(mount.version, {"catalog": items}), newest)

    def info(self, mount: Mount, asked: str) -> Page:
        """Describe a dataset."""
        wanted = query.info_query(mount, asked)
        resource = self._context.datasets.get(wanted.id).resource
        names = query.choose(mount, wanted.parameters, [p.name for p in resource.parameters])
        content = _info(self._told(mount, resource, names, wanted.resolve))
        return Page(content, modified(resource))

    def data(self, mount: Mount, asked: str) -> Records:
        """Prepare the records of a dataset in an interval."""
        wanted = query.data_query(mount, asked)
        dataset = self._context.datasets.get(wanted.id)
        resource = dataset.resource
        names = query.choose(mount, wanted.parameters, [p.name for p in resource.parameters])
        assert resource.series is not None
        interval = query.within(wanted, resource.series.coverage)
        self._check_size(resource, interval.stop - interval.start)
        request = SeriesRequest(resource, interval, names)
        writer = _WRITERS[wanted.format](describe.wires(resource, names))
        told = self._told(mount, resource, names)
        head = _header(told, wanted.format)
        key = "\0".join((str(mount.version), resource.id, resource.version, repr(wanted), *names))
        tag = hashlib.sha256(key.encode()).hexdigest()[:24] if resource.version else ""
        budget = self._budget()
        no_data = _header(told, wanted.format, status.NO_DATA)
        return Records(
            lambda: self._body(dataset, request, writer, writer.begin(head, asked=wanted.header),
                               budget),
            writer.media_type,
            modified(resource),
            tag,
            writer.begin(no_data, asked=wanted.header) + writer.end(),
        )  # fmt: skip

    def _body(
        self,
        dataset: Dataset,
        request: SeriesRequest,
        writer: Writer,
        head: bytes,
        budget: Budget,
    ) -> Iterator[bytes]:
        """Give the body in pieces; the first holds the first records, or there are none."""
        wires = describe.wires(request.resource, request.names)
        count = 0
        with closing(series.read(request, dataset.source, budget)) as tables:
            for table in tables:
                count += len(table)
                if count > self._records:
                    raise TooMuch(f"the request gives more than {self._records} records")
                yield head + _rows(writer, wires, table)
                head = b""
        if not count:
            raise NoRecords
        if end := writer.end():
            yield end

    def _told(
        self, mount: Mount, resource: Resource, names: tuple[str, ...], resolve: bool = True
    ) -> "_Told":
        assert resource.series is not None
        page = self._context.url(f"{mount.path}/x_dataset/{quote(resource.series.name)}")
        described = self._with_records(resource)
        return _Told(mount.version, described, names, resolve, self._cap(resource), page)

    def _with_records(self, resource: Resource) -> Resource:
        """Give a resource whose metadata name the records that other fronts have of it."""
        series = resource.series
        links = [link for link in self._context.links(resource) if link.role == "record"]
        known = () if series is None else series.metadata
        more = [Metadata(link.title, url=link.url) for link in links]
        more = [item for item in more if item.name not in {have.name for have in known}]
        if series is None or not more:
            return resource
        return replace(resource, series=replace(series, metadata=(*known, *more)))

    def _cap(self, resource: Resource) -> int | None:
        """Give the most records of a request where a dataset has more."""
        described = resource.series
        if described is None or described.cadence is None:
            return None
        length = described.coverage.stop - described.coverage.start
        return self._records if length / described.cadence > self._records else None

    def _check_size(self, resource: Resource, length: np.timedelta64) -> None:
        """Raise TooMuch where the records of an interval are surely too many."""
        described = resource.series
        if described is None or described.cadence is None:
            return
        if length / described.cadence > self._records:
            raise Rejected(
                status.TOO_MUCH, f"a request may ask for {self._records} records; see the cadence"
            )

    def _budget(self) -> Budget:
        """Start the budget of a stream: a slow client may take long."""
        given = self._context.budget()
        return Budget(given.points, given.lines, given.steps, given.bytes, self._seconds,
                      given.stop)  # fmt: skip

    def _test(self) -> dict[str, Any] | None:
        """Give a request by which clients can test the server."""
        for resource in self._context.datasets.all():
            described = resource.series
            if described is not None and described.sample is not None:
                return {
                    "name": described.name,
                    "query": {
                        "dataset": described.name,
                        "start": f"{described.sample.start}Z",
                        "stop": f"{described.sample.stop}Z",
                        "parameters": resource.parameters[0].name,
                    },
                }
        return None


def _rows(writer: Writer, wires: Sequence[Wire], table: Table) -> bytes:
    pairs = zip(wires, table.columns, strict=True)
    return writer.rows([made.cells(column) for made, column in pairs])


def _page(document: dict[str, Any], modified: datetime) -> Page:
    return Page(orjson.dumps(document), modified)


@dataclass(frozen=True, slots=True)
class _Told:
    """Everything that a description depends on; see `describe.info`."""

    version: Version
    resource: Resource
    names: tuple[str, ...]
    resolve: bool
    cap: int | None
    page: str

    def content(self) -> dict[str, Any]:
        """Give the description without version and status."""
        return describe.info(
            self.version, self.resource, self.names, resolve=self.resolve, cap=self.cap,
            page=self.page,
        )  # fmt: skip


@lru_cache(maxsize=1024)
def _info(told: _Told) -> bytes:
    """Give the bytes of an info document."""
    return orjson.dumps(describe.answer(told.version, told.content()))


@lru_cache(maxsize=1024)
def _header(told: _Told, form: str, code: int = status.OK) -> bytes:
    """Give the description that goes with records."""
    return orjson.dumps(describe.answer(told.version, {**told.content(), "format": form}, code))


def modified(resource: Resource) -> datetime:
    """Give when a dataset was changed last: as it says, else when the node started."""
    described = resource.series
    if described is None or described.modified is None:
        return STARTED
    moment = described.modified.astype("datetime64[s]").astype(datetime)
    return moment.replace(tzinfo=UTC)  # type: ignore[no-any-return]
