"""A running node over a real simulation of Mars, and a server of tables beside it."""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest

_NODE = """
[node]
authority = "VOSERVER"
base_url = "{url}"
[[providers]]
use = "hc-cubes"
path = "{data}/*.hc"
[[providers]]
use = "netcdf-cubes"
path = "{data}/*.nc"
[[providers]]
use = "orbit-files"
path = "tables/latmos_orbite_60sec.xml"
spacecraft = "MEX"
body = "Mars"
body_radius = "3390 km"
frame = "MSO"
[[fronts]]
use = "impex"
[[fronts]]
use = "portal"
[[fronts]]
use = "samp"
[fetch]
allow = ["127.0.0.1/32"]
seconds = 3
bytes = 20_000_000
[limits]
points = 150_000
"""
_ORBIT = "latmos_orbite_60sec.xml"
_PATIENCE = 60.0


@dataclass(frozen=True)
class MarsNode:
    """A node that serves the real Mars run.

    url: its base; orbit: URL of the real Mars Express orbit; tables: folder of the tables that
    `table_url` names; data: folder of the run; results: folder of what the node keeps.
    """

    url: str
    tables: Path
    tables_url: str
    data: Path
    results: Path

    @property
    def endpoint(self) -> str:
        """The SOAP endpoint."""
        return f"{self.url}/impex/fmi"

    @property
    def orbit(self) -> str:
        """URL of the real orbit of Mars Express: 1440 points, km, MSO."""
        return self.table_url(_ORBIT)

    def table_url(self, name: str) -> str:
        """URL of a table in the folder."""
        return f"{self.tables_url}/{name}"

    def post(self, content: bytes, **headers: str) -> tuple[int, bytes]:
        """Send a body to the endpoint as it is; gives status and body of the answer."""
        told = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.endpoint, content, told)
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
                return answer.status, answer.read()
        except HTTPError as err:
            return err.code, err.read()

    def get(self, url: str) -> bytes:
        """Fetch a result."""
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
            content: bytes = answer.read()
        return content


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def mars_node(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarsNode]:
    """Run the node for the session."""
    folder = tmp_path_factory.mktemp("mars-node")
    tables = folder / "tables"
    tables.mkdir()
    (tables / _ORBIT).write_bytes((shared / "data/trajectories" / _ORBIT).read_bytes())
    files = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tables)))
    threading.Thread(target=files.serve_forever, daemon=True).start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    data = shared / "data/mars-hyb"
    config = folder / "node.toml"
    config.write_text(_NODE.format(url=url, data=data), encoding="utf-8")
    command = [sys.executable, "-m", "vo_server", "serve", "--config", str(config)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)], stdout=log, stderr=log, env=os.environ
        )
    try:
        _wait(url, process, folder / "log")
        yield MarsNode(
            url,
            tables,
            f"http://127.0.0.1:{files.server_address[1]}",
            data,
            folder / "state/results",
        )
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        files.shutdown()
        files.server_close()


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the node answers."""
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=_PATIENCE):
                return
        except URLError:
            time.sleep(0.1)
    pytest.fail(f"the node did not start: {log.read_text(encoding='utf-8', errors='replace')}")
