"""Doubt: something that files do not tell, and whoever publishes them must."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing to be told.

    flag: of the command line, without dashes; asks: a question; why: what depends on the answer;
    suggestion: what is likely, '' where nothing is; choices: all answers there are, none where any
    text may be one; settled: whether that is taken where nobody
    can be asked, as a convention says so.
    """

    flag: str
    asks: str
    why: str
    suggestion: str = ""
    choices: tuple[str, ...] = ()
    settled: bool = False

    def __str__(self) -> str:
        likely = f" Likely: {self.suggestion}." if self.suggestion else ""
        return f"--{self.flag}: {self.asks} {self.why}{likely}"


@dataclass(slots=True)
class Answers:
    """What was told by flags, and what is asked on a terminal; missing: what nobody told.

    ask: None where nobody can be asked; given: by flag, '' for what shall be left out.
    """

    given: Mapping[str, str]
    ask: Callable[[Doubt], str] | None = None
    missing: list[Doubt] = field(default_factory=list)

    def to(self, doubt: Doubt) -> str:
        """Give the answer; '' where there is none, which is kept among the missing."""
        if doubt.flag in self.given:
            return self.given[doubt.flag]
        if self.ask is not None:
            return self.ask(doubt)
        if doubt.settled:
            return doubt.suggestion
        self.missing.append(doubt)
        return ""


# What people call frames around a body, and how they are mixed up.
_FRAMES = {
    "mars": "MSO has its Z along the north of the orbit, MSE along the convection electric field; "
    "MESO is Mercury's. A wrong one gives numbers that look right.",
    "mercury": "MESO is Mercury's alone; MSO is read as that of Mars by many programs. A wrong one "
    "gives numbers that look right, for the wrong planet.",
    "venus": "VSO has its Z along the north of the orbit, VSE along the convection electric field.",
    "earth": "GSE, GSM and SM differ by turns of up to 35 degrees; a wrong one gives numbers that "
    "look right.",
}
_LIKELY = {"mars": "MSO", "mercury": "MESO", "venus": "VSO", "earth": "GSE"}
# Mean radii in km (Archinal et al. 2018, doi:10.1007/s10569-017-9805-5).
_RADII = {
    "mercury": 2439.4,
    "venus": 6051.8,
    "earth": 6371.0,
    "moon": 1737.4,
    "mars": 3389.5,
    "jupiter": 69911.0,
    "io": 1821.5,
    "europa": 1560.8,
    "ganymede": 2631.2,
    "callisto": 2410.3,
    "saturn": 58232.0,
    "enceladus": 252.1,
    "titan": 2575.0,
    "uranus": 25362.0,
    "neptune": 24622.0,
}
_SOME_RADII = 100.0  # extent below which an axis is hardly in km
_SOME_KM = 1e6  # and above which it is hardly either


def frame(body: str, what: str) -> Doubt:
    """Ask for the frame of vectors and positions."""
    key = body.casefold()
    why = _FRAMES.get(key, "Flights and vectors are wrong in any other.")
    return Doubt("frame", f"in which frame is {what}?", why, _LIKELY.get(key, ""))


def body_radius(body: str) -> Doubt:
    """Ask for the radius of a body."""
    known = _RADII.get(body.casefold())
    return Doubt(
        "body-radius",
        f"which radius of {body or 'the body'} did the model use?",
        "It is the length of the unit Rm, Re, Rv ... of clients.",
        f"{known:g} km" if known else "",
    )


def axis_unit(name: str, first: float, last: float, body: str) -> Doubt:
    """Ask for the unit of an axis that runs between two numbers."""
    extent = max(abs(first), abs(last))
    if extent < _SOME_RADII:
        likely = f"radii of {body or 'the body'}, written Rp"
    else:
        likely = "km" if extent < _SOME_KM else "m"
    return Doubt(
        "axis-unit",
        f"axis {name} runs from {first:g} to {last:g}, in km, m or radii of the body?",
        "The file does not tell, and all else is scaled by it.",
        likely,
    )


def grid() -> Doubt:
    """Ask where values lie."""
    return Doubt(
        "grid",
        "do values lie at the coordinates of the axes (nodes), or amid the cells that begin there "
        "(cells)?",
        "A wrong one moves everything by half a cell; CF says nodes.",
        "nodes",
        choices=("nodes", "cells"),
        settled=True,
    )
