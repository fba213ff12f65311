"""Ranking: runs in the order of how near their solar wind comes to one that is asked for."""

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np

from vo_server.errors import BadArgument
from vo_server.expression import Expression, parse
from vo_server.model.resource import Conditions, Kind, Resource
from vo_server.model.snapshot import snapshot_id
from vo_server.model.space import Frame
from vo_server.registry import Registry
from vo_server.snapshots import named_at, nearest_snapshot

# Typical values by body and quantity: density 1/m3, temperature K, speed m/s, magnetic field T.
# Slavin & Holzer (1981), J. Geophys. Res. 86, 11401, as FMI's service takes them for scales.
_EARTH = (7e6, 80_000.0, 430_000.0, 6e-9)
_SCALES = {
    "mercury": (73e6, 170_000.0, 430_000.0, 46e-9),
    "venus": (14e6, 100_000.0, 430_000.0, 10e-9),
    "earth": _EARTH,
    "mars": (3e6, 61_000.0, 430_000.0, 3.3e-9),
    "comet": (3e6, 61_000.0, 430_000.0, 3.3e-9),
}
_QUANTITIES = ("Density", "Temperature", "Utot", "B")
FORMULA = "Function"

# Names of what runs are compared by, in SI.
NAMES = ("Density", "Utot", "Temperature", "Btot", "Bx", "By", "Bz", "Solar_F10.7")


@dataclass(frozen=True, slots=True)
class Criterion:
    """What a run should have: a value, how much it counts, and what differences are divided by.

    formula: of a value that is made from the run's other ones.
    """

    name: str
    value: float
    weight: float
    scale: float
    formula: Expression | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A run, at a time where its solar wind changes, with its distance.

    distance: the sum of terms, one for each criterion; values: of the run then.
    """

    run: Resource
    time: np.datetime64 | None
    distance: float
    terms: dict[str, float]
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Nearest:
    """A run among others: its id and those of its outputs, at a time where they change."""

    ranked: Ranked
    id: str
    outputs: tuple[str, ...]


def body_of(region: str) -> str:
    """Name the body of a region such as Earth.Magnetosphere, in lower case."""
    return region.partition(".")[0].casefold()


def wire_name(name: str) -> str:
    """Give what a quantity is called in requests, formulas and answers of FMI's service."""
    return name if name.startswith("Solar_") else f"SW_{name}"


def default_scale(name: str, body: str) -> float | None:
    """Give what differences of a quantity are divided by around a body, Earth's for an unknown."""
    quantity = "B" if name.startswith("B") else name
    if quantity not in _QUANTITIES:
        return None
    return _SCALES.get(body.casefold(), _EARTH)[_QUANTITIES.index(quantity)]


def criterion(
    name: str,
    body: str,
    value: float,
    *,
    weight: float = 1.0,
    scale: float | None = None,
    formula: str | None = None,
) -> Criterion:
    """Give a criterion; a scale that is missing is that of the body.

    Raises BadArgument for a scale that is zero or not told, a weight below zero, and a formula that
    is none.
    """
    size = scale if scale is not None else default_scale(name, body)
    if size is None:
        raise BadArgument("no scale is given, and there is no usual one", argument=name)
    if not (0.0 < abs(size) < math.inf):
        raise BadArgument("the scale must not be zero", argument=name)
    if not (0.0 <= weight < math.inf):
        raise BadArgument("the weight must not be below zero", argument=name)
    if name != FORMULA:
        return Criterion(name, value, weight, size)
    if not formula:
        raise BadArgument("no expression is given", argument=name)
    known = [wire_name(n) for n in NAMES]
    return Criterion(name, value, weight, size, parse(formula, known, argument="the expression"))


