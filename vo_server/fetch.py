"""Fetch: reads a URL given by a client, without letting it reach or exhaust what it should not."""

import hashlib
import re
import ssl
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from types import TracebackType
from typing import Any, BinaryIO, Self, cast
from urllib.parse import urljoin

import httpcore

from vo_server.addresses import Address, check, parse, resolve
from vo_server.budget import Budget
from vo_server.errors import (
    ForbiddenAddress,
    StorageFull,
    UpstreamBusy,
    UpstreamFailed,
    UpstreamSilent,
)
from vo_server.places import PATIENCE, away
from vo_server.settings import Fetch

_IN_MEMORY = 4 * 2**20
_PIECE = 2**16
_FRAMING = 2**17  # raw bytes allowed for headers, on top of a quarter of the body for its framing
_TICK = 0.5  # seconds after which a blocked read looks whether the node stops
_TRIES = 4  # addresses of one host that are tried
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({429, 503})
_LONGEST_WAIT = 7 * 86_400.0  # seconds that a server may ask for
_LONGEST_TAG = 512
_GZIP = b"\x1f\x8b"
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")

# What to say of each error of the HTTP library; the first class that fits is taken.
_TROUBLES: tuple[tuple[type[Exception], str], ...] = (
    (httpcore.TimeoutException, "did not answer in time; try again later"),
    (httpcore.ConnectError, "cannot be connected to; check host and port"),
    (httpcore.NetworkError, "broke the connection off; try again later"),
    (httpcore.ProtocolError, "did not answer in well-formed HTTP; check the URL"),
)
_HTTP_ERRORS = tuple(kind for kind, _ in _TROUBLES)
_SILENT = (httpcore.TimeoutException, httpcore.ConnectError)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a server said of its answer: its entity tag and its date; '' where it did not."""

    etag: str = ""
    modified: str = ""

    def headers(self) -> list[tuple[str, str]]:
        """Give the headers that ask for what is newer only."""
        told = (("If-None-Match", self.etag), ("If-Modified-Since", self.modified))
        return [(name, text) for name, text in told if text]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URL held; a context manager that closes the stream.

    stream: at its start, in memory up to 4 MB; media_type: as the server says, not to be trusted;
    name: last path segment, for its extension; digest: SHA-256 of the content, in hex; seen: what
    to ask with whether there is something new.
    """

    stream: BinaryIO
    media_type: str
    name: str
    digest: str
    seen: Seen = Seen()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stream.close()


@dataclass(frozen=True, slots=True)
class _Visit:
    """One hop of a fetch: to which host, on whose behalf, until when (monotonic), how large."""

    host: str
    argument: str
    budget: Budget
    seconds: float
    ends: float
    limit: int

    def left(self) -> float:
        """Seconds left; raises UpstreamSilent when there are none, Stopping when the node stops."""
        left = self.ends - time.monotonic()
        if left <= 0.0:
            raise self.silent(f"did not deliver within {self.seconds:.3g} s; try again later")
        self.budget.spend()
        return left

    def failed(self, what: str) -> UpstreamFailed:
        """Make the refusal that says what is wrong with this host's answer."""
        return UpstreamFailed(f"{self.host} {what}", argument=self.argument)

    def silent(self, what: str) -> UpstreamSilent:
        """Make the refusal of a server that gave no answer."""
        return UpstreamSilent(f"{self.host} {what}", argument=self.argument)

    def busy(self, status: int, after: str) -> UpstreamBusy:
        """Make the refusal of a server that asks to be left alone; after: its Retry-After."""
        return UpstreamBusy(
            f"{self.host} answered with status {status}; try again later",
            argument=self.argument,
            after=_seconds(after),
        )

    def too_large(self) -> UpstreamFailed:
        """Make the refusal of an answer over the limit."""
        return self.failed(f"delivers more than this node's limit of {self.limit} bytes")


