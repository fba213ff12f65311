"""Units: one place that reads unit strings, refuses the unknown, and gives factors to SI.

Parsing is astropy's VOUnit reader with a short table of spellings in front of it. Planet radii
(`Rm`, `R_E`, ...) are lengths only for the body they name; astropy's generic reader would take
`Rm` for a ronnametre, so they are settled before it is asked.
"""

import math
import re
from functools import lru_cache

from vo_server.errors import Failure, WrongUnit

# CODATA 2018 exact values: elementary charge (C) and Boltzmann constant (J/K).
ELEMENTARY_CHARGE = 1.602176634e-19
BOLTZMANN = 1.380649e-23

# Canonical SI spellings, read alike by astropy and STILTS; first convertible one wins.
_SI = ("m", "m/s", "T", "K", "1/m3", "Pa", "V/m", "A/m2", "s", "kg", "C", "kg/m3", "m/s2", "rad")

_SPELLINGS = {
    # CODATA 2018: masses of proton and electron (kg)
    "m_p": "1.67262192369e-27 kg",
    "mp": "1.67262192369e-27 kg",
    "m_e": "9.1093837015e-31 kg",
    "amu": "u",
    "AMU": "u",
    "uma": "u",
    "Da": "u",
    "e": f"{ELEMENTARY_CHARGE!r} C",
    "qe": f"{ELEMENTARY_CHARGE!r} C",
    "|e|": f"{ELEMENTARY_CHARGE!r} C",
    "mi": "1609.344 m",
    "sfu": "1e-22 W.m-2.Hz-1",  # solar flux unit
    "/cc": "cm-3",
    "#/cc": "cm-3",
    "1/cc": "cm-3",
    "cc-1": "cm-3",
    "#/cm3": "cm-3",
    "#/cm^3": "cm-3",
}

# What goes out for spellings that readers stumble over.
_SAFE = {
    **{text: "1/cm3" for text, meant in _SPELLINGS.items() if meant == "cm-3"},
    **{text: "u" for text, meant in _SPELLINGS.items() if meant == "u"},
}

_DIGITS = r"(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?"
_NUMBER = re.compile(rf"({_DIGITS})(?:\s*[x*]\s*10\^?([+-]?\d{{1,2}}))?\s*([A-Za-z].*)")
_QUANTITY = re.compile(rf"\s*([+-]?{_DIGITS})\s*([^\s\d.].*)")

# Names of planet radii, lower case without underscores, to the body they belong to.
_RADII = {
    "rm": ("Mars", "Mercury"),
    "rme": ("Mercury",),
    "rma": ("Mars",),
    "rv": ("Venus",),
    "re": ("Earth",),
    "rj": ("Jupiter",),
    "rs": ("Saturn", "Sun"),
    "rsun": ("Sun",),
    "rg": ("Ganymede",),
    "rga": ("Ganymede",),
    "rca": ("Callisto",),
    "rio": ("Io",),
    "reu": ("Europa",),
    "rt": ("Titan",),
}
_ANY_BODY = ("rp", "rplanet", "rbody")


def length_in_metres(unit: str | None, body: str, radius: float | None, *, argument: str) -> float:
    """Give the length of one `unit` in metres.

    body: name of the run's body; radius: its published radius in metres, the length of `Rm`,
    `R_E` and the like, None where nobody told it. Raises WrongUnit when the unit is missing,
    unknown, not a length, or the radius of another body; `argument` names the column or option
    in the message.
    """
    if unit is None or not unit.strip():
        raise WrongUnit(f"{argument} has no unit; give one, such as 'km'", argument=argument)
    name = unit.strip().lower().replace("_", "")
    if name not in _RADII and name not in _ANY_BODY:
        return factor(unit, "m", argument=argument)
    if body.casefold() not in {known.casefold() for known in _RADII.get(name, (body,))}:
        named = " or ".join(_RADII[name])
        raise WrongUnit(
            f"unit '{unit}' of {argument} is the radius of {named}, but the body is {body}",
            argument=argument,
        )
    if radius is None:
        raise WrongUnit(
            f"{argument} is in radii of {body}, whose length is not told", argument=argument
        )
    return radius


@lru_cache(maxsize=1024)
def factor(unit: str, to: str, *, argument: str = "unit") -> float:
    """Give the number by which values in `unit` are multiplied to be in `to`.

    Raises WrongUnit when either is unknown or they are of different physical kinds.
    """
    scale, parsed = _parse(unit, argument)
    other_scale, target = _parse(to, argument)
    if not parsed.is_equivalent(target):
        raise WrongUnit(f"unit '{unit}' of {argument} cannot become '{to}'", argument=argument)
    return _decimal(scale * float(parsed.to(target)) / other_scale)


@lru_cache(maxsize=1024)
def to_si(unit: str, *, temperature: bool = False, argument: str = "unit") -> tuple[float, str]:
    """Give (factor, canonical SI unit) for a unit string.

    temperature: an energy is read as a temperature times the Boltzmann constant (eV becomes K).
    A known unit outside the table of plasma quantities keeps its spelling and factor 1.
    Raises WrongUnit when the unit is unknown.
    """
    scale, parsed = _parse(unit, argument)
    if temperature and parsed.is_equivalent(_parse("J", argument)[1]):
        return factor(unit, "J", argument=argument) / BOLTZMANN, "K"
    for name in _SI:
        target = _parse(name, argument)[1]
        if parsed.is_equivalent(target):
            return _decimal(scale * float(parsed.to(target))), name
    return 1.0, unit


def _decimal(value: float) -> float:
    """Drop the last bits that products of powers leave: 999999.9999999999 is 1e6."""
    return float(f"{value:.15g}")


@lru_cache(maxsize=1024)
def _parse(unit: str, argument: str):  # type: ignore[no-untyped-def]  # astropy is untyped
    """Give (number, astropy unit) of a unit string."""
    try:
        from astropy import units
    except OSError as err:
        raise Failure(
            f"astropy cannot read its configuration folder ({err.strerror}: {err.filename}); "
            "let HOME name a readable folder"
        ) from err
    text = _SPELLINGS.get(unit.strip(), unit.strip())
    number = 1.0
    if match := _NUMBER.fullmatch(text):
        number = float(match[1]) * 10.0 ** int(match[2] or 0)
        text = match[3]
    unknown = WrongUnit(f"unit '{unit[:40]}' of {argument} is not known", argument=argument)
    if not 0.0 < number < math.inf:
        raise unknown
    try:
        return number, units.Unit(text, format="vounit")
    except (ValueError, TypeError) as err:
        raise unknown from err


def spelled(unit: str) -> str:
    """Give a unit as astropy and STILTS both read it; an unknown one stays as it is."""
    return _SAFE.get(unit.strip(), unit.strip().replace("**", ""))


def quantity(text: str, to: str, *, argument: str) -> float:
    """Read a number with its unit, such as '3390 km', and give it in the unit `to`."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise WrongUnit(
            f"{argument} wants a number and a unit, such as '1 {to}'; got '{text}'",
            argument=argument,
        )
    return float(match[1]) * factor(match[2].strip(), to, argument=argument)
