"""The relay of another server: its numbers, its errors, and that it holds up nobody."""

import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hapi.provider import HapiRelay, RelayOptions
from tests.hapi.upstream import Answer, Start, Upstream
from vo_server import series
from vo_server.budget import Budget
from vo_server.errors import UpstreamFailed
from vo_server.model.request import SeriesRequest
from vo_server.model.resource import Resource
from vo_server.model.table import Table, concatenate
from vo_server.model.time import TimeInterval
from vo_server.ports import Site

if TYPE_CHECKING:
    from tests.hapi.conftest import Server

_WAIT = 20.0
_OK = {"code": 1200, "message": "OK"}
_INFO: dict[str, Any] = {
    "HAPI": "3.0", "status": _OK, "startDate": "2026-01-01Z", "stopDate": "2026-01-03Z",
    "cadence": "PT1H",
    "parameters": [
        {"name": "Time", "type": "isotime", "length": 24, "units": "UTC", "fill": None},
        {"name": "x", "type": "double", "units": "nT", "fill": "-1e31"},
    ],
}  # fmt: skip


def _relay(other: Upstream, path: Path, **options: Any) -> HapiRelay:
    return HapiRelay(RelayOptions(**other.options(**options)), Site("MyLab", path))


def _canned(**changed: Any) -> Answer:
    """Give a small server's answers, with some of them changed."""
    documents: dict[str, Any] = {
        "capabilities": {"HAPI": "3.0", "status": _OK, "outputFormats": ["csv"]},
        "catalog": {"HAPI": "3.0", "status": _OK, "catalog": [{"id": "a", "title": "A"}]},
        "info": _INFO,
        "data": b"2026-01-01T00:00:00.000Z,1.5\n2026-01-01T01:00:00.000Z,-1e31\n",
    }
    documents |= changed

    def answer(path: str) -> tuple[int, bytes]:
        found = documents[path.partition("?")[0].rpartition("/")[2]]
        if isinstance(found, tuple):
            return found[0], found[1]
        return 200, found if isinstance(found, bytes) else json.dumps(found).encode()

    return answer


def _wait(relay: HapiRelay) -> list[Resource]:
    """Give the resources once the relay knows them, or what it refuses."""
    end = time.monotonic() + _WAIT
    while time.monotonic() < end:
        found = list(relay.resources())
        if found or relay.refused():
            return found
        time.sleep(0.02)
    raise AssertionError("the relay did not get to know anything")


def _read(relay: HapiRelay, resource: Resource, *names: str) -> Table:
    assert resource.series is not None
    wanted = names or tuple(p.name for p in resource.parameters)
    request = SeriesRequest(resource, resource.series.coverage, wanted)
    return concatenate(list(series.read(request, relay, Budget())))


def test_it_gives_the_numbers_of_the_other_server(
    server: "Server", upstream: Start, tmp_path: Path
) -> None:
    def answer(path: str) -> tuple[int, bytes]:
        got = server.ask(path)
        return got.status, got.content

    other = upstream(answer)
    for format in ("binary", "csv"):

        def only(path: str, format: str = format) -> tuple[int, bytes]:
            if path.endswith("/capabilities"):
                document = {"HAPI": "2.0", "status": _OK, "outputFormats": [format]}
                return 200, json.dumps(document).encode()
            return answer(path)

        relay = _relay(upstream(only), tmp_path, datasets=("mixed", "dipole*"), prefix="far_")
        mixed = next(r for r in _wait(relay) if r.series and r.series.name == "far_mixed")
        table = _read(relay, mixed)
        wanted = server.ask(
            "/v2.0/hapi/data?id=mixed&time.min=2026-01-01Z&time.max=2026-01-02T23:59:00.001Z"
        ).content.decode()
        lines = wanted.splitlines()
        assert len(table) == len(lines) == 2820
        assert mixed.parameters[0].name == "Time"
        position = table.column("Position")
        assert position[1].tolist() == [0.1, -1 / 3, 1e300]
        assert np.isnan(table.column("Masked")[0])
        assert table.column("Masked")[1] == 1 / 7
        assert table.column("Label")[1] == 'a "quoted", one'
        assert table.column("Label")[2] == "Zürich"
    assert other.asked == []


