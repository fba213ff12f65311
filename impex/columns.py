"""Columns: the order of a result's columns where the format's readers expect positions first."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from vo_server.model.parameter import Parameter
from vo_server.model.table import Header, Table
from vo_server.model.trajectory import Trajectory

_POSITION = tuple(
    Parameter(name, unit="m", ucd=f"pos.cartesian.{name}") for name in ("x", "y", "z")
)


def positions_first(tables: Iterable[Table], trajectory: Trajectory) -> Iterator[Table]:
    """Give x, y, z in metres, then what was sampled, then the further columns of the input.

    tables: the input's columns in their order, then the sampled ones. An input column that is
    called like one before it gets the suffix `_input`.
    """
    width = len(trajectory.table.header.parameters)
    further = [i for i in range(width) if i not in trajectory.axes]
    header: Header | None = None
    done = 0
    for table in tables:
        order = [*range(width, len(table.columns)), *further]
        if header is None:
            header = _header(table.header, order)
        positions = trajectory.positions[done : done + len(table)]
        done += len(table)
        columns = (*positions.T, *(table.columns[i] for i in order))
        yield Table(header, columns, table.notes)


def lower_case(tables: Iterable[Table]) -> Iterator[Table]:
    """Give x, y, z of tables with X, Y, Z in metres, then the other columns."""
    header: Header | None = None
    for table in tables:
        if header is None:
            names = [parameter.name for parameter in table.header.parameters]
            axes = [names.index(axis) for axis in "XYZ"]
            others = [i for i in range(len(names)) if i not in axes]
            header = _header(table.header, others)
        yield Table(header, tuple(table.columns[i] for i in (*axes, *others)), table.notes)


def _header(header: Header, order: Iterable[int]) -> Header:
    parameters = list(_POSITION)
    taken = {parameter.name for parameter in parameters}
    for parameter in (header.parameters[i] for i in order):
        name = parameter.name
        while name in taken:
            name += "_input"
        taken.add(name)
        renamed = name != parameter.name
        parameters.append(replace(parameter, name=name) if renamed else parameter)
    return replace(header, parameters=tuple(parameters))
