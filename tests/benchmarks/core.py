"""Measurements of the interpolation core against its peers, in one run.

Run with `python -m tests.benchmarks.core`. Times are medians over repeats, taken in turns with the
peer's, so that both meet the same load. A peer that is not installed is left out.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.integrate import solve_ivp
from scipy.interpolate import RegularGridInterpolator

from interpolation import engine
from interpolation.cubic import cubic
from interpolation.layout import prepare
from interpolation.locate import locate
from interpolation.particles import Forces, Particles, PushLimits, push
from interpolation.rectilinear import Grid
from interpolation.sample import sample
from interpolation.streamline import Lines, TraceLimits, trace
from interpolation.vector import GridVector
from tests.benchmarks.report import Row, machine, write_rows

_OUTPUT = Path("bench-core.json")
_NODES, _VARIABLES = 300, 8
_PEERS = Path(os.environ.get("VO_PEERS", ".venv/peers/bin/python")).absolute()
_ECONFORGE = """
import json, sys, time
import numpy as np
from interpolation.splines import UCGrid, eval_linear
data = np.load(sys.argv[1])
grid = UCGrid(*[(-1.0, 1.0, n) for n in data["values"].shape])
values, points = data["values"].astype(float), data["points"]
eval_linear(grid, values, points)
times = []
for _ in range(int(sys.argv[2])):
    begun = time.perf_counter()
    eval_linear(grid, values, points)
    times.append(time.perf_counter() - begun)
print(json.dumps(float(np.median(times))))
"""

Floats = NDArray[np.float64]
Call = Callable[[], object]


def _in_turns(calls: dict[str, Call], repeats: int) -> dict[str, float]:
    """Give the median seconds of each call, called in turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for name, call in calls.items():
        call()
        del name
    for _ in range(repeats):
        for name, call in calls.items():
            begun = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - begun)
    return {name: float(np.median(taken)) for name, taken in times.items()}


def _peer(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name} is not installed: left out")
        return None


def _orbit(count: int) -> Floats:
    angle = np.linspace(0, 2 * np.pi, count)
    return np.stack([0.9 * np.cos(angle), 0.8 * np.sin(angle), 0.5 * np.sin(2 * angle)], axis=1)


