"""Spacecraft: names, times of sampling, positions between those that are known."""

from collections.abc import Sequence

import numpy as np
import pytest

from vo_server.budget import Budget
from vo_server.errors import BadArgument, TooMuch, UnknownResource
from vo_server.model.parameter import Parameter
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.space import Body, Frame
from vo_server.model.table import Header, Table
from vo_server.model.time import TimeInterval
from vo_server.model.trajectory import Trajectory
from vo_server.registry import Registry
from vo_server.spacecraft import find_orbit, positions_at, same_spacecraft, sampling_times

_T0 = np.datetime64("2020-01-01T00:00:00", "ns")
_MINUTE = np.timedelta64(60, "s")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MEX", "mars express"),
        ("Cassini_Public", "CASSINI"),
        ("IMP-8", "imp8"),
        ("Stereo-A", "STEREO_A"),
        ("CLUSTER1", "Cluster 1"),
        ("C3", "CLUSTER3"),
        ("THEMIS-A", "tha"),
        ("INTERBALL-Tail", "INTERBALL-TAIL"),
        ("Voyager_1", "VOYAGER1"),
        ("MyProbe", "MY PROBE"),
    ],
)
def test_same_spacecraft(one: str, other: str) -> None:
    assert same_spacecraft(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("MEX", "VEX"), ("CLUSTER1", "CLUSTER2"), ("Stereo-A", "Stereo-B")]
)
def test_other_spacecraft(one: str, other: str) -> None:
    assert not same_spacecraft(one, other)


def _orbit(times: np.ndarray[tuple[int], np.dtype[np.datetime64]]) -> Trajectory:
    seconds = (times - _T0) / np.timedelta64(1, "s")
    positions = np.column_stack([seconds**3, 2.0 * seconds, seconds**2])
    header = Header(tuple(Parameter(axis, unit="m") for axis in "XYZ"))
    table = Table(header, tuple(positions.T))
    return Trajectory(positions, Frame("MSO"), table, (0, 1, 2), times)


def test_cubics_are_followed_exactly() -> None:
    orbit = _orbit(_T0 + np.arange(10) * _MINUTE)
    times = _T0 + np.arange(541) * np.timedelta64(1, "s")
    found = positions_at(orbit, times, argument="x")
    np.testing.assert_allclose(found.positions, _orbit(times).positions, rtol=1e-9, atol=1e-6)
    assert [p.name for p in found.table.header.parameters] == ["Time", "X", "Y", "Z"]
    assert found.frame == Frame("MSO")


def test_order_of_the_file_does_not_matter() -> None:
    whole = _orbit(_T0 + np.array([3, 0, 2, 1]) * _MINUTE)
    found = positions_at(whole, _T0 + np.array([1.5 * 60]).astype("m8[s]"), argument="x")
    np.testing.assert_allclose(found.positions, [[90.0**3, 180.0, 8100.0]])


def test_nothing_is_known_outside_and_across_gaps() -> None:
    minutes = np.array([0, 1, 2, 3, 10, 11, 12])
    orbit = _orbit(_T0 + minutes * _MINUTE)
    times = _T0 + np.array([-1, 0, 2, 3, 5, 10, 12, 13]) * _MINUTE
    found = positions_at(orbit, times, argument="x")
    known = np.isfinite(found.positions).all(axis=1)
    assert known.tolist() == [False, True, True, True, False, True, True, False]


def test_few_positions() -> None:
    for count in (1, 2, 3):
        orbit = _orbit(_T0 + np.arange(count) * _MINUTE)
        found = positions_at(orbit, _T0 + np.arange(count) * _MINUTE, argument="x")
        np.testing.assert_allclose(found.positions, orbit.positions)


def test_orbits_that_cannot_be_used() -> None:
    orbit = _orbit(_T0 + np.arange(3) * _MINUTE)
    with pytest.raises(BadArgument, match=r"known from 2020-01-01T00:00:00\.000Z to"):
        positions_at(orbit, np.array([_T0 - _MINUTE]), argument="x")
    untimed = Trajectory(orbit.positions, orbit.frame, orbit.table, orbit.axes)
    with pytest.raises(BadArgument, match="the orbit of x has no times"):
        positions_at(untimed, np.array([_T0]), argument="x")


def test_sampling_times() -> None:
    times = sampling_times(_T0, _T0 + 5 * _MINUTE, 2 * _MINUTE, Budget())
    assert ((times - _T0) / _MINUTE).tolist() == [0.0, 2.0, 4.0]
    for stop in (_T0, _T0 - _MINUTE):
        with pytest.raises(BadArgument, match="must lie before StopTime"):
            sampling_times(_T0, stop, _MINUTE, Budget())
    with pytest.raises(BadArgument, match="more than zero"):
        sampling_times(_T0, _T0 + _MINUTE, np.timedelta64(0, "s"), Budget())
    first, last = np.datetime64("1700-01-01", "ns"), np.datetime64("2250-01-01", "ns")
    far = sampling_times(first, last, np.timedelta64(36_500, "D"), Budget())
    assert [str(time)[:4] for time in far] == ["1700", "1799", "1899", "1999", "2099", "2199"]
    century = np.datetime64("2200-01-01", "ns")
    with pytest.raises(TooMuch, match="points asked for; this node's limit is 1000000 points"):
        sampling_times(_T0, century, np.timedelta64(1, "ns"), Budget())


class _Orbits:
    """Orbits of named spacecraft around named bodies."""

    def __init__(self, *orbits: tuple[str, str]) -> None:
        self._orbits = orbits

    def resources(self) -> Sequence[Resource]:
        return [
            Resource(f"spase://M/NumericalData/{i}", Kind.ORBIT, name, body=Body(body, 1.0),
                     spacecraft=name)
            for i, (name, body) in enumerate(self._orbits)
        ]  # fmt: skip

    def refused(self) -> Sequence[Refused]:
        return ()

    def orbit(self, resource: Resource, interval: TimeInterval | None) -> Trajectory:
        return _orbit(_T0 + np.arange(3) * _MINUTE)


def test_of_two_orbits_that_around_the_body_is_meant() -> None:
    registry = Registry([_Orbits(("Galileo", "Jupiter"), ("Galileo", "Earth"), ("MEX", "Mars"))])
    entry = find_orbit(registry, "GALILEO", "earth", argument="x")
    assert entry.resource.id.endswith("/1")
    assert isinstance(entry.provider, _Orbits)
    with pytest.raises(UnknownResource, match=r"more than one orbit here: .*/0, .*/1"):
        find_orbit(registry, "galileo", "Mars", argument="x")
    with pytest.raises(UnknownResource, match="no orbit here; there are orbits of: Galileo, MEX"):
        find_orbit(registry, "Juno", None, argument="x")
    with pytest.raises(UnknownResource, match="there are orbits of: none"):
        find_orbit(Registry([]), "Juno", None, argument="x")