def rank(runs: Iterable[Resource], criteria: Sequence[Criterion], count: int) -> list[Ranked]:
    """Give the nearest runs, the nearest first; runs that lack a value asked for are left out.

    The distance is the sum of weight * ((value - run's value) / scale) ** 2. A run whose solar
    wind changes is as many runs as it has times. Raises BadArgument for a formula that has no
    value, and for a distance that is no finite number, whichever the run.
    """
    found, beyond = [], False
    pairs = [(run, wind) for run in runs for wind in run.conditions]
    _refuse_undefined(criteria, [wind for _, wind in pairs])
    for run, wind in pairs:
        values = known_values(wind)
        terms: dict[str, float] = {}
        for wanted in criteria:
            had = _value(wanted, values)
            if had is None:
                break
            values[wanted.name] = had
            terms[wanted.name] = _term(wanted, had)
        else:
            distance = math.fsum(terms.values())
            if math.isfinite(distance):
                found.append(Ranked(run, wind.time, distance, terms, values))
            else:
                beyond = True
    if beyond and not found:
        raise BadArgument(
            "no run is at a finite distance; give smaller weights or larger scales",
            argument="parameters",
        )
    found.sort(key=lambda ranked: (ranked.distance, ranked.run.id, str(ranked.time)))
    return found[:count]


def rank_runs(
    registry: Registry,
    body: str,
    criteria: Sequence[Criterion],
    count: int,
    frames: AbstractSet[Frame] = frozenset(),
) -> list[Nearest]:
    """Give the nearest of the runs around a body that are served; see `rank`.

    frames: in which runs may be, any where none is given.
    """
    children = {
        run.id: registry.children(run.id)
        for run in registry.all(Kind.RUN)
        if run.body is not None
        and run.body.name.casefold() == body.casefold()
        and (not frames or run.frame in frames)
    }
    runs = [_within(registry.get(id).resource, outputs) for id, outputs in children.items()]
    return [_nearest(found, children[found.run.id]) for found in rank(runs, criteria, count)]


def _within(run: Resource, outputs: Sequence[Resource]) -> Resource:
    """Leave out of a run's wind that changes what was before or after all its snapshots."""
    spans = [output.span for output in outputs if output.span is not None]
    if not spans:
        return run
    first, last = min(span.start for span in spans), max(span.stop for span in spans)
    return replace(
        run,
        conditions=tuple(w for w in run.conditions if w.time is None or first <= w.time <= last),
    )


def _nearest(found: Ranked, children: Sequence[Resource]) -> Nearest:
    """Name a run and its outputs, by the snapshots nearest to its time."""
    outputs = [child for child in children if child.kind is Kind.OUTPUT]
    id, changing = found.run.id, next((output for output in outputs if output.snapshots), None)
    if found.time is not None and changing is not None:
        time = nearest_snapshot(changing, found.time).time
        assert time is not None
        id = snapshot_id(id, time)
    return Nearest(found, id, tuple(named_at(output, found.time) for output in outputs))


def known_values(conditions: Conditions) -> dict[str, float]:
    """Give what is known of a run's solar wind by name, in SI."""
    field = conditions.magnetic_field
    components: Sequence[float | None] = field if field is not None else (None,) * 3
    known: Mapping[str, float | None] = {
        "Density": conditions.density,
        "Utot": conditions.speed,
        "Temperature": conditions.temperature,
        "Solar_F10.7": conditions.solar_flux,
        "Btot": None if field is None else math.hypot(*field),
        **dict(zip(("Bx", "By", "Bz"), components, strict=True)),
    }
    return {name: value for name, value in known.items() if value is not None}


def _refuse_undefined(criteria: Sequence[Criterion], winds: Sequence[Conditions]) -> None:
    """Refuse a formula that gives no number, although what it is made from is known."""
    for wanted in criteria:
        formula = wanted.formula
        if formula is None:
            continue
        named = [_named(known_values(wind)) for wind in winds]
        complete = [{}] if not formula.names else [n for n in named if formula.names <= set(n)]
        if complete and not any(math.isfinite(formula(values)) for values in complete):
            raise BadArgument("the expression has no finite value", argument=wanted.name)


def _named(values: Mapping[str, float]) -> dict[str, float]:
    """Give values by the names that they have in formulas."""
    return {wire_name(name): value for name, value in values.items()}


def _value(wanted: Criterion, values: Mapping[str, float]) -> float | None:
    if wanted.formula is None:
        return values.get(wanted.name)
    named = _named(values)
    if not wanted.formula.names <= set(named):
        return None
    result = wanted.formula(named)
    return result if math.isfinite(result) else None


def _term(wanted: Criterion, had: float) -> float:
    try:
        return wanted.weight * ((wanted.value - had) / wanted.scale) ** 2
    except OverflowError:
        return math.inf
