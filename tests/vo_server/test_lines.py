"""Lines: rows by side, end reasons, limits of the run and of the node, refusals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vo_server import lines
from vo_server.budget import Budget
from vo_server.errors import BadArgument, TooMuch, UnknownParameter
from vo_server.model.request import LineRequest
from vo_server.model.space import Box
from vo_server.model.table import Table, concatenate

Make = Callable[..., Any]


def _uniform(component: float) -> Any:
    return lambda nodes: np.full(nodes.shape[:3], component)


@pytest.fixture
def along_x(make_source: Make) -> Any:
    """Give a field of 2 T along x with a body of radius 1 m."""
    return make_source(
        {"Bx": _uniform(2.0), "By": _uniform(0.0), "Bz": _uniform(0.0)}, boundary=1.0
    )


def _trace(source: Any, seeds: Any, **options: Any) -> Table:
    request = LineRequest(source.resource, "B", seeds, **options)
    return concatenate(list(lines.follow(request, source, Budget())))


def _constants(table: Table) -> dict[str, Any]:
    return {constant.parameter.name: constant.value for constant in table.header.constants}


def test_both_sides_start_at_the_seed(along_x: Any, trajectory: Make) -> None:
    table = _trace(along_x, trajectory([[-3, 0, 0], [0, 3, 0]]), step=0.5)
    names = ["Line_no", "X", "Y", "Z", "Bx", "By", "Bz", "Btot"]
    assert [p.name for p in table.header.parameters] == names
    rows = np.column_stack([table.column(name) for name in ("Line_no", "X", "Y")])
    forward = [[1, -3 + 0.5 * i, 0] for i in range(5)] + [[2, 0.5 * i, 3] for i in range(9)]
    backward = [[1, -3 - 0.5 * i, 0] for i in range(3)] + [[2, -0.5 * i, 3] for i in range(9)]
    np.testing.assert_allclose(rows, forward + backward, atol=1e-12)
    np.testing.assert_array_equal(table.column("Btot"), 2.0)
    assert _constants(table) == {
        "COOSYS": "MSO",
        "Step_length": 0.5,
        "Stop_radius": 1.0,
        "EndReason_Forward": "reached-the-body left-the-domain",
        "EndReason_Backward": "left-the-domain left-the-domain",
    }
    assert ("lines backward left-the-domain", "2") in table.notes


def test_direction_steps_region_and_default_step(along_x: Any, trajectory: Make) -> None:
    seeds = trajectory([[-3, 2, 0]])
    table = _trace(along_x, seeds, direction="backward", region=Box((-3.6, 0, -1), (0, 4, 1)))
    np.testing.assert_allclose(table.column("X"), [-3.0, -3.5, -3.6])
    assert _constants(table)["EndReason_Backward"] == "left-the-region"
    table = _trace(along_x, seeds, direction="forward", max_steps=3)
    np.testing.assert_allclose(table.column("X"), [-3.0, -2.5, -2.0, -1.5])
    assert _constants(table)["EndReason_Forward"] == "all-steps-taken"
    assert "EndReason_Backward" not in _constants(table)


def test_bad_seeds_are_lines_of_one_point(along_x: Any, trajectory: Make) -> None:
    table = _trace(along_x, trajectory([[9, 0, 0], [0.5, 0, 0], [np.nan, 0, 0]]), step=0.5)
    assert table.column("Line_no").tolist() == [1, 2, 3, 1, 2, 3]
    assert _constants(table)["EndReason_Forward"] == "bad-seed bad-seed bad-seed"
    assert np.isnan(table.column("Btot")).all()


@pytest.mark.parametrize("step", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_steps_are_refused(along_x: Any, trajectory: Make, step: float) -> None:
    with pytest.raises(BadArgument, match="step"):
        _trace(along_x, trajectory([[-3, 0, 0]]), step=step)


def test_limits_of_the_node(along_x: Any, trajectory: Make) -> None:
    request = LineRequest(along_x.resource, "B", trajectory(np.zeros((3, 3)) + 2.0), step=1e-3)
    with pytest.raises(TooMuch, match="3 lines asked for"):
        next(lines.follow(request, along_x, Budget(lines=2)))
    with pytest.raises(TooMuch, match="1000 steps asked for"):
        next(lines.follow(request, along_x, Budget(steps=999)))
    with pytest.raises(TooMuch, match="more than 500 points"):
        next(lines.follow(request, along_x, Budget(points=500)))


def test_a_missing_vector_is_refused(make_source: Make, trajectory: Make) -> None:
    source = make_source({"Bx": _uniform(1.0)})
    with pytest.raises(UnknownParameter, match="no vector Bx, By, Bz to trace; it has Bx"):
        _trace(source, trajectory([[0, 0, 0]]))
