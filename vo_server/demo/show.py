"""The demonstration itself: what `vo-server demo` does and prints."""

import io
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vo_server import plugins, sampling
from vo_server.budget import Budget
from vo_server.context import providers
from vo_server.demo import client, node, picture
from vo_server.errors import BadArgument, Failure
from vo_server.model.table import Table, concatenate
from vo_server.registry import Registry
from vo_server.server import check_port
from vo_server.settings import load

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_ROWS = 5
_SHOWN = ("Time", "X", "Y", "Z", "Density", "Utot", "Temperature", "Btot")
_SEED_RADII = np.linspace(1.5, 3.5, 9)
_PICTURE = "flight.png"


def show(folder: Path, port: int, *, keep: bool) -> None:
    """Write the sample node, fly and trace over its SOAP service, and draw the flight.

    keep: serve on until Ctrl-C. Raises BadArgument for a port in use or a folder that cannot be
    written, Failure when the node does not come up.
    """
    url = f"http://127.0.0.1:{port}"
    check_port("127.0.0.1", port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the node must not outlive this
    with _timed(f"sample node written to {folder}/"):
        try:
            config = node.write(folder, port)
        except OSError as err:
            raise BadArgument(f"cannot write {folder}: {err.strerror}", argument="folder") from err
    with (folder / "server.log").open("wb") as log:
        server = _start(config, port, log)
        try:
            with _timed(f"node up at {url}/"):
                if not client.wait_until_up(url, _START_SECONDS):
                    raise Failure(f"the node did not come up; see {folder}/server.log")
            _fly(folder, config, url)
            if keep:
                print(f"serving at {url}/ until Ctrl-C")
                server.wait()
        except KeyboardInterrupt:
            print()
        finally:
            server.terminate()
            server.wait(_STOP_SECONDS)


def _start(config: Path, port: int, log: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "vo_server", "serve", "--config", str(config)]
    return subprocess.Popen(  # noqa: S603  # this very program
        [*command, "--port", str(port)], stdout=log, stderr=subprocess.STDOUT
    )


def _fly(folder: Path, config: Path, url: str) -> None:
    soap = f"{url}/impex/fmi"
    with client.served(folder / "orbits") as site:
        orbit = f"{site}/mex-like.vot"
        print(f"isAlive: {client.call(soap, 'emptyElement', {})}")
        with _timed("getDataPointValue: the dipole cube along the orbit"):
            dipole = _table(_values(soap, node.DIPOLE, orbit))
        print(f"  {_error(dipole)}")
        with _timed("getDataPointValue: the Mars simulation along the orbit"):
            result = _values(soap, node.RUN, orbit)
            flight = _table(result)
        print(f"  {result}")
        _print_rows(flight)
    with _timed(f"getFieldLine: {len(_SEED_RADII)} lines of B, both ways"):
        lines = _lines(soap)
    print(f"  {_ends(lines)}")
    with _timed(f"picture written to {folder / _PICTURE}"):
        _draw(folder / _PICTURE, config, flight)


def _values(soap: str, resource: str, orbit: str) -> str:
    return client.call(soap, "getDataPointValue", {"ResourceID": resource, "url_XYZ": orbit})


def _lines(soap: str) -> Table:
    """Trace from seeds on the Sun-planet line, handed over by getVOTableURL."""
    x = " ".join(f"{radius * node.MARS.radius:.0f}" for radius in _SEED_RADII)
    zeros = " ".join("0" for _ in _SEED_RADII)
    seeds = _upload(soap, {"X": x, "Y": zeros, "Z": zeros})
    limits = {"Direction": "Both", "StepSize": 100_000, "MaxSteps": 1000}
    arguments = {"ResourceID": node.RUN, "Variable": "Bx By Bz", "url_XYZ": seeds}
    return _table(client.call(soap, "getFieldLine", {**arguments, "extraParams": limits}))


def _upload(soap: str, columns: dict[str, str]) -> str:
    fields = [{"data": data, "name": name} for name, data in columns.items()]
    return client.call(soap, "getVOTableURL", {"Table_name": "seeds", "Fields": fields})


def _table(url: str) -> Table:
    """Download a result and read it."""
    stream = io.BytesIO(client.download(url))
    return concatenate(list(plugins.format_named("votable").read(stream, Budget())))


def _error(table: Table) -> str:
    """Compare the sampled dipole with its formula."""
    points = np.column_stack([table.column(name) for name in ("X", "Y", "Z")]).astype(float) * 1e3
    sampled = np.column_stack([table.column(name) for name in ("Bx", "By", "Bz")]).astype(float)
    exact = node.FIELD.formula(points, node.MARS)
    error = np.linalg.norm(sampled - exact, axis=1)
    relative = error / np.linalg.norm(exact, axis=1)
    worst = int(np.nanargmax(error))
    height = (np.linalg.norm(points[worst]) - node.MARS.radius) / 1e3
    return (
        f"largest error against the exact dipole: {error[worst] * 1e9:.3g} nT of "
        f"{np.linalg.norm(exact[worst]) * 1e9:.3g} nT ({height:.0f} km up, cells of 300 km); "
        f"median {np.nanmedian(relative):.1e} of the field"
    )


def _print_rows(table: Table) -> None:
    """Print the first rows of some columns."""
    units = {parameter.name: parameter.unit for parameter in table.header.parameters}
    names = [f"{name} [{units[name]}]" if units[name] else name for name in _SHOWN]
    cells = [[_cell(table.column(name)[row]) for name in _SHOWN] for row in range(_ROWS)]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    for row in (names, *cells):
        print("  " + "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)))


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, np.floating) else str(value)


def _ends(lines: Table) -> str:
    """Say how many points the lines have and why they end."""
    ends = [
        f"{constant.parameter.name.partition('_')[2].lower()}: {_counted(str(constant.value))}"
        for constant in lines.header.constants
        if constant.parameter.name.startswith("EndReason")
    ]
    return f"{len(lines)} points; {'; '.join(ends)}"


def _counted(words: str) -> str:
    given = words.split()
    return ", ".join(f"{given.count(word)} {word}" for word in dict.fromkeys(given))


def _draw(path: Path, config: Path, flight: Table) -> None:
    registry = Registry(providers(load(config)))
    entry = registry.get(node.RUN)
    columns = {name: flight.column(name) for name in ("Btot", "X", "Y", "Z")}
    for name in ("X", "Y", "Z"):
        columns[name] = columns[name].astype(float) * 1e3
    columns["Time"] = np.array(
        [str(moment).rstrip("Z") for moment in flight.column("Time")], "datetime64[ms]"
    )
    with sampling.source_of(entry, "resource").field(entry.resource, ("Btot",)) as field:
        picture.draw(path, entry.resource.title, columns, field, node.MARS)


@contextmanager
def _timed(what: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    print(f"{what}  ({time.perf_counter() - begun:.2f} s)", flush=True)
