"""The front as a plug-in: its contract, its limit of records, and what operators see of it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from starlette.testclient import TestClient

from hapi.front import HapiFront
from hapi.version import VERSIONS, mount_of
from tests.hapi.conftest import write_node
from vo_server.app import build
from vo_server.context import Context
from vo_server.contract import check_front, check_provider
from vo_server.model.time import parse_duration
from vo_server.ports import Site
from vo_server.providers.time_series import TimeSeries
from vo_server.settings import load

if TYPE_CHECKING:
    from tests.hapi.conftest import Server


@pytest.fixture
def small(tmp_path: Path) -> Iterator[TestClient]:
    """Give a node that takes requests of a hundred records only."""
    config = write_node(tmp_path)
    text = config.read_text(encoding="utf-8").replace("records = 5000", "records = 100")
    config.write_text(text, encoding="utf-8")
    with TestClient(build(load(config))) as client:
        yield client


def test_it_keeps_the_contract(hapi_folder: Path) -> None:
    context = Context(load(hapi_folder / "node.toml"), threading.Event())
    assert check_front(HapiFront, {}, context) == []
    assert check_provider(TimeSeries, {}, Site("MyLab", hapi_folder)) == []
    assert [service.url.rpartition("/")[2] for service in HapiFront(HapiFront.Options()).services(
        context)] == ["hapi", "hapi"]  # fmt: skip
    context.close()


def test_the_most_records_are_told_and_kept(small: TestClient) -> None:
    info = small.get("/v3.3/hapi/info?id=mixed").json()
    longest = parse_duration(info["maxRequestDuration"])
    assert longest == np.timedelta64(6000, "s")
    assert "maxRequestDuration" not in small.get("/v3.0/hapi/info?id=mixed").json()
    query = "/hapi/data?id=mixed&time.min=2026-01-01Z&time.max=2026-01-01T01:"
    assert small.get(f"{query}40Z").text.count("\n") == 100
    refused = small.get(f"{query}41Z")
    assert (refused.status_code, refused.json()["status"]["code"]) == (400, 1408)


def test_operators_see_how_it_is_asked(server: "Server") -> None:
    server.ask("/hapi/capabilities", User_Agent="harvester/1.0; https://x.org")
    numbers = server.ask("/metrics")
    assert numbers.headers["content-type"].startswith("text/plain")
    lines = numbers.content.decode().splitlines()
    robots = [line for line in lines if 'front="HapiFront",robot="true",status="200"' in line]
    assert any(line.startswith("vo_requests_total") for line in robots)
    assert any(line.startswith('vo_seconds_bucket{front="HapiFront"') for line in lines)


def test_paths_tell_the_mount() -> None:
    assert [mount_of(f"/v{version}/hapi/info").version for version in VERSIONS] == list(VERSIONS)
    assert mount_of("/hapi").lenient
    assert mount_of("/hapiness").lenient
    assert not mount_of("/v2.0/hapi").lenient
