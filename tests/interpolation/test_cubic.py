import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator
from scipy.sparse.linalg import spsolve

from interpolation import cubic
from interpolation.gather import gather
from interpolation.locate import locate
from interpolation.rectilinear import Grid

Floats = npt.NDArray[np.float64]


def spline(grid: Grid, values: npt.NDArray[np.generic], points: Floats) -> Floats:
    found: Floats = gather(locate(grid, points), [values], "cubic")[0]
    return found


@settings(derandomize=True, deadline=None, max_examples=15)
@given(
    st.integers(0, 2**32),
    st.sampled_from(["f8", "f4", ">f4", "i2"]),
    st.tuples(*[st.booleans()] * 3),
    st.booleans(),
)
def test_it_is_scipys_spline_with_a_direct_solver(
    seed: int, kind: str, down: tuple[bool, bool, bool], stretched: bool
) -> None:
    random = np.random.default_rng(seed)
    axes = []
    for turned in down:
        steps = random.uniform(0.2, 2.0, size=random.integers(3, 12)) if stretched else np.ones(9)
        axis = np.concatenate([[0.0], np.cumsum(steps)])
        axes.append(axis[::-1] if turned else axis)
    grid = Grid(axes[0], axes[1], axes[2])
    values = random.normal(scale=100, size=grid.shape).astype(kind)
    points = random.uniform(grid.lower, grid.upper, size=(40, 3))
    peer = RegularGridInterpolator(grid.axes, values.astype(float), method="cubic", solver=spsolve)
    scale = np.abs(values.astype(float)).max()
    np.testing.assert_allclose(spline(grid, values, points), peer(points), atol=1e-12 * scale)


def test_cubic_polynomials_are_exact() -> None:
    random = np.random.default_rng(0)
    grid = Grid(*(np.cumsum(random.uniform(0.1, 0.5, size=9)) for _ in range(3)))
    factors = random.normal(size=(4, 4, 4))
    x, y, z = np.meshgrid(*grid.axes, indexing="ij")
    values = np.polynomial.polynomial.polyval3d(x, y, z, factors)
    points = random.uniform(grid.lower, grid.upper, size=(200, 3))
    x, y, z = points.T
    exact = np.polynomial.polynomial.polyval3d(x, y, z, factors)
    np.testing.assert_allclose(spline(grid, values, points), exact, rtol=1e-10)


def test_a_tile_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    axis = np.linspace(0, 1, 150)
    grid = Grid(axis, axis[:12], axis[:12])
    values = random.normal(size=grid.shape)
    points = random.uniform(grid.lower, grid.upper, size=(200, 3))
    monkeypatch.setattr(cubic, "TILE", 1000)
    whole = spline(grid, values, points)
    monkeypatch.setattr(cubic, "TILE", 16)
    np.testing.assert_allclose(spline(grid, values, points), whole, atol=1e-13)


def test_a_periodic_axis_has_a_periodic_spline() -> None:
    axis = np.arange(16) / 16 * 2 * np.pi
    grid = Grid(axis, axis, axis, period=(2 * np.pi, 2 * np.pi, 2 * np.pi))
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    values = np.sin(x) + np.cos(y) * np.sin(z)
    points = np.random.default_rng(2).uniform(-10, 10, size=(200, 3))
    exact = np.sin(points[:, 0]) + np.cos(points[:, 1]) * np.sin(points[:, 2])
    np.testing.assert_allclose(spline(grid, values, points), exact, atol=2e-4)


def test_a_hole_takes_the_values_that_depend_on_it_and_no_other() -> None:
    axis = np.arange(120.0)
    grid = Grid(axis, axis[:6], axis[:6])
    values = np.random.default_rng(3).normal(size=grid.shape)
    points = np.stack([np.linspace(0, 119, 239), *[np.full(239, 2.5)] * 2], axis=1)
    whole = spline(grid, values, points)
    values[60, 3, 3] = np.nan
    holed = spline(grid, values, points)
    lost = np.isnan(holed)
    assert points[lost, 0].min() == pytest.approx(60 - cubic.HALO - 1, abs=1)
    assert points[lost, 0].max() == pytest.approx(60 + cubic.HALO, abs=1)
    np.testing.assert_allclose(holed[~lost], whole[~lost], atol=1e-13)


def test_an_axis_of_three_nodes_is_too_short() -> None:
    grid = Grid(np.arange(3.0), np.arange(9.0), np.arange(9.0))
    with pytest.raises(ValueError, match="at least 4 nodes along each axis"):
        spline(grid, np.ones(grid.shape), np.ones((1, 3)))
