"""Measurements out of core: cold files, and a file larger than the address space may be.

Run with `python -m tests.benchmarks.out_of_core`. Every mode has a process of its own and finds
the file's pages dropped; times are medians over repeats, ratios are within one run.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import psutil
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from tests.benchmarks.report import Row, machine, write_rows
from vo_server.model.resource import Kind
from vo_server.ports import Site
from vo_server.providers.netcdf_cube import NetcdfCubes
from vo_server.providers.run_folder import CubeOptions

_OUTPUT = Path("bench-out-of-core.json")
_NAMES = tuple(f"v{i}" for i in range(8))
_NODES, _CHUNK, _POINTS = 256, 64, 1440
_LARGE = 560  # nodes along each axis of a file of 5.6 GB
_CACHE = 16 * 2**20  # bytes; the file's chunks are of 1 MiB
_ADDRESS_SPACE = 1_200_000_000
_REPEATS = 5
_RUN = """
[run]
id = "spase://Bench/SimulationRun/A"
model = "spase://Bench/SimulationModel/M"
body = "Mars"
body_radius = "3390 km"
frame = "MSO"
[[run.outputs]]
id = "spase://Bench/NumericalOutput/A/out"
file = "{file}"
"""

Points = NDArray[np.float64]
Timed = tuple[float, float, float]  # seconds, bytes of memory on top, sum of the values


def _fly_by() -> Points:
    """Give a straight flight through 6 of the smaller file's 64 chunks, in nodes."""
    t = np.linspace(0.0, 1.0, _POINTS)
    return np.column_stack([10.0 + 235.0 * t, 40.0 + 60.0 * t, 170.0 - 80.0 * t])


def _orbit() -> Points:
    """Give turns through the whole larger file, in nodes."""
    t = np.linspace(0.0, 6.0 * np.pi, _POINTS)
    half = _LARGE / 2
    return half + 0.95 * half * np.column_stack(
        [np.cos(t), np.sin(t) * np.cos(0.3 * t), np.sin(0.7 * t) * 0.9]
    )


def _axes(dataset: Any, nodes: int) -> None:
    for name in "xyz":
        dataset.createDimension(name, nodes)
        axis = dataset.createVariable(name, "f8", (name,))
        axis.units, axis.axis = "m", name.upper()
        axis[:] = np.arange(float(nodes))


def _write(folder: Path) -> Path:
    """Write 8 noisy variables in deflated chunks."""
    path = folder / "small" / "run.nc"
    path.parent.mkdir()
    rng = np.random.default_rng(1)
    wave = np.sin(np.linspace(0.0, 20.0, _NODES, dtype=np.float32))
    with netCDF4.Dataset(path, "w") as dataset:
        _axes(dataset, _NODES)
        for name in _NAMES:
            variable = dataset.createVariable(
                name, "f4", tuple("xyz"), zlib=True, complevel=1, chunksizes=(_CHUNK,) * 3
            )
            variable.units = "nT"
            for i in range(0, _NODES, _CHUNK):
                noise = rng.standard_normal((_CHUNK, _NODES, _NODES), np.float32)
                variable[i : i + _CHUNK] = np.round(noise * 4096) / 4096 + wave
    (path.parent / "run.toml").write_text(_RUN.format(file=path.name), encoding="utf-8")
    return path


def _write_sparse(folder: Path) -> Path:
    """Write 8 variables that hold z beside the flight's first point and holes elsewhere."""
    path = folder / "large" / "run.nc"
    path.parent.mkdir()
    with netCDF4.Dataset(path, "w") as dataset:
        _axes(dataset, _LARGE)
        for name in _NAMES:
            shape = tuple("xyz")
            variable = dataset.createVariable(name, "f4", shape, contiguous=True, fill_value=False)
            variable.units = "nT"
            i, j, _ = _orbit()[0].astype(int)
            variable[i : i + 2, j : j + 2] = np.broadcast_to(np.arange(_LARGE), (2, 2, _LARGE))
    (path.parent / "run.toml").write_text(_RUN.format(file=path.name), encoding="utf-8")
    return path


def _node(path: Path, points: Points) -> NDArray[np.float64]:
    """Sample with this project, from the look at the folder on."""
    provider = NetcdfCubes(CubeOptions(path="*.nc", cache_bytes=_CACHE), Site("Bench", path.parent))
    (output,) = (r for r in provider.resources() if r.kind is Kind.OUTPUT)
    with provider.field(output, _NAMES) as field:
        return field.sample(points, _NAMES, "linear")[0] * 1e9


