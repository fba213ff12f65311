"""A peer on loopback, and a node that harvests from it."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from vo_server.context import Context
from vo_server.settings import load

# Answers a request for a path: status, header fields, body, in pieces where it has no known length.
Answer = tuple[int, dict[str, str], bytes | Iterable[bytes]]
Page = Callable[[str, dict[str, str]], Answer]


class Peer:
    """A server whose pages are a dictionary; counts what was asked and sent."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | Page] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.sent = 0
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): text for name, text in self.headers.items()}
                peer.asked.append((self.path, headers))
                status, fields, body = peer.answer(self.path, headers)
                self.send_response(status)
                if isinstance(body, bytes):
                    fields = {"Content-Length": str(len(body)), **fields}
                for name, text in fields.items():
                    self.send_header(name, text)
                self.end_headers()
                with suppress(ConnectionError):
                    for piece in [body] if isinstance(body, bytes) else body:
                        self.wfile.write(piece)
                        peer.sent += len(piece)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        """Give the page of a path, with an entity tag where it is plain bytes."""
        page = self.pages.get(path, self.pages.get(path.partition("?")[0]))
        if page is None:
            return 404, {}, b""
        if not isinstance(page, bytes):
            return page(path, headers)
        tag = f'"{hash(page)}"'
        if headers.get("if-none-match") == tag:
            return 304, {"Content-Length": "0"}, b""
        return 200, {"ETag": tag, "Content-Type": "text/xml"}, page

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Callable[[str], Context]]:
    """Give a node that harvests what a text says, in the same folder each time."""
    made: list[Context] = []

    def start(harvest: str, allow: str = '["127.0.0.1/32"]') -> Context:
        config = tmp_path / "node.toml"
        front = '[[fronts]]\nuse = "impex"\n[fetch]\n'
        config.write_text(f'[node]\nauthority = "Own"\n{front}allow = {allow}\n{harvest}')
        made.append(Context(load(config), threading.Event()))
        return made[-1]

    yield start
    for context in made:
        context.close()
