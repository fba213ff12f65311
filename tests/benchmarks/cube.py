"""A run on 100^3 cells in FMI's .hc format: what one file of a hybrid simulation is like."""

from pathlib import Path

import numpy as np

RUN = "spase://Demo/SimulationRun/HYB/Mars/Bench"
OUTPUT = "spase://Demo/NumericalOutput/HYB/Mars/Bench/H+"
CELLS = 100  # along each axis, two of them ghosts

_HALF_WIDTH = 14.4e6  # m
_MASS = 1.672621716e-27  # kg
_HEADER = """# gamma = 1.6666666666666667
# mu0 = 1.256637061435917e-06
# R = 3600000
# m = {mass}
dim = 3
ncd = 11
nsd = 0
maxnc = {cells}
realformat = float
n1 = {n}
n2 = {n}
n3 = {n}
xmin0 = {low}
xmin1 = {low}
xmin2 = {low}
xmax0 = {high}
xmax1 = {high}
xmax2 = {high}
dx = {step}
type = hc
ncells = {cells}
nablocks = 0
bytes_per_int = 3
freelist1 = -1
freelist2 = -1
eoh
"""
_RUN = f"""
[run]
id = "{RUN}"
model = "spase://Demo/SimulationModel/HYB"
title = "A measured run"
body = "Mars"
body_radius = "3390 km"
inner_boundary = "3600 km"
frame = "MSO"

[[run.outputs]]
id = "{OUTPUT}"
file = "H+.hc"
population = "H+"
"""


def write(folder: Path) -> Path:
    """Write the file and what it does not tell into a folder; gives the file."""
    folder.mkdir(parents=True)
    (folder / "run.toml").write_text(_RUN, encoding="utf-8")
    count = CELLS**3
    head = _HEADER.format(
        mass=_MASS, n=CELLS, cells=count, low=-_HALF_WIDTH, high=_HALF_WIDTH,
        step=2.0 * _HALF_WIDTH / (CELLS - 2),
    )  # fmt: skip
    noise = np.random.default_rng(1).normal(1.0, 0.1, (11, count))
    density = 2.7e6 * _MASS * np.abs(noise[0])
    field = 3e-9 * noise[5:8]
    velocity = 4e5 * noise[1:4]
    thermal = 1e-11 * np.abs(noise[4])
    kinetic = 0.5 * density * (velocity**2).sum(axis=0)
    energy = thermal + kinetic + (field**2).sum(axis=0) / (2.0 * 1.256637061435917e-06)
    cells = np.zeros(count, [("flag", "S1"), ("parent", "u1", 3), ("values", ">f4", 11)])
    cells["flag"], cells["parent"] = b"L", 255
    cells["values"][:, :8] = np.stack([density, *(density * velocity), energy, *field], axis=1)
    edge = np.indices((CELLS,) * 3)
    info = np.zeros((count, 2), np.uint8)
    info[:, 0] = ((edge == 0) | (edge == CELLS - 1)).any(axis=0).ravel()
    path = folder / "H+.hc"
    path.write_bytes(head.encode() + cells.tobytes() + info.tobytes())
    return path
