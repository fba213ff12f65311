"""Tracks: rows by side, steps, end reasons, refusals of fields and of particles."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from vo_server.budget import Budget
from vo_server.errors import BadArgument, TooMuch, UnknownParameter, WrongFrame
from vo_server.model.request import TrackRequest
from vo_server.model.space import Box
from vo_server.model.table import Table, concatenate
from vo_server.tracks import fields_of, track

Make = Callable[..., Any]
_MASS, _CHARGE = 1.0, 1.0
_B = ("Bx", "By", "Bz")


@dataclass(frozen=True)
class Sampled:
    """A field that can be sampled and nothing else."""

    field: Any

    def __post_init__(self) -> None:
        for name in ("parameters", "frame", "domain", "sample"):
            object.__setattr__(self, name, getattr(self.field, name))


def _same(value: float) -> Any:
    return lambda nodes: np.full(nodes.shape[:3], value)


@pytest.fixture
def field(make_source: Make) -> Any:
    """Give 2 pi T along z, in which a turn takes 1 s, and nothing that flows."""
    names = ("Bx", "By", "Bz", "Ux", "Uy", "Uz")
    values = {name: _same(2.0 * np.pi if name == "Bz" else 0.0) for name in names}
    return make_source(values, boundary=0.5)


def _track(source: Any, starts: Any, velocities: Any, budget: Any = None, **more: Any) -> Table:
    count = len(starts)
    request = TrackRequest(
        source.resource,
        starts,
        np.array(velocities, float),
        np.full(count, _MASS),
        np.full(count, _CHARGE),
        **more,
    )
    return concatenate(list(track(request, source, budget or Budget())))


def _constants(table: Table) -> dict[str, Any]:
    return {constant.parameter.name: constant.value for constant in table.header.constants}


def test_gyration(field: Any, trajectory: Make) -> None:
    """A speed of 2 pi m/s gives a circle of 1 m, gone through in a second."""
    start, speed = trajectory([[1.5, 0, 0]]), [[0, 2 * np.pi, 0]]
    table = _track(field, start, speed, max_steps=1257, step=0.005)
    x, y, _, seconds, number = table.columns
    assert [p.name for p in table.header.parameters] == ["X", "Y", "Z", "Seconds", "Particle_no"]
    turns = 2 * np.pi * seconds
    np.testing.assert_allclose(x, 2.5 - np.cos(turns), atol=1e-4)
    np.testing.assert_allclose(y, np.sin(turns), atol=1e-4)
    np.testing.assert_allclose(seconds, np.arange(1258) * 0.005 / (2 * np.pi))
    assert set(number) == {1}


@pytest.mark.parametrize("factor", [1.0, 1e-3])
def test_quick_vectors_give_the_same_bits(
    make_source: Make, trajectory: Make, factor: float
) -> None:
    """A field that only samples, and one whose vectors are followed by the core."""
    rng = np.random.default_rng(3)
    noise = {name: rng.normal(3.0, 1.0, (9, 9, 9)) for name in (*_B, "Ux", "Uy", "Uz")}
    source = make_source({n: lambda _, v=v: v for n, v in noise.items()}, factor=factor)
    starts, speeds = trajectory(rng.uniform(-3, 3, (20, 3))), rng.normal(0, 1, (20, 3))
    quick = _track(source, starts, speeds, max_steps=200, direction="both")
    assert source.opened.vector((*_B, "Ux", "Uy", "Uz")) is not None
    slow = _track(
        replace(source, opened=Sampled(source.opened)),
        starts,
        speeds,
        max_steps=200,
        direction="both",
    )
    for one, other in zip(quick.columns, slow.columns, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(quick) > 100


def test_vectors_of_two_units_are_not_followed(make_source: Make) -> None:
    source = make_source({name: _same(1.0) for name in _B})
    bx = source.opened.variables["Bx"]
    mixed = replace(
        source.opened, variables={**source.opened.variables, "Bx": replace(bx, factor=2.0)}
    )
    assert mixed.vector(_B) is None


def test_both_sides_and_their_ends(field: Any, trajectory: Make) -> None:
    starts = trajectory([[-3, 0, 0], [0, 0, 3], [0, 9, 0]])
    table = _track(
        field, starts, [[0, 0, 0.5], [0, 0, -1], [0, 0, 1]], direction="both", max_steps=2000
    )
    assert _constants(table)["EndReason_Forward"].split()[:2] == [
        "left-the-domain",
        "reached-the-body",
    ]
    assert _constants(table)["EndReason_Backward"].split()[:2] == ["left-the-domain"] * 2
    numbers, seconds = table.column("Particle_no"), table.column("Seconds")
    turns = np.flatnonzero(np.diff(numbers) < 0)
    assert len(turns) == 1
    assert (seconds[: turns[0] + 1] >= 0).all()
    assert (seconds[turns[0] + 1 :] <= 0).all()
    assert any(name == "particles forward reached-the-body" for name, _ in table.notes)


def test_region_and_radius(field: Any, trajectory: Make) -> None:
    starts = trajectory([[-3, 0, 0], [0, 0, 3]])
    table = _track(
        field, starts, [[0, 0, 1], [0, 0, -1]], max_steps=2000, radius=2.0,
        region=Box((-4, -4, -4), (4, 4, 3.5)),
    )  # fmt: skip
    assert table.column("Z").max() == pytest.approx(3.5)
    z = table.column("Z")[table.column("Particle_no") == 2]
    assert z.min() == pytest.approx(2.0, abs=1e-6)


def test_what_neither_moves_nor_turns_stays(make_source: Make, trajectory: Make) -> None:
    still = make_source({n: _same(0.0) for n in ("Bx", "By", "Bz", "Ex", "Ey", "Ez")})
    table = _track(still, trajectory([[1, 1, 1]]), [[0, 0, 0]], max_steps=3)
    np.testing.assert_array_equal(table.column("X"), 1.0)
    assert "-U x B" not in table.header.description


def test_an_electric_field_does_work(make_source: Make, trajectory: Make) -> None:
    values = {n: _same(1.0 if n == "Ex" else 0.0) for n in ("Bx", "By", "Bz", "Ex", "Ey", "Ez")}
    table = _track(make_source(values), trajectory([[-3, 0, 0]]), [[0, 0, 0]], max_steps=400)
    x, seconds = table.column("X"), table.column("Seconds")
    np.testing.assert_allclose(x, -3.0 + 0.5 * seconds**2, atol=1e-9)


def test_a_stored_electric_field_goes_before_that_of_the_flow(
    make_source: Make, trajectory: Make
) -> None:
    """It is the whole field: -U x B, here along -y, is not added to it."""
    values = {n: _same(0.0) for n in ("Bx", "By", "Ey", "Ez", "Uy", "Uz")}
    values |= {n: _same(1.0) for n in ("Bz", "Ux", "Ex")}
    source = make_source(values)
    table = _track(source, trajectory([[0, 0, 0]]), [[0, -1.0, 0]], max_steps=20, step=0.05)
    assert fields_of(source.resource).names == ("Bx", "By", "Bz", "Ex", "Ey", "Ez")
    np.testing.assert_allclose(table.column("X"), 0.0, atol=1e-12)  # E x B drift along -y
    assert "-U x B" not in table.header.description


def test_the_drift_of_the_energy_is_told(field: Any, trajectory: Make) -> None:
    starts = trajectory([[1.5, 0, 0], [2.5, 0, 0], [0, 0, 0]])
    table = _track(field, starts, [[0, 2 * np.pi, 0]] * 3, direction="both", max_steps=500)
    for side in ("Forward", "Backward"):
        drifts = np.array(_constants(table)[f"EnergyDrift_{side}"].split(), float)
        assert drifts.shape == (3,)
        assert np.abs(drifts).max() < 1e-12
    (largest,) = [value for name, value in table.notes if name == "largest energy drift"]
    assert float(largest) < 1e-12


def test_fields_that_are_wanted(make_source: Make) -> None:
    resource = make_source({"Bx": _same(0.0), "By": _same(0.0)}).resource
    with pytest.raises(UnknownParameter, match=r"no fields to push particles.* it has Bx, By"):
        fields_of(resource)


@pytest.mark.parametrize(
    ("more", "kind", "words"),
    [
        ({"step": 0.0}, BadArgument, "step must be more than zero"),
        ({"step": float("nan")}, BadArgument, "step must be more than zero"),
        ({"max_steps": 10**6}, TooMuch, "1000000 steps asked for"),
        ({"radius": -1.0}, BadArgument, "radius"),
    ],
)
def test_refusals(field: Any, trajectory: Make, more: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        _track(field, trajectory([[3, 0, 0]]), [[1, 0, 0]], **more)


def test_limits_of_the_node(field: Any, trajectory: Make) -> None:
    starts = trajectory([[3, 0, 0], [3, 0, 0]])
    with pytest.raises(TooMuch, match="2 lines asked for"):
        _track(field, starts, [[1, 0, 0]] * 2, Budget(lines=1))
    with pytest.raises(TooMuch, match="the tracks have more than 5 points"):
        _track(field, starts, [[0, 1, 0]] * 2, Budget(points=5), max_steps=200)


def test_particles_of_another_frame(field: Any, trajectory: Make) -> None:
    with pytest.raises(WrongFrame, match=r"GSE.*MSO"):
        _track(field, trajectory([[3, 0, 0]], frame="GSE"), [[1, 0, 0]])


def test_light_is_faster(field: Any, trajectory: Make) -> None:
    with pytest.raises(BadArgument, match="below that of light"):
        _track(field, trajectory([[3, 0, 0]]), [[3e8, 0, 0]])
