"""Provider `hapi-relay`: the datasets of another HAPI server, kept for a while.

Descriptions are fetched in a thread of their own, so that a slow server holds up nobody; records
are fetched piece by piece when they are asked for, and kept in memory up to a number of bytes. What
the server failed at is not asked for again for a while.
"""

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network
from urllib.parse import quote

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from hapi.remote import Remote, broken, read_document, remote
from vo_server.budget import Budget
from vo_server.errors import (
    BadArgument,
    Refusal,
    UpstreamBusy,
    UpstreamFailed,
    UpstreamSilent,
)
from vo_server.fetch import Fetcher
from vo_server.identifiers import identifier
from vo_server.model.request import SeriesRequest
from vo_server.model.resource import Refused, Resource
from vo_server.model.table import Table
from vo_server.model.time import TimeInterval, print_time
from vo_server.ports import SeriesSource, Site
from vo_server.settings import Fetch

_log = logging.getLogger(__name__)

_PIECE = 20_000  # records that are fetched at a time, about
_DAY = np.timedelta64(86_400 * 10**9, "ns")
_EPOCH = np.datetime64(0, "ns")
_SOON = 60.0  # seconds after which a server that failed is asked again
_PAUSE = 30.0  # seconds for which records are not asked for again that a server failed to give
_PATIENCE = 5.0  # seconds that a server must have had before its silence is held against it


class RelayLimits(BaseModel):
    """What is asked of another server, and how much.

    url: of the server, up to `/hapi`; refresh: seconds for which descriptions and records are
    kept; allow, ports, seconds, bytes: as in `[fetch]`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str = Field(pattern=r"^https?://[^\s?#]+/hapi$")
    refresh: float = Field(3600.0, gt=0)
    cache_bytes: int = Field(67_108_864, gt=0)
    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    ports: tuple[int, ...] = (80, 443)
    seconds: float = Field(60.0, gt=0)
    bytes: int = Field(67_108_864, gt=0)


class RelayOptions(RelayLimits):
    """Options of `hapi-relay`, beside what `RelayLimits` says.

    datasets: patterns of ids there; prefix: what their names here start with; most: datasets.
    """

    datasets: tuple[str, ...] = ("*",)
    prefix: str = Field("", pattern=r"^[A-Za-z0-9_.-]*$")
    most: int = Field(500, gt=0)


class HapiRelay:
    """Serves the datasets of another server as the node's own."""

    Options = RelayOptions

    def __init__(self, options: RelayOptions, site: Site) -> None:
        self._options = options
        host = options.url.split("/")[2]
        self._base = f"spase://{site.authority}/NumericalData/{identifier(host, 60)}"
        self._fetcher = Fetcher(
            Fetch(allow=options.allow, ports=options.ports, seconds=options.seconds,
                  bytes=options.bytes)
        )  # fmt: skip
        self._remotes: dict[str, Remote] = {}
        self._refused: tuple[Refused, ...] = ()
        self._binary = False
        self._due = float("-inf")
        self._asking = threading.Lock()
        self._pieces = _Pieces(options.cache_bytes, options.refresh)
        self._failures = _Failures()

    def resources(self) -> Sequence[Resource]:
        """Give what is known of the other server, which is asked again in the background."""
        if time.monotonic() > self._due and self._asking.acquire(blocking=False):
            threading.Thread(target=self._refresh, name="hapi-relay", daemon=True).start()
        return [item.resource for item in self._remotes.values()]

    def refused(self) -> Sequence[Refused]:
        """Give the datasets that cannot be relayed."""
        return self._refused

    def read(self, request: SeriesRequest) -> Iterator[Table]:
        """Give the records piece by piece; raises UpstreamFailed."""
        yield from self._records(request, None)

    def within(self, budget: Budget) -> SeriesSource:
        """Give the records so that a request keeps its own time, however many pieces it takes."""
        return _Within(self, budget)

    def _records(self, request: SeriesRequest, budget: Budget | None) -> Iterator[Table]:
        found = self._remotes.get(request.resource.id)
        if found is None:
            raise broken("does not have it any more")
        for piece in _pieces(found, request.interval):
            key = (request.resource.id, found.resource.version, str(piece.start))
            table = self._pieces.find(key)
            if table is None:
                table = self._fetch(found, piece, budget)
                self._pieces.keep(key, table)
            yield table

    def _refresh(self) -> None:
        """Ask for the catalog and every description; what fails keeps what was known before."""
        wait = _SOON
        try:
            self._ask()
            wait = self._options.refresh
        except Refusal as err:
            self._refused = (Refused(self._options.url, err.message),)
        except Exception:  # noqa: BLE001  # what another server does to this thread ends here
            _log.exception("the relay of %s failed", self._options.url)
        finally:
            self._due = time.monotonic() + wait
            self._asking.release()

    def _ask(self) -> None:
        formats = read_document(self._get("capabilities", ""))
        catalog = read_document(self._get("catalog", ""))
        self._binary = "binary" in formats.get("outputFormats", ())
        found: dict[str, Remote] = {}
        refused: list[Refused] = []
        for item in _items(catalog):
            id, title = item
            if not any(fnmatchcase(id, pattern) for pattern in self._options.datasets):
                continue
            if len(found) >= self._options.most:
                refused.append(Refused(self._options.url, f"more than {self._options.most} match"))
                break
            try:
                content = self._get("info", f"?id={quote(id, safe='')}")
                version = hashlib.sha256(content).hexdigest()[:16]
                name = f"{self._options.prefix}{id}"
                made = remote(id, title, read_document(content), self._base, name, version)
                found[made.resource.id] = made
            except Refusal as err:
                refused.append(Refused(f"{self._options.url} {id[:100]}", err.message))
        self._remotes, self._refused = found, tuple(refused)

    def _get(self, endpoint: str, query: str, whole: Budget | None = None) -> bytes:
        """Fetch a document whole, within the limits; raises UpstreamFailed and the like.

        whole: of the request that it is for.
        """
        seconds = self._options.seconds
        budget = Budget(bytes=self._options.bytes, seconds=seconds)
        if whole is not None:
            whole.spend()
            budget = replace(budget, seconds=min(seconds, whole.remaining()), stop=whole.stop)
        url = f"{self._options.url}/{endpoint}{query}"
        try:
            with self._fetcher.fetch(url, budget, argument="url") as fetched:
                return fetched.stream.read()
        except BadArgument as err:
            raise broken("has ids that make no URL") from err

    def _fetch(self, found: Remote, piece: TimeInterval, budget: Budget | None) -> Table:
        """Fetch the records of a piece; raises again what is remembered of it or of its dataset."""
        seconds = self._options.seconds
        given = seconds
        if budget is not None:
            budget.spend()
            given = min(seconds, budget.remaining())
        key = f"{found.id} {piece.start}"
        self._failures.check(found.id, key)
        try:
            return self._ask_for(found, piece, budget)
        except UpstreamBusy as err:
            self._failures.keep(found.id, err, _PAUSE if err.after is None else err.after)
            raise
        except UpstreamSilent as err:
            if given >= min(seconds, _PATIENCE):
                self._failures.keep(found.id, err, _PAUSE)
            raise
        except UpstreamFailed as err:
            self._failures.keep(key, err, _PAUSE)
            raise

    def _ask_for(self, found: Remote, piece: TimeInterval, budget: Budget | None) -> Table:
        form = "binary" if self._binary else "csv"
        content = self._get(
            "data",
            f"?id={quote(found.id, safe='')}&time.min={print_time(piece.start)}"
            f"&time.max={print_time(piece.stop)}&format={form}",
            budget,
        )
        return found.from_binary(content) if self._binary else found.from_csv(content)


