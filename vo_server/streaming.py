"""Streaming: the border between synchronous work and the asynchronous fronts, and its end.

`Workers` run synchronous work and stream its blocks; `Drain` wraps the whole application, so that
a node that goes down answers every request, and writes the access log.
"""

import asyncio
import logging
import re
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextvars import copy_context
from functools import partial
from typing import TypeVar
from urllib.parse import quote

import anyio
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vo_server.errors import Refusal
from vo_server.metrics import Metrics
from vo_server.places import Places

_log = logging.getLogger(__name__)
_access = logging.getLogger("vo_server.access")

T = TypeVar("T")

FRONT = "vo_server.front"  # the key of a request's scope under which the front's name stands
# Robots name a page about themselves, as HAPI asks of them, or call themselves one.
_ROBOT = re.compile(r"https?://|bot\b|crawler|spider|verifier|harvest", re.IGNORECASE)


class StreamBroken(Exception):
    """A response failed after its header was out; leaving it incomplete is all that is left."""


class Status(int):
    """An HTTP status that goes out with a reason phrase of its own.

    Where a server knows no reason phrases but the usual ones, it is the number that it is.
    """

    phrase: str

    def __new__(cls, number: int, phrase: str) -> "Status":
        """Make a status of a number and a phrase of one line of ASCII."""
        made = super().__new__(cls, number)
        made.phrase = phrase
        return made


