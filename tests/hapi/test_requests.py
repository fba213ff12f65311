"""Requests that are right and wrong, on every mount: code, HTTP status, body, and no echo."""

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from hapi.status import STATUS
from hapi.version import V2_1, V3_0, V3_2, V3_3, Mount

if TYPE_CHECKING:
    from tests.hapi.conftest import Server

_OLD = ("id", "time.min", "time.max")
_NEW = ("dataset", "start", "stop")
_OK = "id=mixed&time.min=2026-01-01Z&time.max=2026-01-01T01Z"
_SECRET = "Xy7zzySecret"

# Requests whose code is the same on every mount.
_EVERYWHERE: list[tuple[str, int]] = [
    ("capabilities", 1200), ("catalog", 1200), ("info?id=mixed", 1200),
    ("info?id=mixed&parameters=", 1200), ("info?id=mixed&parameters=Time", 1200),
    ("info?id=mixed&parameters=Position", 1200), ("info?id=mixed&parameters=Time,Flux", 1200),
    ("info?id=sets/%C3%B6d%2B1", 1200), ("info?id=sets/%C3%B6d+1", 1200),
    ("info?id=av_sets_d_1", 1200), ("info?id=dipole_cube_at_mex", 1200),
    ("info?id=av_dipole_cube_at_mex", 1200), ("info?id=av_mixed", 1200),
    (f"data?{_OK}", 1200), (f"data?{_OK}&parameters=", 1200), (f"data?{_OK}&include=header", 1200),
    (f"data?{_OK}&format=csv", 1200), (f"data?{_OK}&format=binary", 1200),
    (f"data?{_OK}&format=json", 1200), (f"data?{_OK}&format=json&include=header", 1200),
    (f"data?{_OK}&format=binary&include=header", 1200),
    ("data?id=mixed&time.min=2026-01-02T01:00:30Z&time.max=2026-01-02T01:30Z", 1201),
    ("data?id=mixed&time.min=2026-01-02T01:00:30Z&time.max=2026-01-02T01:30Z&format=json", 1201),
    ("data?id=mixed&time.min=2026-01-01T00:00:00.001Z&time.max=2026-01-01T00:00:00.002Z", 1201),
    ("data?id=mixed&time.min=2026-01-02T23:59Z&time.max=2026-01-02T23:59:00.001Z", 1200),
    # unknown names of requests
    *((f"{endpoint}{_SECRET}=1", 1401) for endpoint in (
        "capabilities?", "catalog?", "info?id=mixed&", f"data?{_OK}&")),
    *((f"{endpoint}id=mixed", 1401) for endpoint in ("capabilities?", "catalog?")),
    *((f"data?{_OK}&{name}=1", 1401) for name in (
        "Id", "ID", "x_own", "attach", "timemin", "time.Min", "TIME.MIN", "Parameters", "parameter",
        "fmt", "Format", "Include", "resolve_references", "depth", "", "%00", "id%20")),
    *((f"info?id=mixed&{name}=1", 1401) for name in (
        "time.min", "start", "format", "include", "depth", "Parameters", "x_own")),
    ("info?id=mixed&format=", 1401), (f"capabilities?{'&'.join('a=1' for _ in range(30))}", 1400),
    # given twice, or missing
    ("info?id=mixed&id=mixed", 1400), (f"data?{_OK}&format=csv&format=csv", 1400),
    (f"data?{_OK}&parameters=Time&parameters=Flux", 1400), (f"data?{_OK}&id=other", 1400),
    ("info", 1400), ("info?parameters=Time", 1400), ("data", 1400),
    ("data?time.min=2026-01-01Z&time.max=2026-01-02Z", 1400),
    ("data?id=mixed", 1402), ("data?id=mixed&time.max=2026-01-02Z", 1402),
    ("data?id=mixed&time.min=2026-01-01Z", 1403),
    # unknown datasets
    *((f"info?id={id}", 1406) for id in (
        "", _SECRET, "Mixed", "MIXED", "mixed%20", "%20mixed", "mixed/", "../mixed", "..%2Fmixed",
        "mixed%00", "%00", "m%C3%AFxed", "%FF", "sets/%C3%B6d%201", "sets/%C3%B6d", "sets",
        "a" * 3000,
        "av_", "av_av_mixed", "mixed_err", "*", "mix*d", "%3Cscript%3E")),
    *((f"data?id={id}&time.min=2026-01-01Z&time.max=2026-01-02Z", 1406) for id in (
        _SECRET, "Mixed", "..", "%00", "sets%2Fod")),
    # unknown parameters
    *((f"info?id=mixed&parameters={names}", 1407) for names in (
        _SECRET, "time", "TIME", "position", "Flux%20", "%20Flux", ",", "Time,", ",Flux",
        "Time,,Flux",
        "Flux;Again", "Time,Nothing", "%00", "X", "f1", "Time%2C%2CFlux", "*", "a" * 2000,
        ",".join("Flux" for _ in range(100)) + ",Nothing")),
    *((f"data?{_OK}&parameters={names}", 1407) for names in (
        _SECRET, "flux", "Flux,", "Time,Nothing", "%C3%A9")),
    # formats and includes
    *((f"data?{_OK}&format={name}", 1409) for name in (
        "", "CSV", "Csv", "xml", "json%20", "csv,json", _SECRET, "%00", "votable", "x_own")),
    *((f"data?{_OK}&include={name}", 1410) for name in (
        "", "Header", "HEADER", "header%20", "header,footer", "all", _SECRET, "%00")),
    # order of times
    *((f"data?id=mixed&time.min={a}&time.max={b}", 1404) for a, b in (
        ("2026-01-02Z", "2026-01-01Z"), ("2026-01-01Z", "2026-01-01Z"),
        ("2026-01-01T00:00Z", "2026-01-01"), ("2026-002Z", "2026-01-02T00:00:00.000Z"),
        ("2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:00.000000001Z"),
        ("2026-01-01T24:00Z", "2026-01-02Z"), ("2026", "2025"))),
    # outside
    *((f"data?id=mixed&time.min={a}&time.max={b}", 1405) for a, b in (
        ("2025-12-31T23:59:59.999999999Z", "2026-01-02Z"), ("2026-01-01Z", "2026-01-03Z"),
        ("2026-01-01Z", "2026-01-02T23:59:00.002Z"), ("2020Z", "2021Z"), ("2030Z", "2031Z"),
        ("0001Z", "2026-01-02Z"), ("1000-01-01Z", "9999Z"), ("2026-01-01Z", "9999-12-31Z"),
        ("2025-365T23:59:59Z", "2026-001T01Z"), ("2016-12-31T23:59:60Z", "2026-01-02Z"))),
    # endpoints that are not there
    *((name, 1400) for name in (
        "Capabilities", "INFO", "data.csv", "info/mixed", _SECRET, "x_own", "..%2Fcapabilities",
        "info%00", "catalog.json", "%C3%A9", "a" * 2000, "data//", "semantics")),
]  # fmt: skip

