"""Particles: velocity, mass and charge of each row of a client's table, in SI units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadTable, WrongUnit, excerpt
from vo_server.model.parameter import Parameter
from vo_server.model.table import Table
from vo_server.units import factor

Floats = NDArray[np.float64]

# Columns by name, each with its unit here and the UCD that tells it where the name does not.
_COLUMNS = {
    "ux": ("m/s", "phys.veloc;pos.cartesian.x"),
    "uy": ("m/s", "phys.veloc;pos.cartesian.y"),
    "uz": ("m/s", "phys.veloc;pos.cartesian.z"),
    "mass": ("kg", "phys.mass"),
    "charge": ("C", "phys.charge"),
}
_LONGEST_UNIT = 80


@dataclass(frozen=True, slots=True, eq=False)
class ParticleColumns:
    """Velocities (n, 3) in m/s, mass (n,) in kg and charge (n,) in C."""

    velocities: Floats
    mass: Floats
    charge: Floats


def read_particles(table: Table, *, argument: str) -> ParticleColumns:
    """Find the columns Ux, Uy, Uz, Mass and Charge by name or UCD.

    Raises BadTable where one is missing, given twice, not of numbers, or has a row that makes no
    particle; WrongUnit where a unit is missing, unknown or of another kind. All name `argument`.
    """
    ux, uy, uz, mass, charge = (_column(table, name, argument) for name in _COLUMNS)
    if not (mass > 0.0).all():
        raise BadTable(f"column Mass of {argument} must be more than zero", argument=argument)
    return ParticleColumns(np.column_stack([ux, uy, uz]), mass, charge)


def _column(table: Table, name: str, argument: str) -> Floats:
    unit, ucd = _COLUMNS[name]
    parameters = table.header.parameters
    found = [i for i, p in enumerate(parameters) if p.name.strip().lower() == name]
    found = found or [i for i, p in enumerate(parameters) if (p.ucd or "").lower() == ucd]
    if len(found) != 1:
        what = "no column" if not found else "two columns"
        raise BadTable(
            f"the table of {argument} has {what} {name.capitalize()}; particles need Ux, Uy, Uz, "
            "Mass and Charge",
            argument=argument,
        )
    parameter, column = parameters[found[0]], table.columns[found[0]]
    told = f"column {excerpt(parameter.name)} of {argument}"
    if parameter.dtype.kind not in "iuf" or parameter.shape:
        raise BadTable(f"{told} is not numeric", argument=argument)
    values = np.array(column, np.float64) * _factor(parameter, unit, told, argument)
    if not np.isfinite(values).all():
        raise BadTable(f"{told} has a value that is no finite number", argument=argument)
    return values


def _factor(parameter: Parameter, unit: str, told: str, argument: str) -> float:
    given = (parameter.unit or "").strip()
    if not given or len(given) > _LONGEST_UNIT:
        what = "no unit" if not given else "a unit that is too long"
        raise WrongUnit(f"{told} has {what}; give one, such as '{unit}'", argument=argument)
    try:
        return factor(given, unit, argument=told)
    except WrongUnit as err:
        raise WrongUnit(err.message, argument=argument) from err
