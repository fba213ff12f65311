import numpy as np

from impex.columns import lower_case, positions_first
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Header, Table
from vo_server.model.trajectory import Trajectory

_INPUT = Header(
    (
        Parameter("Z", unit="km"),
        Parameter("x", TEXT),
        Parameter("X", unit="km"),
        Parameter("Y", unit="km"),
    )
)
_FLOWN = Header((*_INPUT.parameters, Parameter("Bx", unit="T")))


def test_positions_then_variables_then_the_rest() -> None:
    positions = np.arange(12.0).reshape(4, 3)
    labels = np.array(["a", "b", "c", "d"], object)
    x, y, z = positions.T / 1e3
    table = Table(_INPUT, (z, labels, x, y))
    trajectory = Trajectory(positions, None, table, (2, 3, 0))
    blocks = [
        Table(_FLOWN, (z[:3], labels[:3], x[:3], y[:3], np.full(3, 5.0))),
        Table(_FLOWN, (z[3:], labels[3:], x[3:], y[3:], np.full(1, 6.0)), (("points ok", "4"),)),
    ]
    first, last = positions_first(blocks, trajectory)
    names = [(p.name, p.unit) for p in first.header.parameters]
    assert names == [("x", "m"), ("y", "m"), ("z", "m"), ("Bx", "T"), ("x_input", None)]
    assert last.header is first.header
    assert last.notes == (("points ok", "4"),)
    np.testing.assert_array_equal(np.column_stack(first.columns[:3]), positions[:3])
    np.testing.assert_array_equal(np.column_stack(last.columns[:3]), positions[3:])
    assert list(first.columns[4]) == ["a", "b", "c"]
    assert list(last.columns[3]) == [6.0]


def test_positions_in_metres_come_first_in_lower_case() -> None:
    names = ("Line_no", "X", "Y", "Z", "Bx")
    header = Header(tuple(Parameter(name) for name in names), "lines", rows=2)
    table = Table(header, tuple(np.full(2, i) for i in range(5)))
    (found,) = lower_case([table])
    assert [p.name for p in found.header.parameters] == ["x", "y", "z", "Line_no", "Bx"]
    assert [int(column[0]) for column in found.columns] == [1, 2, 3, 0, 4]
    assert (found.header.name, found.header.rows) == ("lines", 2)
