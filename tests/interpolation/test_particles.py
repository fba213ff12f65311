from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpolation import engine, particles
from interpolation.body import Sphere
from interpolation.ends import EndReason
from interpolation.particles import LIGHT, Forces, Particles, PushLimits, Tracks, push
from interpolation.rectilinear import Grid
from interpolation.vector import GridVector

Floats = npt.NDArray[np.float64]

# CODATA 2018.
PROTON, CHARGE = 1.67262192369e-27, 1.602176634e-19
EVERYWHERE = ((-np.inf,) * 3, (np.inf,) * 3)


def uniform(magnetic: tuple[float, ...], other: tuple[float, ...]) -> Callable[[Floats], Floats]:
    return lambda points: np.broadcast_to([*magnetic, *other], (len(points), 6)).astype(float)


def track(tracks: Tracks, number: int = 0) -> slice:
    return slice(int(tracks.offsets[number]), int(tracks.offsets[number + 1]))


def test_a_particle_gyrates_with_its_radius_and_its_period() -> None:
    field, speed = 5e-9, 4e5
    radius, period = PROTON * speed / (CHARGE * field), 2 * np.pi * PROTON / (CHARGE * field)
    proton = Particles.of([[0.0, 0, 0]], [[speed, 0, 3e4]], PROTON, CHARGE, period / 1000)
    tracks = push(
        Forces(uniform((0, 0, field), (0, 0, 0))), proton, PushLimits(1000), domain=EVERYWHERE
    )
    np.testing.assert_allclose(tracks.times[-1], period)
    np.testing.assert_allclose(tracks.points[-1], [0, 0, 3e4 * period], atol=1e-4 * radius)
    # A positive charge turns clockwise seen along -z, round a centre at -y.
    np.testing.assert_allclose(
        np.hypot(tracks.points[:, 0], tracks.points[:, 1] + radius), radius, rtol=1e-5
    )
    speeds = np.linalg.norm(tracks.velocities, axis=1)
    np.testing.assert_allclose(speeds, np.hypot(speed, 3e4), rtol=1e-12)
    assert abs(tracks.drift[0]) < 1e-12


def test_the_phase_error_falls_with_the_square_of_the_step() -> None:
    field, speed = 5e-9, 4e5
    period = 2 * np.pi * PROTON / (CHARGE * field)

    def error(steps: int) -> float:
        proton = Particles.of([[0.0, 0, 0]], [[speed, 0, 0]], PROTON, CHARGE, period / steps)
        limits = PushLimits(steps)
        tracks = push(Forces(uniform((0, 0, field), (0, 0, 0))), proton, limits, domain=EVERYWHERE)
        return float(np.arctan2(tracks.velocities[-1, 1], tracks.velocities[-1, 0]))

    assert 3.9 < error(50) / error(100) < 4.1


@pytest.mark.parametrize("flow", [True, False])
def test_crossed_fields_drift_at_e_over_b(flow: bool) -> None:
    magnetic, velocity = (0.0, 0.0, 8e-9), (-4e5, 2e4, 0.0)
    other = velocity if flow else tuple(-np.cross(velocity, magnetic))
    period = 2 * np.pi * PROTON / (CHARGE * 8e-9)
    ion = Particles.of([[0.0, 0, 0]], [[0.0, 0, 0]], PROTON, CHARGE, period / 200)
    forces = Forces(uniform(magnetic, other), flow=flow)
    tracks = push(forces, ion, PushLimits(2000), domain=EVERYWHERE)
    drift = tracks.points[-1] / tracks.times[-1]
    np.testing.assert_allclose(drift, velocity, rtol=2e-3, atol=20)
    # Picked up at rest, it is at most twice as fast as the flow.
    assert np.linalg.norm(tracks.velocities, axis=1).max() == pytest.approx(
        2 * np.hypot(4e5, 2e4), rel=1e-3
    )
    assert abs(tracks.drift[0]) < 1e-6


def test_a_constant_force_brings_the_speed_of_light_and_no_more() -> None:
    strength, seconds, steps = 1.0, 30.0, 3000
    ion = Particles.of([[0.0, 0, 0]], [[0.0, 0, 0]], PROTON, CHARGE, seconds / steps)
    forces = Forces(uniform((0, 0, 0), (strength, 0, 0)), flow=False)
    tracks = push(forces, ion, PushLimits(steps), domain=EVERYWHERE)
    momentum = CHARGE * strength / PROTON * tracks.times
    exact = momentum / np.sqrt(1 + (momentum / LIGHT) ** 2)
    np.testing.assert_allclose(tracks.velocities[:, 0], exact, rtol=1e-9)
    assert tracks.velocities[-1, 0] < LIGHT
    where = LIGHT**2 * PROTON / (CHARGE * strength) * (np.sqrt(1 + (momentum / LIGHT) ** 2) - 1)
    np.testing.assert_allclose(tracks.points[-1, 0], where[-1], rtol=1e-6)
    assert abs(tracks.drift[0]) < 1e-6