class Warm:
    """A cube of float32 in memory, 300 nodes along each axis, 8 variables."""

    def __init__(self) -> None:
        self.axis = np.linspace(-1.0, 1.0, _NODES)
        self.grid = Grid(self.axis, self.axis, self.axis)
        random = np.random.default_rng(0)
        shape = (*self.grid.shape, _VARIABLES)
        self.values = [random.standard_normal(shape[:3]).astype("f4") for _ in range(_VARIABLES)]
        self.variables = prepare(self.grid, self.values)
        self.side_by_side = np.stack(self.values, axis=-1, out=_aligned(shape))
        self.interleaved = prepare(self.grid, list(np.moveaxis(self.side_by_side, -1, 0)))
        self.rgi = [RegularGridInterpolator((self.axis,) * 3, v) for v in self.values]

    def rows(self) -> list[Row]:
        """Measure all."""
        return [*self._orbit(), *self._one(), *self._few(), *self._random(), *self._numpy()]

    def _calls(self, points: Floats, many: int) -> dict[str, Call]:
        index = np.ascontiguousarray(((points + 1) * (_NODES - 1) / 2).T)
        calls: dict[str, Call] = {
            "ours": lambda: sample(self.grid, prepare(self.grid, self.values[:many]), points),
            "SciPy RegularGridInterpolator": lambda: [peer(points) for peer in self.rgi[:many]],
            "SciPy ndimage": lambda: [
                ndimage.map_coordinates(v, index, order=1, prefilter=False)
                for v in self.values[:many]
            ],
        }
        if many > 1:
            calls["ours, side by side"] = lambda: sample(self.grid, self.interleaved, points)
        interpn = _peer("interpn")
        if interpn is not None:
            obs = [np.ascontiguousarray(column, dtype="f4") for column in points.T]
            starts, steps = np.full(3, -1, "f4"), np.full(3, 2 / (_NODES - 1), "f4")
            dims = [_NODES] * 3
            peers = [
                interpn.MultilinearRegular.new(dims, starts, steps, v.ravel())
                for v in self.values[:many]
            ]
            calls["interpn"] = lambda: [peer.eval(obs) for peer in peers]
        return calls

    def _orbit(self) -> list[Row]:
        what = "100,000 points of an orbit x 8"
        taken = _in_turns(self._calls(_orbit(100_000), _VARIABLES), 7)
        targets = {"SciPy RegularGridInterpolator": 25.0, "interpn": 3.5, "SciPy ndimage": 5.0}
        apart = [Row(what, "ours", peer, taken["ours"], taken[peer], targets[peer])
                 for peer in targets if peer in taken]  # fmt: skip
        name = "ours, side by side"
        return apart + [
            Row(what, name, peer, taken[name], taken[peer], targets[peer])
            for peer in targets
            if peer in taken
        ]

    def _one(self) -> list[Row]:
        what, points = "100,000 points of an orbit x 1", _orbit(100_000)
        calls = self._calls(points, 1)
        taken = _in_turns(calls, 11)
        rows = [Row(what, "ours", peer, taken["ours"], taken[peer], target)
                for peer, target in (("SciPy RegularGridInterpolator", 15.0), ("interpn", None))
                if peer in taken]  # fmt: skip
        if not _PEERS.exists():
            print(f"{_PEERS} is not there: econforge is left out")
            return rows
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "arrays.npz"
            np.savez(path, values=self.values[0], points=points)
            run = [str(_PEERS), "-W", "ignore", "-c", _ECONFORGE, str(path), "21"]
            told = subprocess.run(run, capture_output=True, check=True, cwd=folder).stdout
            peer = json.loads(told)
        ours = _in_turns({"ours": calls["ours"]}, 21)["ours"]
        return [*rows, Row(what, "ours", "econforge interpolation (float64)", ours, peer, 1.0)]

    def _few(self) -> list[Row]:
        what, points = "100 points x 8", _orbit(100)
        calls: dict[str, Call] = {
            "ours": lambda: sample(self.grid, self.variables, points),
            "peer": lambda: [peer(points) for peer in self.rgi],
        }
        taken = _in_turns(calls, 300)
        return [
            Row(what, "ours", "SciPy RegularGridInterpolator", taken["ours"], taken["peer"], 35.0)
        ]

    def _random(self) -> list[Row]:
        """Compare with the time that the memory needs to give as many random cache lines."""
        count = 1_000_000
        points = np.random.default_rng(1).uniform(-1, 1, (count, 3))
        # Nodes that lie side by side: two of 32 bytes in each of four rows, half of which begin
        # within a line. Apart: two of 4 bytes, of which one pair in sixteen is cut.
        lines = {"ours, side by side": 4 * 1.5, "ours": 8 * 4 * (1 + 1 / 16)}
        taken = _in_turns(
            {
                "ours": lambda: sample(self.grid, self.variables, points),
                "ours, side by side": lambda: sample(self.grid, self.interleaved, points),
                "lines": _toucher(self.side_by_side, 2 * count),
                "peer": lambda: [peer(points) for peer in self.rgi],
            },
            3,
        )
        seconds = taken["lines"] / (2 * count)
        what = "1,000,000 random points x 8"
        return [
            Row(what, name, *peer)
            for name in lines
            for peer in (
                ("the memory's random lines", taken[name], seconds * lines[name] * count, 1 / 1.3),
                ("SciPy RegularGridInterpolator", taken[name], taken["peer"], None),
            )
        ]

    def _numpy(self) -> list[Row]:
        points = _orbit(100_000)
        with engine.numpy_only():
            taken = _in_turns(
                {
                    "ours": lambda: sample(self.grid, self.variables, points),
                    "peer": lambda: [peer(points) for peer in self.rgi],
                },
                5,
            )
        what = "100,000 points of an orbit x 8"
        peer = "SciPy RegularGridInterpolator"
        return [Row(what, "ours, NumPy only", peer, taken["ours"], taken["peer"], 2.0)]


def _aligned(shape: tuple[int, ...]) -> Any:
    """Give an array of float32 that begins with a cache line."""
    size = int(np.prod(shape))
    memory = np.empty(size + 16, dtype="f4")
    start = -memory.ctypes.data % 64 // 4
    return memory[start : start + size].reshape(shape)


