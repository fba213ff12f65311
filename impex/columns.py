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


def _header(header: Header, order: Iterable[int]) -> Header:
    parameters = list(_POSITION)
    taken = {parameter.name for parameter in parameters}
    for parameter in (header.parameters[i] for i in order):
        name = parameter.name
        while name in taken:
            name += "_input"
        taken.add(name)
        parameters.append(replace(parameter, name=name))
    return replace(header, parameters=tuple(parameters))
