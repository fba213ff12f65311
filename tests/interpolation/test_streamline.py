import tracemalloc
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpolation import engine, march, streamline
from interpolation.body import Sphere
from interpolation.ends import EndReason
from interpolation.particles import Forces, Particles, PushLimits, push
from interpolation.rectilinear import Grid
from interpolation.sample import sample
from interpolation.streamline import Lines, TraceLimits, trace
from interpolation.vector import GridVector

Floats = npt.NDArray[np.float64]
Box = tuple[tuple[float, float, float], tuple[float, float, float]]

EVERYWHERE = ((-np.inf,) * 3, (np.inf,) * 3)
BOX = ((-5.0, -5.0, -5.0), (5.0, 5.0, 5.0))


def uniform(points: Floats) -> Floats:
    return np.broadcast_to([3.0, 4.0, 0.0], points.shape)


def along_x(points: Floats) -> Floats:
    return np.broadcast_to([1e-9, 0.0, 0.0], points.shape)


def rotation(points: Floats) -> Floats:
    return np.stack([-points[:, 1], points[:, 0], np.zeros(len(points))], axis=1)


def dipole(points: Floats) -> Floats:
    """A dipole along z, 1 at the equator of the unit sphere."""
    x, y, z = points.T
    r2 = x**2 + y**2 + z**2
    field: Floats = np.stack([3 * x * z, 3 * y * z, 3 * z**2 - r2], axis=1) / r2[:, None] ** 2.5
    return field


def sampled(
    field: Callable[[Floats], Floats], grid: Grid, body: Sphere | None = None
) -> GridVector:
    nodes = np.stack(np.meshgrid(*grid.axes, indexing="ij"), axis=-1).reshape(-1, 3)
    with np.errstate(all="ignore"):
        components = [np.ascontiguousarray(part).reshape(grid.shape) for part in field(nodes).T]
    return GridVector.of(grid, components, body)


def line(lines: Lines, number: int = 0) -> Floats:
    return lines.points[lines.offsets[number] : lines.offsets[number + 1]]


def shell_error(points: Floats) -> float:
    """How far points of one line are from r = L sin^2(theta), relative to L of the first."""
    r2 = (points**2).sum(axis=1)
    shell = r2**1.5 / (points[:, 0] ** 2 + points[:, 1] ** 2)
    return float(np.abs(shell / shell[0] - 1).max())


