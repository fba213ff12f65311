import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpolation.cut import plane, shell

BOX = ((-2.0, -3.0, -4.0), (2.0, 3.0, 4.0))


def test_a_plane_along_the_axes_is_a_grid_of_them() -> None:
    cut = plane((0.0, 0.0, 1.0), (0.0, 0.0, 5.0), 0.5, BOX)
    np.testing.assert_allclose(cut.along_u, [1, 0, 0])
    np.testing.assert_allclose(cut.along_v, [0, 1, 0])
    np.testing.assert_allclose(cut.u, np.arange(-2, 2.1, 0.5))
    np.testing.assert_allclose(cut.v, np.arange(-3, 3.1, 0.5))
    points = cut.points.reshape(9, 13, 3)
    np.testing.assert_allclose(points[..., 2], 1.0)
    np.testing.assert_allclose(points[:, 0, 0], cut.u)
    np.testing.assert_allclose(points[0, :, 1], cut.v)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_any_plane_holds_all_of_the_box_that_it_meets(seed: int) -> None:
    random = np.random.default_rng(seed)
    point = random.uniform(*BOX)
    normal = random.normal(size=3)
    normal[random.random(3) < 0.3] = 0.0
    if not normal.any():
        normal[seed % 3] = -2.0
    cut = plane(point, normal, 0.3, BOX)
    way = normal / np.linalg.norm(normal)
    np.testing.assert_allclose((cut.points - point) @ way, 0, atol=1e-12)
    assert np.abs(cut.points - point).sum(axis=1).min() < 1e-12
    frame = np.stack([cut.along_u, cut.along_v, way])
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)
    inside = random.uniform(*BOX, size=(200, 3))
    dropped = inside - ((inside - point) @ way)[:, None] * way
    within = ((BOX[0] <= dropped) & (dropped <= np.array(BOX[1]))).all(axis=1)
    u, v = (dropped[within] - point) @ cut.along_u, (dropped[within] - point) @ cut.along_v
    # No place of the plane within the box lies further beyond its points than their distance.
    assert (u > cut.u[0] - 0.3).all()
    assert (u < cut.u[-1] + 0.3).all()
    assert (v > cut.v[0] - 0.3).all()
    assert (v < cut.v[-1] + 0.3).all()


@pytest.mark.parametrize(
    ("point", "normal", "resolution", "fault"),
    [
        ((0, 0, 0), (0, 0, 0), 1.0, "no length"),
        ((0, 0, 0), (0, np.nan, 0), 1.0, "normal is"),
        ((0, 0), (0, 0, 1), 1.0, "point is"),
        ((0, 0, 0), (0, 0, 1), 0.0, "resolution is 0"),
        ((0, 0, 0), (0, 0, 1), np.nan, "resolution is nan"),
        ((0, 0, 9), (0, 0, 1), 1.0, "does not meet"),
        ((0, 0, 0), (0, 0, 1), 1e-9, "more than 10000000 points"),
    ],
)
def test_impossible_planes_are_refused(
    point: npt.ArrayLike, normal: npt.ArrayLike, resolution: float, fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        plane(point, normal, resolution, BOX)


@pytest.mark.parametrize(
    "normal", [(1e200, 1, 0), (5e-324, 0, 0), (1e308, 1e308, 1e308), (1e-200, 0, 1e-200)]
)
def test_the_length_of_a_normal_does_not_count(normal: tuple[float, float, float]) -> None:
    way = np.array(normal) / max(normal)
    cut, plain = plane((0, 0, 0), normal, 0.3, BOX), plane((0, 0, 0), way, 0.3, BOX)
    np.testing.assert_allclose(cut.points, plain.points, atol=1e-14)


def test_a_shell_is_on_its_sphere_and_as_dense_as_asked() -> None:
    points = shell((1.0, 2.0, 3.0), 2.0, 0.25)
    offset = points - [1.0, 2.0, 3.0]
    np.testing.assert_allclose(np.linalg.norm(offset, axis=1), 2.0)
    assert offset[0, 2] == pytest.approx(-2.0)
    assert offset[-1, 2] == pytest.approx(2.0)
    anywhere = np.random.default_rng(0).normal(size=(300, 3))
    anywhere *= 2.0 / np.linalg.norm(anywhere, axis=1)[:, None]
    gaps = np.linalg.norm(offset[None] - anywhere[:, None], axis=2).min(axis=1)
    assert gaps.max() < 0.25 / np.sqrt(2) + 0.01
    assert len(points) < 2 * 4 * np.pi * 2.0**2 / 0.25**2


@pytest.mark.parametrize(
    ("radius", "resolution", "fault"),
    [(0.0, 1.0, "radius is 0"), (1.0, -1.0, "resolution is -1"), (1.0, 1e-9, "more than")],
)
def test_impossible_shells_are_refused(radius: float, resolution: float, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        shell((0, 0, 0), radius, resolution)
