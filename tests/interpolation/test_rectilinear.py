import numpy as np
import pytest

from interpolation.rectilinear import Grid

UP = np.array([0.0, 1.0, 3.0])
DOWN = np.array([5.0, 4.0, 1.0, 0.5])


def test_a_grid_knows_its_shape_bounds_and_smallest_step() -> None:
    grid = Grid(UP, DOWN, np.array([-2.0, 7.0]))
    assert grid.shape == (3, 4, 2)
    assert grid.descending == (False, True, False)
    np.testing.assert_array_equal(grid.lower, [0.0, 0.5, -2.0])
    np.testing.assert_array_equal(grid.upper, [3.0, 5.0, 7.0])
    assert grid.step == 0.5


def test_the_ascending_axes_hold_the_same_nodes() -> None:
    grid = Grid(UP, DOWN, UP)
    np.testing.assert_array_equal(grid.y, DOWN)
    np.testing.assert_array_equal(grid.nodes[1], DOWN[::-1])
    np.testing.assert_array_equal(grid.nodes[0], UP)


def test_axes_are_float64_and_of_the_grid_alone() -> None:
    nodes = np.array([0, 1, 2], dtype=np.int32)
    grid = Grid(nodes, UP, UP)  # type: ignore[arg-type]
    nodes[0] = 99
    assert grid.x.dtype == np.float64
    assert grid.x[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        grid.x[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        grid.lower[0] = 1.0


def test_a_masked_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="axis y is a masked array"):
        Grid(UP, np.ma.masked_equal(UP, UP[1]), UP)


@pytest.mark.parametrize("name", ["x", "y", "z"])
@pytest.mark.parametrize(
    ("nodes", "fault"),
    [
        ([1.0], "at least two nodes"),
        ([[0.0, 1.0]], "at least two nodes"),
        ([0.0, np.nan, 1.0], "not finite"),
        ([0.0, np.inf], "not finite"),
        ([0.0, 1.0, 1.0], "strictly"),
        ([0.0, 2.0, 1.0], "strictly"),
        ([1.0, 1.0], "strictly"),
        ([0.0, 1.0j], "real numbers"),
        (["0", "1"], "real numbers"),
    ],
)
def test_a_bad_axis_is_refused_by_name(name: str, nodes: object, fault: str) -> None:
    axes = {"x": UP, "y": UP, "z": UP} | {name: np.array(nodes)}
    with pytest.raises(ValueError, match=f"axis {name} .*{fault}"):
        Grid(axes["x"], axes["y"], axes["z"])