def test_a_bottle_reflects_where_its_field_is_strong_enough() -> None:
    axial, length = 1e-7, 1e6

    def bottle(points: Floats) -> Floats:
        x, y, z = points.T
        pull = -axial * z / length**2
        zero = np.zeros_like(x)
        return np.stack(
            [x * pull, y * pull, axial * (1 + z**2 / length**2), zero, zero, zero], axis=1
        )

    speed, pitch = 2e4, np.radians(60)
    period = 2 * np.pi * PROTON / (CHARGE * axial)
    ion = Particles.of(
        [[0.0, 0, 0]],
        [[speed * np.sin(pitch), 0, speed * np.cos(pitch)]],
        PROTON,
        CHARGE,
        period / 16,
    )
    tracks = push(Forces(bottle), ion, PushLimits(9_000, stride=5), domain=EVERYWHERE)
    turning = length * np.sqrt(1 / np.sin(pitch) ** 2 - 1)
    assert tracks.points[:, 2].max() == pytest.approx(turning, rel=5e-3)
    assert tracks.points[:, 2].min() == pytest.approx(-turning, rel=5e-3)


def test_back_in_time_leads_to_the_start() -> None:
    forces = Forces(uniform((1e-9, 2e-9, 8e-9), (-4e5, 0, 1e4)))
    there = Particles.of([[1e5, 0, 0]], [[1e5, 2e5, 0]], PROTON, CHARGE, 0.5)
    out = push(forces, there, PushLimits(100), domain=EVERYWHERE)
    back = Particles.of(out.points[-1:], out.velocities[-1:], PROTON, CHARGE, -0.5)
    home = push(forces, back, PushLimits(100), domain=EVERYWHERE)
    np.testing.assert_allclose(home.points[-1], [1e5, 0, 0], atol=1e-4)
    assert home.times[-1] == -50.0


def test_a_track_ends_on_the_wall_at_the_right_time() -> None:
    still = Forces(uniform((0, 0, 0), (0, 0, 0)))
    ions = Particles.of(np.zeros((2, 3)), [[1e5, 0, 0], [0, -1e5, 0]], PROTON, CHARGE, 1.0)
    limits = PushLimits(100, stride=4, radius=1e5, centre=(4.05e5, 0.0, 0.0))
    tracks = push(still, ions, limits, domain=((-1e6,) * 3, (1e6, 1e6, 1e6)))
    np.testing.assert_array_equal(tracks.reasons, [EndReason.REACHED_BODY, EndReason.LEFT_DOMAIN])
    np.testing.assert_allclose(tracks.times[track(tracks, 0)], [0, 3.05])
    np.testing.assert_allclose(tracks.points[track(tracks, 0)][-1], [3.05e5, 0, 0])
    np.testing.assert_allclose(tracks.times[track(tracks, 1)], [0, 4, 8, 10])


@pytest.mark.parametrize("step", [2.5, 4.0])
def test_a_long_step_does_not_jump_the_body(step: float) -> None:
    axis = np.linspace(-5e6, 5e6, 11)
    grid = Grid(axis, axis, axis)
    still = GridVector.of(grid, [np.zeros(grid.shape)] * 6)
    proton = Particles.of([[-3e6, 6e5, 0]], [[1e6, 0, 0]], PROTON, CHARGE, step)
    limits = PushLimits(100, radius=1e6)
    tracks = push(Forces(still), proton, limits, domain=(grid.lower, grid.upper))
    np.testing.assert_array_equal(tracks.reasons, [EndReason.REACHED_BODY])
    np.testing.assert_allclose(tracks.points[-1], [-8e5, 6e5, 0.0], atol=1e-2)
    np.testing.assert_allclose(tracks.times[-1], 2.2)


def test_a_hole_in_the_fields_ends_a_track() -> None:
    def holed(points: Floats) -> Floats:
        fields = np.zeros((len(points), 6))
        fields[points[:, 0] > 2.2e5, 4] = np.nan
        return fields

    ions = Particles.of([[0.0, 0, 0], [3e5, 0, 0], [np.nan, 0, 0]], [[1e5, 0, 0]] * 3, PROTON, 0, 1)
    tracks = push(Forces(holed), ions, PushLimits(9, stride=4), domain=EVERYWHERE)
    np.testing.assert_array_equal(
        tracks.reasons, [EndReason.MASKED, EndReason.BAD_SEED, EndReason.BAD_SEED]
    )
    np.testing.assert_array_equal(tracks.times, [0, 2, 0, 0])


