"""Observation: which outputs have what a spacecraft observed, and how far each is from it."""

import math
from collections.abc import Callable, Iterator, Sequence

from vo_server.budget import Budget
from vo_server.errors import UnknownResource, WrongUnit
from vo_server.misfit import Misfit, misfits
from vo_server.model.resource import Kind, Resource
from vo_server.model.trajectory import Trajectory
from vo_server.ports import FieldSource
from vo_server.ranking import body_of
from vo_server.registry import Entry, Registry


def comparable(registry: Registry, names: Sequence[str], region: str) -> list[Entry]:
    """Give the outputs that have parameters of these names, around the body of a region.

    region: such as Mars or Earth.Magnetosphere; any where it is "". Raises UnknownResource where
    there is none.
    """
    outputs = [registry.get(resource.id) for resource in registry.all(Kind.OUTPUT)]
    found = [entry for entry in outputs if _has(entry, names, body_of(region))]
    if not found:
        raise UnknownResource(f"no output has {', '.join(names)[:200]}", argument="variable")
    return found


def compared(
    read: Callable[[Resource], Trajectory],
    names: Sequence[str],
    outputs: Sequence[Entry],
    budget: Budget,
) -> Iterator[Misfit]:
    """Compare outputs with what was observed, body by body; see `vo_server.misfit.misfits`.

    read: gives what was observed, lengths in radii being those of a resource's body. Outputs whose
    body cannot be meant by them say why. Raises WrongUnit where that is so for all of them.
    """
    groups: dict[tuple[str, float] | None, list[Entry]] = {}
    for entry in outputs:
        body = entry.resource.body
        groups.setdefault((body.name, body.radius) if body else None, []).append(entry)
    seen: list[tuple[list[Entry], Trajectory | WrongUnit]] = []
    for entries in groups.values():
        try:
            seen.append((entries, read(entries[0].resource)))
        except WrongUnit as err:
            seen.append((entries, err))
    wrong = [given for _, given in seen if isinstance(given, WrongUnit)]
    if wrong and len(wrong) == len(seen):
        raise wrong[0]
    for entries, given in seen:
        if isinstance(given, WrongUnit):
            why = given.message
            yield from (Misfit(e.resource.id, math.nan, 0, {}, None, why) for e in entries)
        else:
            yield from misfits(given, names, entries, budget)


def _has(entry: Entry, names: Sequence[str], body: str) -> bool:
    resource = entry.resource
    known = resource.body.name.casefold() if resource.body else ""
    return (
        isinstance(entry.provider, FieldSource)
        and set(names) <= {parameter.name for parameter in resource.parameters}
        and body in ("", known)
    )
