"""Cubes: published names and units, and whom to believe when file and run file differ."""

from collections.abc import Sequence

import numpy as np
import pytest

from vo_server.block_cache import BlockCache
from vo_server.blocks import Loaded
from vo_server.errors import BadFile, WrongUnit
from vo_server.field import GridField
from vo_server.model.run import Run
from vo_server.providers.cube import Array, Cube, Stated

_MARS = {"body": "Mars", "body_radius": "3390 km", "frame": "MSO"}
_NOTHING = Stated()
_STATED = Stated(frame="mso", body="mars", radius=3.4e6, inner_boundary=3.5e6)


_TWOS = Loaded((3, 3, 3), np.dtype(np.float64), lambda: np.full((3, 3, 3), 2.0))


def _field(
    arrays: Sequence[Array] = (),
    overrides: Sequence[dict[str, str]] = (),
    place: dict[str, str] = _MARS,
    stated: Stated = _NOTHING,
    units: tuple[str | None, str | None, str | None] = ("m", "m", "m"),
) -> tuple[GridField, tuple[str, ...]]:
    """Give field and remarks of a cube with nodes -1, 0, 1 along each axis."""
    described = {
        "id": "spase://MyLab/SimulationRun/A",
        "model": "spase://MyLab/SimulationModel/M",
        "outputs": [
            {
                "id": "spase://MyLab/NumericalOutput/A/out",
                "file": "a.nc",
                "parameters": list(overrides),
            }
        ],
    }
    run = Run.model_validate(described | place)
    axis = np.array([-1.0, 0.0, 1.0])
    cube = Cube((axis, axis, axis), units, tuple(arrays), stated)
    return cube.field(run.outputs[0], run, BlockCache(1000))


def test_names_units_and_words() -> None:
    arrays = [
        Array("n", " cm-3 ", _TWOS, "of protons"),
        Array("T", "eV", _TWOS, "of protons"),
        Array("Bx", "nT", _TWOS),
    ]
    overrides = [
        {"name": "Temperature", "source": "T", "description": "of electrons"},
        {"name": "Bx", "ucd": "phys.magField;pos.cartesian.x"},
    ]
    field, remarks = _field(arrays, overrides)
    assert [(p.name, p.unit, p.ucd, p.description) for p in field.parameters] == [
        ("n", "1/m3", "phys.density", "of protons"),
        ("Temperature", "K", "phys.temperature", "of electrons"),
        ("Bx", "T", "phys.magField;pos.cartesian.x", ""),
    ]
    values, _ = field.sample(np.zeros((1, 3)), ("n", "Temperature", "Bx"), "linear")
    np.testing.assert_allclose(values[:, 0], [2e6, 2 * 11604.518, 2e-9], rtol=1e-7)
    assert remarks == ()


def test_values_are_kept_in_the_cache_that_is_given() -> None:
    cache = BlockCache(1000)
    run = Run.model_validate(
        {
            "id": "spase://MyLab/SimulationRun/A",
            "model": "spase://MyLab/SimulationModel/M",
            "outputs": [
                {
                    "id": "spase://MyLab/NumericalOutput/A/out",
                    "file": "a.nc",
                    "parameters": [{"name": "Density", "source": "n"}],
                }
            ],
        }
        | _MARS
    )
    axis = np.array([-1.0, 0.0, 1.0])
    cube = Cube((axis, axis, axis), ("m", "m", "m"), (Array("n", "m-3", _TWOS),))
    field, _ = cube.field(run.outputs[0], run, cache)
    assert cache.nbytes == 0
    assert (field.variables["Density"].load() == 2.0).all()
    assert cache.nbytes == 216


def test_two_variables_under_one_name_are_refused() -> None:
    arrays = [Array("rho", "cm-3", _TWOS), Array("n", "cm-3", _TWOS)]
    with pytest.raises(BadFile, match="two variables of the file would be published as n"):
        _field(arrays, [{"name": "n", "source": "rho"}])


def test_remarks_tell_what_was_overruled() -> None:
    arrays = [Array("Ex", "mV/m", _TWOS), Array("Ey", "kV/m", _TWOS), Array("Ez", None, _TWOS)]
    overrides = [{"name": name, "unit": "kV/m"} for name in ("Ex", "Ey", "Ez")]
    field, remarks = _field(arrays, overrides)
    assert remarks == ("Ex: unit 'kV/m' of run.toml overrules the file's 'mV/m'",)
    assert {v.factor for v in field.variables.values()} == {1e3}


def test_a_unit_of_another_quantity_takes_the_ucd_away() -> None:
    field, remarks = _field([Array("Density", "km/s", _TWOS), Array("E", "J/m3", _TWOS)])
    assert [(p.name, p.unit, p.ucd) for p in field.parameters] == [
        ("Density", "m/s", None),
        ("E", "Pa", None),
    ]
    assert remarks[0] == "Density: its unit 'km/s' is none of phys.density, so no UCD is published"


def test_units_that_nobody_tells() -> None:
    with pytest.raises(BadFile, match="parameter n has no unit in the file; give one"):
        _field([Array("n", "  ", _TWOS)])
    with pytest.raises(WrongUnit, match="axis y has no unit"):
        _field(units=("m", None, "m"))
    with pytest.raises(WrongUnit, match="'Re' of axis z is the radius of Earth"):
        _field(units=("m", "m", "Re"))


@pytest.mark.parametrize(
    ("stated", "place", "found"),
    [
        (_NOTHING, _MARS, ("MSO", "Mars", 3.39e6, None)),
        (_STATED, {}, ("MSO", "Mars", 3.4e6, 3.5e6)),
        (_STATED, _MARS | {"frame": "Mso", "body": "MARS"}, ("MSO", "MARS", 3.39e6, 3.5e6)),
        (_STATED, {"inner_boundary": "3450 km"}, ("MSO", "Mars", 3.4e6, 3.45e6)),
        (Stated(frame="MSO"), {"body": "Mars", "body_radius": "1 m"}, ("MSO", "Mars", 1.0, None)),
    ],
)
def test_the_place(
    stated: Stated, place: dict[str, str], found: tuple[str, str, float, float | None]
) -> None:
    field, _ = _field(place=place, stated=stated, units=("Rm", "km", "m"))
    body = field.body
    assert (str(field.frame), body.name, body.radius, body.inner_boundary) == found
    assert field.domain.upper == (found[2], 1e3, 1.0)


@pytest.mark.parametrize(
    ("stated", "place", "reason"),
    [
        (Stated(frame="VSO"), _MARS, "the file says frame VSO, run.toml says MSO"),
        (Stated(body="Venus"), _MARS, "the file says body Venus, run.toml says Mars"),
        (_NOTHING, {}, "neither the file nor run.toml tells frame, body, body_radius"),
        (Stated(frame="MSO", body="Mars"), {}, "neither the file nor run.toml tells body_radius"),
    ],
)
def test_a_place_that_is_not_told_or_told_differently(
    stated: Stated, place: dict[str, str], reason: str
) -> None:
    with pytest.raises(BadFile) as caught:
        _field(place=place, stated=stated)
    assert caught.value.message == reason