_BAD_TIMES = (
    "", "yesterday", _SECRET, "2026-13-01Z", "2026-00-01Z", "2026-02-30Z", "2026-01-32Z",
    "2026-01-00Z",
    "2026-000Z", "2026-366Z", "2026-400Z", "2026-1-1Z", "26-01-01Z", "20260101Z", "2026-01-01T25Z",
    "2026-01-01T24:01Z", "2026-01-01T24:00:01Z", "2026-01-01T00:60Z", "2026-01-01T00:00:60Z",
    "2026-01-01T00:00:61Z", "2015-12-31T23:59:60Z", "2026-01-01T00:00:00+01:00",
    "2026-01-01T00:00:00-00:00", "2026-01-01T00:00:00.0000000000Z", "2026-01-01T00:00:00.Z",
    "2026-01-01T", "2026-01-01TZ", "2026-01T12Z", "2026T12Z", "2026-01-01 00:00Z",
    "2026-01-01T00:00z",
    "2026-01-01ZZ", "Z", "T", "-2026-01-01Z", "%2B2026-01-01Z", "2026-01-01T0:0:0Z", "1767225600",
    "NaN", "now", "2026-01-01T00:00:00,5Z", "%00", "2026-W01-1Z", "%D9%A2%D9%A0%D9%A2%D9%A6Z",
    "9" * 500,
    "12026-01-01Z", "2023-02-29Z", "2026-001-01Z", "2026-01-01T1Z",
)  # fmt: skip
_GOOD_TIMES = (
    "2026-01-01T00Z", "2026", "2026Z", "2026-01", "2026-01Z", "2026-001", "2026-001Z",
    "2026-001T00Z",
    "2026-01-01", "2026-01-01T00:00", "2026-01-01T00:00:00", "2026-01-01T00:00:00.0Z",
    "2026-001T00:00:00.000000000Z", "2026-01-01T00:00:00.000000000", "2025-365T24Z",
    "2025-12-31T24:00:00Z",
)  # fmt: skip