class Workers:
    """The threads in which synchronous work runs, `concurrent` at a time; more waits in line.

    A request that ends early does not wait for its work: the work keeps its place among the
    `concurrent` until it notices that its budget is over. Work still in line is never begun. Work
    that waits for another server (`places.away`) has no place meanwhile.
    """

    def __init__(self, concurrent: int) -> None:
        self._places = Places(concurrent, "vo-worker")

    async def run(self, work: Callable[[], T]) -> T:
        """Run work in a thread and give what it gives, or raise what it raises."""
        begun = partial(copy_context().run, work)
        return await asyncio.wrap_future(self._places.submit(begun))

    async def stream(
        self,
        blocks: Callable[[], Iterator[bytes]],
        media_type: str,
        headers: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        """Give a response whose body the iterator makes, block by block, in a worker thread.

        The first block is made before this returns: what it raises reaches the caller, who can
        still choose the status. A later failure is logged with an id and raises StreamBroken out
        of the response, so that the server closes the connection without a proper end. The
        iterator is closed in every case.
        """
        source = _Source(blocks)
        try:
            first = await self.run(source.take)
        except asyncio.CancelledError:
            self.discard(source)
            raise
        response = _BlockResponse(self, source, first, media_type, headers)
        response.status_code = status
        return response

    def discard(self, source: "_Source") -> None:
        """Have a source closed by a worker; nobody waits for it."""
        try:
            self._places.submit(source.close)
        except RuntimeError:  # the workers are closed
            source.close()

    def close(self) -> None:
        """Begin no work any more; work that runs goes on to its end."""
        self._places.close()


class _Source:
    """An iterator of blocks that one thread steps and another may give up at any time."""

    def __init__(self, blocks: Callable[[], Iterator[bytes]]) -> None:
        self._blocks = blocks
        self._iterator: Iterator[bytes] | None = None
        self._stepping = threading.Lock()
        self._unwanted = False

    def take(self) -> bytes | None:
        """Give the next block, None after the last; whatever the iterator raises goes up."""
        try:
            with self._stepping:
                if self._iterator is None:
                    self._iterator = self._blocks()
                return next(self._iterator, None)
        finally:
            if self._unwanted:
                self.close()

    def close(self) -> None:
        """Close the iterator now, or as soon as the step in progress ends."""
        self._unwanted = True
        if not self._stepping.acquire(blocking=False):
            return
        try:
            if self._iterator is not None and hasattr(self._iterator, "close"):
                self._iterator.close()
        except Exception:  # noqa: BLE001 - nobody is left to hear of it
            _log.exception("an abandoned stream could not be closed")
        finally:
            self._stepping.release()


class _BlockResponse(StreamingResponse):
    """A response that takes its blocks from a source, and closes it however the response ends."""

    def __init__(
        self,
        workers: Workers,
        source: _Source,
        first: bytes | None,
        media_type: str,
        headers: Mapping[str, str] | None,
    ) -> None:
        super().__init__(self._blocks(first), headers=headers, media_type=media_type)
        self._workers = workers
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response; raises StreamBroken where it fails after its header."""
        try:
            if scope["method"] == "HEAD":
                start = {"type": "http.response.start", "headers": self.raw_headers}
                await send({**start, "status": self.status_code})
                await send({"type": "http.response.body", "body": b""})
            else:
                await super().__call__(scope, receive, send)
        except StreamBroken as broken:
            cause = broken.__cause__
            trace = None if isinstance(cause, Refusal) else cause
            where = _clean(scope["path"])
            _log.error("answer %s to %s broke off: %s", broken, where, cause, exc_info=trace)
            raise
        finally:
            self._workers.discard(self._source)

    async def _blocks(self, first: bytes | None) -> AsyncIterator[bytes]:
        block = first
        while block is not None:
            yield block
            try:
                block = await self._workers.run(self._source.take)
            except Exception as err:
                raise StreamBroken(secrets.token_hex(4)) from err


class Drain:
    """ASGI middleware around the whole application: the last word on a request when a node stops.

    stop: set when work in flight must end; the budgets of all requests share it.
    """

    def __init__(self, app: ASGIApp, stop: threading.Event, metrics: Metrics | None = None) -> None:
        self._app = app
        self._stop = stop
        self._metrics = metrics or Metrics()
        self._draining = False
        self._scopes: set[anyio.CancelScope] = set()

    @property
    def in_flight(self) -> int:
        """Number of requests that are being served."""
        return len(self._scopes)

    def begin(self, grace: float) -> None:
        """Begin to stop: refuse new requests, and after `grace` seconds end those in flight.

        To be called in the event loop; a second call can only shorten the grace.
        """
        self._draining = True
        asyncio.get_running_loop().call_later(grace, self._cut)

    def _cut(self) -> None:
        self._stop.set()
        for scope in tuple(self._scopes):
            scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and log it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send, self._metrics)
        try:
            if not self._draining:
                await self._serve(exchange, receive)
            if not exchange.started and self._draining:
                await _stopping()(scope, receive, exchange.send)
        except BaseException:
            exchange.fail()
            raise
        finally:
            exchange.log()

    async def _serve(self, exchange: "_Exchange", receive: Receive) -> None:
        """Let the application answer; on a cut this returns at once, whatever its threads do."""
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                await self._app(exchange.scope, receive, exchange.send)
            except StreamBroken:
                exchange.broken()  # logged already; the server sees an incomplete answer
            except ClientDisconnect:
                pass  # nobody's fault
            finally:
                self._scopes.discard(scope)


def _stopping() -> Response:
    return PlainTextResponse(
        "The node is shutting down; try again later.\n",
        status_code=503,
        headers={"Retry-After": "5", "Connection": "close"},
    )


class _Exchange:
    """One request and what was answered, for the access log."""

    def __init__(self, scope: Scope, send: Send, metrics: Metrics) -> None:
        self.scope = scope
        self._send = send
        self._metrics = metrics
        metrics.begin()
        self._begun = time.monotonic()
        self._status: int | None = None
        self._sent = 0

    @property
    def started(self) -> bool:
        """Whether the header of the response is out."""
        return self._status is not None

    async def send(self, message: Message) -> None:
        """Pass a message of the application on to the server."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
        await self._send(message)
        self._sent += len(message.get("body", b""))

    def fail(self) -> None:
        """Take note that the application raised: the server answers 500 where it still can."""
        if self._status is None:
            self._status = 500

    def broken(self) -> None:
        """Count that the answer failed after its header."""
        self._metrics.broken(self._front())

    def _front(self) -> str:
        """Name the front whose route it was, `-` where there was none."""
        return str(self.scope.get(FRONT, "-"))

    def log(self) -> None:
        """Write the line of this request: `-` for the status when the client left before it.

        A robot, which tells itself by its user agent, has the word behind it.
        """
        agent = dict(self.scope["headers"]).get(b"user-agent", b"-").decode("latin-1")
        robot = _ROBOT.search(agent) is not None
        seconds = time.monotonic() - self._begun
        self._metrics.end(self._front(), self._status, self._sent, seconds, robot=robot)
        _access.info(
            '%s %s %s %d %.3f %s "%s"%s',
            self.scope["method"],
            _clean(self.scope["path"]),
            self._status or "-",
            self._sent,
            seconds,
            (self.scope.get("client") or ("-",))[0],
            "".join(char for char in agent if " " <= char <= "~" and char != '"')[:200],
            " robot" if robot else "",
        )


def _clean(path: str) -> str:
    """Give a path fit for a log line: percent-encoded and of bounded length."""
    return quote(path, safe="/:@!$&'()*+,;=~", errors="replace")[:500]
