"""Real processes: start, workers, new runs, the access log, and the way out on SIGTERM."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import netCDF4
import numpy as np
import pytest

_NODE = """
[node]
authority = "MyLab"
base_url = "http://127.0.0.1:{port}"
[[providers]]
use = "netcdf-cubes"
path = "runs/*/*.nc"
[[providers]]
use = "analytic"
id = "spase://MyLab/NumericalOutput/D"
run = "spase://MyLab/SimulationRun/D"
model = "spase://MyLab/SimulationModel/D"
title = "dipole"
body = "Mars"
body_radius = "3390 km"
frame = "MSO"
half_width = "20000 km"
field = {{ kind = "dipole", strength = "50 nT" }}
[fetch]
allow = ["127.0.0.1/32"]
[limits]
concurrent = 4
"""
_RUN = """
[run]
id = "spase://MyLab/SimulationRun/A"
model = "spase://MyLab/SimulationModel/M"
body = "Mars"
body_radius = "3390 km"
frame = "MSO"
[[run.outputs]]
id = "spase://MyLab/NumericalOutput/A/out"
file = "a.nc"
"""
_ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
<f:getDataPointValue xmlns:f="http://impex-fp7.fmi.fi">
<f:ResourceID>{resource}</f:ResourceID><f:url_XYZ>{url}</f:url_XYZ>
</f:getDataPointValue></s:Body></s:Envelope>"""
_ORBIT = b"X [km],Y [km],Z [km]\n5000,0,0\n0,6000,0\n"
_PATIENCE = 60.0
# The server ends in order, then by the signal that it was sent.
_ENDED = (0, -signal.SIGTERM)


@dataclass
class Node:
    """A running node."""

    process: subprocess.Popen[bytes]
    url: str
    folder: Path

    def get(self, path: str) -> tuple[int, bytes]:
        """Give status and body of a page."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=_PATIENCE) as answer:
                return answer.status, answer.read()
        except HTTPError as err:
            return err.code, err.read()

    def call(
        self, url: str, resource: str = "spase://MyLab/NumericalOutput/D"
    ) -> tuple[int, bytes]:
        """Give status and body of getDataPointValue with this url_XYZ."""
        request = urllib.request.Request(
            f"{self.url}/impex/fmi",
            _ENVELOPE.format(resource=resource, url=url).encode(),
            {"Content-Type": "text/xml"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
                return answer.status, answer.read()
        except HTTPError as err:
            return err.code, err.read()

    def log(self) -> str:
        """Give what the node wrote."""
        return (self.folder / "log").read_text(encoding="utf-8")


Start = Callable[..., Node]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start nodes in a folder of their own; they are killed when the test leaves them."""
    nodes: list[Node] = []

    def run(workers: int = 1) -> Node:
        port = _free_port()
        (tmp_path / "node.toml").write_text(_NODE.format(port=port), encoding="utf-8")
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "vo_server", "serve", "--config",
                 str(tmp_path / "node.toml"), "--port", str(port), "--workers", str(workers)],
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        node = Node(process, f"http://127.0.0.1:{port}", tmp_path)
        nodes.append(node)
        end = time.monotonic() + _PATIENCE
        while True:
            with suppress(URLError, OSError):
                if node.get("/healthz")[0] == 200:
                    return node
            assert process.poll() is None, node.log()
            assert time.monotonic() < end, node.log()
            time.sleep(0.1)

    yield run
    for node in nodes:
        if node.process.poll() is None:
            node.process.kill()
            node.process.wait(_PATIENCE)


@pytest.fixture
def slow_site() -> Iterator[str]:
    """Give the URL of a site that takes a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/orbit.csv"


@pytest.fixture
def orbit_site() -> Iterator[str]:
    """Give the URL of a table on a loopback server."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(_ORBIT)))
            self.end_headers()
            self.wfile.write(_ORBIT)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/orbit.csv"
        server.shutdown()
        thread.join()


def _write_run(folder: Path) -> None:
    folder.mkdir(parents=True)
    with netCDF4.Dataset(folder / "a.nc", "w") as dataset:
        for name in "xyz":
            dataset.createDimension(name, 5)
            axis = dataset.createVariable(name, "f8", (name,))
            axis.units = "km"
            axis[:] = np.linspace(-1e4, 1e4, 5)
        dataset.createVariable("n", "f4", tuple("xyz")).units = "cm-3"
        dataset["n"][:] = 3.0
    (folder / "run.toml").write_text(_RUN, encoding="utf-8")


