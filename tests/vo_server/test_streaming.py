"""The border between synchronous work and asynchronous fronts, and how a node stops."""

import asyncio
import contextvars
import http.client
import logging
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import suppress
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from vo_server.errors import BadArgument, Stopping
from vo_server.places import away
from vo_server.streaming import Drain, StreamBroken, Workers

WATCHDOG = 30.0  # seconds; no test comes near
Messages = list[MutableMapping[str, Any]]


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers(2)
    yield workers
    workers.close()


class Flow:
    """A source of blocks whose every step can be held up from the test."""

    def __init__(self, *blocks: bytes | Exception, hold: int | None = None) -> None:
        self._blocks = blocks
        self._hold = hold
        self.held = threading.Event()
        self.release = threading.Event()
        self.closed = threading.Event()
        self.taken = 0

    def __call__(self) -> Iterator[bytes]:
        self.iterator = self._run()  # kept, so that it is closed by nothing but a call
        return self.iterator

    def _run(self) -> Iterator[bytes]:
        try:
            for number, block in enumerate(self._blocks):
                if number == self._hold:
                    self.held.set()
                    assert self.release.wait(WATCHDOG)
                if isinstance(block, Exception):
                    raise block
                self.taken += 1
                yield block
        finally:
            self.closed.set()