class _Stream(httpcore.NetworkStream):
    """A connection that keeps the deadline at every read and write, and counts what comes in."""

    def __init__(self, inner: httpcore.NetworkStream, visit: _Visit) -> None:
        self._inner = inner
        self._visit = visit
        self._room = visit.limit + visit.limit // 4 + _FRAMING
        self._patience = PATIENCE

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._soon(max_bytes)
        if data is None:
            with away():
                data = self._late(max_bytes)
        self._room -= len(data)
        if self._room < 0:
            raise self._visit.too_large()
        return data

    def _soon(self, max_bytes: int) -> bytes | None:
        """Give what comes while the thread keeps its place, None where that is nothing."""
        if self._patience <= 0.0:
            return None
        begun = time.monotonic()
        try:
            return self._inner.read(max_bytes, timeout=min(self._visit.left(), self._patience))
        except httpcore.ReadTimeout:
            return None
        finally:
            self._patience -= time.monotonic() - begun

    def _late(self, max_bytes: int) -> bytes:
        while True:
            try:
                return self._inner.read(max_bytes, timeout=min(self._visit.left(), _TICK))
            except httpcore.ReadTimeout:
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout=self._visit.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            inner = self._inner.start_tls(ssl_context, server_hostname, self._visit.left())
        except httpcore.ConnectError as err:
            raise self._visit.failed(
                "has no TLS certificate that this node trusts, or does not speak TLS"
            ) from err
        return _Stream(inner, self._visit)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _reached(ip: str, port: int, seconds: float) -> httpcore.NetworkStream:
    """Connect to an address; what takes long is tried again without a place."""
    connect = httpcore.SyncBackend().connect_tcp
    if seconds > PATIENCE:
        with suppress(httpcore.ConnectTimeout):
            return connect(ip, port, timeout=PATIENCE)
        seconds -= PATIENCE
    with away():
        return connect(ip, port, timeout=seconds)


def _connect(address: Address, settings: Fetch, visit: _Visit) -> _Stream:
    """Connect to a checked address only: the name is resolved once and never again."""
    addresses = resolve(address.host, visit.left(), argument=visit.argument)
    check(address.host, address.port, addresses, settings, argument=visit.argument)
    tries = addresses[:_TRIES]
    for tried, ip in enumerate(tries, start=1):
        share = visit.left() / (len(tries) - tried + 1)
        try:
            inner = _reached(str(ip), address.port, share)
        except (httpcore.ConnectError, httpcore.ConnectTimeout):
            if tried == len(tries):
                raise
        else:
            return _Stream(inner, visit)
    raise visit.failed("has no address")


class Fetcher:
    """Reads client-given URLs within the rules of the node file's `[fetch]`.

    No proxy, cookie, credential or environment variable takes part. Content is never inflated
    unless the server itself encoded it on the way.
    """

    def __init__(self, settings: Fetch) -> None:
        self._settings = settings

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = httpcore.default_ssl_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    def fetch(self, url: str, budget: Budget, *, argument: str) -> Fetched:
        """Read a URL whole; blocks, so it belongs into a worker thread.

        Raises BadArgument for a malformed URL; ForbiddenAddress for a scheme, address or port
        that is not opened; UpstreamFailed for whatever goes wrong behind it, a limit included;
        TooMuch or Stopping when the budget ends; StorageFull when the content finds no room.
        """
        found = self.fetch_newer(url, budget, Seen(), argument=argument)
        assert found is not None
        return found

    def fetch_newer(self, url: str, budget: Budget, seen: Seen, *, argument: str) -> Fetched | None:
        """Read a URL unless it holds what was seen, then None; raises what `fetch` raises.

        While the server makes the thread wait, its place is another's.
        """
        budget.spend()
        now = time.monotonic()
        seconds = min(self._settings.seconds, budget.remaining())
        ends = now + seconds
        limit = min(self._settings.bytes, budget.bytes)
        first = address = parse(url, argument=argument)
        for _ in range(self._settings.redirects + 1):
            visit = _Visit(address.host, argument, budget, seconds, ends, limit)
            found = self._open(address, visit, seen)
            if found is None:
                return None
            if isinstance(found, Fetched):
                return found if "." in found.name else replace(found, name=first.name)
            address = _follow(address, found, visit)
        raise UpstreamFailed(
            f"{first.host} redirects more than {self._settings.redirects} times; "
            "give the final URL",
            argument=argument,
        )

    def _connected(self, address: Address, visit: _Visit) -> httpcore.NetworkStream:
        """Give a connection to a server, by TLS where that was asked."""
        stream = _connect(address, self._settings, visit)
        if address.scheme != "https":
            return stream
        try:
            with away():
                return stream.start_tls(self._tls, address.host)
        except BaseException:
            stream.close()
            raise

    def _open(self, address: Address, visit: _Visit, seen: Seen) -> Fetched | str | None:
        """Ask one server; give the content, the Location of a redirect, or None for nothing new."""
        target = httpcore.URL(
            scheme=address.scheme, host=address.host, port=address.port, target=address.target
        )
        headers = [
            ("Host", address.authority),
            ("User-Agent", "vo-server"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
            *seen.headers(),
        ]
        try:
            stream = self._connected(address, visit)
            with (
                httpcore.HTTP11Connection(target.origin, stream) as connection,
                connection.stream("GET", target, headers=headers) as response,
            ):
                fields = _fields(response)
                if response.status in _REDIRECTS:
                    return fields.get("location", "")
                if response.status == 304 and seen != Seen():
                    return None
                if response.status in _BUSY:
                    raise visit.busy(response.status, fields.get("retry-after", ""))
                if response.status != 200:
                    raise visit.failed(f"answered with status {response.status}; check the URL")
                return _keep(response, fields, address, visit)
        except _HTTP_ERRORS as err:
            said = next(say for kind, say in _TROUBLES if isinstance(err, kind))
            raise (visit.silent if isinstance(err, _SILENT) else visit.failed)(said) from err


def _fields(response: httpcore.Response) -> dict[str, str]:
    """Header fields by lower-case name; a repeated field's values are joined by commas."""
    fields: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("utf-8", "replace")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _follow(address: Address, location: str, visit: _Visit) -> Address:
    """Give the address that a redirect leads to; it is held to the same rules as the first."""
    if not location:
        raise visit.failed("redirects without saying where to; give the final URL")
    try:
        url = urljoin(address.url, location)
    except ValueError as err:
        raise visit.failed("redirects to a malformed URL; give the final URL") from err
    following = parse(url, argument=visit.argument)
    if address.scheme == "https" and following.scheme == "http":
        raise ForbiddenAddress(
            f"{visit.host} redirects from https to http; give the final URL",
            argument=visit.argument,
        )
    return following


def _keep(
    response: httpcore.Response, fields: Mapping[str, str], address: Address, visit: _Visit
) -> Fetched:
    """Bring the body into a temporary file, within the limits."""
    if int(fields.get("content-length", "0")) > visit.limit:
        raise visit.too_large()
    digest = hashlib.sha256()
    spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the caller closes it
    size, start = 0, b""
    try:
        for piece in _content(response, fields.get("content-encoding", ""), visit):
            size += len(piece)
            if size > visit.limit:
                raise visit.too_large()
            start = (start + piece[:2])[:2]
            if start == _GZIP:
                raise visit.failed("delivers a gzip file; give the URL of the file uncompressed")
            digest.update(piece)
            with _storing():
                spool.write(piece)
        with _storing():
            spool.seek(0)
    except BaseException:
        spool.close()
        raise
    media_type = fields.get("content-type", "").partition(";")[0].strip().lower()
    if _MEDIA_TYPE.fullmatch(media_type) is None:
        media_type = "application/octet-stream"
    seen = Seen(_tag(fields.get("etag", "")), _tag(fields.get("last-modified", "")))
    return Fetched(cast(BinaryIO, spool), media_type, address.name, digest.hexdigest(), seen)


def _tag(text: str) -> str:
    """Give a header's text where it can be sent back, else nothing."""
    clean = text.strip()
    return clean if len(clean) <= _LONGEST_TAG and clean.isascii() and clean.isprintable() else ""


def _seconds(after: str) -> float | None:
    """Give the seconds of a Retry-After, which are a number or a date; None where it is neither."""
    text = after.strip()
    if text.isdecimal():
        return min(float(text[:12]), _LONGEST_WAIT)
    try:
        wait = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(wait, 0.0), _LONGEST_WAIT)