@pytest.mark.parametrize("direction", [1, -1])
def test_a_line_of_a_uniform_field_is_straight(direction: int) -> None:
    seeds = [[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]
    lines = trace(uniform, seeds, TraceLimits(0.5, 4), direction, domain=EVERYWHERE)
    np.testing.assert_array_equal(lines.offsets, [0, 5, 10])
    for number, seed in enumerate(seeds):
        way = direction * 0.5 * np.arange(5)[:, None] * [0.6, 0.8, 0.0]
        np.testing.assert_allclose(line(lines, number), seed + way, atol=1e-14)
    np.testing.assert_array_equal(lines.reasons, [EndReason.MAX_STEPS] * 2)


def test_a_circle_of_a_rigid_rotation_closes() -> None:
    steps = 200
    limits = TraceLimits(2 * np.pi / steps, steps)
    circle = line(trace(rotation, [[1.0, 0.0, 2.0]], limits, 1, domain=EVERYWHERE))
    assert len(circle) == steps + 1
    np.testing.assert_allclose(circle[-1], circle[0], atol=1e-7)
    np.testing.assert_allclose(np.hypot(*circle[:, :2].T), 1.0, atol=1e-7)


@pytest.mark.parametrize("direction", [1, -1])
def test_the_error_on_a_dipole_line_falls_with_the_fourth_power_of_the_step(
    direction: int,
) -> None:
    def error(steps: int) -> float:
        lines = trace(
            dipole, [[2.0, 1.0, 0.0]], TraceLimits(2.0 / steps, steps), direction, domain=EVERYWHERE
        )
        return shell_error(line(lines))

    coarse, fine = error(20), error(40)
    assert 13 < coarse / fine < 19
    assert fine < 1e-6


def test_dipole_lines_through_a_grid_keep_their_shell() -> None:
    axis = np.linspace(-5.0, 5.0, 101)
    grid = Grid(axis, axis, axis[::-1])
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    shell = np.linspace(2.5, 4.0, 12)
    seeds = np.stack([shell * np.cos(angle), shell * np.sin(angle), 0 * angle], axis=1)
    limits = TraceLimits(step=0.05, max_steps=1000, radius=1.0)
    field = sampled(dipole, grid, Sphere((0.0, 0.0, 0.0), 0.5))
    for direction in (1, -1):
        lines = trace(field, seeds, limits, direction, domain=(grid.lower, grid.upper))
        np.testing.assert_array_equal(lines.reasons, [EndReason.REACHED_BODY] * 12)
        assert max(shell_error(line(lines, number)) for number in range(12)) < 5e-3
        # North along the field at the equator is against it, for the moment points to +z.
        assert (np.sign(lines.points[lines.offsets[1:] - 1, 2]) == -direction).all()
        last = np.linalg.norm(lines.points[lines.offsets[1:] - 1], axis=1)
        assert ((last >= 1.0) & (last < 1.06)).all()


def test_back_and_forth_leads_to_the_seed() -> None:
    limits = TraceLimits(0.02, 100)
    there = trace(dipole, [[2.0, 0.0, 0.5]], limits, 1, domain=EVERYWHERE)
    back = trace(dipole, there.points[-1:], limits, -1, domain=EVERYWHERE)
    np.testing.assert_allclose(back.points[::-1], there.points, atol=1e-7)


def test_only_the_direction_of_the_vector_counts() -> None:
    def at_scale(scale: float) -> Floats:
        def vector(points: Floats) -> Floats:
            return scale * rotation(points)

        seeds = [[1.0, 0.0, 0.0]]
        return trace(vector, seeds, TraceLimits(0.25, 8), 1, domain=EVERYWHERE).points

    np.testing.assert_array_equal(at_scale(2.0**-700), at_scale(1.0))
    np.testing.assert_array_equal(at_scale(2.0**700), at_scale(1.0))


def test_a_line_ends_on_the_face_of_the_domain() -> None:
    lines = trace(along_x, [[4.0, 0, 0], [-4.9, 0, 0]], TraceLimits(0.75, 3), 1, domain=BOX)
    np.testing.assert_allclose(line(lines), [[4.0, 0, 0], [4.75, 0, 0], [5.0, 0, 0]], atol=1e-9)
    assert lines.points.max() <= 5.0
    np.testing.assert_array_equal(lines.reasons, [EndReason.LEFT_DOMAIN, EndReason.MAX_STEPS])


def test_a_step_that_ends_on_the_face_is_taken() -> None:
    lines = trace(along_x, [[4.0, 0, 0]], TraceLimits(0.5, 9), 1, domain=BOX)
    np.testing.assert_array_equal(lines.points[-1], [5.0, 0, 0])
    assert len(lines.points) == 3


def test_a_slope_missing_outside_the_domain_ends_a_line_on_its_face() -> None:
    axis = np.linspace(-5.0, 5.0, 11)
    field = sampled(along_x, Grid(axis, axis, axis))
    lines = trace(field, [[4.0, 0, 0]], TraceLimits(0.75, 9), 1, domain=BOX)
    np.testing.assert_allclose(lines.points[:, 0], [4.0, 4.75, 5.0], atol=1e-9)
    np.testing.assert_array_equal(lines.reasons, [EndReason.LEFT_DOMAIN])


def test_a_line_ends_on_the_face_of_the_region() -> None:
    limits = TraceLimits(0.5, 9, region=((-1.0, -1.0, -1.0), (1.2, 1.0, 1.0)))
    lines = trace(along_x, [[0.0, 0, 0]], limits, 1, domain=BOX)
    np.testing.assert_allclose(lines.points[-1], [1.2, 0, 0], atol=1e-9)
    np.testing.assert_array_equal(lines.reasons, [EndReason.LEFT_REGION])


def test_a_line_ends_on_the_body() -> None:
    limits = TraceLimits(0.5, 99, radius=1.0, centre=(3.25, 0.0, 0.0))
    lines = trace(along_x, [[0.0, 0, 0]], limits, 1, domain=BOX)
    np.testing.assert_allclose(lines.points[-1], [2.25, 0, 0], atol=1e-9)
    np.testing.assert_array_equal(lines.reasons, [EndReason.REACHED_BODY])


def test_a_slope_missing_inside_the_body_ends_a_line_on_it() -> None:
    def hollow(points: Floats) -> Floats:
        return np.where(points[:, :1] > 2.0, np.nan, along_x(points))

    limits = TraceLimits(0.5, 99, radius=1.0, centre=(3.0, 0.0, 0.0))
    lines = trace(hollow, [[0.1, 0, 0]], limits, 1, domain=BOX)
    np.testing.assert_allclose(lines.points[-1], [2.0, 0, 0], atol=1e-9)
    np.testing.assert_array_equal(lines.reasons, [EndReason.REACHED_BODY])


@pytest.mark.parametrize("tolerance", [None, 1e-5])
def test_curved_lines_end_on_the_body_to_a_hair(tolerance: float | None) -> None:
    seeds = np.stack([np.linspace(1.5, 3.0, 20), np.zeros(20), np.zeros(20)], axis=1)
    limits = TraceLimits(0.1, 1000, radius=1.0, tolerance=tolerance)
    for direction in (1, -1):
        lines = trace(dipole, seeds, limits, direction, domain=EVERYWHERE)
        np.testing.assert_array_equal(lines.reasons, [EndReason.REACHED_BODY] * 20)
        ends = lines.points[lines.offsets[1:] - 1]
        height = np.linalg.norm(ends, axis=1) - 1.0
        assert (height >= 0.0).all()
        assert height.max() < 1e-8
        # Where r = L sin^2(theta) meets the sphere.
        sine = np.hypot(ends[:, 0], ends[:, 1])
        np.testing.assert_allclose(sine**2, 1 / seeds[:, 0], rtol=2e-4)


def test_a_circle_of_a_rigid_rotation_is_closed_where_it_began() -> None:
    limits = TraceLimits(0.1, 1000)
    lines = trace(rotation, [[1.0, 0.0, 2.0], [0.5, 0.5, 0.0]], limits, 1, domain=EVERYWHERE)
    np.testing.assert_array_equal(lines.reasons, [EndReason.CLOSED_LOOP] * 2)
    for number in range(2):
        circle = line(lines, number)
        np.testing.assert_allclose(circle[-1], circle[0], atol=5e-5)
        assert len(circle) == 2 + int(2 * np.pi * np.hypot(*circle[0, :2]) / 0.1)


def test_a_spiral_is_not_closed() -> None:
    def spiral(points: Floats) -> Floats:
        return rotation(points) + 0.02 * points * [1.0, 1.0, 0.0]

    lines = trace(spiral, [[1.0, 0.0, 0.0]], TraceLimits(0.1, 200), 1, domain=EVERYWHERE)
    np.testing.assert_array_equal(lines.reasons, [EndReason.MAX_STEPS])


@pytest.mark.parametrize("step", [0.05, 0.5])
def test_a_helix_is_not_closed_however_long_its_steps(step: float) -> None:
    axis = np.linspace(-2.0, 2.0, 81)
    helix = sampled(
        lambda points: rotation(points) + np.array([0, 0, 8e-4]), Grid(axis, axis, axis)
    )
    limits = TraceLimits(step, 1000, tolerance=1e-6)
    lines = trace(helix, [[1.0, 0.0, 0.0]], limits, 1, domain=helix.domain)
    assert lines.reasons[0] != EndReason.CLOSED_LOOP
    assert line(lines)[-1, 2] > 0.01


def test_lines_may_go_round_and_round() -> None:
    limits = TraceLimits(0.1, 100, closure=0.0)
    lines = trace(rotation, [[1.0, 0.0, 0.0]], limits, 1, domain=EVERYWHERE)
    np.testing.assert_array_equal(lines.reasons, [EndReason.MAX_STEPS])
    assert len(lines.points) == 101


def test_steps_are_chosen_so_that_the_error_stays_below_the_tolerance() -> None:
    seeds = [[3.0, 0.0, 0.0]]
    error, count = [], []
    for tolerance in (1e-3, 1e-5, 1e-7):
        limits = TraceLimits(2.0, 10_000, radius=0.5, tolerance=tolerance)
        lines = trace(dipole, seeds, limits, 1, domain=EVERYWHERE)
        error.append(shell_error(lines.points))
        count.append(len(lines.points))
    assert error[1] < error[0] / 10
    assert error[2] < error[1] / 10
    assert error[2] < 1e-6
    assert count[0] < count[1] < count[2] < 200


def test_lines_go_on_through_the_end_of_a_period() -> None:
    nodes = np.arange(8) / 8 * 2 * np.pi
    grid = Grid(nodes, nodes, nodes, period=(2 * np.pi,) * 3)
    ones = np.ones(grid.shape)
    field = GridVector.of(grid, [ones, 2 * ones, 0 * ones])
    lines = trace(field, [[1.0, 1.0, 1.0]], TraceLimits(1.0, 50), 1, domain=field.domain)
    np.testing.assert_array_equal(lines.reasons, [EndReason.MAX_STEPS])
    np.testing.assert_allclose(
        lines.points[-1], [1 + 50 / np.sqrt(5), 1 + 100 / np.sqrt(5), 1.0], rtol=1e-12
    )


def test_a_body_in_a_periodic_box_is_refused() -> None:
    axis = np.arange(5.0)
    grid = Grid(axis, axis, axis, period=(5.0, None, None))
    variables, body = [np.ones(grid.shape)] * 3, Sphere((2.0, 2.0, 2.0), 1.0)
    with pytest.raises(ValueError, match="periodic"):
        sample(grid, variables, [[1.0, 1.0, 1.0]], body=body)
    with pytest.raises(ValueError, match="periodic"):
        GridVector.of(grid, variables, body)
    field, limits = GridVector.of(grid, variables), TraceLimits(0.5, 9, radius=1.0)
    with pytest.raises(ValueError, match="periodic"):
        trace(field, [[1.0, 1.0, 1.0]], limits, 1, domain=field.domain)
    forces = Forces(GridVector.of(grid, variables * 2))
    ion = Particles.of([[1.0, 1.0, 1.0]], [[1.0, 0.0, 0.0]], 1.0, 1.0, 0.1)
    with pytest.raises(ValueError, match="periodic"):
        push(forces, ion, PushLimits(9, radius=1.0), domain=field.domain)


def abc_flow(points: Floats) -> Floats:
    """The flow of Arnold, Beltrami and Childress, periodic in all three directions."""
    x, y, z = points.T
    return np.stack(
        [
            np.sin(z) + 0.6 * np.cos(y),
            0.8 * np.sin(x) + np.cos(z),
            0.6 * np.sin(y) + 0.8 * np.cos(x),
        ],
        axis=1,
    )


@pytest.mark.parametrize("tolerance", [None, 1e-4])
def test_lines_of_a_periodic_flow_follow_the_exact_ones(tolerance: float | None) -> None:
    nodes = np.arange(128) / 128 * 2 * np.pi
    grid = Grid(nodes, nodes[::-1], nodes, period=(2 * np.pi,) * 3)
    field = sampled(abc_flow, grid)
    seeds = np.random.default_rng(5).uniform(0, 2 * np.pi, size=(10, 3))
    limits = TraceLimits(0.05, 100, tolerance=tolerance, closure=0.0)
    ours = trace(field, seeds, limits, 1, domain=field.domain)
    exact = trace(abc_flow, seeds, limits, 1, domain=EVERYWHERE)
    np.testing.assert_array_equal(ours.reasons, [EndReason.MAX_STEPS] * 10)
    if tolerance is None:
        np.testing.assert_allclose(ours.points, exact.points, atol=0.02)
    else:
        last = slice(None)
        np.testing.assert_allclose(
            ours.points[ours.offsets[1:] - 1][last], exact.points[exact.offsets[1:] - 1], atol=0.05
        )


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32),
    st.sampled_from(["f4", "f8"]),
    st.sampled_from([None, 1e-2, 1e-4]),
    st.sampled_from([1, -1]),
    st.booleans(),
)
def test_both_engines_give_the_same_lines(
    seed: int, kind: str, tolerance: float | None, direction: int, periodic: bool
) -> None:
    random = np.random.default_rng(seed)
    axes = [np.cumsum(random.uniform(0.5, 1.5, size=12)) - 6 for _ in range(3)]
    axes[1] = axes[1][::-1]
    period = (20.0, None, None) if periodic else (None, None, None)
    grid = Grid(*axes, period=period)
    values = [random.normal(size=grid.shape).astype(kind) for _ in range(3)]
    values[0][5, 5, 5] = np.nan
    for part in values:
        part[8, 8, 8:10] = 0.0
    field = GridVector.of(grid, values, None if periodic else Sphere((0.0, 0.0, 0.0), 1.0))
    seeds = random.uniform(-6, 6, size=(15, 3))
    radius = None if periodic else 1.5
    limits = TraceLimits(
        0.4, 60, radius=radius, region=((-9.0, -4.0, -5.0), (9.0, 5.0, 5.0)), tolerance=tolerance
    )
    lines = trace(field, seeds, limits, direction, domain=field.domain)
    with engine.numpy_only():
        by_numpy = trace(field, seeds, limits, direction, domain=field.domain)
    np.testing.assert_array_equal(lines.reasons, by_numpy.reasons)
    np.testing.assert_array_equal(lines.offsets, by_numpy.offsets)
    np.testing.assert_array_equal(lines.points, by_numpy.points)


