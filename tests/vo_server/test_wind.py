"""Observed winds: medians and spreads against NumPy, columns found, and runs by their distance."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.impex.stand_in import RUN, StandIn
from vo_server.errors import BadArgument, BadTable, WrongFrame, WrongUnit
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.resource import Conditions, Kind, Resource
from vo_server.model.space import Frame
from vo_server.model.table import Header, Table
from vo_server.registry import Registry
from vo_server.wind import Observed, columns_of, nearest_runs, observe

_START = np.datetime64("2012-01-31", "ns")
_HOUR = np.timedelta64(3600 * 10**9, "ns")
_TIMES = _START + np.arange(100) * _HOUR
_N = 5.0 + np.random.default_rng(4).normal(size=100)
_V = np.random.default_rng(5).normal(0.0, 100.0, (100, 3))


def _table(*columns: tuple[str, str | None, NDArray[np.float64]]) -> Table:
    parameters = [
        Parameter(name, unit=unit, shape=values.shape[1:]) for name, unit, values in columns
    ]
    header = Header((Parameter("Time", _TIMES.dtype), *parameters))
    return Table(header, (_TIMES, *(values for _, _, values in columns)))


def _seen(table: Table, *names: str, **columns: str) -> dict[str, Observed]:
    found = observe([table], names, (None, None), columns, argument="x")
    return {one.name: one for one in found}


def test_medians_and_spreads_of_an_interval() -> None:
    density = _N.copy()
    density[3] = np.nan
    found = observe(
        [_table(("density", "cm-3", density))],
        (),
        (_TIMES[1], _TIMES[51]),
        {},
        argument="x",
    )
    (one,) = found
    kept = np.delete(density[1:51], 2) * 1e6
    assert one.name == "Density"
    assert one.count == 49
    assert one.median == pytest.approx(np.median(kept))
    assert one.spread == pytest.approx(1.4826 * np.median(np.abs(kept - np.median(kept))))


def test_totals_are_lengths_where_no_column_tells_them() -> None:
    components = [(f"V{a}", "km/s", _V[:, i]) for i, a in enumerate("xyz")]
    found = _seen(_table(*components, ("B_GSE", "nT", _V)), "Utot", "Btot", Btot="b_gse")
    length = np.median(np.linalg.norm(_V, axis=1))
    assert found["Utot"].median == pytest.approx(length * 1e3)
    assert found["Btot"].median == pytest.approx(length * 1e-9)


def test_temperatures_in_energies_and_a_column_named() -> None:
    found = _seen(_table(("Tp", "eV", _N), ("Np", "cm-3", _N)), Temperature="Tp", Density="Np")
    assert found["Temperature"].median == pytest.approx(np.median(_N) * 11604.518, rel=1e-6)
    assert set(found) == {"Density", "Temperature"}


@pytest.mark.parametrize(
    ("column", "names", "error", "words"),
    [
        (("n", "cm-3", _N), (), BadTable, "has none of Density, Utot"),
        (("Density", None, _N), (), BadTable, "has no unit"),
        (("Density", "nT", _N), (), WrongUnit, "nT"),
        (("Temperature", "nT", _N), (), WrongUnit, "cannot become 'K'"),
        (("Density", "cm-3", _N * np.nan), (), BadTable, "no value of Density"),
        (("Density", "cm-3", _N), ("Utot",), BadTable, "has no 'Utot'; it has Time, Density"),
        (("Density", "cm-3", _N), ("Mood",), BadArgument, "'Mood' is nothing that runs are ranked"),
        (("Density", "cm-3", _V), (), BadTable, "is not numeric"),
    ],
)
def test_what_the_table_lacks(
    column: tuple[str, str | None, NDArray[np.float64]],
    names: tuple[str, ...],
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        _seen(_table(column), *names)


def test_an_interval_without_times_or_rows() -> None:
    table = _table(("Density", "cm-3", _N))
    with pytest.raises(BadTable, match="no value of Density in the interval"):
        observe([table], (), (_TIMES[-1] + _HOUR, None), {}, argument="x")
    untimed = replace(table.header.parameters[0], dtype=TEXT, name="when")
    header = replace(table.header, parameters=(untimed, *table.header.parameters[1:]))
    with pytest.raises(BadTable, match="no column of times"):
        observe([Table(header, table.columns)], (), (_START, None), {}, argument="x")


def test_columns_are_written_with_a_sign() -> None:
    assert columns_of(["Density=N=p", "Utot=V"]) == {"Density": "N=p", "Utot": "V"}
    for wrong in ("Density", "=N", "Density="):
        with pytest.raises(BadArgument, match="NAME=COLUMN"):
            columns_of([wrong])


class _Runs(StandIn):
    """The run of the stand-in, and another in a denser wind."""

    def resources(self) -> list[Resource]:
        found = list(super().resources())
        (run,) = (r for r in found if r.kind is Kind.RUN)
        wind = Conditions(8e6, 4e5, 1e5, (0.0, 2e-8, 0.0))
        return [*found, replace(run, id=f"{RUN}/Dense", conditions=(wind,))]


def test_runs_by_their_distance_in_spreads() -> None:
    seen = [Observed("Density", 5.5e6, 1e6, 10), Observed("Utot", 4.5e5, 0.0, 10)]
    near, far = nearest_runs(Registry([_Runs()]), "mars", seen, 5)
    assert (near.id, far.id) == (RUN, f"{RUN}/Dense")
    # What does not vary is divided by the typical value, 430 km/s.
    still = (50.0 / 430.0) ** 2
    assert near.ranked.distance == pytest.approx(0.25 + still)
    assert far.ranked.distance == pytest.approx(6.25 + still)
    assert [i.rpartition("/")[2] for i in near.outputs] == ["Flow", "Spectra"]
    assert nearest_runs(Registry([_Runs()]), "Venus", seen, 5) == []


def test_components_are_compared_in_their_frame_only() -> None:
    seen = Observed("By", 1e-8, 1e-9, 10, Frame("MSO"))
    near, _ = nearest_runs(Registry([_Runs()]), "Mars", [seen], 5)
    assert near.ranked.distance == pytest.approx(0.0, abs=1e-20)
    with pytest.raises(WrongFrame, match="in frame GSE; no run around Mars is in it"):
        nearest_runs(Registry([_Runs()]), "Mars", [replace(seen, frame=Frame("GSE"))], 5)


def test_a_component_tells_its_frame() -> None:
    table = _table(("By", "nT", _N))
    parameters = (table.header.parameters[0], replace(table.header.parameters[1], frame="gse"))
    framed = Table(replace(table.header, parameters=parameters), table.columns)
    assert _seen(framed, "By")["By"].frame == Frame("GSE")
    assert _seen(table, "By")["By"].frame is None
