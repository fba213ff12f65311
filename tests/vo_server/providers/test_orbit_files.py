"""orbit-files: every format, files joined by time, frames and units, what changes and breaks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vo_server import plugins
from vo_server.contract import check_provider
from vo_server.errors import BadArgument, BadFile
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.resource import Resource
from vo_server.model.table import Constant, Header, Table
from vo_server.model.time import TimeInterval
from vo_server.model.trajectory import Trajectory
from vo_server.ports import Site
from vo_server.providers.orbit_files import OrbitFiles, OrbitOptions

_DAY = np.datetime64("2005-01-01T00:00", "ns")
_HOUR = np.timedelta64(1, "h")


def _write(
    path: Path,
    hours: Sequence[float] = (0, 1, 2),
    *,
    unit: str = "km",
    frame: str | None = "MSO",
    timed: bool = True,
    extra: str = "Bx",
) -> None:
    """Write positions (hour, 0, 1) at the hours of a day, in the format of the file's name."""
    x = np.asarray(hours, float)
    time = Parameter("Time", np.dtype("M8[ns]"), xtype="timestamp", ucd="time.epoch")
    columns = {
        time: _DAY + (x * 60).astype("timedelta64[m]"),
        Parameter("X", unit=unit, ucd="pos.cartesian.x"): x,
        Parameter("Y", unit=unit, ucd="pos.cartesian.y"): np.zeros(len(x)),
        Parameter("Z", unit=unit, ucd="pos.cartesian.z"): np.ones(len(x)),
        Parameter(extra, unit="nT"): -x,
    }
    if not timed:
        del columns[time]
    coosys = Parameter("coordinate_system", TEXT, ucd="pos.frame")
    constants = () if frame is None else (Constant(coosys, frame),)
    table = Table(Header(tuple(columns), constants=constants), tuple(columns.values()))
    path.write_bytes(b"".join(plugins.format_named(path.suffix).write([table])))


def _provider(site: Site, **changes: Any) -> OrbitFiles:
    options = {"path": "*.*", "spacecraft": "MEX", "body": "Mars"} | changes
    return OrbitFiles(OrbitOptions.model_validate(options), site)


def _only(provider: OrbitFiles) -> Resource:
    resources = provider.resources()
    assert len(resources) == 1, provider.refused()
    return resources[0]


def _orbit(provider: OrbitFiles, interval: TimeInterval | None = None) -> Trajectory:
    return provider.orbit(_only(provider), interval)


def _reason(provider: OrbitFiles) -> str:
    """Give the one reason why nothing is served."""
    assert list(provider.resources()) == []
    (refused,) = provider.refused()
    return refused.reason


@pytest.mark.parametrize("name", ["a.vot", "a.xml", "a.csv", "a.nc", "a.txt"])
def test_every_format(tmp_path: Path, site: Site, name: str) -> None:
    _write(tmp_path / name)
    provider = _provider(site)
    output, orbit = _only(provider), _orbit(provider)
    assert output.id == "spase://MyLab/NumericalData/MEX/Orbit"
    assert str(output.frame) == str(orbit.frame) == "MSO"
    assert output.domain is not None
    assert (output.domain.lower, output.domain.upper) == ((0.0, 0.0, 1e3), (2e3, 0.0, 1e3))
    np.testing.assert_array_equal(orbit.positions, [[0, 0, 1e3], [1e3, 0, 1e3], [2e3, 0, 1e3]])
    np.testing.assert_array_equal(orbit.times, _DAY + np.arange(3) * _HOUR)
    np.testing.assert_array_equal(orbit.table.column("Bx"), [0, -1, -2])
    assert (
        check_provider(OrbitFiles, {"path": name, "spacecraft": "MEX", "body": "Mars"}, site) == []
    )


def test_the_frame_comes_from_file_or_option(tmp_path: Path, site: Site) -> None:
    _write(tmp_path / "a.csv", frame=None)
    assert str(_only(_provider(site, frame="mso")).frame) == "MSO"
    assert "neither a.csv nor the option 'frame' tells the frame" in _reason(_provider(site))
    _write(tmp_path / "a.csv", frame="VSO")
    assert str(_only(_provider(site, frame="vso")).frame) == "VSO"
    reason = _reason(_provider(site, frame="MSO"))
    assert reason == "a.csv says frame VSO, the option 'frame' MSO"


def test_radii_need_their_length(tmp_path: Path, site: Site) -> None:
    _write(tmp_path / "a.vot", unit="Rm")
    assert "is in radii of Mars, whose length is not told" in _reason(_provider(site))
    provider = _provider(site, body_radius="3390 km")
    assert _orbit(provider).positions[2].tolist() == [2 * 3.39e6, 0.0, 3.39e6]
    body = _only(provider).body
    assert body is not None
    assert (body.name, body.radius) == ("Mars", 3.39e6)
    assert "radius of Mars or Mercury" in _reason(_provider(site, body="Venus"))