def _result(reply: bytes) -> str:
    found = re.search(rb"<ns1:anyURI>(.*)</ns1:anyURI>", reply)
    assert found is not None, reply
    return found[1].decode()


def _stop(node: Node, number: int = signal.SIGTERM) -> float:
    """Send a signal and give the seconds until the process is gone."""
    begun = time.monotonic()
    node.process.send_signal(number)
    node.process.wait(_PATIENCE)
    return time.monotonic() - begun


def test_a_node_lives_and_goes(start: Start, orbit_site: str) -> None:
    node = start()
    status, body = node.get("/healthz")
    assert status == 200
    assert json.loads(body)["resources"] == 3
    status, page = node.get("/")
    assert status == 200
    assert b"spase://MyLab/NumericalOutput/D" in page
    status, reply = node.call(orbit_site)
    assert status == 200, reply
    status, table = node.get(_result(reply).removeprefix(node.url))
    assert status == 200
    assert b"Btot" in table
    assert node.get("/results/nothing")[0] == 404
    _stop(node)
    assert node.process.returncode in _ENDED
    assert "POST /impex/fmi 200" in node.log()
    assert "Traceback" not in node.log()


def test_new_runs_are_picked_up_without_a_restart(start: Start, orbit_site: str) -> None:
    node = start()
    resource = "spase://MyLab/NumericalOutput/A/out"
    status, reply = node.call(orbit_site, resource)
    assert status == 500
    assert b"not served here" in reply
    _write_run(node.folder / "runs/a")
    end = time.monotonic() + _PATIENCE
    while node.call(orbit_site, resource)[0] != 200:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_workers_share_results_through_the_state_directory(start: Start, orbit_site: str) -> None:
    node = start(workers=2)
    urls = {_result(node.call(orbit_site)[1]) for _ in range(20)}
    assert len(urls) == 1
    for _ in range(10):
        assert node.get(urls.pop().removeprefix(node.url))[0] == 200
        urls = {_result(node.call(orbit_site)[1])}
    served = set(re.findall(r" (\d+) INFO vo_server\.access", node.log()))
    assert len(served) == 2, "one worker got every request"
    _stop(node)
    assert "Traceback" not in node.log()


@pytest.mark.parametrize("workers", [1, 2])
def test_work_in_flight_is_cut_and_the_process_goes(
    start: Start, slow_site: str, workers: int
) -> None:
    node = start(workers=workers)
    answers: list[tuple[int, bytes]] = []
    clients = [
        threading.Thread(target=lambda: answers.append(node.call(slow_site)), daemon=True)
        for _ in range(3)
    ]
    for client in clients:
        client.start()
    time.sleep(1.0)
    assert _stop(node) < 30.0
    for client in clients:
        client.join(_PATIENCE)
    assert [status for status, _ in answers] == [503, 503, 503]
    assert b"shutting down" in answers[0][1]


def test_the_process_goes_under_load(start: Start, orbit_site: str) -> None:
    node = start()
    over = threading.Event()
    answers: list[int] = []

    def load() -> None:
        for _ in range(10_000):
            if over.is_set():
                return
            with suppress(OSError):
                answers.append(node.call(orbit_site)[0])

    clients = [threading.Thread(target=load, daemon=True) for _ in range(8)]
    for client in clients:
        client.start()
    time.sleep(2.0)
    try:
        assert _stop(node) < 30.0
    finally:
        over.set()
    for client in clients:
        client.join(_PATIENCE)
    assert set(answers) <= {200, 503}
    assert answers.count(200) > 10
    assert node.process.returncode in _ENDED


def test_an_empty_post_does_not_hold_the_process(start: Start) -> None:
    node = start()
    request = urllib.request.Request(
        f"{node.url}/impex/fmi", b"", {"Content-Type": "text/xml"}, method="POST"
    )
    with pytest.raises(HTTPError, match="500"):
        urllib.request.urlopen(request, timeout=_PATIENCE)
    assert _stop(node) < 30.0
    assert node.process.returncode in _ENDED


def test_a_wrong_node_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text("[node]\nauthority = 'a'\nfrom = 1\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "vo_server", "serve"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "node.from: unknown key" in done.stderr
