"""Provider `hc-cubes`: FMI hybrid-code files (.hc), unrefined grids.

Layout: an ASCII header up to the line `eoh`, one record a cell, then two info bytes a cell. A
record is a flag, a parent number and, for a leaf, big-endian float32 conserved quantities. One
ghost layer surrounds the box. Derived quantities are formed per cell in float64.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_server.blocks import Blocks, Formed, Loaded, Shape
from vo_server.errors import BadFile
from vo_server.model.run import Run
from vo_server.providers.cube import Array, Cube
from vo_server.providers.disk_file import DiskFile
from vo_server.providers.run_folder import RunFolders
from vo_server.providers.strided import Strided
from vo_server.units import BOLTZMANN

Floats = NDArray[np.float64]

PROTON_MASS = 1.67262192369e-27  # kg, CODATA 2018
_HEADER_LIMIT = 65_536
_MAX_CELLS = 2_000_000_000
_LEAF, _ZERO, _REFINED = 76, 90, 78  # b"L", b"Z", b"N"
_INTERIOR = 0
# Column of each conserved quantity in a leaf's record.
_RHO, _MOMENTUM, _ENERGY, _B1, _B0 = 0, slice(1, 4), 4, slice(5, 8), slice(8, 11)
_COLUMNS = 11
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of a .hc file says, lengths in metres.

    shape: cells along each axis with one ghost layer; lower: edge of the box without it; mass:
    of the population's particles in kg, None in files of all populations; content: 'population',
    'average' or 'plasma'.
    """

    shape: tuple[int, int, int]
    lower: tuple[float, float, float]
    dx: float
    int_bytes: int
    gamma: float
    mu0: float
    mass: float | None
    content: str
    start: int

    @property
    def cells(self) -> int:
        """Number of base cells, ghosts included."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def record(self) -> int:
        """Bytes of a leaf's record."""
        return 1 + self.int_bytes + 4 * _COLUMNS


class HcCubes(RunFolders):
    """Serves .hc files: Density, U, B, and Pressure and Temperature where the file has a mass."""

    def inspect(self, path: Path, run: Run) -> Cube:
        """Read the header and check the file's size against it; see `RunFolders`."""
        file = DiskFile(path)
        header = read_header(path)
        x, y, z = (
            np.asarray(lower + (np.arange(1, n - 1) - 0.5) * header.dx, np.float64)
            for lower, n in zip(header.lower, header.shape, strict=True)
        )
        if path.stat().st_size == header.start + header.cells * (header.record + 2):
            form = partial(_formed, file, header)
        else:
            read_cells(path, header)
            form = partial(_loaded, file, header)
        arrays = tuple(
            Array(name, unit, form(formula), description)
            for name, (unit, description, formula) in _QUANTITIES[header.content].items()
        )
        return Cube((x, y, z), ("m", "m", "m"), arrays, file=file)


