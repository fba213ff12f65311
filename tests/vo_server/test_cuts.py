"""Cuts: where their points lie, what they hold, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vo_server.budget import Budget
from vo_server.cuts import cut
from vo_server.errors import BadArgument, TooMuch
from vo_server.model.request import CutRequest
from vo_server.model.table import Table, concatenate


@pytest.fixture
def ramp(make_source: Callable[..., Any]) -> Any:
    """Give x + 2 y + 4 z over -4 ... 4 m."""
    return make_source({"Bx": lambda n: n[..., 0] + 2 * n[..., 1] + 4 * n[..., 2]})


def _cut(source: Any, budget: Budget | None = None, **changes: Any) -> Table:
    request = CutRequest(source.resource, ("Bx",), (0.0, 0.0, 1.5), (0.0, 0.0, -3.0))
    request = replace(request, **changes)
    return concatenate(list(cut(request, source, budget or Budget())))


def test_default_resolution_is_the_grids(ramp: Any) -> None:
    table = _cut(ramp)
    assert [p.name for p in table.header.parameters] == ["X", "Y", "Z", "Bx"]
    x, y, z, value = table.columns
    np.testing.assert_array_equal(x, np.repeat(np.arange(-4.0, 5.0), 9))
    np.testing.assert_array_equal(y, np.tile(np.arange(-4.0, 5.0), 9))
    np.testing.assert_array_equal(z, 1.5)
    np.testing.assert_allclose(value, x + 2 * y + 4 * z)
    assert "Plane through: 0 0 1.5 m" in table.header.description
    assert "Plane across: 0 0 -3" in table.header.description


def test_a_general_plane(ramp: Any) -> None:
    table = _cut(ramp, point=(1.0, 0.0, 0.0), normal=(1.0, 1.0, 1.0), resolution=0.5)
    x, y, z, value = table.columns
    np.testing.assert_allclose(x + y + z, 1.0, atol=1e-12)
    inside = np.isfinite(value)
    assert inside.any()
    np.testing.assert_allclose(value[inside], (x + 2 * y + 4 * z)[inside], atol=1e-12)
    assert ((np.abs(np.stack([x, y, z])) > 4.0).any(axis=0) == ~inside).all()


@pytest.mark.parametrize("normal", [(0.0, 0.0, 5e-324), (0.0, 0.0, 1e308)])
def test_the_length_of_the_normal_does_not_matter(ramp: Any, normal: Any) -> None:
    np.testing.assert_array_equal(_cut(ramp, normal=normal).columns[3], _cut(ramp).columns[3])


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"normal": (0.0, 0.0, 0.0)}, BadArgument, "normal of the plane has no length"),
        ({"normal": (0.0, float("nan"), 0.0)}, BadArgument, "has no length"),
        ({"point": (0.0, 0.0, 4.1)}, BadArgument, "does not meet the simulated domain"),
        ({"point": (0.0, 0.0, float("nan"))}, BadArgument, "does not meet"),
        ({"resolution": 0.0}, BadArgument, "more than zero metres"),
        ({"resolution": float("inf")}, BadArgument, "more than zero metres"),
        ({"resolution": 0.01}, TooMuch, "more than 1000 points"),
    ],
)
def test_refusals(ramp: Any, changes: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        _cut(ramp, Budget(points=1000), **changes)


def test_outputs_without_a_domain_or_a_grid(ramp: Any) -> None:
    for gone, words in (("domain", "has no domain"), ("step", "no grid to take a resolution")):
        resource = replace(ramp.resource, **{gone: None})
        with pytest.raises(BadArgument, match=words):
            _cut(ramp, resource=resource)
