"""The sample node: a folder with a real simulation, a dipole cube and an orbit."""

import shutil
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import netCDF4
import numpy as np

from vo_server.demo import series
from vo_server.demo.orbit import Orbit
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.space import Body
from vo_server.model.table import Constant, Header, Table
from vo_server.plugins import format_named
from vo_server.providers.analytic import Dipole

RUN = "spase://Demo/NumericalOutput/HYB/Mars/RunB-coarse/H+"
DIPOLE = "spase://Demo/NumericalOutput/Dipole/Mars/Cube"
MARS = Body("Mars", 3.39e6)
FIELD = Dipole(kind="dipole", strength="50 nT", moment=(0.2, 0.1, 1.0))

# Like Mars Express: 298 km and 10107 km above the surface, inclined by 86.3 degrees.
ORBIT = Orbit(
    gm=4.282837e13,  # m3/s2, Mars, JPL DE440
    pericentre=3.39e6 + 298e3,
    apocentre=3.39e6 + 10107e3,
    inclination=86.3,
    node=200.0,
    argument=140.0,
)
MINUTES = 1440

_HALF_WIDTH = 14.4e6
_CELLS = 96

_NODE = """\
[node]
authority = "Demo"
title = "Sample node"
base_url = "http://127.0.0.1:{port}"
state_dir = "state"

[[providers]]
use = "hc-cubes"
path = "runs/*/*.hc"

[[providers]]
use = "netcdf-cubes"
path = "runs/*/*.nc"

[[providers]]
use = "orbit-files"
path = "orbits/*.vot"
spacecraft = "MEX-like"
body = "Mars"

[[providers]]
use = "time-series"
path = "series/*/dataset.toml"

[fetch]
allow = ["127.0.0.1/32"]    # the demonstration fetches its orbit from this machine
"""

_DIPOLE_RUN = """\
[run]
id = "spase://Demo/SimulationRun/Dipole/Mars"
model = "spase://Demo/SimulationModel/Dipole"
title = "A dipole on a grid, whose exact field is known"
body = "Mars"
body_radius = "3390 km"
frame = "MSO"

[[run.outputs]]
id = "{id}"
file = "dipole.nc"
"""


def write(folder: Path, port: int) -> Path:
    """Write the sample node into a folder and give its node file; what is there is replaced."""
    for name in ("runs/mars", "runs/dipole", "orbits"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with as_file(files("vo_server.demo") / "sample") as sample:
        for path in sample.iterdir():
            shutil.copyfile(path, folder / "runs/mars" / path.name)
    _write_dipole(folder / "runs/dipole/dipole.nc")
    (folder / "runs/dipole/run.toml").write_text(_DIPOLE_RUN.format(id=DIPOLE), encoding="utf-8")
    with (folder / "orbits/mex-like.vot").open("wb") as file:
        file.writelines(format_named("votable").write(orbit_tables()))
    series.write(folder / "series/mex-like-mag", ORBIT, FIELD, MARS)
    config = folder / "node.toml"
    config.write_text(_NODE.format(port=port), encoding="utf-8")
    return config


def orbit_tables() -> Iterator[Table]:
    """Give the orbit as a table: time, and X, Y, Z in km in MSO."""
    seconds = np.arange(MINUTES, dtype=np.float64) * 60.0
    position = ORBIT.position(seconds + ORBIT.period / 2.0) / 1e3  # the flight starts far out
    times = np.datetime64("2026-01-01T00:00:00", "ns") + (seconds * 1e9).astype("timedelta64[ns]")
    header = Header(
        (
            Parameter("Time", times.dtype, ucd="time.epoch"),
            *(
                Parameter(name, unit="km", ucd=f"pos.cartesian.{name.lower()}")
                for name in ("X", "Y", "Z")
            ),
        ),
        name="orbit",
        description="An orbit from Keplerian elements like those of Mars Express.",
        constants=(Constant(Parameter("COOSYS", TEXT, ucd="pos.frame"), "MSO"),),
    )
    yield Table(header, (times, *position.T))


def _write_dipole(path: Path) -> None:
    """Write the dipole at the nodes of a grid, as CF netCDF."""
    axis = np.linspace(-_HALF_WIDTH, _HALF_WIDTH, _CELLS + 1)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    radius = np.linalg.norm(grid, axis=1)
    field = np.full(grid.shape, np.nan, np.float32)
    outside = radius > MARS.radius / 2.0
    field[outside] = FIELD.formula(grid[outside], MARS)
    with netCDF4.Dataset(path, "w") as dataset:
        dataset.Conventions = "CF-1.11"
        dataset.title = "Dipole at the nodes of a grid"
        for name in ("x", "y", "z"):
            dataset.createDimension(name, len(axis))
            variable = dataset.createVariable(name, "f8", (name,))
            variable.units = "m"
            variable.axis = name.upper()
            variable[:] = axis
        for index, name in enumerate(("Bx", "By", "Bz")):
            variable = dataset.createVariable(name, "f4", ("x", "y", "z"), compression="zlib")
            variable.units = "T"
            variable[:] = field[:, index].reshape((len(axis),) * 3)