class _Failures:
    """What another server failed at, each for some time; by dataset, or by piece of one."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, UpstreamFailed]] = {}
        self._lock = threading.Lock()

    def check(self, *keys: str) -> None:
        """Raise what is remembered of one of the keys."""
        with self._lock:
            found = [self._known[key] for key in keys if key in self._known]
        for until, err in found:
            if time.monotonic() < until:
                raise copy(err)

    def keep(self, key: str, err: UpstreamFailed, seconds: float) -> None:
        """Remember an error for some seconds."""
        now = time.monotonic()
        with self._lock:
            self._known = {k: known for k, known in self._known.items() if now < known[0]}
            if key not in self._known:
                _log.warning("%s: %s; not asked again for %g s", key, err.message, seconds)
            self._known[key] = (now + seconds, copy(err))


@dataclass(frozen=True, slots=True)
class _Within:
    """The records of a relay within the budget of one request."""

    relay: HapiRelay
    budget: Budget

    def read(self, request: SeriesRequest) -> Iterator[Table]:
        return self.relay._records(request, self.budget)


class _Pieces:
    """Tables kept for some time and up to a number of bytes; the longest unused go first."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, ...], tuple[float, int, Table]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: tuple[str, ...]) -> Table | None:
        """Give the table of a key, None where it is not kept or too old."""
        with self._lock:
            when, _, table = self._kept.get(key, (float("-inf"), 0, None))
            if table is None or time.monotonic() - when > self._seconds:
                return None
            self._kept.move_to_end(key)
            return table

    def keep(self, key: tuple[str, ...], table: Table) -> None:
        """Keep a table."""
        size = sum(column.nbytes for column in table.columns) + 1000
        with self._lock:
            _, old, _ = self._kept.pop(key, (0.0, 0, None))
            self._kept[key] = (time.monotonic(), size, table)
            self._bytes += size - old
            while self._bytes > self._most and self._kept:
                self._bytes -= self._kept.popitem(last=False)[1][1]


def _items(catalog: dict[str, object]) -> list[tuple[str, str]]:
    """Give ids and titles of a catalog; raises UpstreamFailed."""
    listed = catalog.get("catalog")
    if not isinstance(listed, list):
        raise broken("gives no catalog")
    items = [item for item in listed if isinstance(item, dict) and isinstance(item.get("id"), str)]
    return [(item["id"], str(item.get("title") or item["id"])) for item in items]


def _pieces(found: Remote, interval: TimeInterval) -> Iterator[TimeInterval]:
    """Cut an interval at multiples of whole days, so that pieces are found again."""
    series = found.resource.series
    assert series is not None
    days = 1
    if series.cadence is not None and series.cadence > np.timedelta64(0, "ns"):
        days = max(1, int(_PIECE * series.cadence // _DAY))
    length = days * _DAY
    start = _EPOCH + (interval.start - _EPOCH) // length * length
    while start < interval.stop:
        first = max(start, series.coverage.start)
        last = min(start + length, series.coverage.stop)
        if first < last:
            yield TimeInterval(first, last)
        start += length
