import numpy as np
import numpy.typing as npt
import pytest

from interpolation.gather import gather
from interpolation.locate import locate
from interpolation.rectilinear import Grid

Floats = npt.NDArray[np.float64]
AXIS = np.arange(8.0)
GRID = Grid(AXIS, AXIS[::-1], AXIS)


def sampled(values: Floats, points: npt.ArrayLike, method: str, grid: Grid = GRID) -> Floats:
    found: Floats = gather(locate(grid, points), [values], method)[0]
    return found


def by_definition(values: Floats, point: Floats) -> float:
    """Corner averages of the cell that holds a point of the unit lattice, then trilinear."""
    cell = np.floor(point + 0.5).astype(int)
    across = point + 0.5 - cell
    corner = np.zeros((2, 2, 2))
    for o in np.ndindex(2, 2, 2):
        low = cell - 1 + np.array(o)
        around = tuple(slice(max(i, 0), min(i + 2, 8)) for i in low)
        corner[o] = values[around].mean()
    for part in across:
        corner = corner[0] * (1 - part) + corner[1] * part
    return float(corner)


def test_corner_averages_are_as_defined() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(8, 8, 8))
    points = random.uniform(0, 7, size=(300, 3))
    exact = [by_definition(values, point) for point in points]
    np.testing.assert_allclose(
        sampled(values[:, ::-1], points, "corner-averaged"), exact, atol=1e-13
    )


def test_corner_averages_give_linear_functions_but_smooth_curved_ones() -> None:
    x, y, z = np.meshgrid(*GRID.axes, indexing="ij")
    points = np.random.default_rng(1).uniform(1, 6, size=(2000, 3))
    linear = sampled(x - 2 * y + 3 * z, points, "corner-averaged")
    np.testing.assert_allclose(linear, points @ [1, -2, 3], atol=1e-12)
    # On x^2 the mean is off by 5/12 of a cell's square, at most by a half; linear by 1/6.
    curved = sampled(x * x, points, "corner-averaged") - points[:, 0] ** 2
    assert curved.mean() == pytest.approx(5 / 12, abs=0.01)
    assert curved.max() <= 0.5 + 1e-12


def test_the_nearest_cell_owns_its_lower_face() -> None:
    x = np.broadcast_to(AXIS[:, None, None], GRID.shape)
    points = np.ones((6, 3))
    points[:, 0] = [2.49, 2.5, 2.51, 0, 7, 7.1]
    np.testing.assert_array_equal(sampled(x, points, "nearest-cell"), [2, 3, 3, 0, 7, np.nan])
    np.testing.assert_array_equal(sampled(x, points, "nearest"), [2, 2, 3, 0, 7, np.nan])


def test_periodic_cells_go_round() -> None:
    grid = Grid(AXIS, AXIS, AXIS, period=(8.0, None, None))
    x = np.broadcast_to(AXIS[:, None, None] % 8, grid.shape)
    points = np.array([[7.4, 1, 1], [7.6, 1, 1], [-0.4, 1, 1]])
    np.testing.assert_array_equal(sampled(x, points, "nearest-cell", grid), [7, 0, 0])
    wave = np.cos(2 * np.pi * x / 8)
    turned = points + np.array([8.0, 0, 0])
    np.testing.assert_allclose(
        sampled(wave, points, "corner-averaged", grid),
        sampled(wave, turned, "corner-averaged", grid),
        atol=1e-12,
    )


@pytest.mark.parametrize("method", ["corner-averaged", "nearest-cell"])
def test_a_hole_takes_what_is_made_of_it(method: str) -> None:
    values = np.ones(GRID.shape)
    values[4, 3, 4] = np.nan
    found = sampled(values, [[4.0, 4, 4], [4.9, 4, 4], [6.0, 4, 4]], method)
    near = method == "corner-averaged"
    np.testing.assert_array_equal(np.isnan(found), [True, near, False])
