"""Measurements of HAPI: against bare routes that make the same bytes, one of them with pandas.

Run by `make bench`. Times are medians; ratios are within one run.
"""

import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.benchmarks.node import BenchNode
from vo_server.demo import client

_YEAR = "id=year&time.min=2025-01-01Z&time.max=2026-01-01Z"
_STREAMS = 8
_PATIENCE = 600.0
_RUN = """
import sys
from vo_server import plugins
from tests.benchmarks.series_node import Long
real = plugins.load
plugins.load = lambda group, name: Long if name == "bench-long" else real(group, name)
from vo_server.cli import main
sys.argv = ["vo-server", *sys.argv[1:]]
main()
"""
_NODE = """
[node]
authority = "Demo"
base_url = "http://127.0.0.1:{port}"
[[providers]]
use = "bench-long"
[[fronts]]
use = "hapi"
records = 200_000_000
"""


def measure(node: BenchNode, folder: Path) -> dict[str, Any]:
    """Measure streams, latencies and memory; node: the sample node, for virtual spacecraft."""
    with _long_node(folder) as (url, pid), _bare() as bare:
        paths = {
            form: f"{url}/hapi/data?{_YEAR}&format={form}" for form in ("binary", "csv", "json")
        }
        paths |= {f"bare {name}": f"{bare}/{name}" for name in ("binary", "csv", "pandas")}
        streams = {name: _stream(path) for name, path in paths.items()}
        results: dict[str, Any] = {
            name: {"seconds": s, "first_byte": f, "MB_s": size / s / 1e6, "Mrec_s": 0.5256 / s}
            for name, (s, f, size) in streams.items()
        }
        info = f"{url}/hapi/info?id=year"
        idle = _latency(info, 300)
        with _load(paths["csv"]):
            loaded = _latency(info, 300)
        results["info"] = {"idle_p50": idle[0], "idle_p95": idle[1], "loaded_p50": loaded[0],
                           "loaded_p95": loaded[1]}  # fmt: skip
        hour = f"{url}/hapi/data?id=year&time.min=2025-06-01T00Z&time.max=2025-06-01T01Z"
        results["hour"] = {"p50": _latency(hour, 200)[0]}
        results["growth_MB"] = _growth(url, pid)
    results["flight"] = _flight(node)
    return results


def show(results: dict[str, Any]) -> None:
    """Print what was measured."""
    for name in ("binary", "bare binary", "csv", "bare csv", "bare pandas", "json"):
        found = results[name]
        print(
            f"HAPI year of minutes, {name:12} {found['MB_s']:7.1f} MB/s {found['Mrec_s']:6.2f} "
            f"Mrec/s, first byte {found['first_byte'] * 1e3:6.1f} ms"
        )
    for form, peer in (("binary", "bare binary"), ("csv", "bare csv"), ("csv", "bare pandas")):
        ratio = results[peer]["seconds"] / results[form]["seconds"]
        print(f"  {form} against {peer}: {ratio:.2f}")
    info = results["info"]
    print(
        f"HAPI info: p50 {info['idle_p50'] * 1e3:.2f} ms, p95 {info['idle_p95'] * 1e3:.2f} ms; "
        f"with {_STREAMS} streams p50 {info['loaded_p50'] * 1e3:.2f} ms, "
        f"p95 {info['loaded_p95'] * 1e3:.2f} ms"
    )
    print(f"HAPI hour of minutes: p50 {results['hour']['p50'] * 1e3:.2f} ms")
    print(f"HAPI memory growth over 100,000,000 records: {results['growth_MB']:.1f} MB")
    for name, seconds in results["flight"].items():
        print(f"HAPI virtual spacecraft, a day of minutes, {name:10} {seconds * 1e3:7.2f} ms")


def _stream(url: str) -> tuple[float, float, int]:
    """Give the median seconds to the end and to the first byte, and the bytes."""
    found = []
    for _ in range(4):
        begun = time.perf_counter()
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
            size = len(answer.read(1))
            first = time.perf_counter() - begun
            while piece := answer.read(2**18):
                size += len(piece)
        found.append((time.perf_counter() - begun, first))
    seconds, firsts = np.median(np.array(found[1:]), axis=0)
    return float(seconds), float(firsts), size


def _latency(url: str, count: int) -> tuple[float, float]:
    """Give median and 95th percentile of the seconds of short requests."""
    found = []
    for _ in range(count):
        begun = time.perf_counter()
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
            answer.read()
        found.append(time.perf_counter() - begun)
    return float(np.median(found)), float(np.percentile(found, 95))


@contextmanager
def _load(url: str) -> Iterator[None]:
    """Keep streams running in a process of their own."""
    code = (
        "import sys,threading,urllib.request\n"
        "def go():\n"
        "    while True:\n"
        "        with urllib.request.urlopen(sys.argv[1]) as a:\n"
        "            while a.read(2**18): pass\n"
        f"for _ in range({_STREAMS}): threading.Thread(target=go, daemon=True).start()\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, url], stdin=subprocess.PIPE) as process:
        time.sleep(1.0)
        try:
            yield
        finally:
            process.kill()


def _growth(url: str, pid: int) -> float:
    """Give how much the server grows over a stream of 10^8 records, in MB."""
    process = psutil.Process(pid)
    before = peak = process.memory_info().rss
    query = "id=long&time.min=2025-01-01Z&time.max=2026-04-08T23:06:40Z&format=binary"
    with urllib.request.urlopen(f"{url}/hapi/data?{query}", timeout=_PATIENCE) as answer:
        size, number = 0, 0
        while piece := answer.read(2**20):
            size += len(piece)
            number += 1
            if number % 200 == 0:
                peak = max(peak, process.memory_info().rss)
    if size != 56 * 100_000_000:
        raise RuntimeError(f"{size} bytes came of the long stream")
    return float(peak - before) / 1e6


def _flight(node: BenchNode) -> dict[str, float]:
    """Measure a day of a virtual spacecraft over a warm cube, by parts."""
    name = "run_b_coarse_h_at_mex_like"
    base = f"{node.url}/hapi/data?id={name}&time.min=2026-01-01Z&time.max=2026-01-01T23:59:00.001Z"
    return {
        "orbit": _latency(f"{base}&parameters=Position&format=binary", 100)[0],
        "one value": _latency(f"{base}&parameters=Density&format=binary", 100)[0],
        "everything": _latency(f"{base}&format=binary", 100)[0],
        "as csv": _latency(f"{base}&format=csv", 100)[0],
    }


@contextmanager
def _long_node(folder: Path) -> Iterator[tuple[str, int]]:
    """Run a node of long series; gives its URL and process id."""
    port = _free()
    config = folder / "long.toml"
    config.write_text(_NODE.format(port=port), encoding="utf-8")
    with _running(["-c", _RUN, "serve", "--config", str(config), "--port", str(port)], port) as pid:
        yield f"http://127.0.0.1:{port}", pid


@contextmanager
def _bare() -> Iterator[str]:
    port = _free()
    with _running(["-m", "tests.benchmarks.bare", str(port)], port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(arguments: list[str], port: int) -> Iterator[int]:
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:  # fmt: skip
        try:
            if not client.wait_until_up(f"http://127.0.0.1:{port}", 60.0):
                raise RuntimeError(f"{arguments[:2]} did not come up")
            yield process.pid
        finally:
            process.terminate()
            threading.Timer(10.0, process.kill).start()


def _free() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