@contextmanager
def _storing() -> Iterator[None]:
    """Turn an error of the temporary file into StorageFull."""
    try:
        yield
    except OSError as err:
        raise StorageFull("the node has no room to read the URL; try again later") from err


def _content(response: httpcore.Response, encoding: str, visit: _Visit) -> Iterator[bytes]:
    """Give the body in pieces of at most 64 kB, decoded as the header says."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return _received(response, visit)
    if encoding in ("gzip", "x-gzip", "deflate"):
        return _inflated(_received(response, visit), visit)
    raise visit.failed("encodes its answer though asked not to; give another URL")


def _received(response: httpcore.Response, visit: _Visit) -> Iterator[bytes]:
    """Give the body as it comes in; raises UpstreamFailed when it ends before its end."""
    try:
        yield from response.iter_stream()
    except (httpcore.ProtocolError, httpcore.NetworkError) as err:
        raise visit.failed("sent an answer that ended early; try again later") from err


def _inflated(chunks: Iterable[bytes], visit: _Visit) -> Iterator[bytes]:
    """Inflate gzip (all members) or zlib data, never more than 64 kB at a time.

    Raises UpstreamFailed for broken or incomplete data.
    """
    inflater = zlib.decompressobj(wbits=47)
    started = False
    try:
        for chunk in chunks:
            data, started = chunk, True
            while data:  # the checksum at the end stays unread until all output is out
                if inflater.eof:
                    inflater = zlib.decompressobj(wbits=47)
                yield inflater.decompress(data, _PIECE)
                data = inflater.unconsumed_tail or inflater.unused_data
    except zlib.error as err:
        raise visit.failed("sent compressed data that is broken; try again later") from err
    if started and not inflater.eof:
        raise visit.failed("sent an answer that ended early; try again later")
