"""Answers that fail: before the first block with a code, later without an end; and no more work."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson
import pytest
from starlette.types import Message

from tests.hapi.conftest import START, write_node
from vo_server.app import build
from vo_server.errors import BadFile, Failure, StorageFull, UpstreamFailed
from vo_server.model.parameter import Parameter
from vo_server.model.request import SeriesRequest
from vo_server.model.table import Header, Table
from vo_server.providers.time_series import TimeSeries
from vo_server.settings import load

_QUERY = b"id=mixed&parameters=Count&time.min=2026-01-01Z&time.max=2026-01-02Z"
_COUNT = Header((Parameter("Time", np.dtype("datetime64[ns]")), Parameter("Count", np.dtype(int))))

Blocks = Callable[[], Iterator[Table]]


def _block(first: int, count: int) -> Table:
    times = START + (first + np.arange(count)) * np.timedelta64(1, "ms")
    return Table(_COUNT, (times, np.arange(first, first + count)))


class Exchange:
    """One request to the application, and what it sends; `leave` lets the client go."""

    def __init__(self, app: Any, query: bytes = _QUERY, **headers: str) -> None:
        self.app = app
        self.messages: list[Message] = []
        self.leave = asyncio.Event()
        self.pause: Callable[[], Any] | None = None
        told = [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ]
        self.scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": "/hapi/data", "raw_path": b"/hapi/data",
            "query_string": query, "root_path": "", "headers": told,
            "client": ("192.0.2.1", 1), "server": ("node", 80),
        }  # fmt: skip
        self._asked = False

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.messages.append(message)
        if self.pause is not None:
            await self.pause()

    async def __call__(self) -> "Exchange":
        await self.app(self.scope, self._receive, self._send)
        return self

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def ended(self) -> bool:
        return not self.messages[-1].get("more_body", False)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give the application of the node."""
    return build(load(write_node(tmp_path_factory.mktemp("streaming"))))


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Callable[[Blocks], None]:
    """Let every time series be what a function gives."""

    def put(blocks: Blocks) -> None:
        def read(self: TimeSeries, request: SeriesRequest) -> Iterator[Table]:
            return blocks()

        monkeypatch.setattr(TimeSeries, "read", read)

    return put


@pytest.mark.parametrize(
    ("error", "code"),
    [(BadFile("a.csv is gone"), 1500), (StorageFull("full"), 1500), (Failure("x"), 1500),
     (UpstreamFailed("the server broke off"), 1501), (KeyError("secret"), 1500)],
)  # fmt: skip
@pytest.mark.parametrize("form", [b"csv", b"binary", b"json"])
def test_what_fails_at_once_has_a_code(
    app: Any, give: Any, error: Exception, code: int, form: bytes
) -> None:
    def blocks() -> Iterator[Table]:
        raise error
        yield

    give(blocks)
    got = asyncio.run(Exchange(app, _QUERY + b"&format=" + form)())
    document = orjson.loads(got.body)
    assert (got.status, document["status"]["code"]) == (500, code)
    assert got.ended
    assert b"secret" not in got.body


@pytest.mark.parametrize("form", [b"csv", b"binary", b"json"])
@pytest.mark.parametrize("packed", [False, True])
def test_what_fails_later_is_left_without_an_end(
    app: Any, give: Any, form: bytes, packed: bool
) -> None:
    def blocks() -> Iterator[Table]:
        yield _block(0, 4096)
        yield _block(4096, 4000)
        raise BadFile("the rest is gone")

    give(blocks)
    headers = {"accept_encoding": "gzip"} if packed else {}
    query = _QUERY + b"&include=header&format=" + form
    got = asyncio.run(Exchange(app, query, **headers)())
    assert got.status == 200
    assert not got.ended
    assert b"gone" not in got.body


def test_too_many_records_break_off_where_nobody_could_know(app: Any, give: Any) -> None:
    def blocks() -> Iterator[Table]:
        for first in range(0, 20_000, 2000):
            yield _block(first, 2000)

    give(blocks)
    got = asyncio.run(Exchange(app)())
    assert not got.ended
    assert 2000 <= got.body.count(b"\n") <= 5000


def test_the_work_stops_when_the_client_has_gone(app: Any, give: Any) -> None:
    made = 0
    closed = False

    def blocks() -> Iterator[Table]:
        nonlocal made, closed
        try:
            for first in range(0, 10**7, 2):
                made += 1
                yield _block(first, 2)
        finally:
            closed = True

    give(blocks)

    async def test() -> None:
        exchange = Exchange(app)

        async def pause() -> None:
            if len(exchange.messages) >= 2:
                exchange.leave.set()
                await asyncio.sleep(0.01)

        exchange.pause = pause
        await asyncio.wait_for(exchange(), 20)
        for _ in range(200):
            if closed:
                break
            gc.collect()
            await asyncio.sleep(0.02)

    asyncio.run(test())
    assert closed
    assert made < 5_000


def test_requests_take_turns(app: Any, give: Any) -> None:
    """Let two long streams run: neither waits for the other's end."""

    def blocks() -> Iterator[Table]:
        for first in range(0, 4608, 512):
            yield _block(first, 512)
            time.sleep(0.1)  # so long that the other one has begun before this one is through

    give(blocks)
    order: list[int] = []

    async def test() -> None:
        exchanges = [Exchange(app), Exchange(app)]
        for number, exchange in enumerate(exchanges):

            async def note(number: int = number) -> None:
                order.append(number)

            exchange.pause = note
        await asyncio.gather(*(exchange() for exchange in exchanges))

    asyncio.run(test())
    last = {number: len(order) - 1 - order[::-1].index(number) for number in (0, 1)}
    first = {number: order.index(number) for number in (0, 1)}
    assert first[0] < last[1]
    assert first[1] < last[0]