def test_the_room_of_a_call_does_not_show_in_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    axis = np.linspace(-5.0, 5.0, 21)
    field = sampled(dipole, Grid(axis, axis, axis), Sphere((0.0, 0.0, 0.0), 0.8))
    seeds = np.random.default_rng(3).uniform(-5, 5, size=(20, 3))
    limits = TraceLimits(0.3, 40, radius=1.0)
    whole = trace(field, seeds, limits, 1, domain=BOX)
    monkeypatch.setattr(streamline, "_ROOM", 7)
    monkeypatch.setattr(streamline, "_WORK", 3)
    in_parts = trace(field, seeds, limits, 1, domain=BOX)
    np.testing.assert_array_equal(in_parts.points, whole.points)
    np.testing.assert_array_equal(in_parts.offsets, whole.offsets)
    np.testing.assert_array_equal(in_parts.reasons, whole.reasons)


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_a_slope_missing_inside_the_domain_is_masked(hole: float) -> None:
    def holed(points: Floats) -> Floats:
        vectors = along_x(points).copy()
        vectors[points[:, 0] > 1.2, 2] = hole
        return vectors

    lines = trace(holed, [[0.0, 0, 0], [-4.0, 0, 0]], TraceLimits(0.5, 4), 1, domain=BOX)
    np.testing.assert_allclose(line(lines), [[0.0, 0, 0], [0.5, 0, 0], [1.0, 0, 0]], atol=1e-15)
    np.testing.assert_array_equal(lines.reasons, [EndReason.MASKED, EndReason.MAX_STEPS])


