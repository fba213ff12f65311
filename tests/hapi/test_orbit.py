"""Orbits of another HAPI server: exact positions, kept pieces, and a peer that is dead."""

import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hapi.provider
from hapi.orbit import HapiOrbit, OrbitOptions
from tests.hapi.upstream import Start
from vo_server.budget import Budget
from vo_server.errors import BadArgument, BadFile, Failure, TooMuch, UpstreamBusy, UpstreamFailed
from vo_server.fetch import Fetcher
from vo_server.flights import flights
from vo_server.model.resource import Resource
from vo_server.model.time import parse_restricted
from vo_server.ports import Site
from vo_server.registry import Registry
from vo_server.settings import Flights
from vo_server.spacecraft import find_orbit, orbit_at, sampling_times

Floats = NDArray[np.float64]

_OK = {"code": 1200, "message": "OK"}
_START = np.datetime64("2026-01-01", "ns")
_MINUTE = np.timedelta64(60, "s")
_WAIT = 20.0
_TIME = {"name": "Time", "type": "isotime", "length": 24, "units": "UTC", "fill": None}
_POSITION = {
    "name": "sc_pos", "type": "double", "units": "km", "fill": "-1e31", "size": [3],
    "coordinateSystemName": "MSO",
}  # fmt: skip


def _place(minutes: Floats) -> Floats:
    """Give a place in km on a cubic, which cubics follow exactly."""
    t = minutes / 1000.0
    return np.column_stack([1e4 - 3e3 * t**3, 2e3 * t**2 + 5.0, -1e3 * t])


class _Server:
    """A dataset `b[1]` of one position a minute for three days, one hour of which is missing."""

    def __init__(self, **changed: Any) -> None:
        self.info = {
            "HAPI": "3.0", "status": _OK, "startDate": "2026-01-01Z", "stopDate": "2026-01-04Z",
            "cadence": "PT1M", "parameters": [_TIME, _POSITION],
        } | changed  # fmt: skip
        self.records: list[str] = []
        self.begun = 0
        self.status = 200
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, path: str) -> tuple[int, bytes]:
        endpoint, _, query = path.partition("?")
        match endpoint.rpartition("/")[2]:
            case "capabilities":
                return self._told({"outputFormats": ["csv"]})
            case "catalog":
                return self._told({"catalog": [{"id": "b[1]"}, {"id": "b1"}]})
            case "info":
                return self._told(self.info)
        self.begun += 1
        self.gate.wait(_WAIT)
        self.records.append(query)
        words = dict(word.split("=") for word in query.split("&"))
        start, stop = (parse_restricted(words[n], argument=n) for n in ("time.min", "time.max"))
        minutes = np.arange((start - _START) / _MINUTE, (stop - _START) / _MINUTE)
        minutes = minutes[(minutes < 600) | (minutes >= 660)]
        rows = (
            f"{str(_START + int(m) * _MINUTE)[:23]}Z,{x!r},{y!r},{z!r}\n"
            for m, (x, y, z) in zip(minutes, _place(minutes).tolist(), strict=True)
        )
        return self.status, "".join(rows).encode()

    def _told(self, document: dict[str, Any]) -> tuple[int, bytes]:
        return 200, json.dumps({"HAPI": "3.0", "status": _OK, **document}).encode()


def _orbits(upstream: Start, folder: Path, server: _Server, **options: Any) -> HapiOrbit:
    told = {"dataset": "b[1]", "spacecraft": "MAVEN", "body": "Mars", "position": ("sc_pos",)}
    made = upstream(server).options(**(told | options))
    return HapiOrbit(OrbitOptions(**made), Site("MyLab", folder))


def _wait(orbits: HapiOrbit) -> list[Resource]:
    end = time.monotonic() + _WAIT
    while time.monotonic() < end:
        found = list(orbits.resources())
        if found or orbits.refused():
            return found
        time.sleep(0.02)
    raise AssertionError("the server was not heard of")


