"""Provider `lathys-cubes`: netCDF-3 output of the LatHyS hybrid code.

The variables X_axis, Y_axis, Z_axis are not used: they lie one cell off. Node i (from 0) lies at
i * gstep - s_centr in units of phys_length, and x and y are negated to come from the simulation's
frame into the planet's. Values at the edge that the code pads, halves or extrapolates lie outside
the domain.
"""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_server.blocks import Blocks, Formed
from vo_server.errors import BadFile
from vo_server.model.run import Run
from vo_server.providers.cube import Array, Cube, Stated
from vo_server.providers.disk_file import DiskFile
from vo_server.providers.netcdf_file import Wanted, arrays, opened, text, values
from vo_server.providers.run_folder import RunFolders

_SPACE = ("size_z", "size_y", "size_x")
_SIMULATION = "simu"  # positions and components not yet turned into the planet's frame
_TURNED = ("x", "y")
_SIGNS = (-1.0, -1.0, 1.0)  # of x, y, z from the simulation's frame to the planet's
_LENGTH_UNIT = "km"


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one kind of file lies on the grid.

    shift: of a value from its node, in cells; first, last: node range of the domain, the last
    counted from the number of cells along the axis.
    """

    shift: float
    first: int
    last: int


# By the first letters of the file's name: fields, all plasma and current. A file of another name
# with density and velocity is a species; its first and last node in the box hold half the density.
_KINDS = {
    "Magw": _Kind(0.0, 0, 0),
    "Thew": _Kind(0.0, 0, 0),
    "Elew": _Kind(-0.5, 1, 0),
    "Jcur": _Kind(0.5, 0, -1),
}
_SPECIES = _Kind(0.0, 1, -1)
_OF_SPECIES = {"Density", "Ux", "Uy", "Uz"}
# The value of netCDF for real numbers that were never written.
_UNWRITTEN = np.float32(9.969209968386869e36)

# The file's unit variable by the parameters it is for; `unit` holds for all.
_UNITS = {"Density": "unit n", "U": "unit U", "Temperature": "unit T"}


class LathysCubes(RunFolders):
    """Serves LatHyS files: fields, all plasma, single species, currents."""

    taken = "values are put where the code has them, at nodes, centres or edges by the kind of file"

    def inspect(self, path: Path, run: Run) -> Cube:
        """Work out nodes, domain and frame from the file and, for currents, a sibling."""
        file = DiskFile(path)
        beside: tuple[Path, ...] = ()
        with opened(path) as dataset:
            grid = _grid(dataset, path)
            stated = _stated(dataset, grid)
            cells = _cells(dataset)
            units = _units(dataset)
            names = [n for n, v in dataset.variables.items() if v.dimensions == _SPACE]
            kind = _kind(path, names)
            if cells is None:
                cells, frame, sibling = _sibling(path, grid)
                beside = (sibling,)
                stated = Stated(frame, stated.body, stated.radius, stated.inner_boundary)
            turn = stated.frame is not None and stated.frame.lower() == _SIMULATION
            nodes = [np.arange(kind.first, n + kind.last + 1) for n in cells]
            read = _blocks(file, dataset, names, nodes, turn)
        if turn:
            stated = Stated(None, stated.body, stated.radius, stated.inner_boundary)
        x, y, z = (
            np.asarray(((i + kind.shift) * step - centre) * grid.length * sign, np.float64)
            for i, step, centre, sign in zip(nodes, grid.step, grid.centre, _SIGNS, strict=True)
        )
        held = tuple(
            Array(name, units.get(_quantity(name)), blocks)
            for name, blocks in zip(names, read, strict=True)
        )
        return Cube((x, y, z), (_LENGTH_UNIT,) * 3, held, stated, beside=beside, file=file)


def _kind(path: Path, names: Sequence[str]) -> _Kind:
    """Tell the kind of a file by its name, or a species by its variables."""
    kind = _KINDS.get(path.name[:4])
    if kind is None and set(names) >= _OF_SPECIES:
        return _SPECIES
    if kind is None:
        raise BadFile(f"{path.name} is of no kind of LatHyS file that is known here")
    return kind


@dataclass(frozen=True, slots=True)
class _Grid:
    """Step and centre (3,) in c/omega_pi, c/omega_pi in km, nodes along x, y, z."""

    step: tuple[float, ...]
    centre: tuple[float, ...]
    length: float
    shape: tuple[int, ...]


def _numbers(dataset: Any, name: str) -> list[float]:
    """Give the values of a variable, NaN where the file holds its fill value."""
    return [float(v) for v in values(dataset.variables[name]).ravel()]


def _grid(dataset: Any, path: Path) -> _Grid:
    missing = {"gstep", "s_centr", "phys_length"} - set(dataset.variables)
    if missing:
        raise BadFile(f"{path.name} is no LatHyS file: it lacks {', '.join(sorted(missing))}")
    step, centre = _numbers(dataset, "gstep"), _numbers(dataset, "s_centr")
    length = _numbers(dataset, "phys_length")[0]
    shape = tuple(len(dataset.dimensions[name]) for name in reversed(_SPACE))
    numbers = [*step, length]
    if len(step) != 3 or len(centre) != 3 or not all(0 < n < np.inf for n in numbers):
        raise BadFile(f"{path.name}: gstep, s_centr or phys_length is unusable")
    if not np.isfinite(centre).all():
        raise BadFile(f"{path.name}: s_centr is unusable")
    return _Grid(tuple(step), tuple(centre), length, shape)


def _cells(dataset: Any) -> tuple[int, ...] | None:
    """Give the number of cells along x, y, z, None in files that do not tell the box's end."""
    top, step = _numbers(dataset, "s_max"), _numbers(dataset, "gstep")
    if not all(t > 0.0 for t in top):
        return None
    cells = tuple(round(t / s) for t, s in zip(top, step, strict=True))
    shape = [len(dataset.dimensions[name]) for name in reversed(_SPACE)]
    if any(n >= size for n, size in zip(cells, shape, strict=True)) or min(cells) < 4:
        raise BadFile(f"s_max and gstep give {cells} cells for {tuple(shape)} nodes")
    return cells


