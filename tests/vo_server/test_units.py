"""Units: reference numbers, the field's spellings, and refusals by name."""

import pytest

from vo_server import units
from vo_server.errors import WrongUnit


@pytest.mark.parametrize(
    ("unit", "factor", "si"),
    [
        ("cm-3", 1e6, "1/m3"),
        ("cm^-3", 1e6, "1/m3"),
        ("#/cm3", 1e6, "1/m3"),
        ("/cc", 1e6, "1/m3"),
        ("1/m^3", 1.0, "1/m3"),
        ("nT", 1e-9, "T"),
        ("km.s-1", 1e3, "m/s"),
        ("km/s", 1e3, "m/s"),
        ("m s-1", 1.0, "m/s"),
        ("nPa", 1e-9, "Pa"),
        ("J/m^3", 1.0, "Pa"),
        ("mV.m-1", 1e-3, "V/m"),
        ("kV/m", 1e3, "V/m"),
        ("nA.m-2", 1e-9, "A/m2"),
        ("nA/m2", 1e-9, "A/m2"),
        ("K", 1.0, "K"),
    ],
)
def test_si(unit: str, factor: float, si: str) -> None:
    assert units.to_si(unit) == (factor, si)


def test_an_energy_is_a_temperature_only_where_one_is_meant() -> None:
    # CODATA 2018: 1 eV / k_B = 11604.518 12 K
    assert units.to_si("eV", temperature=True)[0] == pytest.approx(11604.51812, rel=1e-9)
    assert units.to_si("eV", temperature=True)[1] == "K"
    assert units.to_si("eV") == (1.0, "eV")


@pytest.mark.parametrize(
    ("unit", "metres"),
    [("km", 1e3), ("mi", 1609.344), ("6378km", 6378e3), ("1.3x10-12m", 1.3e-12), ("m", 1.0)],
)
def test_lengths(unit: str, metres: float) -> None:
    assert units.length_in_metres(unit, "Mars", 3.39e6, argument="X") == pytest.approx(metres)


@pytest.mark.parametrize(
    ("unit", "body"),
    [("Rm", "Mars"), ("R_M", "Mars"), ("Re", "Earth"), ("R_E", "Earth"), ("Rv", "Venus"),
     ("RP", "Venus"), ("Rs", "Saturn"), ("Rm", "Mercury"), ("RGa", "Ganymede")],
)  # fmt: skip
def test_radii_of_the_body_itself(unit: str, body: str) -> None:
    assert units.length_in_metres(unit, body, 2.5e6, argument="X") == 2.5e6


def test_the_radius_of_another_body_is_refused_naming_both() -> None:
    with pytest.raises(WrongUnit, match="'Re' of X is the radius of Earth, but the body is Mars"):
        units.length_in_metres("Re", "Mars", 3.39e6, argument="X")


def test_a_radius_that_nobody_told_is_refused() -> None:
    with pytest.raises(WrongUnit, match="radii of Mars, whose length is not told"):
        units.length_in_metres("Rm", "Mars", None, argument="X")


@pytest.mark.parametrize("unit", [None, "", "  "])
def test_a_missing_unit_is_refused(unit: str | None) -> None:
    with pytest.raises(WrongUnit, match="X has no unit"):
        units.length_in_metres(unit, "Mars", 3.39e6, argument="X")


@pytest.mark.parametrize("unit", ["furlong", "UT", "R_Q", "Gm#", "km;", "1e999999 m m", "m" * 500])
def test_an_unknown_unit_is_refused_by_name(unit: str) -> None:
    with pytest.raises(WrongUnit, match="not known"):
        units.length_in_metres(unit, "Mars", 3.39e6, argument="X")


def test_a_unit_of_another_kind_is_refused() -> None:
    with pytest.raises(WrongUnit, match="'nT' of X cannot become 'm'"):
        units.length_in_metres("nT", "Mars", 3.39e6, argument="X")


def test_quantities() -> None:
    assert units.quantity("3390 km", "m", argument="body_radius") == 3.39e6
    assert units.quantity("-1.634 nT", "T", argument="b") == pytest.approx(-1.634e-9, rel=1e-15)
    for text in ("3390", "km", "3390km km km", ""):
        with pytest.raises(WrongUnit):
            units.quantity(text, "m", argument="body_radius")


@pytest.mark.parametrize(
    ("text", "metres"), [("3390km", 3.39e6), ("3390  km", 3.39e6), ("1e3m", 1e3)]
)
def test_quantities_with_and_without_a_blank(text: str, metres: float) -> None:
    assert units.quantity(text, "m", argument="radius") == metres
