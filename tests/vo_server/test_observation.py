"""Observation: each body's radius is its own, and lengths of one say nothing around another."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vo_server.budget import Budget
from vo_server.errors import Stopping, TooMuch, UnknownResource, WrongUnit
from vo_server.misfit import misfits
from vo_server.model.parameter import Parameter
from vo_server.model.resource import Refused, Resource
from vo_server.model.space import Body
from vo_server.model.table import Header, Table
from vo_server.model.trajectory import Trajectory
from vo_server.observation import comparable, compared
from vo_server.registry import Entry, Registry
from vo_server.roles import trajectory

Make = Callable[..., Any]

_BODIES = (Body("Mars", 1.0), Body("Earth", 2.0), Body("Mars", 1.0, 0.5))


@pytest.fixture
def outputs(make_source: Make) -> list[Entry]:
    """Give outputs of Bx = x (T) around bodies of one and of two metres."""
    source = make_source({"Bx": lambda n: n[..., 0]})
    told = [replace(source.resource, id=f"{source.resource.id}{i}", body=body)
            for i, body in enumerate(_BODIES)]  # fmt: skip
    return [Entry(resource, source) for resource in told]


def _seen(unit: str) -> Callable[[Resource], Trajectory]:
    x = np.array([0.5, 1.0, 1.5])
    header = Header((*(Parameter(a, unit=unit) for a in "XYZ"), Parameter("Bx", unit="T")))
    table = Table(header, (x, np.zeros(3), np.zeros(3), 2.0 * x))

    def read(resource: Resource) -> Trajectory:
        assert resource.body is not None
        return trajectory(
            [table], body=resource.body.name, radius=resource.body.radius, argument="OBSERVED"
        )

    return read


def test_lengths_in_radii_are_those_of_each_body(outputs: list[Entry]) -> None:
    values = {m.output[-1]: m.value for m in compared(_seen("Rp"), ["Bx"], outputs, Budget())}
    assert values["1"] == pytest.approx(0.0, abs=1e-12)
    assert values["0"] == values["2"] > 0.1


def test_radii_of_one_body_are_no_lengths_around_another(outputs: list[Entry]) -> None:
    found = {m.output[-1]: m for m in compared(_seen("Re"), ["Bx"], outputs, Budget())}
    assert found["1"].value == pytest.approx(0.0, abs=1e-12)
    for number in "02":
        assert math.isnan(found[number].value)
        assert "Mars" in found[number].why or "Re" in found[number].why
    with pytest.raises(WrongUnit):
        list(compared(_seen("Re"), ["Bx"], outputs[:1], Budget()))
    with pytest.raises(WrongUnit):
        list(compared(_seen("furlong"), ["Bx"], outputs, Budget()))


class _Provider:
    """What has the outputs."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self.field = entries[0].provider.field  # type: ignore[attr-defined]

    def resources(self) -> Sequence[Resource]:
        return [entry.resource for entry in self._entries]

    def refused(self) -> Sequence[Refused]:
        return ()


def test_outputs_are_chosen_by_the_body_of_a_region(outputs: list[Entry]) -> None:
    registry = Registry([_Provider(outputs)])
    for region, numbers in (("", "012"), ("EARTH.Magnetosphere", "1"), ("mars", "02")):
        found = comparable(registry, ["Bx"], region)
        assert "".join(entry.resource.id[-1] for entry in found) == numbers
    for names, region in ((["By"], ""), (["Bx"], "Venus")):
        with pytest.raises(UnknownResource, match=f"no output has {names[0]}"):
            comparable(registry, names, region)


@pytest.mark.parametrize("refusal", [TooMuch("too long"), Stopping("going down")])
def test_a_limit_ends_the_comparison(outputs: list[Entry], refusal: Exception) -> None:
    class Failing:
        def field(self, *arguments: object) -> None:
            raise refusal

    entries = [Entry(outputs[0].resource, Failing())]  # type: ignore[arg-type]
    with pytest.raises(type(refusal)):
        list(misfits(_seen("m")(outputs[0].resource), ["Bx"], entries, Budget()))
