"""Connections: request heads are bounded in time and bytes, answers are not hurried."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from vo_server import connection
from vo_server.connection import Connection

_WATCHDOG = 60.0
_HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Answer after longer than a head may take."""
    await asyncio.sleep(3 * connection.HEAD_SECONDS)
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


def _run(talk: Talk) -> None:
    """Let a client talk to a server of these connections."""

    async def run() -> None:
        config = uvicorn.Config(_app, log_config=None, access_log=False, lifespan="off", ws="none")
        config.load()
        state = ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(config, state, {}), "127.0.0.1", 0
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.wait_for(talk(reader, writer), _WATCHDOG)
            writer.close()

    asyncio.run(run())


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the time for a head short."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost:"])
def test_a_connection_without_a_whole_head_is_closed(sent: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        assert await reader.read() == b""

    _run(talk)


def test_dripping_does_not_help() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = asyncio.ensure_future(reader.read())
        for _ in range(1000):
            if end.done():
                break
            writer.write(b"x")
            await asyncio.sleep(0.05)
        assert end.done()

    _run(talk)


def test_answers_may_take_longer_and_the_next_head_has_its_time_again() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(_HEAD)
            answer = await reader.readuntil(b"ok")
            assert answer.startswith(b"HTTP/1.1 200")
        writer.write(_HEAD[:10])
        assert await reader.read() == b""

    _run(talk)


@pytest.mark.parametrize(
    "head", [b"GET /" + b"a" * 10_000_000, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1_000_000]
)
def test_endless_heads_are_refused(head: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        try:
            answer = await reader.read()
        except ConnectionResetError:
            return
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")

    _run(talk)
