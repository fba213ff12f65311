"""Provider `hc-cubes`: FMI hybrid-code files (.hc), with or without refined cells, and spectra.

Derived quantities are formed per cell in float64.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_server.block_cache import BlockCache
from vo_server.blocks import Blocks, Formed, Loaded, Shape
from vo_server.errors import BadFile
from vo_server.model.run import Run
from vo_server.providers.cube import Array, Cube, Tree
from vo_server.providers.disk_file import DiskFile
from vo_server.providers.hc_file import (
    INTERIOR,
    LEAF,
    Header,
    cell_tree,
    read_cells,
    read_header,
    read_records,
)
from vo_server.providers.run_folder import RunFolders
from vo_server.providers.strided import Strided
from vo_server.tree_field import Grown, KeptTree
from vo_server.units import BOLTZMANN, ELEMENTARY_CHARGE

Floats = NDArray[np.float64]

PROTON_MASS = 1.67262192369e-27  # kg, CODATA 2018
# Units of spectra as the code writes them, and as the Virtual Observatory does.
_UNITS = {"1/(m^2*s*eV*str)": "m-2.s-1.eV-1.sr-1"}
# Column of each conserved quantity in a leaf's record.
_RHO, _MOMENTUM, _ENERGY, _B1, _B0 = 0, slice(1, 4), 4, slice(5, 8), slice(8, 11)


class HcCubes(RunFolders):
    """Serves .hc files: Density, U, B, and Pressure and Temperature where the file has a mass.

    A file of spectra has a parameter for each energy bin: Ebin0, Ebin1 ...
    """

    taken = "values are taken to lie at the centres of the cells, as the code defines them"

    def inspect(self, path: Path, run: Run) -> Cube | Tree:
        """Read the header and check the file's size against it; see `RunFolders`."""
        file = DiskFile(path)
        header = read_header(path)
        if header.refined:
            return _tree(file, header, self._cache)
        x, y, z = (
            np.asarray(lower + (np.arange(1, n - 1) - 0.5) * header.dx, np.float64)
            for lower, n in zip(header.lower, header.shape, strict=True)
        )
        if path.stat().st_size == header.start + header.cells * (header.record + 2):
            form = partial(_formed, file, header)
        else:
            read_cells(path, header)
            form = partial(_loaded, file, header)
        arrays = _arrays(header, form)
        return Cube((x, y, z), ("m", "m", "m"), arrays, file=file, energies=_energies(header))


def _arrays(header: Header, form: Callable[["Formula"], Blocks]) -> tuple[Array, ...]:
    """Give the variables of a file, each formed by its formula."""
    quantities = _bins(header) if header.content == "spectra" else _QUANTITIES[header.content]
    return tuple(
        Array(name, unit, form(formula), description)
        for name, (unit, description, formula) in quantities.items()
    )


def _bins(header: Header) -> dict[str, tuple[str, str, "Formula"]]:
    """Give the quantities of a file of spectra: unit, description, formula by name."""
    unit = _UNITS.get(header.unit, header.unit)
    return {
        f"Ebin{i}": (unit, f"particle flux at {low:g} to {high:g} eV", partial(_bin, i))
        for i, (low, high) in enumerate(header.bins)
    }


def _bin(number: int, cells: Floats, header: Header) -> Floats:
    return np.asarray(cells[..., number])


def _energies(header: Header) -> Floats | None:
    """Give the energies of the bins (n, 2) in J; None for a file of something else."""
    return np.array(header.bins) * ELEMENTARY_CHARGE if header.bins else None


def _tree(file: DiskFile, header: Header, cache: BlockCache) -> Tree:
    """Give what a refined file holds; it is read as a whole."""

    def grow() -> Grown:
        grown = Grown(*cell_tree(file.path, header, read_records(file.path, header)))
        file.check()
        return grown

    tree = KeptTree.of(grow, cache)
    form = partial(_grown, file, header, tree)
    return Tree(tree, _arrays(header, form), file=file, energies=_energies(header))


def _grown(file: DiskFile, header: Header, tree: KeptTree, formula: "Formula") -> Blocks:
    """Give one quantity of the cells of a tree, means of their children in refined ones."""

    def load() -> Floats:
        grown = tree.load()
        cells = read_records(file.path, header).data[grown.order]
        file.check()
        return grown.tree.filled(formula(cells, header)).reshape(-1, 1, 1)

    return Loaded((tree.cells, 1, 1), np.dtype(np.float64), load)


Formula = Callable[[Floats, Header], Floats]


def _formed(file: DiskFile, header: Header, formula: Formula) -> Blocks:
    """Give one quantity of a file whose records are all leaves."""
    _, n2, n3 = header.shape
    record = np.dtype(
        [("flag", "u1"), ("parent", f"V{header.int_bytes}"), ("data", ">f4", (header.columns,))]
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
    if (flags != LEAF).any():
        raise BadFile(
            f"{file.path.name} has a cell that is no leaf in a file of leaves: damaged, or refined"
        )
    cells = records["data"].astype(np.float64)
    cells[(info & 3) != INTERIOR] = np.nan
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