def test_positions_are_those_of_the_other_server(upstream: Start, tmp_path: Path) -> None:
    server = _Server()
    orbits = _orbits(upstream, tmp_path, server)
    (resource,) = _wait(orbits)
    assert (str(resource.frame), resource.around, resource.spacecraft) == ("MSO", "Mars", "MAVEN")
    orbit = find_orbit(Registry([orbits]), "mvn", "Mars", argument="Spacecraft_name")
    start = _START + 300 * _MINUTE
    times = sampling_times(start, start + 600 * _MINUTE, np.timedelta64(25, "s"), Budget())
    flight = orbit_at(orbit, times, Budget(), argument="Spacecraft_name")
    minutes = (times - _START) / _MINUTE
    gap = (minutes > 599) & (minutes < 660)
    np.testing.assert_allclose(
        flight.positions[~gap], _place(minutes)[~gap] * 1e3, rtol=1e-12, atol=1e-5
    )
    assert np.isnan(flight.positions[gap]).all()
    assert len(server.records) == 1
    orbit_at(orbit, times[:100], Budget(), argument="Spacecraft_name")
    assert len(server.records) == 1
    with pytest.raises(BadArgument, match="not known at any time"):
        orbit_at(orbit, times + 10_000 * _MINUTE, Budget(), argument="Spacecraft_name")


def test_three_parameters_and_a_radius(upstream: Start, tmp_path: Path) -> None:
    parameters = [_TIME, *({"name": f"p{a}", "type": "double", "units": "Rm"} for a in "zyx")]
    server = _Server(parameters=parameters)
    told = {"position": ("px", "py", "pz"), "frame": "MSO", "body_radius": "1000 km"}
    orbits = _orbits(upstream, tmp_path, server, **told)
    (resource,) = _wait(orbits)
    found = orbits.positions(resource, np.array([_START + 7 * _MINUTE]), Budget())
    np.testing.assert_allclose(found, _place(np.array([7.0]))[:, ::-1] * 1e6, rtol=1e-12)


def test_a_dead_server_holds_up_no_request(upstream: Start, tmp_path: Path) -> None:
    server = _Server()
    orbits = _orbits(upstream, tmp_path, server, seconds=60.0)
    (resource,) = _wait(orbits)
    server.gate.clear()
    times = np.array([_START + 7 * _MINUTE])
    budget = Budget(seconds=0.5)
    with pytest.raises((Failure, TooMuch)):
        orbits.positions(resource, times, budget)
    assert budget.remaining() == 0.0
    assert time.monotonic() - budget.started < _WAIT / 2
    with pytest.raises(TooMuch):
        orbits.positions(resource, times, budget)
    server.gate.set()
    assert np.isfinite(orbits.positions(resource, times, Budget())).all()