def _whole(path: Path, points: Points) -> NDArray[np.float64]:
    """Read whole variables with netCDF4 and sample with SciPy."""
    with netCDF4.Dataset(path) as dataset:
        dataset.set_auto_mask(False)
        axes = [dataset[name][:] for name in "xyz"]
        return np.array(
            [RegularGridInterpolator(axes, dataset[name][:])(points) for name in _NAMES]
        )


def _xarray(path: Path, points: Points) -> NDArray[np.float64]:
    """Let xarray read and sample."""
    import xarray as xr

    x, y, z = (xr.DataArray(column, dims="p") for column in points.T)
    with xr.open_dataset(path, engine="netcdf4", cache=False) as dataset:
        return np.array([dataset[name].interp(x=x, y=y, z=z).values for name in _NAMES])


_MODES: dict[str, Callable[[Path, Points], NDArray[np.float64]]] = {
    "node": _node, "whole": _whole, "xarray": _xarray
}  # fmt: skip


def _drop(path: Path) -> None:
    """Let the system forget the pages of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def _peak() -> float:
    """Give the most memory (bytes) the process had since the last look, and look anew."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(int(line.split()[1]) * 1024.0 for line in lines if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak


def _measure(mode: str, path: Path, points: Points) -> Timed:
    """Run a mode once on a cold file; what it imports and starts is there before."""
    _MODES[mode](path.parent.parent / "warm" / "run.nc", np.zeros((2, 3)))
    _drop(path)
    _peak()
    before = psutil.Process().memory_info().rss
    begun = time.perf_counter()
    values = _MODES[mode](path, points)
    seconds = time.perf_counter() - begun
    return seconds, _peak() - before, float(values.sum())


def _child(mode: str, path: Path, flight: str) -> None:
    if flight == "orbit":
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    points = _orbit() if flight == "orbit" else _fly_by()
    try:
        print(json.dumps(_measure(mode, path, points)))
    except (MemoryError, ImportError) as err:
        print(json.dumps(f"{type(err).__name__}: {err}"))


def _ask(mode: str, path: Path, flight: str, repeats: int) -> Timed | str:
    """Give the medians of a mode in processes of its own, or what went wrong."""
    command = [sys.executable, "-m", "tests.benchmarks.out_of_core", mode, str(path), flight]
    results = []
    for _ in range(repeats):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        results.append(json.loads(done.stdout))
    if isinstance(results[0], str):
        return results[0]
    seconds, memory, total = (statistics.median(column) for column in zip(*results, strict=True))
    return seconds, memory, total


def _warm(folder: Path) -> None:
    """Write a little file on which a process warms up."""
    path = folder / "warm" / "run.nc"
    path.parent.mkdir()
    with netCDF4.Dataset(path, "w") as dataset:
        _axes(dataset, 4)
        for name in _NAMES:
            dataset.createVariable(name, "f4", tuple("xyz"), zlib=True).units = "nT"
    (path.parent / "run.toml").write_text(_RUN.format(file=path.name), encoding="utf-8")


def main() -> None:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _warm(folder)
        small, large = _write(folder), _write_sparse(folder)
        fly_by = {m: _ask(m, small, "fly-by", _REPEATS) for m in _MODES}
        orbit = {m: _ask(m, large, "orbit", 1) for m in ("node", "whole")}
        sizes = [path.stat().st_size / 1e6 for path in (small, large)]
    ours, alone = fly_by["node"], orbit["node"]
    assert not isinstance(ours, str), ours
    assert not isinstance(alone, str), alone
    what = f"cold fly-by, {_POINTS} x {len(_NAMES)}, zlib"
    rows = []
    notes = [
        f"Fly-by through a file of {sizes[0]:.0f} MB in chunks of {_CHUNK}^3, its pages dropped "
        f"before: {ours[1] / 1e6:.0f} MB of memory on top (32 wanted)."
    ]
    for mode, peer, target in (
        ("whole", "reading whole + RegularGridInterpolator", 10.0),
        ("xarray", "xarray.interp", 4.0),
    ):
        result = fly_by[mode]
        if isinstance(result, str):
            notes.append(f"{peer}: {result}.")
        else:
            rows.append(Row(what, "the node's field", peer, ours[0], result[0], target))
    whole = orbit["whole"]
    notes.append(
        f"An orbit of {_POINTS} points x {len(_NAMES)} through a file of {sizes[1]:.0f} MB in an "
        f"address space of {_ADDRESS_SPACE / 1e6:.0f} MB: {alone[0]:.2f} s, "
        f"{alone[1] / 1e6:.0f} MB on top (16 wanted); reading whole: "
        f"{whole if isinstance(whole, str) else f'{whole[0]:.2f} s'}."
    )
    print("\n".join(notes))
    write_rows(_OUTPUT, "Out of core, cold", machine(), rows, " ".join(notes))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _child(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    else:
        main()