def _toucher(memory: Any, count: int) -> Call:
    """Give a call that reads random cache lines of some memory, many under way at a time."""
    numba = importlib.import_module("numba")
    flat = memory.reshape(-1)

    @numba.njit  # type: ignore[untyped-decorator]
    def touch(values: Any, places: Any) -> float:
        total = 0.0
        for k in range(len(places)):
            total += values[places[k]]
        return float(total)

    places = np.random.default_rng(2).integers(0, len(flat) // 16, count) * 16
    return lambda: touch(flat, places)


def _dipole(points: Floats) -> Floats:
    x, y, z = np.moveaxis(points, -1, 0)
    square = x * x + y * y + z * z
    field = np.stack([3 * x * z, 3 * y * z, 3 * z * z - square], axis=-1)
    return np.asarray(field / np.where(square > 0, square, 1.0)[..., None] ** 2.5)


def _shell_error(lines: Lines) -> float:
    """Give the median over lines of the largest relative error of r = L sin^2(theta)."""
    x, y, z = lines.points.T
    shell = (x * x + y * y + z * z) ** 1.5 / (x * x + y * y)
    parts = np.split(shell, lines.offsets[1:-1])
    return float(np.median([np.abs(part / part[0] - 1).max() for part in parts]))


def _lines() -> list[Row]:
    """Measure lines both ways from 1,000 seeds in a dipole of 129 nodes, at about equal error."""
    axis = np.linspace(-5.0, 5.0, 129)
    grid = Grid(axis, axis, axis)
    values = _dipole(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1))
    field = GridVector.of(grid, [np.ascontiguousarray(values[..., c]) for c in range(3)])
    random = np.random.default_rng(3)
    angle, shell = random.uniform(0, 2 * np.pi, 1000), random.uniform(2.5, 4.5, 1000)
    seeds = np.stack([shell * np.cos(angle), shell * np.sin(angle), 0 * angle], axis=1)
    limits = TraceLimits(0.05, 2000, radius=1.0)

    def ours() -> list[Lines]:
        return [trace(field, seeds, limits, way, domain=field.domain) for way in (1, -1)]

    taken = _in_turns({"ours": ours}, 5)["ours"]
    error = _shell_error(ours()[0])
    print(f"median error of r = L sin^2(theta): ours {error:.2e}")
    ivp, ivp_error = _by_solve_ivp(axis, values, seeds)
    print(f"solve_ivp {ivp_error:.2e} (tolerances 1e-5)")
    what = "1,000 field lines both ways"
    rows = [Row(what, "ours", "SciPy solve_ivp + RGI, scaled", taken, ivp, 500.0)]
    for name, peer, target in (
        ("VTK", _by_vtk(axis, values, seeds), 20.0),
        ("streamtracer", _by_streamtracer(axis, values, seeds), 50.0),
    ):
        if peer is not None:
            rows.append(Row(what, "ours", name, taken, peer, target))
    with engine.numpy_only():
        alone = _in_turns({"ours": ours}, 1)["ours"]
    return [*rows, Row(what, "ours, NumPy only", "SciPy solve_ivp + RGI, scaled", alone, ivp, 40.0)]


def _by_solve_ivp(axis: Floats, values: Floats, seeds: Floats) -> tuple[float, float]:
    """Give the seconds for all seeds, measured on every hundredth, and the median error."""
    peer = RegularGridInterpolator((axis,) * 3, values)

    def slope(_: float, place: Floats) -> Floats:
        vector = peer(np.clip(place, -5, 5))[0]
        return np.asarray(vector / np.linalg.norm(vector))

    def body(_: float, place: Floats) -> float:
        return float(np.linalg.norm(place) - 1.0)

    body.terminal = True  # type: ignore[attr-defined]
    errors = []
    begun = time.perf_counter()
    for seed in seeds[::100]:
        for way in (30.0, -30.0):
            found = solve_ivp(slope, (0.0, way), seed, events=body, rtol=1e-5, atol=1e-5)
            x, y, z = found.y
            shell = (x * x + y * y + z * z) ** 1.5 / (x * x + y * y)
            errors.append(np.abs(shell / shell[0] - 1).max())
    seconds = (time.perf_counter() - begun) * len(seeds) / len(seeds[::100])
    return seconds, float(np.median(errors))