def _by_version(mount: Mount) -> Iterator[tuple[str, int]]:
    """Give the requests whose code depends on the version."""
    both = mount.lenient or mount.version >= V3_0
    for names in product(*zip(_OLD, _NEW, strict=True)):
        query = "&".join(
            f"{name}={value}"
            for name, value in zip(names, ("mixed", "2026-01-01Z", "2026-01-01T01Z"), strict=True)
        )
        yield f"data?{query}", 1200 if both or names == _OLD else 1401
    yield "info?dataset=mixed", 1200 if both else 1401
    yield "info?dataset=mixed&id=mixed", 1400 if both else 1401
    yield f"data?{_OK}&start=2026-01-01Z", 1400 if both else 1401
    yield f"data?{_OK}&stop=2026-01-01T01Z", 1400 if both else 1401
    yield "about", 1200 if both else 1400
    if both:
        yield "about?id=mixed", 1401
    for written in (
        "Flux,Position",
        "Flux,Flux",
        "Time,Flux,Time",
        "Flux,Time",
        "Again,Flux,Again",
    ):
        code = 1411 if mount.version >= V2_1 else 1200
        yield f"info?id=mixed&parameters={written}", code
        yield f"data?{_OK}&parameters={written}", code
    for value, known in (("true", 1200), ("false", 1200), ("", 1412), ("True", 1412), ("1", 1412),
                         (_SECRET, 1412)):  # fmt: skip
        code = known if mount.version >= V3_0 else 1401
        yield f"info?id=mixed&resolve_references={value}", code
        code = known if mount.version >= V3_3 else 1401
        yield f"catalog?resolve_references={value}", code
    for value, known in (("dataset", 1200), ("all", 1200), ("", 1413), ("All", 1413), ("2", 1413),
                         (_SECRET, 1413)):  # fmt: skip
        yield f"catalog?depth={value}", known if mount.version >= V3_2 else 1401
    for text in _BAD_TIMES:
        yield f"data?id=mixed&time.min={text}&time.max=2026-01-02Z", 1402
        yield f"data?id=mixed&time.min=2026-01-01Z&time.max={text}", 1403
    for text in _GOOD_TIMES:
        yield f"data?id=mixed&time.min={text}&time.max=2026-01-01T00:05Z", 1200


def test_the_table_is_long_enough(mount: Mount) -> None:
    assert len([*_EVERYWHERE, *_by_version(mount)]) >= 300


def test_every_request_has_its_code(server: "Server", mount: Mount) -> None:
    wrong = []
    for path, code in [*_EVERYWHERE, *_by_version(mount)]:
        got = server.ask(f"{mount.path}/{path}")
        wanted = STATUS[code]
        if got.status != wanted.http:
            wrong.append((path[:120], code, got.status, got.content[:200]))
            continue
        if code >= 1400:
            document = got.json
            told = document and document.get("status", {})
            good = (
                set(document) == {"HAPI", "status"}
                and document["HAPI"] == str(mount.version)
                and told["code"] == code
                and told["message"].startswith(f"HAPI error {code}: {wanted.words}")
                and got.headers["content-type"] == "application/json"
                and _SECRET.encode() not in got.content
                and len(got.content) < 1000
            )
            if not good:
                wrong.append((path[:120], code, got.status, got.content[:300]))
        if got.headers["access-control-allow-origin"] != "*":
            wrong.append((path[:120], code, 0, b"CORS"))
    assert wrong == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["", "/", "/capabilities", "/data?" + _OK, "/nothing"])
def test_only_get_and_head(server: "Server", mount: Mount, method: str, path: str) -> None:
    got = server.ask(f"{mount.path}{path}", method)
    assert (got.status, got.json["status"]["code"]) == (400, 1400)
    assert got.json["HAPI"] == str(mount.version)


