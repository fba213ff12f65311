"""Cubes: what one file holds, and the field it becomes once `run.toml` is applied."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from interpolation.rectilinear import Grid
from vo_server.block_cache import BlockCache, Kept
from vo_server.blocks import Blocks
from vo_server.errors import BadFile
from vo_server.field import GridField, GridSpectra, Variable
from vo_server.model.parameter import Parameter, default_ucd
from vo_server.model.resource import Kind
from vo_server.model.run import RUN_FILE, Output, Run
from vo_server.model.space import Body, Frame
from vo_server.ports import Look
from vo_server.providers.disk_file import DiskFile
from vo_server.tree_field import KeptTree, TreeField, TreeSpectra
from vo_server.units import length_in_metres, to_si

Axis = NDArray[np.float64]

# SI units that a quantity can have.
_SI_OF = {
    "phys.density": ("1/m3", "kg/m3"),
    "phys.veloc": ("m/s",),
    "phys.magField": ("T",),
    "phys.electField": ("V/m",),
    "phys.current.density": ("A/m2",),
    "phys.temperature": ("K",),
    "phys.pressure": ("Pa",),
}


@dataclass(frozen=True, slots=True)
class Stated:
    """What a file itself tells of its run; None where it does not.

    frame and body by name; radius and inner_boundary in metres.
    """

    frame: str | None = None
    body: str | None = None
    radius: float | None = None
    inner_boundary: float | None = None


@dataclass(frozen=True, slots=True)
class Array:
    """A file's variable before `run.toml` is applied.

    name, unit: the file's own; values: shape (nx, ny, nz), missing ones NaN.
    """

    name: str
    unit: str | None
    values: Blocks
    description: str = ""


@dataclass(frozen=True, slots=True)
class Cube:
    """What one file holds: nodes along x, y, z with their units, variables, what it states.

    beside: further files that any of it was read from; file: what the values are read from, to
    be held while they are, None where nothing needs that; energies: of spectra, the lower and
    upper end (n, 2) in J of the bin that each array is of; open: whether the file leaves open where
    in their cells the values lie.
    """

    axes: tuple[Axis, Axis, Axis]
    axis_units: tuple[str | None, str | None, str | None]
    arrays: tuple[Array, ...]
    stated: Stated = Stated()
    axis_names: tuple[str, str, str] = ("x", "y", "z")
    beside: tuple[Path, ...] = ()
    file: DiskFile | None = None
    energies: Axis | None = None
    open: bool = False

    def look(self, taken: str) -> Look:
        """Give what the file tells of itself."""
        axes = tuple(
            (name, unit, float(axis.min()), float(axis.max()))
            for name, unit, axis in zip(self.axis_names, self.axis_units, self.axes, strict=True)
        )
        return _look(self.arrays, self.stated, axes, taken, self.open)

    def field(
        self, output: Output, run: Run, cache: BlockCache
    ) -> tuple[GridField, tuple[str, ...]]:
        """Give the field in SI under published names, and remarks on what was overruled.

        cache: keeps values that were read. Raises BadFile or WrongUnit naming what neither file
        nor run file tells.
        """
        frame, body = _place(self.stated, run)
        if output.grid is not None and not self.open:
            raise _settled(output)
        axes = []
        for axis, own, name in zip(self.axes, self.axis_units, self.axis_names, strict=True):
            override = output.override(name)
            unit = override.unit if override is not None and override.unit else own
            scale = length_in_metres(unit, body.name, body.radius, argument=f"axis {name}")
            axes.append((_amid(axis) if output.grid == "cells" else axis) * scale)
        try:
            grid = Grid(axes[0], axes[1], axes[2])
        except ValueError as err:
            raise BadFile(f"unusable grid: {err}") from err
        variables, remarks = _variables(self.arrays, output, cache, self.axis_names)
        made = GridField(grid, variables, frame, body)
        if self.energies is not None:
            made = GridSpectra(grid, variables, frame, body, self.energies)
        return made, remarks


@dataclass(frozen=True, slots=True)
class Tree:
    """What one file of refined cells holds: the cells in metres, variables, what it states.

    arrays: values of shape (cells, 1, 1), filled as `CellTree.filled` does; beside, file,
    energies: see `Cube`.
    """

    tree: KeptTree
    arrays: tuple[Array, ...]
    stated: Stated = Stated()
    beside: tuple[Path, ...] = ()
    file: DiskFile | None = None
    energies: Axis | None = None

    def look(self, taken: str) -> Look:
        """Give what the file tells of itself."""
        return _look(self.arrays, self.stated, (), taken)

    def field(
        self, output: Output, run: Run, cache: BlockCache
    ) -> tuple[TreeField, tuple[str, ...]]:
        """Give the field in SI under published names, and remarks; see `Cube.field`."""
        frame, body = _place(self.stated, run)
        if output.grid is not None:
            raise _settled(output)
        variables, remarks = _variables(self.arrays, output, cache, ())
        made = TreeField(self.tree, variables, frame, body)
        if self.energies is not None:
            made = TreeSpectra(self.tree, variables, frame, body, self.energies)
        return made, remarks


def _settled(output: Output) -> BadFile:
    return BadFile(
        f"{RUN_FILE} says grid = '{output.grid}', but the file itself tells where its values lie; "
        "leave grid out"
    )


def _amid(axis: Axis) -> Axis:
    """Give the middle of each cell that begins at a coordinate; the last is as wide as the one
    before it.
    """
    half = np.diff(axis) / 2.0
    return axis + np.append(half, half[-1:])


def _look(
    arrays: tuple[Array, ...],
    stated: Stated,
    axes: tuple[tuple[str, str | None, float, float], ...],
    taken: str,
    grid_open: bool = False,
) -> Look:
    parameters = tuple(
        Parameter(array.name, unit=array.unit, description=array.description) for array in arrays
    )
    return Look(
        Kind.OUTPUT,
        parameters,
        stated.frame,
        stated.body,
        stated.radius,
        axes,
        taken,
        grid_open=grid_open,
    )


def _variables(
    arrays: tuple[Array, ...], output: Output, cache: BlockCache, axes: tuple[str, ...]
) -> tuple[dict[str, Variable], tuple[str, ...]]:
    """Give the variables under their published names, and remarks on what was overruled."""
    remarks: list[str] = []
    variables: dict[str, Variable] = {}
    for array in arrays:
        variable = _variable(array, Kept(array.values, cache), output, remarks)
        name = variable.parameter.name
        if name in variables:
            raise BadFile(f"two variables of the file would be published as {name}")
        variables[name] = variable
    held = {array.name for array in arrays} | set(axes)
    sources = [p.source or p.name for p in output.parameters]
    if missing := [source for source in sources if source not in held]:
        raise BadFile(f"{RUN_FILE} names {', '.join(missing)}, which the file does not hold")
    return variables, tuple(remarks)


def _variable(array: Array, values: Kept, output: Output, remarks: list[str]) -> Variable:
    """Give a variable in SI under its published name."""
    override = output.override(array.name)
    name = array.name if override is None else override.name
    unit = array.unit.strip() if array.unit else ""
    if override is not None and override.unit:
        if unit and unit != override.unit:
            remarks.append(
                f"{name}: unit '{override.unit}' of {RUN_FILE} overrules the file's '{unit}'"
            )
        unit = override.unit
    if not unit:
        raise BadFile(
            f"parameter {name} has no unit in the file; give one in {RUN_FILE} under "
            "[[run.outputs.parameters]]"
        )
    ucd = (override.ucd if override is not None else None) or default_ucd(name)
    factor, si = to_si(unit, temperature=ucd == "phys.temperature", argument=name)
    if ucd in _SI_OF and si not in _SI_OF[ucd]:
        remarks.append(f"{name}: its unit '{unit}' is none of {ucd}, so no UCD is published")
        ucd = None
    description = (override.description if override is not None else "") or array.description
    return Variable(Parameter(name, unit=si, ucd=ucd, description=description), factor, values)


def _place(stated: Stated, run: Run) -> tuple[Frame, Body]:
    """Give frame and body; refuses what neither file nor run file tells, or both differently."""
    frames = {name.strip().upper() for name in (stated.frame, run.frame) if name}
    if len(frames) > 1:
        raise BadFile(f"the file says frame {stated.frame}, {RUN_FILE} says {run.frame}")
    bodies = {name.strip().lower() for name in (stated.body, run.body) if name}
    if len(bodies) > 1:
        raise BadFile(f"the file says body {stated.body}, {RUN_FILE} says {run.body}")
    body = run.body or (stated.body.title() if stated.body else None)
    radius = run.metres(run.body_radius) or stated.radius
    told: Mapping[str, object] = {"frame": frames, "body": body, "body_radius": radius}
    if missing := [name for name, value in told.items() if not value]:
        raise BadFile(f"neither the file nor {RUN_FILE} tells {', '.join(missing)}")
    assert body is not None
    assert radius is not None
    inner = run.metres(run.inner_boundary) or stated.inner_boundary
    return Frame(frames.pop()), Body(body, radius, inner)
