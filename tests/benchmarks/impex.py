"""Measurements of IMPEx: calls side by side and in a row, isAlive beside a bare echo, FMI's tool.

Run by `make bench`. CPU times are of the server's process; ratios are within one run. Two cores
of one machine share caches, clock and often the silicon itself, so that the same work costs more
CPU seconds beside a busy core: calls in a row are measured so as well.
"""

import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from lxml import etree
from numpy.typing import NDArray

from tests.benchmarks.node import BenchNode
from tests.benchmarks.report import Row

_CALLS = 50
_ALIVE = 300
_REPEATS = 5
_TOOL = "hcintpol"  # of github.com/fmihpc/hyb; where it is on the PATH
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_ENVELOPE = (
    f'<s:Envelope xmlns:s="{_SOAP}"><s:Body>'
    '<emptyElement xmlns="http://impex-fp7.fmi.fi"/></s:Body></s:Envelope>'
).encode()


def measure(node: BenchNode, ask: Callable[[int], object]) -> dict[str, Any]:
    """Measure a running node; ask: makes call i, whose table no other call has."""
    process = psutil.Process(node.pid)
    ask(0)
    costs: dict[str, list[float]] = {"in_a_row": [], "beside_a_busy_core": [], "side_by_side": []}
    calls = iter(range(1, 1 + 3 * _CALLS * _REPEATS))

    def row() -> None:
        for _ in range(_CALLS):
            ask(next(calls))

    def together() -> None:
        list(pool.map(ask, [next(calls) for _ in range(_CALLS)]))

    with ThreadPoolExecutor(_CALLS) as pool:
        for _ in range(_REPEATS):
            costs["in_a_row"].append(_cost(process, row))
            with _busy():
                costs["beside_a_busy_core"].append(_cost(process, row))
            costs["side_by_side"].append(_cost(process, together))
    with _echo() as echo:
        latencies = {
            "isAlive": _latency(f"{node.url}/impex/fmi"),
            "isAlive by REST": _latency(f"{node.url}/impex/rest/fmi/isAlive", None),
            "echo by lxml": _latency(echo),
        }
    return {
        "calls": _CALLS,
        "cpu_seconds": {how: statistics.median(spent) for how, spent in costs.items()},
        "ratio": _ratio(costs, "in_a_row"),
        "ratio_beside_a_busy_core": _ratio(costs, "beside_a_busy_core"),
        "latency_seconds": latencies,
    }


def measure_tool(
    file: Path, points: NDArray[np.float64], variables: str, ours: dict[str, float]
) -> list[Row]:
    """Compare FMI's tool on a file and points with our requests for them.

    ours: seconds by how the tables come. Gives nothing where the tool is not at hand.
    """
    size = file.stat().st_size / 1e6
    what = f"{len(points):,} points x {variables.count(',') + 1} of {size:.0f} MB"
    tool = shutil.which(_TOOL)
    if tool is None:
        own = ", ".join(f"{seconds * 1e3:.1f} ms {how}" for how, seconds in ours.items())
        print(f"{what}: {own}; {_TOOL} is not on the PATH")
        return []
    given = "".join(f"{x!r} {y!r} {z!r}\n" for x, y, z in points.tolist())
    seconds = []
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        command = [tool, "-v", variables, str(file)]
        told = subprocess.run(
            command, input=given, capture_output=True, text=True, check=True, timeout=60
        )
        seconds.append(time.perf_counter() - begun)
        assert len(told.stdout.splitlines()) == len(points) + 1
    median = statistics.median(seconds)
    return [Row(what, how, f"FMI's {_TOOL}", own, median, 50.0) for how, own in ours.items()]


def notes(results: dict[str, Any]) -> str:
    """Say in words what was measured."""
    calls = f"{results['calls']} calls of 1,440 points"
    latencies = ", ".join(
        f"{name} {median * 1e3:.2f} ms ({p99 * 1e3:.2f})"
        for name, (median, p99) in results["latency_seconds"].items()
    )
    return (
        f"{calls} side by side cost {results['ratio']:.2f} times the CPU time of calls in a row "
        f"(1.5 wanted), {results['ratio_beside_a_busy_core']:.2f} times that of calls in a row "
        f"beside a busy core. Median (and 99th percentile) of {latencies}"
    )


def _ratio(costs: dict[str, list[float]], how: str) -> float:
    """Give the median of what calls side by side cost, in parts of those in a row."""
    return statistics.median(
        side / row for side, row in zip(costs["side_by_side"], costs[how], strict=True)
    )


@contextmanager
def _busy() -> Iterator[None]:
    """Keep one core busy."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def _cost(process: psutil.Process, work: Callable[[], object]) -> float:
    """Give the CPU seconds that the server spends on some work, its children's with it."""
    begun = _spent(process)
    work()
    return _spent(process) - begun


def _spent(process: psutil.Process) -> float:
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return float(sum(t.user + t.system for t in times))


def _latency(url: str, content: bytes | None = _ENVELOPE) -> tuple[float, float]:
    """Give median and 99th percentile of the seconds that a request takes."""
    seconds = []
    for _ in range(_ALIVE):
        request = urllib.request.Request(url, content, {"Content-Type": "text/xml"})
        begun = time.perf_counter()
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds)), float(np.percentile(seconds, 99))


class _Echo(BaseHTTPRequestHandler):
    """Parses an envelope by lxml and writes one: the least that any service does."""

    def do_POST(self) -> None:
        body = etree.fromstring(self.rfile.read(int(self.headers["Content-Length"])))
        content = etree.tostring(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def _echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