def test_pieces_are_fetched_once(upstream: Start, tmp_path: Path) -> None:
    other = upstream(_canned())
    relay = _relay(other, tmp_path)
    (resource,) = _wait(relay)
    table = _read(relay, resource)
    assert table.column("x").tolist()[0] == 1.5
    assert np.isnan(table.column("x")[1])
    fetched = [path for path in other.asked if "/data" in path]
    assert len(fetched) == 1
    assert _read(relay, resource, "Time").columns[0].tolist() == table.columns[0].tolist()
    assert [path for path in other.asked if "/data" in path] == fetched


def test_a_server_that_does_not_answer_holds_up_nobody(upstream: Start, tmp_path: Path) -> None:
    gate = threading.Event()

    def slow(path: str) -> tuple[int, bytes]:
        gate.wait(_WAIT)
        return _canned()(path)

    relay = _relay(upstream(slow), tmp_path)
    for _ in range(20):
        assert list(relay.resources()) == []
    gate.set()
    assert len(_wait(relay)) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"capabilities": b"<html>"}, {"capabilities": (500, b"{}")}, {"catalog": {"status": _OK}},
        {"catalog": {"status": {"code": 1500, "message": ""}}}, {"catalog": b"[1]"},
        {"info": {**_INFO, "startDate": "never"}}, {"info": {**_INFO, "parameters": []}},
        {"info": {**_INFO, "parameters": "x"}}, {"info": {**_INFO, "stopDate": "2020Z"}},
        {"info": {**_INFO, "parameters": [{"name": "x", "type": "double"}]}},
        {"info": {**_INFO, "parameters": [*_INFO["parameters"][:1], {"name": "y", "type": "odd"}]}},
        {"info": {**_INFO, "parameters": [*_INFO["parameters"][:1],
                                          {"name": "y", "type": "double", "size": [10**9]}]}},
        {"info": {"status": _OK}},
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(
    upstream: Start, tmp_path: Path, changed: dict[str, Any]
) -> None:
    relay = _relay(upstream(_canned(**changed)), tmp_path)
    assert _wait(relay) == []
    assert relay.refused()


@pytest.mark.parametrize(
    "data",
    [b"2026-01-01T00:00:00.000Z\n", b"2026-01-01T00:00:00.000Z,x\n", b"yesterday,1\n", (500, b"no"),
     (404, b'{"HAPI":"3.0","status":{"code":1406,"message":"gone"}}')],
)  # fmt: skip
def test_broken_records_are_the_other_servers_fault(
    upstream: Start, tmp_path: Path, data: Any
) -> None:
    relay = _relay(upstream(_canned(data=data)), tmp_path)
    (resource,) = _wait(relay)
    with pytest.raises(UpstreamFailed):
        _read(relay, resource)


def test_times_by_day_of_the_year_are_understood(upstream: Start, tmp_path: Path) -> None:
    relay = _relay(upstream(_canned(data=b"2026-001T05:00:00.000Z,1\n2026-002T06Z,2\n")), tmp_path)
    (resource,) = _wait(relay)
    assert _read(relay, resource).columns[0].tolist() == [
        np.datetime64("2026-01-01T05", "ns").astype(int),
        np.datetime64("2026-01-02T06", "ns").astype(int),
    ]


def test_private_addresses_need_to_be_allowed(upstream: Start, tmp_path: Path) -> None:
    relay = _relay(upstream(_canned()), tmp_path, allow=())
    assert _wait(relay) == []
    assert "not on the public internet" in relay.refused()[0].reason


def test_pieces_lie_within_what_there_is(upstream: Start, tmp_path: Path) -> None:
    info = {**_INFO, "startDate": "2026-01-01T05:00Z", "cadence": "PT0.1S"}
    other = upstream(_canned(info=info))
    relay = _relay(other, tmp_path)
    (resource,) = _wait(relay)
    start = np.datetime64("2026-01-01T06:00", "ns")
    interval = TimeInterval(start, start + np.timedelta64(30, "h"))
    list(relay.read(SeriesRequest(resource, interval, ("Time", "x"))))
    asked = [path.partition("?")[2] for path in other.asked if "/data" in path]
    assert asked == [
        "id=a&time.min=2026-01-01T05:00:00.000Z&time.max=2026-01-02T00:00:00.000Z&format=csv",
        "id=a&time.min=2026-01-02T00:00:00.000Z&time.max=2026-01-03T00:00:00.000Z&format=csv",
    ]
