"""Misfit: what was observed comes first, in its own units; what cannot be compared last."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vo_server.budget import Budget
from vo_server.errors import BadArgument, BadTable
from vo_server.frames import turn
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


def _in_gse(names: str = "Bx By Bz", frame: str = "GSE", *, times: bool = True) -> Trajectory:
    """Give B = (0, 3, 4) nT and as many km/s in columns of a table in GSE."""
    positions = np.column_stack([np.linspace(-3.0, 3.0, 4), np.zeros(4), np.zeros(4)])
    parameters = [Parameter(axis, unit="m") for axis in "XYZ"]
    columns = list(positions.T.copy())
    for name in names.split():
        unit = "nT" if name.startswith("B") else "km/s"
        parameters.append(Parameter(name, unit=unit, frame=frame or None))
        columns.append(np.full(4, {"x": 0.0, "y": 3.0, "z": 4.0}.get(name[-1], 5.0)))
    moments = np.datetime64("2012-01-31T12:00", "ns") + np.arange(4) * np.timedelta64(6, "h")
    table = Table(Header(tuple(parameters)), tuple(columns))
    return Trajectory(positions, Frame("GSE"), table, (0, 1, 2), moments if times else None)


def _uniform(make_source: Make, frame: str, quantity: str = "B", unit: float = 1e-9) -> Entry:
    """Give an output of (0, 3, 4) and its length everywhere."""
    values = {"x": 0.0, "y": 3.0 * unit, "z": 4.0 * unit, "tot": 5.0 * unit}
    source = make_source(
        {f"{quantity}{a}": lambda n, v=v: 0.0 * n[..., 0] + v for a, v in values.items()}
    )
    return Entry(replace(source.resource, frame=Frame(frame)), source)


_B = ["Bx", "By", "Bz"]


def test_components_are_compared_in_the_frame_in_which_they_were_observed(
    make_source: Make,
) -> None:
    observed = _in_gse()
    (same,) = misfits(observed, _B, [_uniform(make_source, "GSE")], Budget())
    assert same.value == pytest.approx(0.0, abs=1e-12)
    (other,) = misfits(observed, _B, [_uniform(make_source, "GSM")], Budget())
    assert other.flown is not None
    # GSM is GSE turned about x.
    vector = np.tile([0.0, 3e-9, 4e-9], (4, 1))
    assert observed.times is not None
    turned = turn(vector, Frame("GSM"), Frame("GSE"), argument="x", times=observed.times)
    assert np.abs(turned[:, 0]).max() < 1e-20
    expected = np.sqrt(np.mean((turned - vector) ** 2, axis=0))
    assert expected[1] > 1e-10
    assert [other.terms[name] for name in _B] == pytest.approx(expected.tolist())
    np.testing.assert_allclose(other.flown.column("By_run"), 3e-9)


def test_lengths_need_no_turn(make_source: Make) -> None:
    (found,) = misfits(_in_gse("Btot"), ["Btot"], [_uniform(make_source, "GSM")], Budget())
    assert found.value == pytest.approx(0.0, abs=1e-12)


def test_the_column_tells_its_frame_before_the_table(make_source: Make) -> None:
    observed = _in_gse(frame="GSM")
    (found,) = misfits(observed, _B, [_uniform(make_source, "GSM")], Budget())
    assert found.value == pytest.approx(0.0, abs=1e-12)
    (found,) = misfits(_in_gse(frame=""), _B, [_uniform(make_source, "GSM")], Budget())
    assert found.terms["By"] > 1e-10


def test_what_cannot_be_turned_is_refused_by_both_names(make_source: Make) -> None:
    run = _uniform(make_source, "GSM")
    for observed, names, words in (
        (_in_gse(), ["Bx", "Bz"], "turning them takes Bx, By, Bz, all in one frame"),
        (_in_gse(frame="MSO"), _B, "no exact transformation"),
    ):
        (found,) = misfits(observed, names, [run], Budget())
        assert math.isnan(found.value)
        assert "GSM" in found.why
        assert words in found.why
    flow = [f"U{axis}" for axis in "xyz"]
    wind = _uniform(make_source, "GEO", "U", 1e3)
    (found,) = misfits(_in_gse("Ux Uy Uz", "GSE"), flow, [wind], Budget())
    assert "Ux, Uy, Uz of OBSERVED are in frame GSE, the run is in GEO" in found.why