def _by_vtk(axis: Floats, values: Floats, seeds: Floats) -> float | None:
    if _peer("vtk") is None:
        return None
    vtk, convert = _peer("vtk"), _peer("vtk.util.numpy_support")
    image = vtk.vtkImageData()
    image.SetDimensions(*(len(axis),) * 3)
    image.SetOrigin(axis[0], axis[0], axis[0])
    image.SetSpacing(*(axis[1] - axis[0],) * 3)
    flat = convert.numpy_to_vtk(np.ascontiguousarray(values.transpose(2, 1, 0, 3)).reshape(-1, 3))
    flat.SetName("B")
    image.GetPointData().SetVectors(flat)
    places = vtk.vtkPoints()
    for seed in seeds:
        places.InsertNextPoint(*seed)
    source = vtk.vtkPolyData()
    source.SetPoints(places)

    def run() -> None:
        tracer = vtk.vtkStreamTracer()
        tracer.SetInputData(image)
        tracer.SetSourceData(source)
        tracer.SetIntegratorTypeToRungeKutta4()
        tracer.SetIntegrationStepUnit(1)
        tracer.SetInitialIntegrationStep(0.05)
        tracer.SetMaximumPropagation(30.0)
        tracer.SetMaximumNumberOfSteps(2000)
        tracer.SetIntegrationDirectionToBoth()
        tracer.Update()

    return _in_turns({"vtk": run}, 3)["vtk"]


def _by_streamtracer(axis: Floats, values: Floats, seeds: Floats) -> float | None:
    if (peer := _peer("streamtracer")) is None:
        return None
    step = axis[1] - axis[0]
    grid = peer.VectorGrid(values, [step] * 3, origin_coord=[axis[0]] * 3)

    def run() -> None:
        peer.StreamTracer(2000, 0.05).trace(seeds, grid)

    return _in_turns({"streamtracer": run}, 3)["streamtracer"]


def _particles() -> list[Row]:
    """Push 1,000 protons 1,000 steps; the peer is our pusher with NumPy alone."""
    axis = np.linspace(-1e7, 1e7, 65)
    grid = Grid(axis, axis, axis)
    values = np.random.default_rng(4).normal(1.0, 0.1, size=(6, *grid.shape))
    values[3:] = 0.0
    forces = Forces(GridVector.of(grid, list(values)), factors=(5e-9, 1e3))
    random = np.random.default_rng(5)
    ions = Particles.of(
        random.uniform(-1e6, 1e6, (1000, 3)),
        random.normal(scale=1e4, size=(1000, 3)),
        1.67262192369e-27,
        1.602176634e-19,
        0.05,
    )
    limits = PushLimits(1000, stride=1000)
    domain = ((-1e7,) * 3, (1e7,) * 3)
    ours = _in_turns({"o": lambda: push(forces, ions, limits, domain=domain)}, 5)["o"]
    with engine.numpy_only():
        peer = _in_turns({"o": lambda: push(forces, ions, limits, domain=domain)}, 1)["o"]
    print(f"a push takes {ours * 1e3:.0f} ns")
    return [Row("1,000 protons x 1,000 steps", "ours", "vectorised NumPy", ours, peer, 7.0)]


def _cubic() -> list[Row]:
    """Build splines; the peer's of 100 nodes takes long and is built once."""
    return [
        Row(f"cubic spline of {nodes}^3 nodes", "ours", "SciPy RegularGridInterpolator",
            _our_spline(nodes), _rgi_spline(nodes), target)
        for nodes, target in ((64, None), (100, 100.0))
    ]  # fmt: skip


def _cube(nodes: int) -> tuple[Floats, Floats]:
    return np.linspace(0.0, 1.0, nodes), np.random.default_rng(6).normal(size=(nodes,) * 3)


def _rgi_spline(nodes: int) -> float:
    axis, values = _cube(nodes)
    return _in_turns(
        {"p": lambda: RegularGridInterpolator((axis,) * 3, values, method="cubic")}, 1
    )["p"]


def _our_spline(nodes: int) -> float:
    axis, values = _cube(nodes)
    grid = Grid(axis, axis, axis)
    variables = prepare(grid, [values])
    plan = locate(grid, np.stack([axis, axis, axis], axis=1))
    return _in_turns({"o": lambda: cubic(plan, variables)}, 3)["o"]


def main() -> None:
    """Measure, print and write."""
    if not engine.warm():
        sys.exit("numba is not installed")
    rows = [*Warm().rows(), *_lines(), *_particles(), *_cubic()]
    write_rows(_OUTPUT, "The interpolation core, warm", machine(), rows)


if __name__ == "__main__":
    main()