def test_mass_and_charge_are_each_particles_own() -> None:
    forces = Forces(uniform((0, 0, 1e-8), (0, 0, 0)))
    ions = Particles.of(
        np.zeros((3, 3)), [[1e5, 0, 0]] * 3, [PROTON, 16 * PROTON, PROTON],
        [CHARGE, CHARGE, 2 * CHARGE], 0.01,
    )  # fmt: skip
    tracks = push(forces, ions, PushLimits(100), domain=EVERYWHERE)
    turned = [tracks.velocities[track(tracks, i)][-1, 1] for i in range(3)]
    rate = CHARGE * 1e-8 / PROTON
    np.testing.assert_allclose(turned, -1e5 * np.sin([rate, rate / 16, 2 * rate]), rtol=1e-3)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    st.integers(0, 2**32),
    st.sampled_from(["f4", "f8"]),
    st.booleans(),
    st.integers(1, 7),
    st.sampled_from([0.5, -0.5]),
)
def test_both_engines_give_the_same_tracks(
    seed: int, kind: str, flow: bool, stride: int, step: float
) -> None:
    random = np.random.default_rng(seed)
    axes = [np.cumsum(random.uniform(0.5, 1.5, size=12)) * 1e5 - 6e5 for _ in range(3)]
    grid = Grid(axes[0], axes[1][::-1], axes[2])
    values = [random.normal(size=grid.shape).astype(kind) for _ in range(6)]
    values[4][5, 5, 5] = np.nan
    field = GridVector.of(grid, values, Sphere((0.0, 0.0, 0.0), 1e5))
    forces = Forces(field, flow=flow, factors=(1e-8, 1e5 if flow else 1e-3))
    ions = Particles.of(
        random.uniform(-6e5, 6e5, size=(12, 3)),
        random.normal(scale=1e5, size=(12, 3)),
        PROTON * random.uniform(1, 16, size=12),
        CHARGE,
        step * random.uniform(0.1, 1, size=12),
    )
    limits = PushLimits(50, stride, 1.5e5, region=((-9e5, -4e5, -5e5), (9e5, 5e5, 5e5)))
    ours = push(forces, ions, limits, domain=field.domain)
    with engine.numpy_only():
        by_numpy = push(forces, ions, limits, domain=field.domain)
    for part in ("reasons", "offsets", "points", "velocities", "times", "drift"):
        np.testing.assert_array_equal(getattr(ours, part), getattr(by_numpy, part), err_msg=part)


def test_the_room_of_a_call_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    axis = np.linspace(-1e6, 1e6, 9)
    grid = Grid(axis, axis, axis)
    values = [np.random.default_rng(v).normal(size=grid.shape) for v in range(6)]
    forces = Forces(GridVector.of(grid, values), factors=(1e-8, 1e5))
    ions = Particles.of(np.eye(3) * 1e5, np.eye(3) * 1e5, PROTON, CHARGE, 0.3)
    domain = ((-1e6,) * 3, (1e6,) * 3)
    whole = push(forces, ions, PushLimits(40, 3), domain=domain)
    monkeypatch.setattr(particles, "_ROOM", 5)
    monkeypatch.setattr(particles, "_WORK", 7)
    paid: list[int] = []
    in_parts = push(forces, ions, PushLimits(40, 3), domain=domain, spend=paid.append)
    np.testing.assert_array_equal(in_parts.points, whole.points)
    np.testing.assert_array_equal(in_parts.times, whole.times)
    np.testing.assert_array_equal(in_parts.drift, whole.drift)
    assert len(paid) > 3


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"mass": 0.0}, "mass must be more than zero"),
        ({"mass": [1.0, 2.0, 3.0]}, "mass wants one finite number"),
        ({"charge": np.nan}, "charge wants one finite number"),
        ({"step": 0.0}, "no step may be zero"),
        ({"velocities": [[LIGHT, 0, 0]]}, "below that of light"),
        ({"velocities": [[np.nan, 0, 0]]}, "must be finite"),
        ({"velocities": [[1e200, 0, 0]]}, "below that of light"),
        ({"velocities": np.zeros((2, 3))}, "1 positions, but 2 velocities"),
        ({"positions": [0.0, 0, 0]}, r"\(n, 3\) is wanted"),
    ],
)
def test_impossible_particles_are_refused(change: dict[str, npt.ArrayLike], fault: str) -> None:
    good: dict[str, npt.ArrayLike] = {
        "positions": [[0.0, 0, 0]], "velocities": [[0.0, 0, 0]],
        "mass": 1.0, "charge": 1.0, "step": 1.0,
    }  # fmt: skip
    with pytest.raises(ValueError, match=fault):
        Particles.of(**(good | change))