def test_a_hole_narrower_than_a_step_is_not_jumped() -> None:
    def slit(points: Floats) -> Floats:
        return np.where(np.abs(points[:, :1] - 1.25) < 0.1, np.nan, along_x(points))

    lines = trace(slit, [[0.0, 0, 0]], TraceLimits(0.5, 9), 1, domain=BOX)
    np.testing.assert_allclose(lines.points[-1], [1.0, 0, 0], atol=1e-15)
    np.testing.assert_array_equal(lines.reasons, [EndReason.MASKED])


def test_a_null_point_ends_a_line() -> None:
    def stagnant(points: Floats) -> Floats:
        return along_x(points) * (points[:, :1] < 0.9)

    lines = trace(stagnant, [[0.0, 0, 0], [2.0, 0, 0]], TraceLimits(0.5, 9), 1, domain=BOX)
    np.testing.assert_allclose(line(lines, 0), [[0.0, 0, 0], [0.5, 0, 0]], atol=1e-15)
    np.testing.assert_array_equal(line(lines, 1), [[2.0, 0, 0]])
    np.testing.assert_array_equal(lines.reasons, [EndReason.NULL_FIELD] * 2)


# The slopes of a linear field about its null, and what its null is: a point, or a line.
_TURN = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
_SINK = np.diag([-1.0, -2.0, -0.5])
_NULLS = {
    "sink": (_SINK, 0.0),
    "turned sink": (_TURN @ _SINK @ _TURN.T, 0.0),
    "spine": (np.diag([1.0, 1.0, -2.0]), 0.0),
    "winding sink": (np.array([[-1.0, 3.0, 0.0], [-3.0, -1.0, 0.0], [0.0, 0.0, -1.0]]), 0.0),
    "x-line": (np.diag([1.0, 0.0, -1.0]), 0.0),
}


