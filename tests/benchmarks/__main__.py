"""Measurements: the node against bare SciPy in one run; prints a table and writes JSON.

Run with `make bench`. Times are medians over repeats on warm files; every request carries a
different table, so that no result is found ready.
"""

import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from tests.benchmarks import cube, hapi, impex
from tests.benchmarks.node import BenchNode, served
from tests.benchmarks.report import Row, machine, write_rows
from vo_server import plugins, sampling
from vo_server.budget import Budget
from vo_server.context import providers, read
from vo_server.demo.node import RUN
from vo_server.fetch import Fetcher
from vo_server.formats import engine
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.request import SampleRequest
from vo_server.model.table import Constant, Header, Table
from vo_server.registry import Registry
from vo_server.roles import trajectory
from vo_server.settings import load

_VARIABLES = ("Density", "Ux", "Uy", "Uz", "Bx", "By", "Bz", "Btot")
_TOLD = "n,vx,vy,vz,Bx,By,Bz,B"  # the same to FMI's tool
_KINDS = (("votable", "vot", "VOTable"), ("netcdf", "nc", "netCDF"))  # of tables both ways
_OUTPUT, _REQUESTS = Path("bench-results.json"), Path("bench-impex.json")

Points = NDArray[np.float64]


def _orbit(count: int, seed: int) -> Points:
    """Give positions in m on tilted ellipses through the box, a little different for each seed."""
    phase = np.linspace(0.0, 40.0 * np.pi, count) + seed * 1e-3
    radius = 8e6 + 4e6 * np.cos(phase * 0.3)
    return np.column_stack(
        [radius * np.cos(phase), radius * np.sin(phase) * 0.8, radius * np.sin(phase) * 0.6]
    )


def _write_orbit(path: Path, points: Points, format: str = "votable") -> None:
    header = Header(
        tuple(
            Parameter(name, unit="m", ucd=f"pos.cartesian.{name.lower()}")
            for name in ("X", "Y", "Z")
        ),
        constants=(Constant(Parameter("COOSYS", TEXT, ucd="pos.frame"), "MSO"),),
    )
    with path.open("wb") as file:
        table = Table(header, tuple(points.T))
        file.writelines(plugins.format_named(format).write([table]))


def _median(call: Callable[[int], object], repeats: int) -> tuple[float, float]:
    """Give median and 99th percentile of the seconds that `call(i)` takes."""
    call(0)
    seconds = []
    for i in range(1, repeats + 1):
        begun = time.perf_counter()
        call(i)
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds)), float(np.percentile(seconds, 99))


def _scipy(config: Path, points: Points, names: tuple[str, ...], repeats: int) -> float:
    """Give the seconds of bare RegularGridInterpolator calls on the node's own arrays."""
    entry = Registry(providers(load(config))).get(RUN)
    with sampling.source_of(entry, "resource").field(entry.resource, names) as field:
        assert hasattr(field, "grid")
        arrays = [field.variables[name].load() for name in names]  # type: ignore[attr-defined]
        peers = [RegularGridInterpolator(field.grid.axes, a, bounds_error=False) for a in arrays]
    return _median(lambda _: [peer(points) for peer in peers], repeats)[0]


def _whole(
    node: BenchNode,
    count: int,
    names: tuple[str, ...],
    repeats: int,
) -> dict[str, Any]:
    """Measure whole requests over SOAP, the memory of the server, and SciPy in the same run."""
    process = psutil.Process(node.pid)
    idle = process.memory_info().rss
    peak = idle

    def request(i: int) -> None:
        nonlocal peak
        node.call(RUN, f"{node.site}/{count}-{i}.vot", names)
        peak = max(peak, process.memory_info().rss)

    for i in range(repeats + 1):
        _write_orbit(node.orbits / f"{count}-{i}.vot", _orbit(count, i))
    median, p99 = _median(request, repeats)
    bare = _scipy(node.config, _orbit(count, 0), names, repeats)
    return {
        "points": count, "variables": len(names), "seconds": median, "p99": p99,
        "scipy_seconds": bare, "ratio_to_scipy": median / bare,
        "memory_above_idle_MB": (peak - idle) / 1e6,
    }  # fmt: skip