def test_options_says_what_is_taken(server: "Server", mount: Mount) -> None:
    got = server.ask(f"{mount.path}/capabilities", "OPTIONS")
    assert (got.status, got.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    asked = {"Origin": "https://x.org", "Access_Control_Request_Method": "GET"}
    assert server.ask(f"{mount.path}/data", "OPTIONS", **asked).status == 200


@pytest.mark.parametrize(
    "path",
    ["capabilities", "catalog", "info?id=mixed", "info?id=nothing", f"data?{_OK}", "nothing",
     f"data?{_OK}&format=excel", f"data?{_OK}&include=header&format=json",
     "data?id=mixed&time.min=2026-01-02T01:00:30Z&time.max=2026-01-02T01:30Z"],
)  # fmt: skip
def test_head_has_the_headers_of_get(server: "Server", mount: Mount, path: str) -> None:
    got, head = (server.ask(f"{mount.path}/{path}", method) for method in ("GET", "HEAD"))
    assert head.status == got.status
    assert head.headers == got.headers


@pytest.mark.parametrize("name", ["capabilities", "catalog", "info", "data"])
def test_a_slash_behind_an_endpoint_moves(server: "Server", mount: Mount, name: str) -> None:
    got = server.ask(f"{mount.path}/{name}/?id=mixed", Host="evil.example.com")
    assert got.status == 301
    assert got.headers["location"] == f"https://sims.example.org{mount.path}/{name}?id=mixed"


@pytest.mark.parametrize("path", ["/capabilities", "/catalog", "/info?id=mixed", "/data?" + _OK])
def test_what_a_client_has_is_not_sent_again(server: "Server", mount: Mount, path: str) -> None:
    got = server.ask(f"{mount.path}{path}")
    tag = got.headers["etag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = server.ask(f"{mount.path}{path}", If_None_Match=given)
        assert (again.status, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    assert server.ask(f"{mount.path}{path}", If_None_Match='"other"').status == 200
    modified = got.headers["last-modified"]
    assert server.ask(f"{mount.path}{path}", If_Modified_Since=modified).status == 304
    old = "Thu, 01 Jan 1970 00:00:00 GMT"
    assert server.ask(f"{mount.path}{path}", If_Modified_Since=old).status == 200
    assert server.ask(f"{mount.path}{path}", If_Modified_Since="never").status == 200


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("GZIP;q=0.5, br", True), ("*", True), ("gzip;q=0", False), ("br", False)],
)
@pytest.mark.parametrize("path", ["info?id=mixed", f"data?{_OK}", f"data?{_OK}&format=binary"])
def test_gzip_holds_the_same(server: "Server", path: str, accepted: str, packed: bool) -> None:
    plain = server.ask(f"/hapi/{path}")
    got = server.ask(f"/hapi/{path}", Accept_Encoding=accepted)
    assert ("content-encoding" in got.headers) == packed
    assert got.content == plain.content  # the client unpacks
    assert "Accept-Encoding" in got.headers["vary"]


def test_too_many_records_are_refused_before_they_are_read(server: "Server", mount: Mount) -> None:
    query = "id=dipole_cube_at_mex&time.min=2026-01-01Z&time.max=2026-01-01T09:59:00.001Z"
    assert server.ask(f"{mount.path}/data?{query}").status == 200
    got = server.ask(f"{mount.path}/info?id=mixed").json
    assert "maxRequestDuration" not in got  # the whole of it may be asked for


@pytest.mark.parametrize(
    "id", ["mixed", "sets/öd+1", "dipole_cube_at_mex", "av_dipole_cube_at_mex"]
)
def test_a_dataset_has_a_page(server: "Server", mount: Mount, id: str) -> None:
    got = server.ask(f"{mount.path}/x_dataset/{quote(id)}")
    assert got.status == 200
    assert got.headers["content-type"].startswith("text/html")
    assert b'<script type="application/ld+json">' in got.content
    assert server.ask(f"{mount.path}/x_dataset/{quote(id)}?a=1").status == 400
    assert server.ask(f"{mount.path}/x_dataset/nothing").status == 404


def test_the_server_has_a_page(server: "Server", mount: Mount) -> None:
    for path in (mount.path, f"{mount.path}/"):
        got = server.ask(path)
        assert got.status == 200
        assert b"mixed" in got.content
    assert server.ask(f"{mount.path}/?a=1").status == 400