@pytest.mark.parametrize("name", _NULLS)
@pytest.mark.parametrize("tolerance", [None, 1e-4])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_a_line_that_runs_into_a_null_ends_there(
    name: str, tolerance: float | None, kind: str
) -> None:
    slopes, _ = _NULLS[name]
    centre = np.array([0.017, -0.031, 0.023])
    axis = np.linspace(-2.0, 2.0, 41)
    field = sampled(lambda points: 3e-9 * (points - centre) @ slopes.T, Grid(axis, axis, axis))
    field = GridVector.of(field.grid, [part.astype(kind) for part in field.components.values])
    seed = centre + np.array([0.0, 0.0, 1.03])
    if "sink" in name:
        seed = centre + np.array([0.31, 0.47, 1.03])
    lines = trace(field, [seed], TraceLimits(0.05, 1000, tolerance=tolerance), 1,
                  domain=field.domain)  # fmt: skip
    np.testing.assert_array_equal(lines.reasons, [EndReason.NULL_FIELD])
    np.testing.assert_allclose(line(lines)[-1], centre, atol=1e-6)
    ways = np.diff(line(lines), axis=0)
    assert (np.einsum("ij,ij->i", ways[1:], ways[:-1]) > 0.0).all()


def test_a_hairpin_through_a_current_sheet_is_no_null() -> None:
    axis = np.linspace(-2.0, 2.0, 41)
    sheet = sampled(
        lambda points: np.stack([np.tanh(8 * points[:, 2]), 0 * points[:, 0], 0.05
                                 + 0 * points[:, 0]], axis=1),
        Grid(axis, axis, axis),
    )  # fmt: skip
    lines = trace(sheet, [[1.0, 0.0, -0.08]], TraceLimits(0.05, 1000), 1, domain=sheet.domain)
    np.testing.assert_array_equal(lines.reasons, [EndReason.LEFT_DOMAIN])
    assert line(lines)[-1, 0] == pytest.approx(2.0)
    assert line(lines)[:, 0].min() < 0.9


