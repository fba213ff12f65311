"""Provider `netcdf-cubes`: netCDF-3 and -4 cubes whose axes follow the CF conventions.

An axis is a coordinate variable (named as its dimension) with `axis` X, Y or Z, or with one of
the usual names. Variables over the three axes, in any order, are served; further dimensions must
have length 1. Values lie at the coordinates; where no axis has `bounds`, `grid = "cells"` in
`run.toml` says that the coordinates are those at which cells begin.
"""

from pathlib import Path
from typing import Any

import numpy as np

from vo_server.errors import BadFile
from vo_server.model.run import Run
from vo_server.providers.cube import Array, Cube, Stated
from vo_server.providers.disk_file import DiskFile
from vo_server.providers.netcdf_file import Wanted, arrays, attribute, opened, values
from vo_server.providers.run_folder import RunFolders

_NAMES = {"X": ("x",), "Y": ("y",), "Z": ("z",)}
# Variables that only LatHyS files have; their axes are one cell off and need `lathys-cubes`.
_LATHYS = {"gstep", "s_centr", "phys_length"}


class NetcdfCubes(RunFolders):
    """Serves CF-style netCDF cubes."""

    def inspect(self, path: Path, run: Run) -> Cube:
        """Find axes and variables; see `RunFolders`."""
        file = DiskFile(path)
        with opened(path) as dataset:
            if set(dataset.variables) >= _LATHYS:
                raise BadFile(f"{path.name} is a LatHyS file; serve it with lathys-cubes")
            axes = (
                _axis(dataset, "X", path.name),
                _axis(dataset, "Y", path.name),
                _axis(dataset, "Z", path.name),
            )
            names = [
                name
                for name, variable in dataset.variables.items()
                if set(variable.dimensions) >= set(axes) and _numeric(variable)
            ]
            if not names:
                raise BadFile(f"{path.name} has no variable over {', '.join(axes)}")
            for name in names:
                _check_dimensions(dataset.variables[name], axes, path.name)
            wanted = [Wanted(name, _place(dataset.variables[name], axes)) for name in names]
            held = tuple(
                Array(
                    name,
                    attribute(dataset.variables[name], "units"),
                    blocks,
                    attribute(dataset.variables[name], "long_name") or "",
                )
                for name, blocks in zip(names, arrays(file, dataset, wanted), strict=True)
            )
            x, y, z = (values(dataset.variables[name]).astype(np.float64) for name in axes)
            units = tuple(attribute(dataset.variables[name], "units") for name in axes)
            stated = Stated(frame=attribute(dataset, "coordinate_system"))
            told = any(attribute(dataset.variables[name], "bounds") for name in axes)
        return Cube(
            (x, y, z), (units[0], units[1], units[2]), held, stated, axes, file=file, open=not told
        )


def _axis(dataset: Any, letter: str, file: str) -> str:
    """Give the name of the coordinate variable along X, Y or Z."""
    coordinates = [name for name in dataset.variables if name in dataset.dimensions]
    marked = [n for n in coordinates if attribute(dataset.variables[n], "axis") == letter]
    found = marked or [n for n in coordinates if n.lower() in _NAMES[letter]]
    if len(found) != 1:
        what = "several" if found else "no"
        raise BadFile(
            f"{file} has {what} coordinate variables for the {letter} axis: one named "
            f"{letter.lower()}, or with the attribute axis = '{letter}', is needed"
        )
    return str(found[0])


def _place(variable: Any, axes: tuple[str, str, str]) -> tuple[int, int, int]:
    """Tell which dimensions of a variable are x, y and z."""
    x, y, z = (variable.dimensions.index(name) for name in axes)
    return x, y, z


def _numeric(variable: Any) -> bool:
    return getattr(variable.dtype, "kind", "") in "fiu"


def _check_dimensions(variable: Any, axes: tuple[str, ...], file: str) -> None:
    """Refuse variables with a further dimension that is longer than 1."""
    for name, length in zip(variable.dimensions, variable.shape, strict=True):
        if name not in axes and length != 1:
            raise BadFile(
                f"{file}: {variable.name} has {length} values along '{name}'; only cubes of one "
                "time and one value a node are served"
            )
