"""A HAPI server that answers as a function says."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str], tuple[int, bytes]]


class Upstream:
    """A server whose answers a function gives; remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[str] = []
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                upstream.asked.append(self.path)
                status, content = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def options(self, **more: Any) -> dict[str, Any]:
        """Give the options of a provider that asks it."""
        port = self.server.server_address[1]
        told = {"url": f"http://127.0.0.1:{port}/hapi", "allow": ("127.0.0.1/32",), "seconds": 5.0}
        return told | more


Start = Callable[[Answer], Upstream]