def test_a_line_past_a_null_goes_on() -> None:
    axis = np.linspace(-2.0, 2.0, 41)
    null = sampled(lambda points: points * [1.0, 1.0, -2.0], Grid(axis, axis, axis))
    lines = trace(null, [[0.02, 0.0, 1.9]], TraceLimits(0.05, 1000), 1, domain=null.domain)
    np.testing.assert_array_equal(lines.reasons, [EndReason.LEFT_DOMAIN])
    x, _, z = line(lines).T
    np.testing.assert_allclose(x * x * z, 0.02**2 * 1.9, rtol=0.02)


def _rise(points: Floats) -> Floats:
    return np.array([0.0, 0.0, 0.1]) - rotation(points)


@pytest.mark.parametrize(("radius", "cells"), [(1.0, 0.5), (1.0, 2.0), (0.35, 1.0)])
def test_lines_that_reach_the_body_end_on_it_and_none_beside_it(
    radius: float, cells: float
) -> None:
    axis = np.linspace(-5.0, 5.0, 65)
    field, random = sampled(_rise, Grid(axis, axis, axis)), np.random.default_rng(0)
    seeds = random.normal(size=(20_000, 3))
    seeds *= (random.uniform(1.0, 2.0, 20_000) * radius / np.linalg.norm(seeds, axis=1))[:, None]
    limits = TraceLimits(float(axis[1] - axis[0]) * cells, 300, radius=radius)
    lines = trace(field, seeds, limits, 1, domain=field.domain)
    reached = lines.reasons == EndReason.REACHED_BODY
    ends = lines.points[lines.offsets[1:] - 1][reached]
    assert reached.sum() > 1000
    np.testing.assert_allclose(np.linalg.norm(ends, axis=1), radius, atol=1e-3 * limits.step)
    steps = np.linalg.norm(np.diff(lines.points, axis=0), axis=1)
    within = np.ones(len(steps), bool)
    within[lines.offsets[1:-1] - 1] = False
    assert steps[within].max() <= limits.step * (1.0 + 1e-9)


@pytest.mark.parametrize("tolerance", [None, 1e-3])
def test_a_long_step_does_not_jump_the_body(tolerance: float | None) -> None:
    axis = np.linspace(-2.0, 2.0, 11)
    field = sampled(along_x, Grid(axis, axis, axis))
    limits = TraceLimits(0.4, 100, radius=0.15, tolerance=tolerance)
    lines = trace(field, [[-1.0, 0.1, 0.0], [-1.0, 0.16, 0.0]], limits, 1, domain=field.domain)
    np.testing.assert_array_equal(lines.reasons, [EndReason.REACHED_BODY, EndReason.LEFT_DOMAIN])
    np.testing.assert_allclose(line(lines)[-1], [-np.sqrt(0.15**2 - 0.1**2), 0.1, 0.0], atol=1e-9)


@pytest.mark.parametrize(
    "seed",
    [
        (6.0, 0.0, 0.0),
        (np.nan, 0.0, 0.0),
        (0.0, np.inf, 0.0),
        (2.0, 0.5, 0.0),
        (0.0, 4.5, 0.0),
        (0.0, 0.0, -2.0),
    ],
    ids=["outside", "nan", "infinite", "in the body", "out of region", "masked"],
)
@pytest.mark.parametrize("domain", [BOX, EVERYWHERE])
def test_a_bad_seed_is_a_line_of_one_point(seed: tuple[float, float, float], domain: Box) -> None:
    def holed(points: Floats) -> Floats:
        return np.where(points[:, 2:] < -1.0, np.nan, along_x(points))

    limits = TraceLimits(
        0.5, 2, radius=1.0, centre=(2.0, 0.0, 0.0), region=((-5.0, -4.0, -5.0), (5.0, 4.0, 5.0))
    )
    lines = trace(holed, [(-4.0, 0.0, 0.0), seed, (-3.0, 0.0, 0.0)], limits, 1, domain=domain)
    np.testing.assert_array_equal(lines.offsets, [0, 3, 4, 7])
    np.testing.assert_array_equal(line(lines, 1), [seed])
    np.testing.assert_array_equal(
        lines.reasons, [EndReason.MAX_STEPS, EndReason.BAD_SEED, EndReason.MAX_STEPS]
    )


