"""The check of a server: nothing to say of a good one, and each fault found by its name."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hapi.check import HapiChecker
from vo_server.budget import Budget
from vo_server.cli import cli
from vo_server.errors import BadArgument

if TYPE_CHECKING:
    from tests.hapi.conftest import Server

# What an answer becomes: path, status, content to status, content.
Fault = Callable[[str, int, bytes], tuple[int, bytes]]
Serve = Callable[[Fault], str]


@pytest.fixture
def serve(server: "Server") -> Iterator[Serve]:
    """Serve the node over a socket, with a fault in its answers."""
    made: list[ThreadingHTTPServer] = []

    def start(fault: Fault) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                got = server.ask(self.path, self.command)
                status, content = fault(self.path, got.status, got.content)
                self.send_response(status)
                for name in ("content-type", "access-control-allow-origin"):
                    if name in got.headers:
                        self.send_header(name, got.headers[name])
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_HEAD = do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        other = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        made.append(other)
        threading.Thread(target=other.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{other.server_address[1]}"

    yield start
    for other in made:
        other.shutdown()
        other.server_close()


def _none(path: str, status: int, content: bytes) -> tuple[int, bytes]:
    return status, content


@pytest.mark.parametrize("path", ["/hapi", "/v2.1/hapi", "/v3.3/hapi"])
def test_nothing_is_wrong_with_this_one(serve: Serve, path: str) -> None:
    found = list(HapiChecker().check(f"{serve(_none)}{path}", Budget()))
    assert found == []


def _inclusive(path: str, status: int, content: bytes) -> tuple[int, bytes]:
    return status, content * 2 if "/data?id=mixed" in path and "format" not in path else content


def _no_codes(path: str, status: int, content: bytes) -> tuple[int, bytes]:
    return (400, b"wrong") if status >= 400 else (status, content)


def _echo(path: str, status: int, content: bytes) -> tuple[int, bytes]:
    return status, content + path.encode() if status == 404 else content


def _other_numbers(path: str, status: int, content: bytes) -> tuple[int, bytes]:
    return status, content.replace(b",0.1", b",0.2") if "format=csv" in path else content


def _cut(path: str, status: int, content: bytes) -> tuple[int, bytes]:
    return status, content[:-3] if "format=binary" in path else content


def _no_times(path: str, status: int, content: bytes) -> tuple[int, bytes]:
    if "/info" not in path or status != 200:
        return status, content
    document = json.loads(content)
    document.pop("startDate")
    return 200, json.dumps(document).encode()


def _no_header(path: str, status: int, content: bytes) -> tuple[int, bytes]:
    if "include=header" in path and status == 200 and content[:1] == b"#":
        return status, content.partition(b"\n")[2]
    return status, content


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (_inclusive, "two halves of an interval do not make the whole"),
        (_no_codes, "wanted 1406 with 404"),
        (_echo, "wanted 1406 with 404"),
        (_other_numbers, "Position differs in csv and binary"),
        (_cut, "records of another length"),
        (_no_times, "describes the dataset in a way that is not understood"),
        (_no_header, "include=header gives no JSON in comment lines"),
        (lambda path, status, content: (200, b"{}"), "capabilities tells no version"),
    ],
)
def test_faults_are_found(serve: Serve, fault: Fault, words: str) -> None:
    found = list(HapiChecker().check(f"{serve(fault)}/v3.2/hapi", Budget()))
    assert any(words in finding.message for finding in found if finding.level == "error"), found


def test_from_the_command_line(serve: Serve) -> None:
    good = CliRunner().invoke(cli, ["check", f"{serve(_none)}/hapi"])
    assert (good.exit_code, good.output) == (0, "no findings\n")
    bad = CliRunner().invoke(cli, ["check", f"{serve(_cut)}/v3.3/hapi/", "--as", "hapi"])
    assert bad.exit_code == 1
    assert "records of another length" in bad.output


def test_targets_are_recognised() -> None:
    check = HapiChecker()
    assert check.recognises("https://x.org/v3.3/hapi/")
    assert not check.recognises("https://x.org/")
    assert not check.recognises("run/hapi")
    with pytest.raises(BadArgument, match="cannot be asked"):
        list(check.check("http://127.0.0.1:9/hapi", Budget()))