@pytest.mark.parametrize(("max_steps", "stride"), [(0, 1), (5, 0)])
def test_impossible_limits_are_refused(max_steps: int, stride: int) -> None:
    with pytest.raises(ValueError, match="is 0; it must be at least 1"):
        PushLimits(max_steps, stride)


@pytest.mark.parametrize("count", [3.5, np.nan, np.inf, "3", 2**63, None])
def test_limits_are_whole_numbers(count: int) -> None:
    with pytest.raises(ValueError, match="max_steps is"):
        PushLimits(count)
    with pytest.raises(ValueError, match="stride is"):
        PushLimits(1, count)


@pytest.mark.parametrize("components", [3, 5])
def test_fields_that_are_no_two_vectors_are_refused(components: int) -> None:
    axis = np.linspace(-1e6, 1e6, 5)
    grid = Grid(axis, axis, axis)
    field = GridVector.of(grid, [np.zeros(grid.shape)] * components)
    ion = Particles.of([[0.0, 0, 0]], [[1e5, 0, 0]], PROTON, CHARGE, 1.0)
    with pytest.raises(ValueError, match=f"{components} components; 6 are wanted"):
        push(Forces(field), ion, PushLimits(5), domain=EVERYWHERE)
    with pytest.raises(ValueError, match="6\\) is wanted"):
        push(
            Forces(lambda p: np.zeros((len(p), components))), ion, PushLimits(5), domain=EVERYWHERE
        )


def test_particles_need_not_be_writable() -> None:
    axis = np.linspace(-1e6, 1e6, 5)
    grid = Grid(axis, axis, axis)
    forces = Forces(GridVector.of(grid, [np.full(grid.shape, 1e-8)] * 6))
    place, speed = np.array([[0.0, 1, 2]]), np.array([[1e5, 0, 0]])
    ion = Particles.of(place, speed, PROTON, CHARGE, 0.1)
    told = push(forces, ion, PushLimits(5), domain=EVERYWHERE)
    for array in (place, speed, ion.mass, ion.charge, ion.step):
        array.flags.writeable = False
    for still in (Particles.of(place, speed, PROTON, CHARGE, 0.1), ion):
        tracks = push(forces, still, PushLimits(5), domain=EVERYWHERE)
        np.testing.assert_array_equal(tracks.points, told.points)


def test_no_particles_have_no_tracks() -> None:
    none = Particles.of(np.empty((0, 3)), np.empty((0, 3)), 1.0, 1.0, 1.0)
    tracks = push(Forces(uniform((0, 0, 1), (0, 0, 0))), none, PushLimits(5), domain=EVERYWHERE)
    assert tracks.points.shape == (0, 3)
    np.testing.assert_array_equal(tracks.offsets, [0])


def test_a_harris_sheet_keeps_energy_and_momentum_along_itself() -> None:
    """Bx = B0 tanh(z / L), no electric field: m vy + q Ay is kept, Ay = -B0 L ln cosh(z / L)."""
    strength, width = 2e-8, 1e6
    axis = np.linspace(-8e6, 8e6, 401)
    grid = Grid(np.array([-1e9, 1e9]), np.array([-1e9, 1e9]), axis)
    sheet = np.broadcast_to(strength * np.tanh(axis / width), grid.shape)
    zero = np.zeros(grid.shape)
    forces = Forces(GridVector.of(grid, [sheet, zero, zero, zero, zero, zero]))
    ion = Particles.of([[0.0, 0, 3e5]], [[1e5, 2e5, 3e5]], PROTON, CHARGE, 0.05)
    tracks = push(forces, ion, PushLimits(4_000, stride=4), domain=((-1e9,) * 3, (1e9, 1e9, 1e9)))
    assert tracks.reasons[0] == EndReason.MAX_STEPS
    speed = np.linalg.norm(tracks.velocities, axis=1)
    np.testing.assert_allclose(speed, speed[0], rtol=1e-11)
    potential = strength * width * np.log(np.cosh(tracks.points[:, 2] / width))
    momentum = PROTON * tracks.velocities[:, 1] - CHARGE * potential
    np.testing.assert_allclose(momentum, momentum[0], atol=2e-3 * PROTON * speed[0])
    assert np.ptp(tracks.points[:, 2]) > 3e5