def test_a_server_that_failed_is_not_asked_again_for_a_while(
    upstream: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = _Server()
    orbits = _orbits(upstream, tmp_path, server, seconds=0.5)
    (resource,) = _wait(orbits)
    known, others = (np.array([_START + n * 24 * 60 * _MINUTE]) for n in (0.5, 1.5))
    monkeypatch.setattr(hapi.provider, "_PIECE", 1440)  # a day
    there = orbits.positions(resource, known, Budget())
    assert np.isfinite(there).all()
    server.gate.clear()
    asked = server.begun
    for _ in range(3):
        with pytest.raises(Failure) as refused:
            orbits.positions(resource, others, Budget())
        assert not isinstance(refused.value, UpstreamFailed)
        assert refused.value.argument is None
        said = "the orbit of MAVEN is not known now: its source does not answer; try again later"
        assert refused.value.message == said
    assert server.begun == asked + 1
    np.testing.assert_array_equal(orbits.positions(resource, known, Budget()), there)
    server.gate.set()
    monkeypatch.setattr(hapi.provider, "time", _later(31.0))
    assert np.isfinite(orbits.positions(resource, others, Budget())).all()


def test_a_server_is_left_alone_as_long_as_it_asks(
    upstream: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = _Server()
    orbits = _orbits(upstream, tmp_path, server)
    (resource,) = _wait(orbits)
    times = np.array([_START + 7 * _MINUTE])

    def busy(*arguments: object, **options: object) -> None:
        raise UpstreamBusy("10.0.0.1 answered with status 503", argument="url", after=100.0)

    with monkeypatch.context() as patch:
        patch.setattr(Fetcher, "fetch", busy)
        with pytest.raises(Failure, match="does not answer;"):
            orbits.positions(resource, times, Budget())
    monkeypatch.setattr(hapi.provider, "time", _later(99.0))
    with pytest.raises(Failure, match="does not answer;"):
        orbits.positions(resource, times, Budget())
    assert server.records == []
    monkeypatch.setattr(hapi.provider, "time", _later(101.0))
    assert np.isfinite(orbits.positions(resource, times, Budget())).all()


def test_what_one_piece_fails_with_is_not_held_against_others(
    upstream: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = _Server()
    orbits = _orbits(upstream, tmp_path, server)
    (resource,) = _wait(orbits)
    monkeypatch.setattr(hapi.provider, "_PIECE", 1440)
    first, second = (np.array([_START + n * 24 * 60 * _MINUTE]) for n in (0.5, 1.5))
    server.status = 500
    for _ in range(2):
        with pytest.raises(Failure, match="source does not answer as it should") as refused:
            orbits.positions(resource, first, Budget())
        assert "127.0.0.1" not in refused.value.message
    assert server.begun == 1
    server.status = 200
    assert np.isfinite(orbits.positions(resource, second, Budget())).all()


def _later(seconds: float) -> SimpleNamespace:
    """Give a clock that is some seconds ahead."""
    return SimpleNamespace(monotonic=lambda: time.monotonic() + seconds)


def test_a_server_that_was_never_there_holds_up_nobody(upstream: Start, tmp_path: Path) -> None:
    server = _Server()
    orbits = _orbits(upstream, tmp_path, server, url="http://127.0.0.1:9/hapi")
    assert _wait(orbits) == []
    assert orbits.refused()
    gone = Resource("spase://MyLab/NumericalData/MAVEN/Orbit", "orbit", "gone")  # type: ignore[arg-type]
    with pytest.raises(BadFile):
        orbits.positions(gone, np.array([_START]), Budget())


@pytest.mark.parametrize(
    ("changed", "options", "reason"),
    [
        ({}, {"frame": "GSE"}, "tell two frames: GSE, MSO"),
        ({"parameters": [_TIME, {**_POSITION, "coordinateSystemName": ""}]}, {}, "tell no frame"),
        ({}, {"position": ("x", "y", "z")}, "the dataset has no x, y, z"),
        ({"parameters": "none"}, {}, ""),
    ],
)
def test_what_is_not_told_is_refused(
    upstream: Start, tmp_path: Path, changed: Any, options: Any, reason: str
) -> None:
    orbits = _orbits(upstream, tmp_path, _Server(**changed), **options)
    assert _wait(orbits) == []
    assert reason in orbits.refused()[-1].reason


def test_records_that_are_no_positions_are_the_other_servers_fault(
    upstream: Start, tmp_path: Path
) -> None:
    parameters = [_TIME, {**_POSITION, "units": "nT"}]
    orbits = _orbits(upstream, tmp_path, _Server(parameters=parameters))
    (resource,) = _wait(orbits)
    with pytest.raises(Failure, match=r"the orbit of MAVEN: .*nT"):
        orbits.positions(resource, np.array([_START + 7 * _MINUTE]), Budget())


def test_no_virtual_spacecraft_is_made_of_it(upstream: Start, tmp_path: Path) -> None:
    orbits = _orbits(upstream, tmp_path, _Server())
    _wait(orbits)
    assert flights(Registry([orbits]).entries(), Flights()) == []


def test_two_names_are_no_position(tmp_path: Path) -> None:
    options = OrbitOptions(
        url="http://x.org/hapi", dataset="a", spacecraft="A", body="Mars", position=("x", "y")
    )
    with pytest.raises(BadArgument, match="one name, or three"):
        HapiOrbit(options, Site("MyLab", tmp_path))