def run(test: Awaitable[None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(test, WATCHDOG)

    asyncio.run(bounded())


async def until(event: threading.Event) -> None:
    """Wait for an event of a thread without a thread, so that the default executor is not used."""
    while not event.is_set():
        await asyncio.sleep(0.001)


class Call:
    """One request to an ASGI application, in process."""

    def __init__(
        self,
        app: ASGIApp,
        path: str = "/",
        *,
        method: str = "GET",
        headers: tuple[tuple[bytes, bytes], ...] = (),
        client: tuple[str, int] | None = ("192.0.2.7", 4711),
    ) -> None:
        self._app = app
        self._scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(errors="replace"),
            "query_string": b"token=secret",
            "root_path": "",
            "headers": list(headers),
            "client": client,
            "server": ("127.0.0.1", 80),
        }
        self._asked = False
        self.gone = asyncio.Event()
        self.started = asyncio.Event()
        self.messages: Messages = []

    async def _receive(self) -> MutableMapping[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        self.messages.append(message)
        if message.get("body"):
            self.started.set()

    async def __call__(self) -> "Call":
        await self._app(self._scope, self._receive, self._send)
        return self

    @property
    def status(self) -> int | None:
        return self.messages[0]["status"] if self.messages else None

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def complete(self) -> bool:
        last = self.messages[-1]
        return last["type"] == "http.response.body" and not last.get("more_body", False)


def streamed(workers: Workers, flow: Callable[[], Iterator[bytes]]) -> ASGIApp:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        response = await workers.stream(flow, "text/csv", {"X-Run": "B"})
        await response(scope, receive, send)

    return app


def waiting(workers: Workers, flow: Flow) -> ASGIApp:
    """An application whose answer waits for one piece of work."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = await workers.run(lambda: b"".join(flow()))
        await Response(body)(scope, receive, send)

    return app


# Workers


def test_work_runs_elsewhere_with_the_requests_context(workers: Workers) -> None:
    variable = contextvars.ContextVar("variable", default="none")

    async def test() -> None:
        variable.set("this request")
        found = await workers.run(lambda: (variable.get(), threading.get_ident()))
        assert found[0] == "this request"
        assert found[1] != threading.get_ident()
        with pytest.raises(BadArgument, match="no"):
            await workers.run(lambda: int(_refuse("no")))

    run(test())


def _refuse(message: str) -> str:
    raise BadArgument(message)


def test_as_many_run_at_a_time_as_allowed(workers: Workers) -> None:
    pair = threading.Barrier(2)
    active: list[int] = []
    most = 0

    def work() -> None:
        nonlocal most
        active.append(1)
        pair.wait(WATCHDOG)  # two run at once
        most = max(most, len(active))
        pair.wait(WATCHDOG)
        active.pop()

    async def test() -> None:
        await asyncio.gather(*(workers.run(work) for _ in range(8)))

    run(test())
    assert most == 2


def test_an_abandoned_request_does_not_wait_but_its_work_keeps_its_place() -> None:
    workers = Workers(1)
    flow = Flow(b"x", hold=0)
    begun: list[str] = []

    async def test() -> None:
        first = asyncio.create_task(workers.run(lambda: list(flow())))
        await until(flow.held)
        queued = asyncio.create_task(workers.run(lambda: begun.append("queued")))
        last = asyncio.create_task(workers.run(lambda: begun.append("last")))
        await asyncio.sleep(0)
        for task in (first, queued):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await asyncio.sleep(0.02)
        assert not last.done()
        assert not flow.closed.is_set()
        flow.release.set()
        await last
        assert begun == ["last"]

    run(test())
    workers.close()


# Work that waits for another server


def test_who_is_away_holds_up_nobody() -> None:
    workers = Workers(2)
    answered = threading.Event()
    gone: list[int] = []

    def wait() -> None:
        with away():
            gone.append(1)
            assert answered.wait(WATCHDOG)

    async def test() -> None:
        waits = [asyncio.create_task(workers.run(wait)) for _ in range(6)]
        while len(gone) < len(waits):
            await asyncio.sleep(0.001)
        assert await workers.run(lambda: "done") == "done"
        assert not any(task.done() for task in waits)
        answered.set()
        await asyncio.gather(*waits)

    run(test())
    workers.close()


def test_who_comes_back_has_a_place_again() -> None:
    """As many as places at work at a time, however many come back at once, and none is lost."""
    workers = Workers(2)
    answered = threading.Event()
    counting = threading.Lock()
    gone, active, most = 0, 0, 0

    def work() -> None:
        nonlocal gone, active, most
        with suppress(BadArgument), away(), away():
            with counting:
                gone += 1
            assert answered.wait(WATCHDOG)
            raise BadArgument("no answer")
        with counting:
            active += 1
            most = max(most, active)
        time.sleep(0.005)
        with counting:
            active -= 1

    async def test() -> None:
        works = [asyncio.create_task(workers.run(work)) for _ in range(40)]
        while gone < 8:  # all threads
            await asyncio.sleep(0.001)
        answered.set()
        await asyncio.gather(*works)
        assert most <= 2
        pair = threading.Barrier(2)
        await asyncio.gather(*(workers.run(lambda: pair.wait(WATCHDOG)) for _ in range(2)))

    run(test())
    workers.close()


def test_who_comes_back_goes_before_who_has_not_begun() -> None:
    workers = Workers(1)
    gone, answered, held = threading.Event(), threading.Event(), threading.Event()
    busy = threading.Event()
    order: list[str] = []

    def first() -> None:
        with away():
            gone.set()
            assert answered.wait(WATCHDOG)
        order.append("back")

    def second() -> None:
        busy.set()
        assert held.wait(WATCHDOG)

    async def test() -> None:
        works = [asyncio.create_task(workers.run(first))]
        await until(gone)
        works.append(asyncio.create_task(workers.run(second)))
        await until(busy)
        works.append(asyncio.create_task(workers.run(lambda: order.append("new"))))
        answered.set()
        await asyncio.sleep(0.02)
        assert order == []
        held.set()
        await asyncio.gather(*works)
        assert order == ["back", "new"]

    run(test())
    workers.close()


def test_closed_workers_let_who_is_away_come_back_and_begin_nothing() -> None:
    workers = Workers(1)
    gone, answered, held = threading.Event(), threading.Event(), threading.Event()
    busy = threading.Event()
    begun: list[str] = []

    def first() -> str:
        with away():
            gone.set()
            assert answered.wait(WATCHDOG)
        return "back"

    def second() -> None:
        busy.set()
        assert held.wait(WATCHDOG)

    async def test() -> None:
        away = asyncio.create_task(workers.run(first))
        await until(gone)
        holder = asyncio.create_task(workers.run(second))
        await until(busy)
        queued = asyncio.create_task(workers.run(lambda: begun.append("queued")))
        await asyncio.sleep(0)
        workers.close()
        with pytest.raises(asyncio.CancelledError):
            await queued
        with pytest.raises(RuntimeError):
            await workers.run(lambda: begun.append("late"))
        answered.set()
        held.set()
        await holder
        assert await away == "back"
        assert begun == []

    run(test())


# Streams


@pytest.mark.parametrize("blocks", [(), (b"a",), (b"a", b"", b"bc", b"d" * 100_000)])
def test_streams_blocks_in_order(workers: Workers, blocks: tuple[bytes, ...]) -> None:
    flow = Flow(*blocks)

    async def test() -> None:
        call = await Call(streamed(workers, flow))()
        assert (call.status, call.body, call.complete) == (200, b"".join(blocks), True)
        assert call.headers == {"content-type": "text/csv; charset=utf-8", "x-run": "B"}
        await until(flow.closed)

    run(test())


def test_an_iterator_that_is_no_generator_will_do(workers: Workers) -> None:
    async def test() -> None:
        call = await Call(streamed(workers, lambda: iter([b"a", b"b"])))()
        assert call.body == b"ab"

    run(test())


def test_starlettes_own_client_reads_it(workers: Workers) -> None:
    client = TestClient(Drain(streamed(workers, Flow(b"a", b"b")), threading.Event()))
    assert client.get("/").content == b"ab"


def test_a_refusal_of_the_first_block_can_still_choose_the_status(workers: Workers) -> None:
    async def test() -> None:
        with pytest.raises(BadArgument, match="first"):
            await workers.stream(Flow(BadArgument("first")), "text/csv")
        with pytest.raises(BadArgument, match="before"):
            await workers.stream(lambda: iter([_refuse("before").encode()]), "text/csv")

    run(test())


def test_head_makes_no_more_than_the_first_block(workers: Workers) -> None:
    flow = Flow(b"a", b"b", b"c")

    async def test() -> None:
        call = await Call(streamed(workers, flow), method="HEAD")()
        assert (call.status, call.body, call.complete) == (200, b"", True)
        assert "content-length" not in call.headers
        await until(flow.closed)
        assert flow.taken == 1

    run(test())


@pytest.mark.parametrize(
    ("error", "trace"), [(Stopping("the node is shutting down"), False), (KeyError("x"), True)]
)
def test_a_late_failure_leaves_the_answer_incomplete_and_is_logged(
    workers: Workers, error: Exception, trace: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        call = Call(streamed(workers, Flow(b"a", b"b", error)), "/hapi/data\n")
        with pytest.raises(StreamBroken) as broken:
            await call()
        assert (call.status, call.body, call.complete) == (200, b"ab", False)
        assert broken.value.__cause__ is error
        (record,) = [entry for entry in caplog.records if entry.name == "vo_server.streaming"]
        expected = f"answer {broken.value} to /hapi/data%0A broke off: {error}"
        assert record.getMessage() == expected
        assert re.fullmatch("[0-9a-f]{8}", str(broken.value))
        assert bool(record.exc_info) is trace

    run(test())


def test_the_iterator_is_closed_when_the_client_goes(workers: Workers) -> None:
    flow = Flow(*[b"x"] * 1000, hold=2)

    async def test() -> None:
        call = Call(streamed(workers, flow))
        task = asyncio.create_task(call())
        await until(flow.held)
        call.gone.set()
        await task  # although the work is held up
        assert not flow.closed.is_set()
        flow.release.set()
        await until(flow.closed)
        assert flow.taken <= 3
        assert not call.complete

    run(test())


def test_the_iterator_is_closed_when_nobody_waits_for_its_first_block(workers: Workers) -> None:
    flow = Flow(b"a", b"b", hold=0)

    async def test() -> None:
        task = asyncio.create_task(workers.stream(flow, "text/csv"))
        await until(flow.held)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        flow.release.set()
        await until(flow.closed)
        assert flow.taken == 1

    run(test())


def test_closed_workers_break_a_stream_off_and_close_it(workers: Workers) -> None:
    flow = Flow(b"a", b"b")

    async def test() -> None:
        response = await workers.stream(flow, "text/csv")
        workers.close()
        with pytest.raises(StreamBroken):
            await Call(response)()
        assert flow.closed.is_set()

    run(test())


def test_a_failure_to_close_is_logged(workers: Workers, caplog: pytest.LogCaptureFixture) -> None:
    def blocks() -> Iterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            raise KeyError("while closing")

    async def test() -> None:
        response = await workers.stream(blocks, "text/csv")
        workers.close()  # so that it is closed right here
        with pytest.raises(StreamBroken):
            await Call(response)()

    run(test())
    assert "an abandoned stream could not be closed" in caplog.text


# Drain


def test_requests_within_the_grace_are_served(workers: Workers) -> None:
    flow = Flow(b"done", hold=0)
    stop = threading.Event()

    async def test() -> None:
        drain = Drain(waiting(workers, flow), stop)
        task = asyncio.create_task(Call(drain)())
        await until(flow.held)
        assert drain.in_flight == 1
        drain.begin(WATCHDOG)
        assert not stop.is_set()
        late = await Call(drain)()
        assert late.status == 503
        flow.release.set()
        call = await task
        assert (call.status, call.body) == (200, b"done")
        assert drain.in_flight == 0

    run(test())


def test_requests_after_the_grace_are_ended_without_waiting(workers: Workers) -> None:
    kernel = Flow(b"x", hold=0)
    stream = Flow(b"a", b"b", hold=1)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        inner = waiting(workers, kernel) if scope["path"] == "/a" else streamed(workers, stream)
        await inner(scope, receive, send)

    async def test() -> None:
        stop = threading.Event()
        drain = Drain(app, stop)
        calls = Call(drain, "/a"), Call(drain, "/b")
        tasks = [asyncio.create_task(call()) for call in calls]
        await until(kernel.held)
        await until(stream.held)
        assert drain.in_flight == 2
        drain.begin(WATCHDOG)
        drain.begin(0.0)  # a second signal: at once
        await asyncio.gather(*tasks)
        assert stop.is_set()
        waited, cut = calls
        assert (waited.status, waited.complete) == (503, True)
        assert waited.headers["retry-after"] == "5"
        assert waited.headers["connection"] == "close"
        assert waited.body == b"The node is shutting down; try again later.\n"
        assert (cut.status, cut.body, cut.complete) == (200, b"a", False)
        assert not kernel.closed.is_set()
        kernel.release.set()
        stream.release.set()
        await until(stream.closed)

    run(test())


def test_other_scopes_pass() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    stop = threading.Event()
    stop.set()
    run(Drain(app, stop)({"type": "lifespan"}, nothing, nothing))
    assert seen == ["lifespan"]


async def _access_app(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/raise":
        raise KeyError("x")
    if scope["path"] == "/gone":
        await Request(scope, receive).body()
        await Request(scope, receive).body()  # the client has left: ClientDisconnect
    await PlainTextResponse("hello", status_code=404)(scope, receive, send)


@pytest.mark.parametrize(
    ("path", "agent", "line"),
    [
        ("/a b/ü\n%", b"Topcat/4.9", r'GET /a%20b/%C3%BC%0A%25 404 5 {} 192.0.2.7 "Topcat/4.9"'),
        ("/x", b'a"\r\n\x1b[31m\xffb' + b"c" * 300, r'GET /x 404 5 {} 192.0.2.7 "a\[31mbc{{194}}"'),
        ("/x", None, r'GET /x 404 5 {} 192.0.2.7 "-"'),
        ("/" + "y" * 9999, b"", r'GET /y{{499}} 404 5 {} 192.0.2.7 ""'),
        ("/raise", b"", r'GET /raise 500 0 {} 192.0.2.7 ""'),
        ("/gone", b"", r'GET /gone - 0 {} 192.0.2.7 ""'),
        ("/\ud800", b"", r'GET /%3F 404 5 {} 192.0.2.7 ""'),
    ],
)
def test_logs_one_line_a_request(
    path: str, agent: bytes | None, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vo_server.access")

    async def test() -> None:
        headers = () if agent is None else ((b"user-agent", agent),)
        call = Call(Drain(_access_app, threading.Event()), path, headers=headers)
        call.gone.set()
        try:
            await call()
        except KeyError:
            assert path == "/raise"

    run(test())
    (record,) = [entry for entry in caplog.records if entry.name == "vo_server.access"]
    assert record.levelno == logging.INFO
    assert re.fullmatch(line.format(r"\d+\.\d{3}"), record.getMessage()), record.getMessage()
    assert "secret" not in record.getMessage()


def test_logs_a_client_without_an_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vo_server.access")
    run(_ignore(Call(Drain(_access_app, threading.Event()), "/x", client=None)()))
    assert caplog.records[-1].getMessage().endswith(' - "-"')


async def _ignore(work: Awaitable[object]) -> None:
    await work


# A real server


def _get(port: int, path: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WATCHDOG)
    connection.request("GET", path)
    return connection, connection.getresponse()


def test_a_real_server_answers_503_to_what_is_in_flight(workers: Workers) -> None:
    kernel, stream = Flow(b"x", hold=0), Flow(b"a" * 1000, b"b", hold=1)
    loops: list[asyncio.AbstractEventLoop] = []

    async def slow(_: Request) -> Response:
        return Response(await workers.run(lambda: b"".join(kernel())))

    async def flow(_: Request) -> Response:
        loops.append(asyncio.get_running_loop())
        return await workers.stream(stream, "text/csv")

    drain = Drain(Starlette(routes=[Route("/slow", slow), Route("/flow", flow)]), threading.Event())
    config = uvicorn.Config(
        drain,
        host="127.0.0.1",
        port=0,
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="none",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        for _ in range(3000):
            if server.started:
                break
            threading.Event().wait(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        streaming, cut = _get(port, "/flow")
        assert cut.status == 200
        assert stream.held.wait(WATCHDOG)
        pending = http.client.HTTPConnection("127.0.0.1", port, timeout=WATCHDOG)
        pending.request("GET", "/slow")
        assert kernel.held.wait(WATCHDOG)

        loops[0].call_soon_threadsafe(drain.begin, 0.5)
        ended = pending.getresponse()
        assert ended.status == 503
        assert ended.getheader("Retry-After") == "5"
        assert ended.getheader("Connection") == "close"
        assert ended.read() == b"The node is shutting down; try again later.\n"
        with pytest.raises(http.client.IncompleteRead) as partial:
            cut.read()
        assert partial.value.partial == b"a" * 1000
        fresh, refused = _get(port, "/slow")
        assert refused.status == 503
        refused.read()
        assert not kernel.closed.is_set()
        for connection in (streaming, pending, fresh):
            connection.close()
    finally:
        kernel.release.set()
        stream.release.set()
        server.should_exit = True
        thread.join(WATCHDOG)
    assert not thread.is_alive()
    assert stream.closed.wait(WATCHDOG)
