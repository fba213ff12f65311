from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from interpolation.body import Sphere
from interpolation.estimate import ESTIMATED, estimate
from interpolation.gather import gather
from interpolation.locate import locate
from interpolation.rectilinear import Grid
from interpolation.sample import sample
from interpolation.status import Status

Floats = npt.NDArray[np.float64]
AXIS = np.linspace(-4, 4, 50)
GRID = Grid(AXIS, AXIS[::-1], AXIS)


def dipole(points: Floats) -> Floats:
    x, _, z = points.T
    return np.asarray(3 * x * z / (points**2).sum(axis=1) ** 2.5)


def harris(points: Floats) -> Floats:
    return np.asarray(np.tanh(points[:, 2] / 0.5))


def waves(points: Floats) -> Floats:
    x, y, z = points.T
    return np.asarray(np.sin(z) + np.cos(y) * np.sin(2 * x))


def saddle(points: Floats) -> Floats:
    x, y, z = points.T
    return np.asarray(np.sin(x) * np.cos(y) + z**2 - y**2)


def cloud(points: Floats) -> Floats:
    return np.asarray(np.exp(-(points**2).sum(axis=1)))


def on_nodes(field: Callable[[Floats], Floats], grid: Grid = GRID) -> Floats:
    nodes = np.stack(np.meshgrid(*grid.axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return field(nodes).reshape(grid.shape)


@pytest.mark.parametrize("spline", [True, False])
@pytest.mark.parametrize("method", ESTIMATED)
@pytest.mark.parametrize("field", [dipole, harris, waves, saddle, cloud])
def test_most_true_errors_are_below_the_estimate_and_not_far(
    field: Callable[[Floats], Floats], method: str, spline: bool
) -> None:
    points = np.random.default_rng(1).uniform(-4, 4, (3000, 3))
    points = points[np.linalg.norm(points, axis=1) > 1]
    values = on_nodes(field)
    true = np.abs(gather(locate(GRID, points), [values], method)[0] - field(points))
    told = estimate(GRID, [values], points, method=method, spline=spline).error[0]
    assert (told >= true).mean() >= 0.9
    assert np.median(told[true > 1e-13] / true[true > 1e-13]) <= 5


def test_what_is_linear_has_no_error() -> None:
    values = on_nodes(lambda points: points @ [1.0, 2.0, 3.0])
    points = np.random.default_rng(2).uniform(-4, 4, (50, 3))
    np.testing.assert_allclose(estimate(GRID, [values], points).error, 0, atol=1e-12)


def test_noise_is_told_by_its_roughness() -> None:
    values = np.random.default_rng(3).normal(size=GRID.shape)
    points = np.random.default_rng(4).uniform(-4, 4, (500, 3))
    assert 0.1 < np.median(estimate(GRID, [values], points).error) < 2


def test_beside_a_hole_the_coarser_grid_is_asked() -> None:
    values = on_nodes(waves)
    values[25, 25, 25] = np.nan
    point = GRID.axes[0][[28, 20, 28]][None] + 0.05
    point[0, 1] = GRID.axes[1][20] + 0.05
    told = estimate(GRID, [values], point).error[0]
    true = np.abs(gather(locate(GRID, point), [values])[0] - waves(point))
    assert true < told < 20 * true + 1e-3
    at_hole = np.array([[AXIS[25], AXIS[::-1][25], AXIS[25]]])
    assert np.isnan(estimate(GRID, [values], at_hole).error[0, 0])


def test_the_spline_has_no_estimate() -> None:
    with pytest.raises(ValueError, match="cubic values have no estimate"):
        estimate(GRID, [on_nodes(waves)], [[0.0, 0, 0]], method="cubic")


@pytest.mark.parametrize("method", ESTIMATED)
def test_where_there_is_no_value_there_is_no_error(method: str) -> None:
    values = [on_nodes(waves), on_nodes(saddle)]
    values[1][10:14, 20:24, 30:34] = np.nan
    random = np.random.default_rng(6)
    points = random.uniform(-4.5, 4.5, (3000, 3))
    points[:500] = random.normal([AXIS[12], AXIS[::-1][22], AXIS[32]], 0.3, (500, 3))
    points[500:600, 1] = np.nan
    body = Sphere((0.5, 0.0, 0.0), 1.3)
    value, status = sample(GRID, values, points, method=method, body=body)
    told = estimate(GRID, values, points, method=method, body=body).error
    assert set(np.unique(status)) == set(Status)
    assert np.isnan(told[np.isnan(value)]).all()
    # A nearest node beside a hole has a value, but nothing to tell its error by.
    assert np.isfinite(told[:, status <= Status.TOUCHES_BODY]).mean() > 0.97


@pytest.mark.parametrize("method", ESTIMATED)
def test_an_infinite_value_has_no_error(method: str) -> None:
    values = on_nodes(waves)
    values[25, 25, 25], values[26, 25, 25] = np.inf, -np.inf
    near = np.array([AXIS[25], AXIS[::-1][25], AXIS[25]])
    points = near + np.random.default_rng(7).uniform(-0.5, 0.5, (2000, 3))
    told = estimate(GRID, [values], points, method=method).error[0]
    value = sample(GRID, [values], points, method=method)[0][0]
    assert np.isinf(value).any()
    assert not np.isinf(told).any()
    assert np.isnan(told[~np.isfinite(value)]).all()


def test_short_axes_have_the_coarser_grid_or_nothing() -> None:
    for count, told in ((2, False), (3, True)):
        axis = np.arange(float(count))
        grid = Grid(axis, axis, axis)
        values = on_nodes(lambda p: p[:, 0] ** 2, grid)
        error = estimate(grid, [values], [[0.5, 0.5, 0.5]]).error[0, 0]
        assert np.isfinite(error) == told


def test_the_distance_to_the_edge() -> None:
    points = [[0.0, 0, 0], [3.5, 0, 0], [0.0, -3.9, 3], [5.0, 0, 0], [np.nan, 0, 0]]
    edge = estimate(GRID, [], points, spline=False).edge
    np.testing.assert_allclose(edge, [4, 0.5, 0.1, np.nan, np.nan])
    round_and_round = Grid(AXIS, AXIS, AXIS, period=(9.0, 9.0, 9.0))
    np.testing.assert_array_equal(estimate(round_and_round, [], [[0, 0, 0]]).edge, [np.inf])
