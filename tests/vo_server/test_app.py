"""The application: routes of its own, refusals by front, and nothing built from a request."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from vo_server import plugins
from vo_server.app import build
from vo_server.budget import Budget
from vo_server.contract import check_front
from vo_server.errors import BadArgument, Failure, Refusal
from vo_server.settings import Settings

_BASE = "https://sims.example.org"


class FailingOptions(BaseModel):
    """No options."""

    model_config = ConfigDict(extra="forbid")


class Failing:
    """A front whose endpoints refuse, and fail in ways nobody foresaw."""

    Options = FailingOptions
    prefix = "/failing"

    def __init__(self, options: FailingOptions) -> None:
        self.options = options

    def routes(self, context: Any) -> list[Route]:
        self.context = context

        async def refusing(request: Request) -> Response:
            raise BadArgument("the argument is bad", argument="a")

        async def crashing(request: Request) -> Response:
            raise KeyError("secret")

        async def working(request: Request) -> Response:
            return PlainTextResponse(await context.work(lambda: "done"))

        return [Route("/refuse", refusing), Route("/crash", crashing), Route("/work", working)]

    def refuse(self, request: Any, refusal: Refusal) -> Response:
        return PlainTextResponse(refusal.message, 500 if isinstance(refusal, Failure) else 400)


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> Failing:
    """Put one front in the place of the installed ones."""
    made = Failing(FailingOptions())
    monkeypatch.setattr(plugins, "build", lambda *arguments: made)
    return made


@pytest.fixture
def client(tmp_path: Path, front: Failing) -> Iterator[TestClient]:
    """Give a client of a node with that front alone."""
    settings = Settings(
        node={"authority": "MyLab", "base_url": _BASE}, fronts=[{"use": "failing"}], folder=tmp_path
    )
    with TestClient(build(settings), base_url="http://evil.example.net") as opened:
        yield opened


def test_refusals_and_crashes_reach_the_front(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/failing/work").text == "done"
    refused = client.get("/failing/refuse")
    assert (refused.status_code, refused.text) == (400, "the argument is bad")
    crashed = client.get("/failing/crash")
    assert crashed.status_code == 500
    assert "secret" not in crashed.text
    identity = crashed.text.split()[2].rstrip(";")
    assert f"internal error {identity}" in caplog.text
    assert "secret" in caplog.text


def test_results_have_all_that_desktop_tools_want(client: TestClient, front: Failing) -> None:
    results = front.context.results
    name = results.put(results.key("a"), "vot", [b"<VOTABLE/>"], Budget())
    assert results.url(name) == f"{_BASE}/results/{name}"
    for method in ("GET", "HEAD"):
        answer = client.request(method, f"/results/{name}", headers={"Origin": "https://a.org"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/x-votable+xml"
        assert answer.headers["content-length"] == "10"
        assert answer.headers["content-disposition"] == f'inline; filename="{name}"'
        assert answer.headers["access-control-allow-origin"] == "*"
    assert client.get(f"/results/{name}").content == b"<VOTABLE/>"


@pytest.mark.parametrize(
    "path",
    ["/results/x.vot", "/results/..%2f..%2fetc%2fpasswd", f"/results/{'0' * 32}.vot", "/nothing",
     "/failing/work/", "/results/"],
)  # fmt: skip
def test_what_is_not_there_is_404_and_never_a_redirect(client: TestClient, path: str) -> None:
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code == 404
    assert "evil" not in str(answer.headers)


def test_health(client: TestClient) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


def test_fronts_keep_the_contract(tmp_path: Path) -> None:
    settings = Settings(node={"authority": "MyLab", "base_url": _BASE}, folder=tmp_path)
    app: Any = build(settings)
    with TestClient(app) as client:
        page = client.get("/")
        assert page.status_code == 200
        assert f"{_BASE}/impex/fmi" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_contract_check_of_fronts(front: Failing, client: TestClient) -> None:
    assert check_front(Failing, {}, front.context) == []

    class Broken(Failing):
        prefix = "broken/"

        def routes(self, context: Any) -> list[Route]:
            return [Route("/a", lambda request: PlainTextResponse("a"))]

        def refuse(self, request: Any, refusal: Refusal) -> Response:
            return PlainTextResponse("", 200)

    findings = check_front(Broken, {}, front.context)
    assert any("prefix" in finding for finding in findings)
    assert any("not async" in finding for finding in findings)
    assert any("no error status" in finding for finding in findings)
    assert any("does not tell" in finding for finding in findings)
