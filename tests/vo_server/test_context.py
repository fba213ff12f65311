"""Context: clients' tables from the web or the node's own results, budgets and services."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from vo_server import context as context_module
from vo_server import plugins
from vo_server.budget import Budget
from vo_server.context import Context
from vo_server.errors import BadTable, Stopping, UpstreamFailed
from vo_server.fetch import Fetched
from vo_server.model.parameter import Parameter
from vo_server.model.table import Header, Table, concatenate
from vo_server.ports import Service
from vo_server.settings import Settings

_BASE = "https://sims.example.org"
_TABLE = Table(Header((Parameter("X", unit="km"),)), (np.array([1.5, 2.5]),))
_BYTES = "application/octet-stream"


class Web:
    """In the place of the fetcher: what the next URL holds."""

    def __init__(self) -> None:
        self.content = b""
        self.name = "orbit"
        self.media_type = _BYTES
        self.asked: list[str] = []

    def fetch(self, url: str, budget: Budget, *, argument: str) -> Fetched:
        self.asked.append(url)
        return Fetched(io.BytesIO(self.content), self.media_type, self.name, "digest")


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    """Put the web of the test in the place of the world's."""
    made = Web()
    monkeypatch.setattr(context_module, "Fetcher", lambda settings: made)
    return made


@pytest.fixture
def context(tmp_path: Path, web: Web) -> Context:
    """Give the context of a node with the portal alone."""
    settings = Settings(
        node={"authority": "MyLab", "base_url": _BASE}, fronts=[{"use": "portal"}], folder=tmp_path
    )
    return Context(settings, Event())


def _written(format: str) -> bytes:
    return b"".join(plugins.format_named(format).write([_TABLE]))


def _read(context: Context, url: str = "http://a.org/orbit") -> list[Any]:
    """Give name, unit and values of the first column, and the digest."""
    with context.table(url, Budget(), argument="url_XYZ") as given:
        table = concatenate(list(given.tables))
    parameter = table.header.parameters[0]
    return [parameter.name, parameter.unit, table.columns[0].tolist(), given.digest]


def test_an_own_result_comes_from_disk(context: Context, web: Web) -> None:
    name = context.results.put(context.results.key("a"), "csv", [_written("csv")], Budget())
    assert _read(context, context.results.url(name)) == ["X", "km", [1.5, 2.5], name]
    assert web.asked == []


def test_an_own_result_that_is_gone_is_refused(context: Context, web: Web) -> None:
    name = f"{'0' * 32}.vot"
    with pytest.raises(UpstreamFailed, match=f"result {name} is no longer kept here") as caught:
        _read(context, f"{_BASE}/results/{name}")
    assert caught.value.argument == "url_XYZ"
    assert web.asked == []


def test_a_result_that_goes_while_it_is_opened(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{'0' * 32}.vot"
    monkeypatch.setattr(context.results, "path", lambda name: Path("/nowhere") / name)
    with pytest.raises(UpstreamFailed, match="no longer kept here"):
        _read(context, f"{_BASE}/results/{name}")


_UTF16 = _written("votable").decode().replace("UTF-8", "UTF-16").encode("utf-16")


@pytest.mark.parametrize(
    ("content", "name", "media_type", "told"),
    [
        (_written("votable"), "orbit.csv", "text/csv", "votable"),
        (b"\xef\xbb\xbf \n" + _written("votable").partition(b"?>")[2], "a.nc", _BYTES, "votable"),
        (_UTF16, "orbit.csv", "text/csv", "votable"),
        (_written("netcdf"), "orbit.xml", "application/x-votable+xml", "netcdf"),
        (_written("csv"), "orbit.CSV", "application/x-netcdf", "csv"),
        (_written("csv"), "orbit", "text/csv", "csv"),
        (_written("csv"), "orbit.php", "text/csv", "csv"),
        (_written("ascii"), "orbit.txt", "text/csv", "ascii"),
    ],
)
def test_the_format_is_told_by_bytes_then_name_then_type(
    context: Context, web: Web, content: bytes, name: str, media_type: str, told: str
) -> None:
    web.content, web.name, web.media_type = content, name, media_type
    assert _read(context) == ["X", "km", [1.5, 2.5], f"{told}:digest"]


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"", b"X,Y\n1,2\n"])
def test_an_unknown_format_is_refused(context: Context, web: Web, content: bytes) -> None:
    web.content, web.name = content, "orbit.xls"
    known = ", ".join(sorted(plugins.formats()))
    with pytest.raises(BadTable) as caught:
        _read(context)
    assert caught.value.message == f"url_XYZ gives no table in a known format ({known})"
    assert caught.value.argument == "url_XYZ"


def test_what_is_fetched_is_closed(context: Context, web: Web) -> None:
    streams: list[Any] = []
    fetch: Callable[..., Fetched] = web.fetch

    def kept(*arguments: Any, **options: Any) -> Fetched:
        fetched = fetch(*arguments, **options)
        streams.append(fetched.stream)
        return fetched

    web.fetch = kept  # type: ignore[method-assign]
    with pytest.raises(BadTable):
        _read(context)
    assert [stream.closed for stream in streams] == [True]


def test_budgets_end_when_the_node_stops(tmp_path: Path, web: Web) -> None:
    stop = Event()
    settings = Settings(
        node={"authority": "MyLab"},
        fronts=[{"use": "portal"}],
        limits={"points": 7, "seconds": 1000.0},
        folder=tmp_path,
    )
    budget = Context(settings, stop).budget()
    assert (budget.points, budget.seconds) == (7, 1000.0)
    budget.spend()
    stop.set()
    with pytest.raises(Stopping):
        budget.spend()


def test_services_of_every_front(context: Context) -> None:
    class Telling:
        """A front with services."""

        def __init__(self, path: str) -> None:
            self.path = path

        def services(self, context: Context) -> Sequence[Service]:
            return [Service(self.path, context.url(self.path))]

    context.fronts = (Telling("/a"), *context.fronts, Telling("/b"))
    assert [(s.title, s.url) for s in context.services()] == [
        ("/a", f"{_BASE}/a"),
        ("/b", f"{_BASE}/b"),
    ]
