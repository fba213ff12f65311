"""Time series in files: found, checked, completed, and noticed when they change."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cdflib
import netCDF4
import numpy as np
import pytest

from vo_server import series
from vo_server.budget import Budget
from vo_server.errors import BadFile
from vo_server.model.request import SeriesRequest
from vo_server.model.resource import Resource
from vo_server.model.table import Table, concatenate
from vo_server.model.time import TimeInterval
from vo_server.plugins import format_named
from vo_server.ports import Site
from vo_server.providers.time_series import TimeSeries, TimeSeriesOptions

_ID = "spase://MyLab/NumericalData/MAG"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a dataset file and give its folder."""

    def make(more: str = "", files: str = "*.csv") -> Path:
        folder = tmp_path / "series/mag"
        folder.mkdir(parents=True, exist_ok=True)
        text = f'[dataset]\nid = "{_ID}"\nfiles = "{files}"\n{more}\n'
        (folder / "dataset.toml").write_text(text, encoding="utf-8")
        return folder

    return make


@pytest.fixture
def provider(site: Site) -> TimeSeries:
    """Give the provider."""
    return TimeSeries(TimeSeriesOptions(), site)


def _csv(path: Path, day: int, count: int = 24, start: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["Time,Bx [nT],By [nT],n"]
    lines += [
        f"2026-01-{day:02}T{h:02}:00:00Z,{day}.5,{h},{h}" for h in range(start, start + count)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _one(provider: TimeSeries) -> Resource:
    found = provider.resources()
    assert [refused.reason for refused in provider.refused()] == []
    assert len(found) == 1
    return found[0]


def _reason(provider: TimeSeries) -> str:
    assert list(provider.resources()) == []
    (refused,) = provider.refused()
    return refused.reason


def _read(provider: TimeSeries, resource: Resource, interval: TimeInterval | None = None) -> Table:
    assert resource.series is not None
    names = tuple(parameter.name for parameter in resource.parameters)
    request = SeriesRequest(resource, interval or resource.series.coverage, names)
    return concatenate(list(series.read(request, provider, Budget())))


def test_files_complete_what_the_dataset_file_says(write: Write, provider: TimeSeries) -> None:
    folder = write('[[dataset.parameters]]\nname = "B"\nsources = ["Bx", "By"]\nframe = "GSE"')
    _csv(folder / "b.csv", 2)
    _csv(folder / "a.csv", 1)
    resource = _one(provider)
    assert [(p.name, p.shape, p.unit) for p in resource.parameters] == [
        ("Time", (), None), ("n", (), None), ("B", (2,), "nT"),
    ]  # fmt: skip
    described = resource.series
    assert described is not None
    assert described.name == "mag"
    assert described.records == 48
    assert described.cadence == np.timedelta64(3600, "s")
    assert str(described.coverage.stop) == "2026-01-02T23:00:00.001000000"
    table = _read(provider, resource)
    assert len(table) == 48
    assert table.column("B")[[0, 24]].tolist() == [[1.5, 0.0], [2.5, 0.0]]


def test_names_with_times_spare_reading(
    write: Write, provider: TimeSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(files="%Y/mag_%Y%m%d_v*.csv")
    for day in range(1, 8):
        _csv(folder / f"2026/mag_202601{day:02}_v{day}.csv", day)
    (folder / "2026/mag_20261_v1.csv").write_text("no time in its name", encoding="utf-8")
    opened: list[str] = []
    real = Path.open

    def spy(self: Path, *given: object, **named: object) -> object:
        opened.append(self.name)
        return real(self, *given, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", spy)
    resource = _one(provider)
    assert {name for name in opened if name.endswith(".csv")} == {
        "mag_20260101_v1.csv", "mag_20260107_v7.csv",
    }  # fmt: skip
    opened.clear()
    interval = TimeInterval(np.datetime64("2026-01-03T05"), np.datetime64("2026-01-04T02"))
    assert len(_read(provider, resource, interval)) == 21
    assert set(opened) <= {f"mag_202601{day:02}_v{day}.csv" for day in (2, 3, 4)}


def test_files_that_come_and_change_are_noticed(write: Write, provider: TimeSeries) -> None:
    folder = write()
    _csv(folder / "a.csv", 1)
    first = _one(provider)
    assert _one(provider) is first
    _csv(folder / "b.csv", 2)
    second = _one(provider)
    assert second.version != first.version
    assert len(_read(provider, second)) == 48
    (folder / "a.csv").unlink()
    with pytest.raises(BadFile, match=r"a\.csv cannot be read"):
        _read(provider, second)
    assert len(_read(provider, _one(provider))) == 24


def test_a_file_that_changes_while_it_is_read_is_not_believed(
    write: Write, provider: TimeSeries
) -> None:
    folder = write()
    _csv(folder / "a.csv", 1)
    resource = _one(provider)
    assert resource.series is not None
    request = SeriesRequest(resource, resource.series.coverage, ("Time",))
    blocks = provider.read(request)
    next(blocks)
    os.utime(folder / "a.csv", ns=(1, 1))
    with pytest.raises(BadFile, match="changed while it was read"):
        list(blocks)


def test_overlapping_files_give_each_time_once(write: Write, provider: TimeSeries) -> None:
    folder = write()
    _csv(folder / "a.csv", 1, 20)
    _csv(folder / "b.csv", 1, 10, start=14)
    table = _read(provider, _one(provider))
    assert table.column("By").tolist() == [float(hour) for hour in range(24)]


@pytest.mark.parametrize(
    ("more", "content", "reason"),
    [
        ("", "", "has no"),
        ("", "a,b\n1,2\n", "no column of ISO 8601 times"),
        ("", "Time,a\nyesterday,1\n", "no column of ISO 8601 times"),
        ("", "Time,time\n2026-01-01T00:00:00Z,1\n", "two columns are called time"),
        ('time = "T"', "Time,a\n2026-01-01T00:00:00Z,1\n", "no column T"),
        ('[[dataset.parameters]]\nname = "B"', "Time,a\n2026-01-01T00:00:00Z,1\n", "no column B"),
        ('[[dataset.parameters]]\nname = "B"\nsources = ["Bz"]',
         "Time,a\n2026-01-01T00:00:00Z,1\n", "no column Bz for B"),
        ('[[dataset.parameters]]\nname = "a"\nunits = ["m", "s"]',
         "Time,a\n2026-01-01T00:00:00Z,1\n", "2 units for 1 elements"),
        ('[[dataset.parameters]]\nname = "a"\nbins = [{name="E",centers="x"}]',
         "Time,a\n2026-01-01T00:00:00Z,1\n", "1 bins for 0 dimensions"),
        ('location = [["P"]]', "Time,a\n2026-01-01T00:00:00Z,1\n", "location names P"),
        ('start = "2027Z"', "Time,a\n2026-01-01T00:00:00Z,1\n", "do not hold all records"),
        ('stop = "yesterday"', "Time,a\n2026-01-01T00:00:00Z,1\n", "dataset.stop"),
        ('colour = "red"', "Time,a\n", "dataset.colour: unknown key"),
        ('format = "docx"', "Time,a\n2026-01-01T00:00:00Z,1\n", "no table format"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_name(
    write: Write, provider: TimeSeries, more: str, content: str, reason: str
) -> None:
    (write(more) / "a.csv").write_text(content, encoding="utf-8")
    assert reason in _reason(provider)


@pytest.mark.parametrize("files", ["../*.csv", "/etc/*", "", "a/../../b.csv"])
def test_patterns_do_not_lead_out(write: Write, provider: TimeSeries, files: str) -> None:
    write(files=files)
    assert "must be a pattern of files inside" in _reason(provider)


def test_foreign_ids_and_no_files_are_refused(write: Write, provider: TimeSeries) -> None:
    folder = write()
    assert "no file matches" in _reason(provider)
    text = (folder / "dataset.toml").read_text(encoding="utf-8").replace("MyLab", "Yours")
    (folder / "dataset.toml").write_text(text, encoding="utf-8")
    assert "must start with spase://MyLab/" in _reason(provider)


@pytest.mark.parametrize("suffix", ["vot", "nc", "csv"])
def test_every_installed_format_serves(write: Write, provider: TimeSeries, suffix: str) -> None:
    folder = write(files=f"*.{suffix}")
    _csv(folder / "source.txt", 1)
    with (folder / "source.txt").open("rb") as stream:
        table = concatenate(list(format_named("csv").read(stream, Budget())))
    with (folder / f"data.{suffix}").open("wb") as out:
        out.writelines(format_named(suffix).write([table]))
    read = _read(provider, _one(provider))
    assert read.column("Bx").tolist() == [1.5] * 24
    assert read.columns[0][1] == np.datetime64("2026-01-01T01:00")


def test_netcdf_4_is_read_slab_by_slab(write: Write, provider: TimeSeries) -> None:
    folder = write(files="*.nc")
    count = 70_000
    with netCDF4.Dataset(folder / "a.nc", "w") as dataset:
        dataset.createDimension("time", None)
        dataset.createDimension("xyz", 3)
        time = dataset.createVariable("epoch", "f8", ("time",))
        time.units = "seconds since 2026-01-01"
        time[:] = np.arange(count)
        field = dataset.createVariable("B", "f4", ("time", "xyz"), fill_value=-1e31)
        field.units = "nT"
        field[:] = np.arange(count)[:, None] + [0.0, 0.25, 0.5]
        field[5] = -1e31
        counts = dataset.createVariable("counts", "i4", ("time",), fill_value=-1)
        counts[:] = np.arange(count)
    resource = _one(provider)
    table = _read(provider, resource)
    assert len(table) == count
    assert np.isnan(table.column("B")[5]).all()
    assert table.column("B")[-1].tolist() == [count - 1, count - 0.75, count - 0.5]
    assert resource.parameters[1].unit == "nT"


def test_a_file_of_another_kind_breaks_off(write: Write, provider: TimeSeries) -> None:
    folder = write(files="m_%Y%m%d.csv")
    for day in (1, 2, 3):
        _csv(folder / f"m_2026010{day}.csv", day)
    (folder / "m_20260102.csv").write_text("Time,Bx\n2026-01-02T00:00:00Z,x\n", encoding="utf-8")
    resource = _one(provider)
    with pytest.raises(BadFile, match=r"not of numbers|no column"):
        _read(provider, resource)


def test_numbers_that_stand_for_nothing(write: Write, provider: TimeSeries) -> None:
    folder = write('[[dataset.parameters]]\nname = "n"\nmissing = [3, 4]')
    _csv(folder / "a.csv", 1)
    column = _read(provider, _one(provider)).column("n")
    assert np.flatnonzero(np.isnan(column)).tolist() == [3, 4]


def test_a_real_cdf_file_is_a_time_series(write: Write, provider: TimeSeries, shared: Path) -> None:
    folder = write(files="*.cdf")
    file = shared / "data/trajectories/rbspa_ect-hope-PA-L3_20121201.cdf"
    shutil.copy(file, folder / file.name)
    resource = _one(provider)
    table = _read(provider, resource)
    with cdflib.CDF(file) as cdf:
        times = cdflib.cdfepoch.to_datetime(cdf.varget("Epoch_Ion"))
        position = cdf.varget("Position_Ion")
    np.testing.assert_array_equal(table.columns[0], times.astype("datetime64[ns]"))
    found = table.column("Position_Ion")
    np.testing.assert_array_equal(found[np.isfinite(found)], position[np.isfinite(found)])
    assert np.isfinite(found).any()