def test_files_follow_each_other_in_time_whatever_their_names(tmp_path: Path, site: Site) -> None:
    _write(tmp_path / "a.vot", (8, 9))
    _write(tmp_path / "b.vot", (0, 1, 2))
    _write(tmp_path / "c.vot", (4, 5))
    orbit = _orbit(_provider(site))
    hours = [0, 1, 2, 4, 5, 8, 9]
    np.testing.assert_array_equal(orbit.positions[:, 0], np.array(hours) * 1e3)
    np.testing.assert_array_equal(orbit.times, _DAY + np.array(hours) * _HOUR)
    np.testing.assert_array_equal(orbit.table.column("Bx"), -np.array(hours))


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ({"hours": (2, 3)}, "overlap or do not increase"),
        ({"hours": (0.5, 0.75)}, "overlap or do not increase"),
        ({"hours": (5, 4)}, "overlap or do not increase"),
        ({"hours": (4, 5), "unit": "m"}, "different columns, or other units"),
        ({"hours": (4, 5), "extra": "By"}, "different columns, or other units"),
        ({"hours": (4, 5), "frame": "VSO"}, "in different frames: MSO, VSO"),
    ],
)
def test_files_that_do_not_fit_together(
    tmp_path: Path, site: Site, second: dict[str, Any], reason: str
) -> None:
    _write(tmp_path / "a.vot")
    _write(tmp_path / "b.vot", **second)
    assert reason in _reason(_provider(site))


def test_untimed_positions(tmp_path: Path, site: Site) -> None:
    _write(tmp_path / "a.csv", timed=False)
    provider = _provider(site)
    assert _orbit(provider).times is None
    with pytest.raises(BadArgument, match="MEX/Orbit has no times") as caught:
        _orbit(provider, TimeInterval(_DAY, _DAY + _HOUR))
    assert caught.value.argument == "interval"
    _write(tmp_path / "b.csv", (4, 5), timed=False)
    assert "only be joined when all have ISO 8601 times" in _reason(provider)


def test_an_interval_holds_its_start_but_not_its_stop(tmp_path: Path, site: Site) -> None:
    _write(tmp_path / "a.vot", (0, 1, 2, 3))
    orbit = _orbit(_provider(site), TimeInterval(_DAY + _HOUR, _DAY + 3 * _HOUR))
    np.testing.assert_array_equal(orbit.positions[:, 0], [1e3, 2e3])
    np.testing.assert_array_equal(orbit.times, _DAY + np.array([1, 2]) * _HOUR)
    np.testing.assert_array_equal(orbit.table.column("Bx"), [-1, -2])


def test_only_the_file_that_changes_is_read_again(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    open_file = Path.open

    def recorded(path: Path, *arguments: Any, **options: Any) -> Any:
        opened.append(path.name)
        return open_file(path, *arguments, **options)

    _write(tmp_path / "a.csv", (0, 1))
    _write(tmp_path / "b.csv", (4, 5))
    provider = _provider(site)
    before = _only(provider)
    _write(tmp_path / "b.csv", (4, 5, 6))
    monkeypatch.setattr(Path, "open", recorded)
    after = _only(provider)
    assert _only(provider) is after
    assert opened == ["b.csv"]
    assert after.version != before.version
    np.testing.assert_array_equal(_orbit(provider).positions[:, 0], [0, 1e3, 4e3, 5e3, 6e3])


def test_a_broken_file_is_refused_by_name_and_the_rest_is_served(
    tmp_path: Path, site: Site
) -> None:
    _write(tmp_path / "a.vot")
    (tmp_path / "b.vot").write_bytes(b"<VOTABLE>")
    (tmp_path / "c.xls").write_bytes(b"?")
    provider = _provider(site)
    assert len(_orbit(provider)) == 3
    refused = {Path(r.source).name: r.reason for r in provider.refused()}
    assert set(refused) == {"b.vot", "c.xls"}
    assert "no table format '.xls'" in refused["c.xls"]
    _write(tmp_path / "b.vot", (4, 5))
    assert len(_orbit(provider)) == 5


def test_positions_that_are_no_numbers(tmp_path: Path, site: Site) -> None:
    _write(tmp_path / "a.vot", (np.nan, np.nan), timed=False)
    assert _reason(_provider(site)) == "no position is a number"


def test_files_that_vanish(tmp_path: Path, site: Site) -> None:
    _write(tmp_path / "a.vot")
    provider = _provider(site)
    output = _only(provider)
    (tmp_path / "a.vot").unlink()
    assert list(provider.resources()) == []
    assert "no file matches" in provider.refused()[0].reason
    with pytest.raises(BadFile, match="MEX/Orbit were removed or replaced just now"):
        provider.orbit(output, None)


def test_an_id_outside_the_authority(site: Site) -> None:
    with pytest.raises(BadArgument, match="id must start with spase://MyLab/"):
        _provider(site, id="spase://MyLab2/NumericalData/MEX")
    options = {"path": "*", "spacecraft": "M E X", "body": "Mars"}
    with pytest.raises(BadArgument, match="orbit-files: spacecraft"):
        plugins.build("vo_server.providers", "orbit-files", options, site)