@pytest.mark.parametrize("coordinate", [np.nan, np.inf, -np.inf])
def test_a_seed_that_is_no_place_is_bad_even_without_walls(coordinate: float) -> None:
    lines = trace(along_x, [[0.0, coordinate, 0]], TraceLimits(0.5, 9), 1, domain=EVERYWHERE)
    np.testing.assert_array_equal(lines.points, [[0.0, coordinate, 0]])
    np.testing.assert_array_equal(lines.reasons, [EndReason.BAD_SEED])


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 30))
def test_a_line_does_not_depend_on_its_neighbours(seed: int, number: int, chunk: int) -> None:
    axis = np.linspace(-5.0, 5.0, 21)
    grid = Grid(axis, axis, axis)
    field = sampled(dipole, grid, Sphere((0.0, 0.0, 0.0), 0.8))
    seeds = np.random.default_rng(seed).uniform(-5.5, 5.5, size=(number, 3))
    limits = TraceLimits(0.3, 40, radius=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(march, "_CHUNK", chunk)
        together = trace(field, seeds, limits, 1, domain=(grid.lower, grid.upper))
    for i in range(number):
        alone = trace(field, seeds[i : i + 1], limits, 1, domain=(grid.lower, grid.upper))
        np.testing.assert_array_equal(line(together, i), alone.points)
        assert together.reasons[i] == alone.reasons[0]


def test_steps_never_taken_take_no_memory() -> None:
    tracemalloc.start()
    lines = trace(along_x, np.zeros((1000, 3)), TraceLimits(0.5, 10**9), 1, domain=BOX)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(lines.points) == 11_000
    assert peak < 5e6


def test_no_seeds_give_no_lines() -> None:
    lines = trace(along_x, np.empty((0, 3)), TraceLimits(0.5, 3), 1, domain=BOX)
    assert lines.points.shape == (0, 3)
    np.testing.assert_array_equal(lines.offsets, [0])
    assert lines.reasons.shape == (0,)


def test_every_step_is_paid_for() -> None:
    paid: list[int] = []
    trace(along_x, np.zeros((2, 3)), TraceLimits(0.5, 7), 1, domain=BOX, spend=paid.append)
    assert paid == [2, 4, 6, 8, 10, 12, 14]


def test_compiled_steps_are_paid_for(monkeypatch: pytest.MonkeyPatch, working_engine: str) -> None:
    monkeypatch.setattr(streamline, "_WORK", 5)
    axis = np.linspace(-5.0, 5.0, 21)
    field = sampled(rotation, Grid(axis, axis, axis))
    paid: list[int] = []
    limits = TraceLimits(0.01, 20)
    lines = trace(field, [[1.0, 0, 0], [2.0, 0, 0]], limits, 1, domain=BOX, spend=paid.append)
    assert len(lines.points) == 42
    assert paid == sorted(paid)
    assert len(paid) == (20 if working_engine == "numpy" else 8)


@pytest.mark.parametrize("compiled", [False, True])
def test_the_caller_can_stop_the_work(compiled: bool) -> None:
    class Spent(Exception):
        pass

    def broke(points: int) -> None:
        raise Spent(points)

    axis = np.linspace(-5.0, 5.0, 21)
    field = sampled(rotation, Grid(axis, axis, axis)) if compiled else along_x
    with pytest.raises(Spent):
        trace(field, np.ones((2, 3)), TraceLimits(0.5, 7), 1, domain=BOX, spend=broke)


@pytest.mark.parametrize("tolerance", [0.0, -1.0, np.nan, np.inf])
def test_a_tolerance_must_be_positive_and_finite(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance is"):
        TraceLimits(1.0, 10, tolerance=tolerance)


def test_a_closure_must_be_less_than_a_step() -> None:
    with pytest.raises(ValueError, match="closure is 1"):
        TraceLimits(1.0, 10, closure=1.0)


@pytest.mark.parametrize("step", [0.0, -1.0, np.nan, np.inf])
def test_a_step_must_be_positive_and_finite(step: float) -> None:
    with pytest.raises(ValueError, match="step is"):
        TraceLimits(step, 10)


def test_at_least_one_step_must_be_allowed() -> None:
    with pytest.raises(ValueError, match="max_steps is 0"):
        TraceLimits(1.0, 0)


@pytest.mark.parametrize("count", [3.5, np.nan, np.inf, 2**63])
def test_steps_are_whole_numbers(count: int) -> None:
    with pytest.raises(ValueError, match="max_steps is"):
        TraceLimits(step=1.0, max_steps=count)


def test_two_vectors_cannot_be_followed() -> None:
    axis = np.linspace(-1.0, 1.0, 5)
    grid = Grid(axis, axis, axis)
    field = GridVector.of(grid, [np.ones(grid.shape)] * 6)
    with pytest.raises(ValueError, match="6 components; 3 are wanted"):
        trace(field, [[0.0, 0, 0]], TraceLimits(0.1, 5), 1, domain=field.domain)


def test_the_sphere_of_a_limit_must_make_sense() -> None:
    with pytest.raises(ValueError, match="radius is -1"):
        TraceLimits(1.0, 1, radius=-1.0)
    with pytest.raises(ValueError, match="centre is"):
        TraceLimits(1.0, 1, radius=1.0, centre=(0.0, 0.0, np.nan))


@pytest.mark.parametrize(
    "region",
    [
        ((0.0, 0.0, 0.0), (1.0, 0.0, 1.0)),
        ((0.0, 0.0, np.nan), (1.0, 1.0, 1.0)),
        ((0.0, 0.0), (1.0, 1.0)),
    ],
)
def test_a_region_must_be_a_box(region: Box) -> None:
    with pytest.raises(ValueError, match="region is"):
        TraceLimits(1.0, 1, region=region)
    with pytest.raises(ValueError, match="domain is"):
        trace(along_x, np.zeros((1, 3)), TraceLimits(1.0, 1), 1, domain=region)


def test_a_direction_is_one_way_or_the_other() -> None:
    with pytest.raises(ValueError, match="direction is 0; it must be 1 or -1"):
        trace(along_x, np.zeros((1, 3)), TraceLimits(1.0, 1), 0, domain=BOX)


def test_many_lines_are_those_of_each_seed_alone() -> None:
    """Lines that threads share among them come in the order of their seeds, with the same bits."""
    field = sampled(rotation, Grid(*[np.linspace(-1.0, 1.0, 9)] * 3))
    seeds = np.random.default_rng(7).uniform(-0.9, 0.9, (300, 3))
    limits = TraceLimits(0.1, 40, closure=0.0)
    many = trace(field, seeds, limits, 1, domain=field.domain)
    for number in (0, 149, 150, 299):
        alone = trace(field, seeds[number : number + 1], limits, 1, domain=field.domain)
        np.testing.assert_array_equal(line(many, number), alone.points)
        assert many.reasons[number] == alone.reasons[0]


@pytest.mark.parametrize("tolerance", [None, 1e-3])
@pytest.mark.parametrize("room", [1, 7, 65_536])
def test_lines_that_end_for_every_reason_are_those_of_each_seed_alone(
    tolerance: float | None, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines of very different lengths, followed side by side, with room for few points a call."""
    axis = np.linspace(-5.0, 5.0, 41)
    nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(nodes, -1, 0)
    # Circles round x = 2.5, a flow along x that carries to the body or out, and a null on an axis.
    round_ = (x > 0.5) & (y > 0.0)
    values = [
        np.where(round_, 2.5 - y, 1.0),
        np.where(round_, x - 2.5, 0.0),
        np.where(z < -3.0, -4.0 - z, 0.0),
    ]
    values[0][z < -3.0] = -x[z < -3.0]
    values[1][z < -3.0] = -y[z < -3.0]
    values[2][(x < -4.0) & (y > 3.0)] = np.nan
    values[2][(x > 0.0) & (y < -4.0)] = np.nan
    field = GridVector.of(Grid(axis, axis, axis), values)
    seeds = np.array(
        [
            [4.0, 2.5, 0.0], [-3.0, -2.0, 0.0], [-4.9, 4.0, 0.0], [-3.0, 0.1, 0.0],
            [-3.0, -4.5, 1.0], [1.0, 1.0, -4.5], [np.nan, 0.0, 0.0], [0.2, -2.0, 3.9],
            [3.0, 2.5, 1.0], [0.0, 0.0, -4.0], [-3.0, 1.0, 3.0], [9.0, 0.0, 0.0],
            [2.6, 2.5, 2.0], [4.6, 4.4, 0.0], [-4.0, -0.2, 0.1],
        ]
    )  # fmt: skip
    limits = TraceLimits(
        0.1, 90, radius=1.0, region=((-5.0,) * 3, (4.8, 5.0, 5.0)), tolerance=tolerance
    )
    alone = [trace(field, [seed], limits, 1, domain=field.domain) for seed in seeds]
    monkeypatch.setattr(streamline, "_ROOM", room)
    monkeypatch.setattr(streamline, "_WORK", 5 if room < 100 else 200_000)
    together = trace(field, seeds, limits, 1, domain=field.domain)
    for number, single in enumerate(alone):
        np.testing.assert_array_equal(line(together, number), single.points)
        assert together.reasons[number] == single.reasons[0]
    with engine.numpy_only():
        by_numpy = trace(field, seeds, limits, 1, domain=field.domain)
    np.testing.assert_array_equal(together.points, by_numpy.points)
    np.testing.assert_array_equal(together.reasons, by_numpy.reasons)
    assert set(together.reasons) >= set(EndReason)


def test_what_stops_one_thread_stops_all() -> None:
    field = sampled(rotation, Grid(*[np.linspace(-1.0, 1.0, 9)] * 3))
    seeds = np.random.default_rng(8).uniform(-0.9, 0.9, (300, 3))
    told: list[int] = []

    def spend(points: int) -> None:
        told.append(points)
        raise TimeoutError

    limits = TraceLimits(0.1, 40, closure=0.0)
    with pytest.raises(TimeoutError):
        trace(field, seeds, limits, 1, domain=field.domain, spend=spend)
    assert len(told) == 1