def _parts(node: BenchNode, repeats: int) -> dict[str, tuple[float, float]]:
    """Measure fetch, read, sample and write of 1,440 points x 4 variables by themselves."""
    names = _VARIABLES[:4]
    settings = load(node.config)
    registry = Registry(providers(settings), fresh=1e9)
    entry = registry.get(RUN)
    source = sampling.source_of(entry, "resource")
    path = node.orbits / "parts.vot"
    _write_orbit(path, _orbit(1440, 0))
    fetcher = Fetcher(settings.fetch)
    body = entry.resource.body
    assert body is not None

    def fetched() -> Any:
        return fetcher.fetch(f"{node.site}/parts.vot", Budget(), argument="url_XYZ")

    def positions() -> Any:
        with path.open("rb") as stream:
            tables = read(stream, ("parts.vot",), Budget(), "url_XYZ")
            return trajectory(tables, body=body.name, radius=body.radius, argument="url_XYZ")

    flight = positions()
    request = SampleRequest(entry.resource, names, flight)

    def flown() -> Iterator[Table]:
        return sampling.fly(request, source, Budget())

    blocks = list(flown())
    writer = plugins.format_named("votable")
    return {
        "fetch": _median(lambda _: fetched().stream.close(), repeats),
        "read": _median(lambda _: positions(), repeats),
        "sample": _median(lambda _: list(flown()), repeats),
        "write": _median(lambda _: list(writer.write(blocks)), repeats),
        "SOAP (isAlive)": _median(lambda _: node.alive(), repeats),
    }


def _beside_tool(node: BenchNode) -> Iterator[Row]:
    """Compare whole requests for values of a cube with FMI's tool on its file."""
    file = node.config.parent / "runs" / "bench" / "H+.hc"
    for count, names, told, repeats in (
        (1440, _VARIABLES[:4], "n,vx,vy,vz", 60),
        (100_000, _VARIABLES, _TOLD, 9),
    ):
        ours = {}
        for format, ending, output in _KINDS:
            for i in range(repeats + 1):
                _write_orbit(node.orbits / f"{count}-{i}.{ending}", _orbit(count, i), format)
            url = f"{node.site}/{count}-%d.{ending}"
            ask = partial(_ask, node, url, names, output)
            ours[f"by {output}"] = _median(ask, repeats)[0]
        yield from impex.measure_tool(file, _orbit(count, 0), told, ours)


def _ask(node: BenchNode, url: str, names: tuple[str, ...], output: str, number: int) -> str:
    return node.call(cube.OUTPUT, url % number, names, output)


def _asking(node: BenchNode) -> Callable[[int], str]:
    """Give what asks for 1,440 points, each time of another table."""
    for i in range(751):
        _write_orbit(node.orbits / f"asked-{i}.vot", _orbit(1440, 1000 + i))
    return lambda i: node.call(RUN, f"{node.site}/asked-{i}.vot", _VARIABLES[:4])


def main() -> None:
    """Measure, print and write."""
    engine.warm()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as node:
        large = _whole(node, 100_000, _VARIABLES, 7)
        small = _whole(node, 1440, _VARIABLES[:4], 60)
        old = _whole(node, 200_000, _VARIABLES, 5)
        parts = _parts(node, 200)
        services = impex.measure(node, _asking(node))
        rows = list(_beside_tool(node))
        series = hapi.measure(node, Path(folder))
    results = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "whole_100000x8": large,
        "whole_1440x4": small, "whole_200000x8": old,
        "parts_1440x4": {name: {"p50": p50, "p99": p99} for name, (p50, p99) in parts.items()},
        "impex": services, "hapi": series,
    }  # fmt: skip
    _OUTPUT.write_text(json.dumps(results, indent=2), encoding="utf-8")
    for result in (large, small, old):
        print(
            f"whole request {result['points']:>7} x {result['variables']}: "
            f"{result['seconds'] * 1e3:8.1f} ms (p99 {result['p99'] * 1e3:.1f}), "
            f"{result['ratio_to_scipy']:.1f} x bare SciPy "
            f"({result['scipy_seconds'] * 1e3:.1f} ms), "
            f"{result['memory_above_idle_MB']:.0f} MB above the idle server"
        )
    print(f"FMI's service took about 10 s for 200,000 points; ours {old['seconds']:.2f} s")
    shares = ", ".join(
        f"{n} {p50 * 1e3:.2f} ms ({p99 * 1e3:.2f})" for n, (p50, p99) in parts.items()
    )
    notes = f"{impex.notes(services)}; of the parts of a call of 1,440 points x 4 {shares}."
    print(notes)
    write_rows(_REQUESTS, "IMPEx, whole warm requests over SOAP", machine(), rows, notes)
    hapi.show(series)
    print(f"written to {_OUTPUT}")


if __name__ == "__main__":
    main()
