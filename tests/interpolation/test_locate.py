import numpy as np
import numpy.typing as npt
import pytest

from interpolation.locate import locate
from interpolation.rectilinear import Grid

X = np.array([0.0, 1.0, 3.0, 7.0])
GRID = Grid(X, X[::-1], np.array([-1.0, 1.0]))


def along_x(*x: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array([[value, 0.5, 0.0] for value in x])


def test_a_cell_holds_its_lower_node_and_the_last_one_both() -> None:
    plan = locate(GRID, along_x(0.0, np.nextafter(1.0, 0.0), 1.0, 2.0, 3.0, 7.0))
    np.testing.assert_array_equal(plan.index[0], [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(plan.fraction[0, [0, 2, 3, 4, 5]], [0.0, 0.0, 0.5, 0.0, 1.0])
    assert plan.inside.all()
    assert not plan.bad.any()


def test_a_descending_axis_is_counted_from_its_low_end() -> None:
    plan = locate(GRID, [[0.5, 0.0, 0.0], [0.5, 2.0, 0.0], [0.5, 7.0, 0.0]])
    np.testing.assert_array_equal(plan.index[1], [0, 1, 2])
    np.testing.assert_array_equal(plan.fraction[1], [0.0, 0.5, 1.0])


def test_points_outside_are_marked_and_safe_to_gather() -> None:
    plan = locate(GRID, along_x(np.nextafter(0.0, -1.0), np.nextafter(7.0, 8.0), -1e308, 1e308))
    assert not plan.inside.any()
    assert not plan.bad.any()
    assert (plan.index >= 0).all()
    assert (plan.index <= np.array(GRID.shape)[:, None] - 2).all()
    assert np.isfinite(plan.fraction).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_coordinate_that_is_no_number_is_bad(axis: int, value: float) -> None:
    points = np.zeros((3, 3))
    points[1, axis] = value
    plan = locate(GRID, points)
    np.testing.assert_array_equal(plan.bad, [False, True, False])
    np.testing.assert_array_equal(plan.inside, [True, False, True])


def test_no_points_give_an_empty_plan() -> None:
    plan = locate(GRID, np.empty((0, 3)))
    assert plan.index.shape == (3, 0)
    assert plan.inside.shape == (0,)


def test_of_two_nodes_as_near_the_lower_one_is_nearest() -> None:
    plan = locate(GRID, along_x(0.0, 0.5, np.nextafter(0.5, 1.0), 7.0))
    np.testing.assert_array_equal(plan.nearest()[0], [0, 0, 1, 3])


@pytest.mark.parametrize("shape", [(3,), (2, 2), (1, 2, 3)])
def test_points_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"points have shape .*; \(n, 3\) is wanted"):
        locate(GRID, np.zeros(shape))


@pytest.mark.parametrize(
    ("points", "fault"),
    [
        (np.ma.masked_array([[0.5, 0.5, 0.5]], [[True, False, False]]), "points is a masked array"),
        (np.array([[0.5, 0.5, 0.5 + 1j]]), "points has type complex128; real numbers are wanted"),
        ([["0.5", "0.5", "0.5"]], "points has type <U3"),
        ([[None, 0.5, 0.5]], "points has type object"),
    ],
)
def test_points_that_are_no_real_numbers_are_refused(points: npt.ArrayLike, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        locate(GRID, points)
