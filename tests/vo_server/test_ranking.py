"""Ranking: distances by FMI's formula, scales of bodies, runs that cannot be compared."""

import math

import pytest

from vo_server.errors import BadArgument
from vo_server.model.resource import Conditions, Kind, Resource
from vo_server.ranking import criterion, default_scale, known_values, rank


def _run(name: str, **conditions: object) -> Resource:
    told = (Conditions(**conditions),) if conditions else ()  # type: ignore[arg-type]
    return Resource(f"spase://M/SimulationRun/{name}", Kind.RUN, name, conditions=told)


def test_distance_is_weighted_squares_over_scales() -> None:
    runs = [
        _run("far", density=20e6, speed=4e5),
        _run("near", density=8e6, speed=4.3e5),
        _run("unknown"),
        _run("half", density=8e6),
    ]
    wanted = [
        criterion("Density", "Earth", 5e6, weight=2.0),
        criterion("Utot", "Earth", 4.5e5, scale=1e5),
    ]
    near, far = rank(runs, wanted, 10)
    assert (near.run.title, far.run.title) == ("near", "far")
    assert near.terms["Density"] == pytest.approx(2.0 * (3e6 / 7e6) ** 2)
    assert near.terms["Utot"] == pytest.approx(0.04)
    assert near.distance == pytest.approx(sum(near.terms.values()))
    assert [r.run.title for r in rank(runs, wanted, 1)] == ["near"]


def test_published_distances() -> None:
    """The terms of the published answer: 15 cm-3 and 400019 m/s against 5 cm-3 and 450000 m/s."""
    run = _run("GUMICS", density=15e6, speed=400019.0)
    wanted = [
        criterion("Density", "Earth", 5e6, weight=2.0),
        criterion("Utot", "Earth", 450000.0),
    ]
    (found,) = rank([run], wanted, 1)
    assert found.terms["Density"] == pytest.approx(4.0816326530612, rel=1e-13)
    assert found.terms["Utot"] == pytest.approx(0.013510548193618, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "body", "scale"),
    [
        ("Density", "Mercury", 73e6),
        ("Density", "VENUS", 14e6),
        ("Temperature", "Mars", 61_000.0),
        ("Utot", "comet", 430_000.0),
        ("Bx", "Mercury", 46e-9),
        ("Btot", "Jupiter", 6e-9),
        ("Solar_F10.7", "Earth", None),
    ],
)
def test_default_scales(name: str, body: str, scale: float | None) -> None:
    assert default_scale(name, body) == scale


def test_known_values() -> None:
    values = known_values(Conditions(magnetic_field=(3e-9, 0.0, -4e-9)))
    assert values == {"Btot": pytest.approx(5e-9), "Bx": 3e-9, "By": 0.0, "Bz": -4e-9}
    assert known_values(Conditions()) == {}


def test_runs_whose_formula_has_no_value_are_left_out() -> None:
    wanted = criterion("Function", "Mars", 1.0, scale=1.0, formula="SW_Density / SW_Bx")
    runs = [
        _run("zero", density=1.0, magnetic_field=(0.0, 0.0, 0.0)),
        _run("unknown", density=1.0),
        _run("good", density=2.0, magnetic_field=(1.0, 0.0, 0.0)),
    ]
    (found,) = rank(runs, [wanted], 5)
    assert found.run.title == "good"
    assert found.values["Function"] == 2.0


@pytest.mark.parametrize(
    "formula",
    ["9**9**9**9", "sqrt(-1)", "sqrt(-SW_Density)", "SW_Density / (SW_Density - SW_Density)"],
)
def test_a_formula_that_never_has_a_value_is_refused(formula: str) -> None:
    wanted = criterion("Function", "Mars", 1.0, scale=1.0, formula=formula)
    runs = [_run("a", density=1.0), _run("b", density=2.0), _run("unknown")]
    with pytest.raises(BadArgument, match="the expression has no finite value"):
        rank(runs, [wanted], 5)
    if not wanted.formula or wanted.formula.names:
        assert rank(runs[2:], [wanted], 5) == []
    else:
        with pytest.raises(BadArgument):
            rank([], [wanted], 5)


def test_distances_beyond_all_numbers_are_left_out() -> None:
    wanted = criterion("Utot", "Mars", 0.0, scale=1e-300)
    (found,) = rank([_run("far", speed=1e300), _run("there", speed=0.0)], [wanted], 5)
    assert found.run.title == "there"
    with pytest.raises(BadArgument, match="no run is at a finite distance"):
        rank([_run("far", speed=1e300)], [wanted], 5)


@pytest.mark.parametrize("scale", [0.0, math.inf, math.nan])
def test_scales_that_are_none(scale: float) -> None:
    with pytest.raises(BadArgument, match="the scale must not be zero"):
        criterion("Density", "Mars", 1.0, scale=scale)


def test_the_flux_of_the_sun() -> None:
    runs = [_run("quiet", solar_flux=1e-20), _run("active", solar_flux=2e-20), _run("untold")]
    wanted = [criterion("Solar_F10.7", "Earth", 1.9e-20, scale=1e-20)]
    near, far = rank(runs, wanted, 10)
    assert (near.run.title, far.run.title) == ("active", "quiet")
    assert near.terms["Solar_F10.7"] == pytest.approx(0.01)
    assert near.values == {"Solar_F10.7": 2e-20}
    ratio = criterion("Function", "Earth", 2.0, scale=1.0, formula="Solar_F10.7 / 1e-20")
    assert [r.run.title for r in rank(runs, [ratio], 1)] == ["active"]
