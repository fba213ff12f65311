"""Misfit: what was observed comes first, in its own units; what cannot be compared last."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vo_server.budget import Budget
from vo_server.errors import BadArgument, BadTable
from vo_server.misfit import misfits, ranked
from vo_server.model.parameter import Parameter
from vo_server.model.space import Frame
from vo_server.model.table import Header, Table
from vo_server.model.trajectory import Trajectory
from vo_server.registry import Entry

Make = Callable[..., Any]


@pytest.fixture
def outputs(make_source: Make) -> list[Entry]:
    """Give outputs with Bx = x, x + 1 and 2 x (T)."""
    sources = [
        make_source({"Bx": lambda n, a=a, b=b: a * n[..., 0] + b})
        for a, b in ((1.0, 1.0), (1.0, 0.0), (2.0, 0.0))
    ]
    return [Entry(replace(s.resource, id=f"{s.resource.id}{i}"), s) for i, s in enumerate(sources)]


def _observed(unit: str | None = "nT", **columns: Any) -> Trajectory:
    x = np.linspace(-3.0, 3.0, 7)
    positions = np.column_stack([x, np.zeros(7), np.zeros(7)])
    values = columns.get("Bx", np.where(x == 0.0, np.nan, x * 1e9))
    header = Header((*(Parameter(a, unit="m") for a in "XYZ"), Parameter("Bx", unit=unit)))
    table = Table(header, (*positions.T.copy(), values))
    return Trajectory(positions, Frame("MSO"), table, (0, 1, 2))


def test_the_nearest_comes_first(outputs: list[Entry]) -> None:
    found = ranked(list(misfits(_observed(), ["Bx"], outputs, Budget())))
    assert [m.output[-1] for m in found] == ["1", "0", "2"]
    assert found[0].value == pytest.approx(0.0, abs=1e-12)
    assert found[0].points == 6
    assert found[1].terms["Bx"] == pytest.approx(1.0)
    # Median deviation of -3 -2 -1 1 2 3 is 2.
    assert found[1].value == pytest.approx(1.0 / (1.4826 * 2.0))
    assert found[1].flown is not None
    assert found[1].flown.header.parameters[-1].name == "Bx_run"


def test_what_cannot_be_compared_says_why(outputs: list[Entry]) -> None:
    elsewhere = replace(outputs[0].resource, id="spase://M/x", frame=Frame("GSE"))
    entries = [Entry(elsewhere, outputs[0].provider), outputs[1]]
    found = ranked(list(misfits(_observed(), ["Bx"], entries, Budget())))
    assert found[1].output == "spase://M/x"
    assert math.isnan(found[1].value)
    assert "MSO" in found[1].why
    empty = list(misfits(_observed(Bx=np.full(7, np.nan)), ["Bx"], outputs[:1], Budget()))
    assert empty[0].why == "Bx: nothing to compare"


def test_a_steady_series_still_has_a_spread(outputs: list[Entry]) -> None:
    (found,) = misfits(_observed("T", Bx=np.full(7, 2.0)), ["Bx"], outputs[1:2], Budget())
    assert found.value == pytest.approx(math.sqrt(8.0) / 2.0)


def test_refusals(outputs: list[Entry]) -> None:
    for observed, names, words in (
        (_observed(), ["By"], "no column 'By'; it has X, Y, Z, Bx"),
        (_observed(None), ["Bx"], "has no unit"),
    ):
        with pytest.raises(BadTable, match=words):
            list(misfits(observed, names, outputs, Budget()))
    with pytest.raises(BadArgument, match="no parameter is named"):
        list(misfits(_observed(), [], outputs, Budget()))
