"""The methods over a dipole, whose values are known everywhere; the node stores the tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from impex.fmi import FMI
from impex.latmos import LATMOS
from impex.operations import Operations
from vo_server import plugins
from vo_server.context import Context
from vo_server.errors import (
    BadArgument,
    BadTable,
    ForbiddenAddress,
    Refusal,
    TooMuch,
    UnknownParameter,
    UnknownResource,
    UpstreamFailed,
)
from vo_server.model.space import Body
from vo_server.model.table import Table, concatenate
from vo_server.providers.analytic import Dipole

_OUTPUT = "spase://MyLab/NumericalOutput/Dipole"
_RUN = "spase://MyLab/SimulationRun/Dipole"
_WORDS = ("ID", "unit", "datatype", "xtype", "ucd", "utype", "description", "arraysize")
# km: two points in the domain, one outside it.
_X, _Y, _Z = ("5000 -6000 30000", "0 100 0", "7000 200 0")


@pytest.fixture
def operations(context: Context) -> Operations:
    return Operations(context)


def _field(name: str, data: str, unit: str | None = None, **words: str) -> dict[str, Any]:
    field = {"name": name, "data": tuple(data.split()), **dict.fromkeys(_WORDS), **words}
    return {**field, "unit": unit}


def _table(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"Table_name": "Points", "Description": None, "Fields": list(fields)}


@pytest.fixture
def points(operations: Operations) -> str:
    """URL of a table of points, with a label in front."""
    return operations.votable_url(
        _table(
            _field("Label", "a b c"),
            *(
                _field(n, d, "km", datatype="double")
                for n, d in zip("XYZ", (_X, _Y, _Z), strict=True)
            ),
        )
    )


def _flight(points: str, **changes: Any) -> dict[str, Any]:
    given = {
        "ResourceID": _OUTPUT,
        "Variable": (),
        "url_XYZ": points,
        "InterpolationMethod": "Linear",
        "OutputFileType": "VOTable",
    }
    return {**given, **changes}


def _lines(points: str, **changes: Any) -> dict[str, Any]:
    given = {
        "ResourceID": _OUTPUT,
        "Variable": (),
        "url_XYZ": points,
        "Direction": "Forward",
        "StepSize": 1e5,
        "MaxSteps": 10,
        "StopCondition_Radius": 0.0,
        "StopCondition_Region": (),
        "OutputFileType": "VOTable",
    }
    return {**given, **changes}


def _read(context: Context, url: str) -> Table:
    """Read a result as its format reads it."""
    name = context.results.own(url)
    assert name is not None
    path = context.results.path(name)
    assert path is not None
    with path.open("rb") as file:
        format = plugins.format_named(path.suffix)
        return concatenate(list(format.read(file, context.budget())))


def _column(table: Table, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(table.column(name), float)


def _exact() -> np.ndarray[Any, np.dtype[np.float64]]:
    positions = 1e3 * np.array([text.split() for text in (_X, _Y, _Z)], float).T
    dipole = Dipole(kind="dipole", strength="50 nT")
    values = dipole.formula(positions, Body("Mars", 3.39e6))
    values[2] = np.nan
    return values


def test_is_alive(operations: Operations) -> None:
    assert operations.is_alive({}) is True
    assert set(operations.handlers()) == {o.does for d in (FMI, LATMOS) for o in d.operations}


def test_votable_of_a_flight(operations: Operations, context: Context, points: str) -> None:
    table = _read(context, operations.data_point_value(_flight(points)))
    names = [parameter.name for parameter in table.header.parameters]
    assert names == ["Label", "X", "Y", "Z", "Bx", "By", "Bz", "Btot"]
    assert [p.unit for p in table.header.parameters[1:5]] == ["km", "km", "km", "T"]
    assert _column(table, "X").tolist() == [5000.0, -6000.0, 30000.0]
    values = np.column_stack([_column(table, name) for name in ("Bx", "By", "Bz")])
    np.testing.assert_allclose(values, _exact(), rtol=1e-12)
    assert ("points outside the domain", "1") in table.notes


@pytest.mark.parametrize("kind", ["netCDF", "ASCII"])
def test_other_formats_begin_with_positions_in_metres(
    operations: Operations, context: Context, points: str, kind: str
) -> None:
    given = _flight(points, OutputFileType=kind, Variable=("Bz", "Bx"))
    table = _read(context, operations.data_point_value(given))
    names = [parameter.name for parameter in table.header.parameters]
    assert names == ["x", "y", "z", "Bz", "Bx", "Label"]
    assert [p.unit for p in table.header.parameters[:4]] == ["m", "m", "m", "T"]
    assert _column(table, "x").tolist() == [5e6, -6e6, 3e7]
    np.testing.assert_allclose(_column(table, "Bx"), _exact()[:, 0], rtol=1e-12)
    assert list(table.column("Label")) == ["a", "b", "c"]


def test_extensions(operations: Operations, points: str) -> None:
    urls = [
        operations.data_point_value(_flight(points, OutputFileType=kind))
        for kind in ("VOTable", "netCDF", "ASCII")
    ]
    assert [url.rpartition(".")[2] for url in urls] == ["vot", "nc", "txt"]
    assert all(url.startswith("http://node.test/results/") for url in urls)


def test_what_was_answered_before_is_answered_again(
    operations: Operations, context: Context, points: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight, line = _flight(points), _lines(points)
    urls = [operations.data_point_value(flight), operations.field_line(line)]
    monkeypatch.delattr(type(context.results), "put")
    assert [operations.data_point_value(flight), operations.field_line(line)] == urls


def test_other_questions_have_other_answers(operations: Operations, points: str) -> None:
    other = operations.votable_url(_table(*(_field(n, "5e6") for n in "XYZ")))
    flights = [
        _flight(points),
        _flight(other),
        _flight(points, Variable=("Bx",)),
        _flight(points, Variable=("Bx", "By")),
        _flight(points, InterpolationMethod="NearestGridPoint"),
    ]
    assert len({operations.data_point_value(flight) for flight in flights}) == len(flights)
    lines = [
        _lines(points),
        _lines(points, Direction="Both"),
        _lines(points, StepSize=2e5),
        _lines(points, MaxSteps=11),
        _lines(points, StopCondition_Radius=4e6),
        _lines(points, StopCondition_Region=(-1.9e7, 1.9e7) * 3),
    ]
    assert len({operations.field_line(line) for line in lines}) == len(lines)


def test_a_run_stands_for_its_one_output(operations: Operations, points: str) -> None:
    by_run = operations.data_point_value(_flight(points, ResourceID=_RUN))
    assert by_run == operations.data_point_value(_flight(points))
    by_run = operations.field_line(_lines(points, ResourceID=_RUN))
    assert by_run == operations.field_line(_lines(points))


def test_lines(operations: Operations, context: Context, points: str) -> None:
    table = _read(context, operations.field_line(_lines(points, Direction="Both")))
    names = [parameter.name for parameter in table.header.parameters]
    assert names == ["Line_no", "X", "Y", "Z", "Bx", "By", "Bz", "Btot"]
    numbers = _column(table, "Line_no")
    assert numbers[0] == 1
    assert set(numbers) == {1, 2, 3}
    starts = np.flatnonzero((numbers == 1) & (_column(table, "X") == 5e6))
    assert len(starts) == 2  # forward, then backward
    positions = np.column_stack([_column(table, axis) for axis in "XYZ"])[:11]
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    np.testing.assert_allclose(steps, 1e5, rtol=1e-3)
    total = np.sqrt(sum(_column(table, f"B{axis}") ** 2 for axis in "xyz"))
    np.testing.assert_allclose(_column(table, "Btot"), total)


def test_lines_in_other_formats(operations: Operations, context: Context, points: str) -> None:
    for kind in ("netCDF", "ASCII"):
        table = _read(context, operations.field_line(_lines(points, OutputFileType=kind)))
        names = [parameter.name for parameter in table.header.parameters]
        assert names == ["Line_no", "X", "Y", "Z", "Bx", "By", "Bz", "Btot"]


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"ResourceID": "spase://MyLab/NumericalOutput/x"}, UnknownResource, "not served here"),
        ({"Variable": ("Bx", "Foo")}, UnknownParameter, "'Foo' is not a parameter of .* Bx, By"),
        ({"url_XYZ": "ftp://h/x.vot"}, ForbiddenAddress, "http"),
        ({"url_XYZ": "http://127.0.0.1/x.vot"}, ForbiddenAddress, "127.0.0.1"),
        (
            {"url_XYZ": f"http://node.test/results/{'0' * 32}.vot"},
            UpstreamFailed,
            "no longer kept here",
        ),
    ],
)
def test_refusals(
    operations: Operations, points: str, changes: Mapping[str, Any], kind: type[Refusal], words: str
) -> None:
    with pytest.raises(kind, match=words):
        operations.data_point_value(_flight(points, **changes))


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"Variable": ("Btot", "Ux")}, UnknownParameter, "Variable 'Ux' is not a parameter of"),
        ({"Variable": ("Bx", "Nonsense")}, UnknownParameter, "Variable 'Nonsense' is not a"),
        ({"Variable": ("Density",)}, BadArgument, "Variable must name the vector"),
        ({"MaxSteps": 10**9}, TooMuch, "1000000000 steps asked for; this node's limit is 500"),
        ({"StepSize": 0.0}, BadArgument, "StepSize must be more than zero"),
        ({"StopCondition_Region": (1e7, 2e7) * 3}, BadArgument, "all starting points lie outside"),
    ],
)
def test_refused_lines(
    operations: Operations, points: str, changes: Mapping[str, Any], kind: type[Refusal], words: str
) -> None:
    with pytest.raises(kind, match=words):
        operations.field_line(_lines(points, **changes))


def test_a_table_without_positions(operations: Operations) -> None:
    url = operations.votable_url(_table(_field("X", "1"), _field("Y", "1")))
    with pytest.raises(BadTable, match="no column for z"):
        operations.data_point_value(_flight(url))


def test_rows_are_limited(operations: Operations) -> None:
    with pytest.raises(TooMuch, match="1001 points asked for"):
        operations.votable_url(_table(_field("X", "1 " * 1001)))


def test_stored_columns_come_back(operations: Operations, context: Context) -> None:
    fields = [_field("time", "2026-01-01T00:00:00Z"), _field("A<b>&'\"", "x<y>&z")]
    url = operations.votable_url({**_table(*fields), "Description": "<&>"})
    table = _read(context, url)
    assert [p.name for p in table.header.parameters] == ["Time", "A<b>&'\""]
    assert list(table.column("A<b>&'\"")) == ["x<y>&z"]
    assert table.header.description == "<&>"
    assert table.header.name == "Points"