def _stated(dataset: Any, grid: _Grid) -> Stated:
    """Give what the file says of frame and body; lengths are in c/omega_pi."""
    named = {
        key: text(dataset.variables[name]) or None if name in dataset.variables else None
        for key, name in (("frame", "Coordinate_system"), ("body", "planetname"))
    }
    body = "Mars" if named["body"] == "mars" else named["body"]
    lengths = [
        _numbers(dataset, name)[0] * grid.length * 1e3 if name in dataset.variables else None
        for name in ("r_planet", "r_lim")
    ]
    radius, limit = (v if v is not None and 0.0 < v < np.inf else None for v in lengths)
    return Stated(named["frame"], body, radius, limit)


def _units(dataset: Any) -> dict[str, str]:
    """Give units by quantity, as far as the file states them."""
    units = {}
    for quantity in ("Density", "U", "Temperature", "B", "E"):
        name = _UNITS.get(quantity, "unit")
        if name in dataset.variables:
            units[quantity] = text(dataset.variables[name])
    return units


def _quantity(name: str) -> str:
    """Give the quantity of a variable: 'Ux' is a 'U'."""
    return name[:-1] if len(name) == 2 else name


def _sibling(path: Path, grid: _Grid) -> tuple[tuple[int, ...], str | None, Path]:
    """Give cells and frame from another file of the same run and time on the same grid."""
    ending = path.name.partition("_")[2]
    for other in sorted(path.parent.glob(f"*_{glob.escape(ending)}")):
        if other == path:
            continue
        try:
            with opened(other) as dataset:
                if _grid(dataset, other) == grid and (cells := _cells(dataset)) is not None:
                    return cells, _stated(dataset, grid).frame, other
        except BadFile:  # reported where it is served itself; another file may serve here
            continue
    raise BadFile(
        f"{path.name} does not tell where its box ends, and no other file *_{ending} on the "
        "same grid lies beside it"
    )


def _blocks(
    file: DiskFile,
    dataset: Any,
    names: Sequence[str],
    nodes: Sequence[NDArray[np.int_]],
    turn: bool,
) -> list[Blocks]:
    """Give the variables in the domain, turned into the planet's frame.

    NaN where nothing was written, and for a temperature where there are no particles.
    """
    place = (2, 1, 0)
    read = arrays(file, dataset, [Wanted(name, place, plain=True) for name in names])
    held = dict(zip(names, read, strict=True))
    first = (int(nodes[0][0]), int(nodes[1][0]), int(nodes[2][0]))
    shape = (len(nodes[0]), len(nodes[1]), len(nodes[2]))
    found: list[Blocks] = []
    for name, blocks in held.items():
        dtype = np.dtype(np.result_type(blocks.dtype, np.float32))
        if name == "Temperature" and "Density" in held:
            found.append(Formed((blocks, held["Density"]), shape, dtype, _temperature, first))
        else:
            negated = turn and len(name) == 2 and name[-1] in _TURNED
            found.append(Formed((blocks,), shape, dtype, _negated if negated else _written, first))
    return found


def _written(stored: NDArray[Any]) -> NDArray[Any]:
    """Give values, NaN where nothing was written."""
    return np.where(stored == _UNWRITTEN, np.float32(np.nan), stored)


def _negated(stored: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(-_written(stored))


def _temperature(stored: NDArray[Any], density: NDArray[Any]) -> NDArray[Any]:
    return np.where(density == 0.0, np.float32(np.nan), _written(stored))
