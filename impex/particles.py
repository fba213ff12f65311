"""Particles: velocity, mass and charge of each row of a client's table, in SI units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadTable
from vo_server.model.table import Table
from vo_server.roles import charges, masses, velocities

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ParticleColumns:
    """Velocities (n, 3) in m/s, mass (n,) in kg and charge (n,) in C."""

    velocities: Floats
    mass: Floats
    charge: Floats


def read_particles(table: Table, *, argument: str) -> ParticleColumns:
    """Find the columns Ux, Uy, Uz, Mass and Charge.

    Raises BadTable where one is missing, or has a row that makes no particle; WrongUnit where a
    unit is missing, unknown or of another kind. All name `argument`.
    """
    found = {
        "Ux, Uy, Uz": velocities(table, argument=argument),
        "Mass": masses(table, argument=argument),
        "Charge": charges(table, argument=argument),
    }
    for name, values in found.items():
        if values is None:
            raise BadTable(
                f"the table of {argument} has no column {name}; particles need Ux, Uy, Uz, Mass "
                "and Charge",
                argument=argument,
            )
        if not np.isfinite(values).all():
            raise BadTable(
                f"{name} of {argument} has a value that is no finite number", argument=argument
            )
    velocity, mass, charge = (values for values in found.values() if values is not None)
    if not (mass > 0.0).all():
        raise BadTable(f"Mass of {argument} must be more than zero", argument=argument)
    return ParticleColumns(velocity, mass, charge)
