"""Runs that change in time: files in, values between snapshots out, against exact ones."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import netCDF4
import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from impex.operations import Operations
from impex.parity import Parity
from vo_server.budget import Budget
from vo_server.context import Context
from vo_server.errors import BadArgument, UnknownResource
from vo_server.model.request import SeriesRequest
from vo_server.model.table import Table, concatenate
from vo_server.model.time import TimeInterval
from vo_server.roles import times
from vo_server.series import read
from vo_server.settings import load

Floats = NDArray[np.float64]

_RUN = "spase://MyLab/SimulationRun/Storm"
_OUTPUT = "spase://MyLab/NumericalOutput/Storm"
_START = np.datetime64("2012-01-31T12:00:00", "ns")
_MINUTE = np.timedelta64(60, "s")
_MINUTES = (0, 10, 15, 30)  # of the snapshots
_ORBIT = np.arange(-5, 41)  # minutes of the orbit's positions

_NODE = """
[node]
authority = "MyLab"
base_url = "http://node.test"
[[providers]]
use = "netcdf-cubes"
path = "*.nc"
cache_bytes = {cache}
[[providers]]
use = "orbit-files"
path = "orbit.csv"
spacecraft = "MEX"
body = "Mars"
frame = "MSO"
"""
_RUN_FILE = """
[run]
id = "spase://MyLab/SimulationRun/Storm"
model = "spase://MyLab/SimulationModel/Storm"
title = "A storm"
body = "Mars"
body_radius = "3390 km"
frame = "MSO"
[[run.solar_wind]]
time = 2012-01-31T11:00:00Z
density = "4 cm-3"
[[run.solar_wind]]
time = 2012-01-31T12:11:00Z
density = "5 cm-3"
[[run.solar_wind]]
time = 2012-01-31T12:29:59Z
density = "9 cm-3"
[[run.outputs]]
id = "spase://MyLab/NumericalOutput/Storm"
snapshots = [{snapshots}]
"""
_SNAPSHOT = '{{ time = {time}Z, file = "{minute}.nc" }}'


def _density(points: Floats, minutes: Floats) -> Floats:
    """Give a density in 1/m3, linear in space (km) and in time (min)."""
    return np.asarray((1.0 + 0.05 * minutes) * (4e6 + points @ [1e3, 2e3, -3e3]))


def _bx(points: Floats, minutes: Floats) -> Floats:
    """Give Bx in nT."""
    return np.asarray(points[..., 1] * 1e-2 - 0.3 * minutes)


def _positions(minutes: Floats) -> Floats:
    """Give where the spacecraft is, in km."""
    return np.column_stack([500.0 - 20.0 * minutes, 12.4 * minutes, 80.0 + 0.0 * minutes])


def _cube(path: Path, minute: int) -> None:
    axis = np.linspace(-1000.0, 1000.0, 9)
    nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    with netCDF4.Dataset(path, "w") as dataset:
        for name in "xyz":
            dataset.createDimension(name, len(axis))
            dataset.createVariable(name, "f8", (name,))[:] = axis
            dataset[name].units = "km"
        for name, unit, value in (("Density", "m-3", _density), ("Bx", "nT", _bx)):
            made = dataset.createVariable(name, "f8", ("x", "y", "z"), chunksizes=(4, 4, 4))
            made.units = unit
            made[:] = value(nodes, np.array(float(minute)))


@pytest.fixture(params=[512, 2**20])
def storm(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Context]:
    """Give a node of a run with snapshots, in a cache that is too small for any of them, or not."""
    stamps = [str((_START + minute * _MINUTE).astype("datetime64[s]")) for minute in _MINUTES]
    for minute in _MINUTES:
        _cube(tmp_path / f"{minute}.nc", minute)
    told = (_SNAPSHOT.format(time=t, minute=m) for t, m in zip(stamps, _MINUTES, strict=True))
    (tmp_path / "run.toml").write_text(_RUN_FILE.format(snapshots=", ".join(told)))
    rows = (
        f"{_START + minute * _MINUTE}Z," + ",".join(map(repr, map(float, position)))
        for minute, position in zip(_ORBIT, _positions(_ORBIT.astype(float)), strict=True)
    )
    (tmp_path / "orbit.csv").write_text("Time,X [km],Y [km],Z [km]\n" + "\n".join(rows) + "\n")
    config = tmp_path / "node.toml"
    config.write_text(_NODE.format(cache=request.param))
    context = Context(load(config), Event())
    yield context
    context.close()


def _given(**changes: Any) -> dict[str, Any]:
    given = {
        "ResourceID": _OUTPUT,
        "Variable": (),
        "Spacecraft_name": "mex",
        "StartTime": "2012-01-31T11:57:00",
        "StopTime": "2012-01-31T12:33:00",
        "Sampling": "PT15S",
        "InterpolationMethod": "Linear",
        "OutputFileType": "VOTable",
    }
    return {**given, **changes}


def _table(context: Context, url: str) -> Table:
    with context.table(url, context.budget(), argument="url") as given:
        return concatenate(list(given.tables))


def _minutes(table: Table) -> Floats:
    moments = times(table, argument="table")
    assert moments is not None
    return np.asarray((moments - _START) / _MINUTE)


def test_values_along_a_spacecraft_are_linear_in_time(storm: Context) -> None:
    table = _table(storm, Operations(storm).data_point_value(_given()))
    minutes = _minutes(table)
    inside = (minutes >= 0) & (minutes <= 30)
    assert len(table) == 145
    assert inside.sum() == 121
    points = _positions(minutes)
    np.testing.assert_allclose(
        table.column("Density")[inside], _density(points, minutes)[inside], rtol=1e-13
    )
    np.testing.assert_allclose(
        table.column("Bx")[inside], _bx(points, minutes)[inside] * 1e-9, rtol=1e-11, atol=1e-23
    )
    assert np.isnan(table.column("Density")[~inside]).all()
    assert "In time: linear between 4 snapshots from 2012-01-31T12:00:00.000Z" in (
        table.header.description
    )
    assert dict(table.notes) == {"points ok": "121", "points outside the domain": "24"}


def test_the_nearest_snapshot_where_the_method_is_nearest(storm: Context) -> None:
    given = _given(InterpolationMethod="NearestGridPoint", Variable=("Bx",))
    table = _table(storm, Operations(storm).data_point_value(given))
    minutes = _minutes(table)
    known = np.array(_MINUTES, float)
    inside = (minutes >= 0) & (minutes <= 30)
    nearest = known[np.argmin(np.abs(minutes[inside, None] - known), axis=1)]
    points = np.round(_positions(minutes)[inside] / 250.0) * 250.0
    np.testing.assert_allclose(
        table.column("Bx")[inside], _bx(points, nearest) * 1e-9, rtol=1e-11, atol=1e-23
    )


def test_the_nearest_snapshot_as_the_service_of_old(storm: Context) -> None:
    operations = Operations(storm, Parity(snapshots="nearest"))
    table = _table(storm, operations.data_point_value(_given(Sampling="PT600S")))
    minutes = _minutes(table)
    assert minutes.tolist() == [-3, 7, 17, 27]
    nearest = np.array([np.nan, 10.0, 15.0, 30.0])
    np.testing.assert_allclose(
        table.column("Density"), _density(_positions(minutes), nearest), rtol=1e-13
    )


def test_one_snapshot_is_an_output_by_itself(storm: Context) -> None:
    operations = Operations(storm)
    for stamp, minute in (("121500", 15.0), ("121300", 15.0), ("121215", 10.0), ("123200", 30.0)):
        given = _given(ResourceID=f"{_OUTPUT}?20120131_{stamp}", Variable=("Density",))
        table = _table(storm, operations.data_point_value(given))
        minutes = _minutes(table)
        points = _positions(minutes)
        inside = np.abs(points).max(axis=1) <= 1000.0
        expected = _density(points, np.full(len(points), minute))
        np.testing.assert_allclose(table.column("Density")[inside], expected[inside], rtol=1e-13)
        assert f"Time: {_START + int(minute) * _MINUTE}"[:22] in table.header.description


def test_planes_and_lines_take_one_snapshot(storm: Context) -> None:
    operations = Operations(storm)
    plane = {
        "PlanePoint": (0.0, 0.0, 0.0), "PlaneNormalVector": (0.0, 0.0, 1.0),
        "Resolution": 2.5e5, "Variable": ("Density",),
    }  # fmt: skip
    given = _given(**plane, ResourceID=f"{_RUN}?20120131_121000")
    table = _table(storm, operations.surface(given))
    points = np.column_stack([table.column(axis) for axis in "XYZ"]) / 1e3
    np.testing.assert_allclose(
        table.column("Density"), _density(points, np.full(len(points), 10.0)), rtol=1e-13
    )
    with pytest.raises(BadArgument, match=r"changes in time: .* 4 snapshots .*\?20120131_120000"):
        operations.surface(_given(**plane))


@pytest.mark.parametrize(
    ("stamp", "message"),
    [
        ("20120131_123301", "no snapshot within three minutes"),
        ("20120131_115659", "no snapshot within three minutes of 2012-01-31T11:56:59.000Z"),
        ("20120131", "names no time"),
        ("20120132_000000", "not a date of the calendar"),
        ("20120131_12000\u0660", "names no time"),
        ("20120131_120000?", "names no time"),
    ],
)
def test_no_snapshot_is_guessed(storm: Context, stamp: str, message: str) -> None:
    with pytest.raises((UnknownResource, BadArgument), match=message):
        Operations(storm).data_point_value(_given(ResourceID=f"{_OUTPUT}?{stamp}"))


def test_a_table_without_times_is_refused(storm: Context) -> None:
    operations = Operations(storm)
    words = dict.fromkeys(("ID", "datatype", "xtype", "ucd", "utype", "description", "arraysize"))
    fields = [{"name": n, "data": ("1", "2"), "unit": "km", **words} for n in "XYZ"]
    url = operations.votable_url({"Table_name": None, "Description": None, "Fields": fields})
    given = _given(url_XYZ=url)
    del given["Spacecraft_name"]
    with pytest.raises(BadArgument, match="or along positions that have times"):
        operations.data_point_value(given)
    timed = _given(url_XYZ=operations.data_point_value(_given()), Variable=("Bx",))
    del timed["Spacecraft_name"]
    table = _table(storm, operations.data_point_value(timed))
    np.testing.assert_array_equal(table.column("Bx_run"), table.column("Bx"))


def test_a_virtual_spacecraft_covers_the_run(storm: Context) -> None:
    names = [r.series.name for r in storm.datasets.all() if r.series is not None]
    flown = storm.datasets.get("storm_at_mex")
    assert names == ["av_storm_at_mex", "storm_at_mex"]
    series = flown.resource.series
    assert series is not None
    assert series.coverage.start == _START
    assert series.records == 31
    interval = TimeInterval(_START + 5 * _MINUTE, _START + 20 * _MINUTE)
    request = SeriesRequest(flown.resource, interval, ("Time", "Density"))
    table = concatenate(list(read(request, flown.source, Budget())))
    minutes = np.arange(5.0, 20.0)
    np.testing.assert_allclose(
        table.column("Density"), _density(_positions(minutes), minutes), rtol=1e-13
    )


def test_the_most_relevant_time_of_a_run(storm: Context) -> None:
    criterion = {"value": 8.8e6, "weight": 1.0, "scale": None, "function": None}
    given = {"Object": "Mars", "RunCount": 5, "SW_parameters": ({"SW_Density": (criterion,)},)}
    runs = orjson.loads(Operations(storm).most_relevant_run(given))["runs"]
    assert [run["ResourceID"] for run in runs] == [
        f"{_RUN}?20120131_123000", f"{_RUN}?20120131_121000"
    ]  # fmt: skip
    assert runs[0]["NumericalOutput"] == [f"{_OUTPUT}?20120131_123000"]
