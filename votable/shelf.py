"""Shelf: files given out on loopback under names that nobody can guess, until the program ends."""

import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote


class Shelf:
    """Puts files at URLs; desktop tools fetch them by GET or HEAD, pages from anywhere."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._files: dict[str, tuple[Path, str]] = {}

    def put(self, path: Path, media_type: str) -> str:
        """Give the URL of a file."""
        place = f"/{secrets.token_urlsafe(16)}/{quote(path.name)}"
        self._files[place] = (path, media_type)
        return self._base + place

    def drop(self, url: str) -> None:
        """Take a file off again."""
        self._files.pop(url.removeprefix(self._base), None)

    def find(self, place: str) -> tuple[Path, str] | None:
        """Give the file at the path of a URL, and its media type."""
        return self._files.get(place)


@contextmanager
def open_shelf() -> Iterator[Shelf]:
    """Serve a shelf on a free port of loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        """Answers for the shelf."""

        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            self._send(content=True)

        def do_HEAD(self) -> None:
            self._send(content=False)

        def _send(self, *, content: bool) -> None:
            found = shelf.find(self.path)
            if found is None:
                self.send_error(404, "there is no such file")
                return
            path, media_type = found
            with path.open("rb") as file:
                self.send_response(200)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(path.stat().st_size))
                name = "".join(c if c.isalnum() or c in "._-" else "_" for c in path.name)
                self.send_header("Content-Disposition", f'inline; filename="{name}"')
                self.send_header("Access-Control-Allow-Origin", "*")
                self.end_headers()
                if content:
                    shutil.copyfileobj(file, self.wfile)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    shelf = Shelf(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, name="shelf", daemon=True)
    thread.start()
    try:
        yield shelf
    finally:
        server.shutdown()
        server.server_close()
