from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpolation.body import Sphere, inside_body, touches_body
from interpolation.locate import locate
from interpolation.rectilinear import Grid

AXIS = np.array([-4.0, -2.5, -1.0, 0.0, 1.0, 1.5, 4.0])
GRID = Grid(AXIS, AXIS[::-1], AXIS)


def test_the_surface_is_outside_the_body() -> None:
    body = Sphere((1.0, 0.0, 0.0), 2.0)
    points = np.array([[3.0, 0, 0], [2.9, 0, 0], [1, 0, 0], [np.nan, 0, 0], [1e300, 0, 0]])
    np.testing.assert_array_equal(inside_body(points, body), [False, True, True, False, False])


@settings(derandomize=True, deadline=None)
@given(
    st.tuples(*[st.floats(-5, 5)] * 3),
    st.floats(0.1, 6),
    st.integers(0, 2**32),
    st.sampled_from(["linear", "nearest"]),
)
def test_a_stencil_touches_the_body_when_one_of_its_nodes_is_inside(
    centre: tuple[float, float, float], radius: float, seed: int, method: str
) -> None:
    body = Sphere(centre, radius)
    points = np.random.default_rng(seed).uniform(-4.2, 4.2, size=(60, 3))
    plan = locate(GRID, points)
    expected = np.zeros(len(points), dtype=bool)
    for corner in product((0, 1), repeat=3):
        part = plan.index + np.array(corner)[:, None]
        nodes = np.stack([axis[i] for axis, i in zip(GRID.nodes, part, strict=True)], axis=1)
        # The nearest node is the one in whose half of the cell the point lies.
        mine = (np.array(corner)[:, None] == (plan.fraction > 0.5)).all(axis=0)
        expected |= inside_body(nodes, body) & (mine | (method == "linear"))
    np.testing.assert_array_equal(touches_body(plan, body, method), expected & plan.inside)


@pytest.mark.parametrize("radius", [0.0, -1.0, np.nan, np.inf])
def test_a_radius_must_be_positive_and_finite(radius: float) -> None:
    with pytest.raises(ValueError, match="radius is"):
        Sphere((0.0, 0.0, 0.0), radius)


@pytest.mark.parametrize("centre", [(0.0, 0.0), (0.0, np.nan, 0.0), (0.0, 0.0, np.inf)])
def test_a_centre_must_be_three_finite_numbers(centre: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="centre is"):
        Sphere(centre, 1.0)