def read_header(path: Path) -> Header:
    """Read and check the header of a .hc file; raises BadFile naming what is wrong with it."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_LIMIT)
    except OSError as err:
        raise BadFile(f"{path.name} cannot be read: {err.strerror}") from err
    end = re.search(rb"^eoh\s*?\n", head, re.MULTILINE)
    if end is None:
        raise BadFile(f"{path.name} has no 'eoh' line: not a .hc file")
    text = head[: end.start()].decode("latin-1")
    values = dict(re.findall(r"^(?:# )?(\w+) = (.*?)\s*$", text, re.MULTILINE))
    expected = {"dim": "3", "ncd": str(_COLUMNS), "type": "hc", "realformat": "float", "nsd": "0"}
    for key, value in expected.items():
        if values.get(key) != value:
            raise BadFile(
                f"{path.name}: header says {key} = {values.get(key)}; only {value} is read"
            )
    if values.get("spectra", "0") != "0":
        raise BadFile(f"{path.name} holds spectra, which are not served yet")
    try:
        return _header(values, end.end())
    except (KeyError, ValueError) as err:
        raise BadFile(f"{path.name}: header lacks or garbles {err}") from err


def _header(values: dict[str, str], start: int) -> Header:
    shape = (int(values["n1"]), int(values["n2"]), int(values["n3"]))
    lower = tuple(float(values[f"xmin{i}"]) for i in range(3))
    dx = float(values["dx"])
    cells = shape[0] * shape[1] * shape[2]
    if min(shape) < 4 or not 0 < cells <= _MAX_CELLS:
        raise ValueError(f"n1, n2, n3 = {shape}")
    if not 0 < dx < np.inf or not np.isfinite(lower).all():
        raise ValueError("dx, xmin0, xmin1, xmin2")
    if not 1 <= int(values["bytes_per_int"]) <= 8:
        raise ValueError("bytes_per_int")
    if int(values["ncells"]) != cells:
        raise BadFile(
            f"the grid is refined ({values['ncells']} cells for {cells} base cells); "
            "refined .hc files are not served yet"
        )
    gamma, mu0 = float(values["gamma"]), float(values["mu0"])
    content = values["m"] if values["m"] in ("average", "plasma") else "population"
    mass = float(values["m"]) if content == "population" else None
    if not all(0 < value < np.inf for value in (gamma, mu0, 1.0 if mass is None else mass)):
        raise ValueError("gamma, mu0, m")
    return Header(
        shape,
        (lower[0], lower[1], lower[2]),
        dx,
        int(values["bytes_per_int"]),
        gamma,
        mu0,
        mass,
        content,
        start,
    )


def read_cells(path: Path, header: Header) -> Floats:
    """Give the conserved quantities (nx, ny, nz, 11) of the box's cells, not interior ones NaN.

    Raises BadFile when the records do not fill the file exactly, or a cell is refined.
    """
    try:
        body = np.fromfile(path, np.uint8, offset=header.start)
    except OSError as err:
        raise BadFile(f"{path.name} cannot be read: {err.strerror}") from err
    short, record = 1 + header.int_bytes, header.record
    if body.size > (record + 2) * header.cells or body.size < (short + 2) * header.cells:
        raise BadFile(f"{path.name} is truncated or longer than its header says")
    data = np.zeros((header.cells, _COLUMNS))
    cell = position = 0
    while cell < header.cells:
        if position >= body.size:
            raise BadFile(f"{path.name} is truncated in cell {cell} of {header.cells}")
        if body[position] == _ZERO:
            cell, position = cell + 1, position + short
            continue
        if body[position] != _LEAF:
            raise BadFile(_bad_flag(path.name, int(body[position]), cell))
        count = min(_CHUNK, header.cells - cell, (body.size - position) // record)
        rows = body[position : position + count * record].reshape(count, record)
        leaves = int(np.argmax(np.append(rows[:, 0] != _LEAF, True)))
        if leaves == 0:
            raise BadFile(f"{path.name} is truncated in cell {cell} of {header.cells}")
        data[cell : cell + leaves] = rows[:leaves, short:].copy().view(">f4")
        cell, position = cell + leaves, position + leaves * record
    info = body[position:]
    if info.size != 2 * header.cells:
        raise BadFile(f"{path.name} is truncated or longer than its header says")
    data[(info[::2] & 3) != _INTERIOR] = np.nan
    return data.reshape(*header.shape, _COLUMNS)[1:-1, 1:-1, 1:-1]


def _bad_flag(name: str, flag: int, cell: int) -> str:
    if flag == _REFINED:
        return f"{name} is refined at cell {cell}; refined .hc files are not served yet"
    return f"{name} has an unknown record flag at cell {cell}: damaged, or not a .hc file"


Formula = Callable[[Floats, Header], Floats]


def _formed(file: DiskFile, header: Header, formula: Formula) -> Blocks:
    """Give one quantity of a file whose records are all leaves."""
    _, n2, n3 = header.shape
    record = np.dtype(
        [("flag", "u1"), ("parent", f"V{header.int_bytes}"), ("data", ">f4", (_COLUMNS,))]
    )
    end = header.start + header.cells * header.record
    sources = tuple(
        Strided(file, what, header.shape, stored, start, (n2 * n3 * size, n3 * size, size))
        for what, stored, start, size in (
            ("a record", record, header.start, header.record),
            ("cell information", np.dtype("u1"), end, 2),
        )
    )
    return Formed(
        sources, _inner(header), np.dtype(np.float64), partial(_values, file, header, formula),
        (1, 1, 1),
    )  # fmt: skip


def _values(
    file: DiskFile, header: Header, formula: Formula, records: NDArray[Any], info: NDArray[Any]
) -> Floats:
    """Form a quantity of records; NaN where a cell is not an interior one."""
    flags = records["flag"]
    if (flags != _LEAF).any():
        raise BadFile(
            f"{file.path.name} has a cell that is no leaf in a file of leaves: damaged, or refined"
        )
    cells = records["data"].astype(np.float64)
    cells[(info & 3) != _INTERIOR] = np.nan
    return np.ascontiguousarray(formula(cells, header))


def _loaded(file: DiskFile, header: Header, formula: Formula) -> Blocks:
    """Give one quantity of a file with records of two lengths, which is read as a whole."""
    return Loaded(_inner(header), np.dtype(np.float64), partial(_derive, file, header, formula))


def _inner(header: Header) -> Shape:
    """Give the cells along each axis without the ghost layer."""
    n1, n2, n3 = header.shape
    return n1 - 2, n2 - 2, n3 - 2


def _derive(file: DiskFile, header: Header, formula: Formula) -> Floats:
    """Read the cells and form one quantity, shape (nx, ny, nz)."""
    values = np.ascontiguousarray(formula(read_cells(file.path, header), header))
    file.check()
    return values


def _density(cells: Floats, header: Header) -> Floats:
    return cells[..., _RHO] / (header.mass or PROTON_MASS)


def _velocity(cells: Floats) -> Floats:
    """Velocity (nx, ny, nz, 3), undefined where there is no mass."""
    rho = np.where(cells[..., _RHO] > 0.0, cells[..., _RHO], np.nan)
    return np.asarray(cells[..., _MOMENTUM] / rho[..., None])


def _magnetic(cells: Floats) -> Floats:
    return np.asarray(cells[..., _B1] + cells[..., _B0])


def _pressure(cells: Floats, header: Header) -> Floats:
    """Thermal pressure, undefined where the energies leave less than nothing."""
    rho = cells[..., _RHO]
    momentum2 = np.sum(cells[..., _MOMENTUM] ** 2, axis=-1)
    kinetic = np.where(rho > 0.0, 0.5 * momentum2 / np.where(rho > 0.0, rho, 1.0), 0.0)
    magnetic = np.sum(cells[..., _B1] ** 2, axis=-1) / (2.0 * header.mu0)
    pressure = (header.gamma - 1.0) * (cells[..., _ENERGY] - kinetic - magnetic)
    return np.where(pressure < 0.0, np.nan, pressure)


def _temperature(cells: Floats, header: Header) -> Floats:
    density = _density(cells, header)
    return _pressure(cells, header) / (np.where(density > 0.0, density, np.nan) * BOLTZMANN)


def _total(vector: Floats) -> Floats:
    return np.asarray(np.sqrt(np.sum(vector**2, axis=-1)))


_U = {
    f"U{c}": ("m/s", f"bulk velocity, {c}", lambda cells, _, i=i: _velocity(cells)[..., i])
    for i, c in enumerate("xyz")
} | {"Utot": ("m/s", "bulk speed", lambda cells, _: _total(_velocity(cells)))}
_B = {
    f"B{c}": ("T", f"magnetic field, {c}", lambda cells, _, i=i: _magnetic(cells)[..., i])
    for i, c in enumerate("xyz")
} | {"Btot": ("T", "magnetic field strength", lambda cells, _: _total(_magnetic(cells)))}
_DENSITY = {"Density": ("1/m3", "number density", _density)}
_THERMAL = {
    "Pressure": ("Pa", "thermal pressure", _pressure),
    "Temperature": ("K", "temperature", _temperature),
}

# Published quantities by kind of file: unit, description, formula over the cells.
_QUANTITIES: dict[str, dict[str, tuple[str, str, Formula]]] = {
    "population": _DENSITY | _U | _THERMAL | _B,
    "average": _DENSITY | _U | _B,
    "plasma": _U | _B,
}
