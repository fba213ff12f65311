"""Measurements of IMPEx: calls side by side and in a row, and isAlive beside a bare echo.

Run by `make bench`. CPU times are of the server's process; ratios are within one run.
"""

import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import psutil
from lxml import etree

from tests.benchmarks.node import BenchNode

_CALLS = 50
_ALIVE = 300
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_ENVELOPE = (
    f'<s:Envelope xmlns:s="{_SOAP}"><s:Body>'
    '<emptyElement xmlns="http://impex-fp7.fmi.fi"/></s:Body></s:Envelope>'
).encode()


def measure(node: BenchNode, ask: Callable[[int], object]) -> dict[str, Any]:
    """Measure a running node; ask: makes call i, whose table no other call has."""
    process = psutil.Process(node.pid)
    ask(0)
    row = _cost(process, lambda: [ask(i) for i in range(1, _CALLS + 1)])
    with ThreadPoolExecutor(_CALLS) as pool:
        side = _cost(process, lambda: list(pool.map(ask, range(_CALLS + 1, 2 * _CALLS + 1))))
    with _echo() as echo:
        latencies = {
            "isAlive": _latency(f"{node.url}/impex/fmi"),
            "isAlive by REST": _latency(f"{node.url}/impex/rest/fmi/isAlive", None),
            "echo by lxml": _latency(echo),
        }
    return {
        "calls": _CALLS,
        "cpu_seconds_in_a_row": row,
        "cpu_seconds_side_by_side": side,
        "ratio": side / row,
        "latency_seconds": latencies,
    }


def show(results: dict[str, Any]) -> None:
    """Print them."""
    row, side = (results[f"cpu_seconds_{how}"] for how in ("in_a_row", "side_by_side"))
    print(
        f"\nIMPEx: {results['calls']} calls of 1,440 points: CPU {row:.2f} s in a row, "
        f"{side:.2f} s side by side"
        f" (ratio {results['ratio']:.2f})"
    )
    for name, (median, p99) in results["latency_seconds"].items():
        print(f"  {name:16} p50 {median * 1e3:6.2f} ms   p99 {p99 * 1e3:6.2f} ms")


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
