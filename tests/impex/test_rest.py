"""REST: the same operations as JSON, its description, and what is refused."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.testclient import TestClient

from impex.fmi import FMI
from impex.latmos import LATMOS
from impex.openapi import openapi
from impex.rest import from_json
from vo_server.app import build
from vo_server.errors import BadArgument, TooMuch
from vo_server.settings import Settings

_OUTPUT = "spase://MyLab/NumericalOutput/Dipole"
_COLUMNS = [
    {"name": "X", "data": [5000, -6000], "unit": "km"},
    {"name": "Y", "data": [0, 100.5], "unit": "km"},
    {"name": "Z", "data": "7000 200", "unit": "km"},
]


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(build(settings), base_url="http://node.test") as client:
        yield client


@pytest.fixture
def points(client: TestClient) -> str:
    answer = client.post("/impex/rest/fmi/getVOTableURL", json={"Fields": _COLUMNS})
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["result"]
    return url


def test_get_and_post_answer_alike(client: TestClient, points: str) -> None:
    given = {"ResourceID": _OUTPUT, "url_XYZ": points, "Variable": "Bx,Bz"}
    got = client.get("/impex/rest/fmi/getDataPointValue", params=given)
    posted = client.post(
        "/impex/rest/fmi/getdatapointvalue",
        json={**given, "Variable": ["Bx", "Bz"], "extraParams": {"OutputFileType": "votable"}},
    )
    assert got.status_code == posted.status_code == 200
    assert got.json() == posted.json()
    table = client.get(got.json()["result"])
    assert table.text.count("<TR>") == 2


@pytest.mark.parametrize("dialect", ["fmi", "latmos"])
def test_alive(client: TestClient, dialect: str) -> None:
    for answer in (
        client.get(f"/impex/rest/{dialect}/isAlive"),
        client.post(f"/impex/rest/{dialect}/isAlive"),
        client.post(f"/impex/rest/{dialect}/isAlive", content=b"{}"),
    ):
        assert answer.json() == {"result": True}
        assert answer.headers["content-type"] == "application/json"


def test_records_and_tables(client: TestClient) -> None:
    wind = {"SW_Density": {"value": 5e6, "weight": None}}
    answer = client.post(
        "/impex/rest/fmi/getMostRelevantRun", json={"Object": "Mars", "SW_parameters": wind}
    )
    assert answer.json()["result"]["runs"] == []  # the run does not tell its solar wind
    answer = client.get(
        "/impex/rest/latmos/getFileURL",
        params={"ResourceID": _OUTPUT, "StartTime": "2020-01-01", "StopTime": "2021-01-01"},
    )
    assert answer.headers["content-type"] == "application/x-votable+xml"
    assert b"<VOTABLE" in answer.content


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({}, 400, "ResourceID is missing"),
        ({"ResourceID": "spase://MyLab/NumericalOutput/x"}, 400, "PlanePoint is missing"),
        ({"ResourceID": "spase://MyLab/NumericalOutput/x", "PlanePoint": "0 0 0",
          "PlaneNormalVector": "0 0 1"}, 404, "not served here"),
        ({"ResourceID": _OUTPUT, "PlanePoint": "0 0 0", "PlaneNormalVector": "0 0 1",
          "Resolution": "1000"}, 413, "more than 1000 points"),
        ({"ResourceID": _OUTPUT, "Foo": "1"}, 400, "has no parameter 'Foo'"),
        ({"ResourceID": [_OUTPUT, _OUTPUT]}, 400, "ResourceID is given twice"),
        ({"ResourceID": _OUTPUT, "PlanePoint": "", "PlaneNormalVector": "0 0 1"}, 400,
         "PlanePoint is missing"),
        ({"ResourceID": _OUTPUT, "PlanePoint": "0 0 0", "PlaneNormalVector": ", ,"}, 400,
         "PlaneNormalVector is missing"),
        ({"ResourceID": f"{_OUTPUT}\0"}, 400, "'ResourceID' has the character U+0000"),
        ({"ResourceID": _OUTPUT, "Variable": "\uffff"}, 400, "'Variable' has the character U+FFFF"),
    ],
)  # fmt: skip
def test_refusals(client: TestClient, given: dict[str, Any], status: int, words: str) -> None:
    answer = client.get("/impex/rest/fmi/getSurface", params=given)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "query",
    [
        "Object=Mars&SW_Density=5e6&SW_Utot[value]=4e5&SW_Utot[weight]=2",
        "Object=Mars&sw_density[value]=5e6&SW_Utot[weight]=2&SW_Utot[value]=4e5",
    ],
)
def test_records_in_a_query(client: TestClient, query: str) -> None:
    wind = {"SW_Density": {"value": 5e6}, "SW_Utot": {"value": 4e5, "weight": 2}}
    posted = client.post(
        "/impex/rest/fmi/getMostRelevantRun", json={"Object": "Mars", "SW_parameters": wind}
    )
    got = client.get(f"/impex/rest/fmi/getMostRelevantRun?{query}")
    assert got.status_code == 200, got.text
    assert got.json() == posted.json()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "SW_parameters is missing"),
        ("&SW_Density=", "value is missing"),
        ("&SW_Density=1&SW_Density[value]=2", "value is given twice"),
        ("&SW_Density[weight]=1", "value is missing"),
        ("&SW_Density[x]=1", "no parameter 'x'"),
        ("&Foo[x]=1", "no parameter 'Foo'"),
        ("&SW_Function[value]=1&SW_Function[scale]=1&SW_Function[function]=sqrt(-1)",
         "SW_Function: the expression has no finite value"),
    ],
)  # fmt: skip
def test_records_in_a_query_that_are_refused(client: TestClient, query: str, words: str) -> None:
    answer = client.get(f"/impex/rest/fmi/getMostRelevantRun?Object=Mars{query}")
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


def test_an_empty_interval_is_refused_by_name(client: TestClient) -> None:
    answer = client.get(
        "/impex/rest/latmos/getFileURL",
        params={"ResourceID": _OUTPUT, "StartTime": "2020-01-01", "StopTime": "2020-01-01"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["argument"] == "StartTime"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("rest/klingon/isAlive", "no dialect 'klingon' here; there are: fmi, latmos, node"),
        ("rest/klingon", "no dialect 'klingon' here"),
        ("rest/node/nothing", "no operation 'nothing'; there are: rank, rankWind"),
        ("tree.xml?source=x", "source 'x' is not harvested here"),
    ],
)
def test_what_is_not_there_is_an_error_in_json(client: TestClient, path: str, words: str) -> None:
    answer = client.get(f"/impex/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert words in answer.json()["error"]["message"]


def test_an_unknown_operation(client: TestClient) -> None:
    answer = client.get("/impex/rest/latmos/getVOTableURL")
    assert answer.status_code == 404
    assert "there are: getDataPointValue" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"[1]", BadArgument, "must be a JSON object"),
        (b"{", BadArgument, "is no JSON"),
        (b"[" * 100_000, BadArgument, "is no JSON, or nested too deeply"),
        (b'{"a":' * 9 + b"1" + b"}" * 9, TooMuch, "nested deeper than 8 levels"),
        (b'{"a": [[1]]}', BadArgument, "'a' is a list of lists"),
        (b'{"a": [{"b": 1}, 2]}', BadArgument, "mixed values"),
        (b'{"a": [' + b'{"b":1},' * 20_001 + b'{"b":1}]}', TooMuch, "more than 20000 values"),
    ],
)
def test_hostile_json(content: bytes, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        from_json(content)


@pytest.mark.parametrize("text", ["\0", "a\1b", "\x1f", "\ufffe", "\uffff"])
@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"Table_name": "TEXT", "Fields": _COLUMNS}, "Table_name"),
        ({"Fields": [{"name": "TEXT", "data": [1]}]}, "name"),
        ({"Fields": [{"name": "X", "data": ["1", "TEXT"]}]}, "data"),
    ],
)
def test_characters_that_xml_cannot_carry(
    client: TestClient, given: dict[str, Any], name: str, text: str
) -> None:
    content = json.dumps(given).replace("TEXT", json.dumps(text)[1:-1])
    answer = client.post("/impex/rest/fmi/getVOTableURL", content=content)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["argument"] == name
    assert "which no message can carry" in answer.json()["error"]["message"]


def test_empty_lists_are_missing(client: TestClient) -> None:
    given = {"ResourceID": _OUTPUT, "PlanePoint": [], "PlaneNormalVector": [0, 0, 1]}
    answer = client.post("/impex/rest/fmi/getSurface", json=given)
    assert (answer.status_code, answer.json()["error"]["argument"]) == (400, "PlanePoint")


def test_large_bodies_are_refused(client: TestClient) -> None:
    answer = client.post("/impex/rest/fmi/isAlive", content=b" " * (256 * 1024 + 1))
    assert answer.status_code == 413
    assert "262144 bytes" in answer.json()["error"]["message"]


def test_unforeseen_errors_have_an_id(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("impex.front.answer", fail)
    answer = client.get("/impex/rest/fmi/isAlive")
    assert answer.status_code == 500
    assert "internal error" in answer.json()["error"]["message"]
    assert "secret" not in answer.text


def test_description_and_page(client: TestClient) -> None:
    told = client.get("/impex/openapi.json").json()
    assert told["openapi"] == "3.1.0"
    assert told["servers"] == [{"url": "http://node.test/impex/rest"}]
    page = client.get("/impex/rest")
    assert page.headers["content-type"].startswith("text/html")
    assert "http://node.test/impex/openapi.json" in page.text
    for path in told["paths"]:
        assert f"http://node.test/impex/rest{path}" in page.text


def test_the_description_is_valid(client: TestClient) -> None:
    told = client.get("/impex/openapi.json").json()
    assert [error.message for error in OpenAPIV31SpecValidator(told).iter_errors()] == []
    broken = {key: value for key, value in told.items() if key != "info"}
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


def test_every_operation_is_described() -> None:
    told = openapi((FMI, LATMOS), "http://h/impex/rest", "1")
    wanted = {f"/{d.name}/{o.name}" for d in (FMI, LATMOS) for o in d.operations}
    assert set(told["paths"]) == wanted
    ids = [way["operationId"] for path in told["paths"].values() for way in path.values()]
    assert len(ids) == len(set(ids))
    flight = told["paths"]["/fmi/getDataPointValueSpacecraft"]
    parameters = {p["name"]: p for p in flight["get"]["parameters"]}
    assert parameters["ResourceID"]["required"]
    assert parameters["InterpolationMethod"]["schema"] == {
        "type": "string",
        "enum": ["NearestGridPoint", "Linear"],
        "default": "Linear",
    }
    assert "MAVEN" in parameters["Spacecraft_name"]["schema"]["examples"]
    plane = told["paths"]["/latmos/getSurface"]["post"]["requestBody"]["content"]
    schema = plane["application/json"]["schema"]
    assert schema["properties"]["PlanePoint"] == {
        "type": "array",
        "items": {"type": "number"},
        "minItems": 3,
        "maxItems": 3,
    }
    assert "get" not in told["paths"]["/fmi/getVOTableURL"]
    wind = {p["name"]: p for p in told["paths"]["/fmi/getMostRelevantRun"]["get"]["parameters"]}
    assert wind["SW_Density"]["style"] == "deepObject"
    assert set(wind["SW_Density"]["schema"]["properties"]) == {
        "value", "weight", "scale", "function",
    }  # fmt: skip
    assert wind["Object"]["required"]


def test_rank(client: TestClient, points: str) -> None:
    flown = client.get(
        "/impex/rest/fmi/getDataPointValue", params={"ResourceID": _OUTPUT, "url_XYZ": points}
    )
    given = {"url_XYZ": flown.json()["result"], "Variable": ["Bx", "Bz"]}
    answer = client.post("/impex/rest/node/rank", json={**given, "Object": "mars.Magnetosphere"})
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["result"]
    assert found["ResourceID"] == _OUTPUT
    assert found["misfit"] == pytest.approx(0.0, abs=1e-9)
    assert found["points"] == 2
    assert set(found["rms"]) == {"Bx", "Bz"}
    assert "Bx_run" in client.get(found["url"]).text
    got = client.get("/impex/rest/node/rank", params={**given, "Variable": "Bx Bz"})
    assert got.json() == answer.json()


_WIND = [
    {"name": "Np", "data": [4, 5, 6, 500], "unit": "cm-3"},
    {"name": "Utot", "data": [400, 410, 420, 430], "unit": "km/s"},
    {"name": "Time", "data": [f"2012-01-31T{hour}:00:00Z" for hour in (10, 11, 12, 13)]},
]


def test_rank_by_an_observed_wind(client: TestClient) -> None:
    wind = client.post("/impex/rest/fmi/getVOTableURL", json={"Fields": _WIND}).json()["result"]
    given = {"url": wind, "Object": "Mars", "Columns": "Density=Np", "StopTime": "2012-01-31T13:00"}
    answer = client.get("/impex/rest/node/rankWind", params=given)
    assert answer.status_code == 200, answer.text
    found = answer.json()["result"]
    assert found["observed"]["Density"] == {
        "median": pytest.approx(5e6), "spread": pytest.approx(1.4826e6), "count": 3
    }  # fmt: skip
    assert found["observed"]["Utot"]["median"] == pytest.approx(4.1e5)
    assert found["runs"] == []  # the dipole tells no wind
    for changes, words in (
        ({"Columns": "Density"}, "NAME=COLUMN"),
        ({"StartTime": "soon"}, "StartTime"),
        ({"url": "http://127.0.0.1:1/hapi/data?id=a"}, "url"),
        ({"Variable": "Temperature"}, "no 'Temperature'"),
        ({"RunCount": "0"}, "RunCount"),
        ({"StartTime": "2012-01-31T14:00"}, "the start time must lie before the stop time"),
        ({"StartTime": "2012-01-31T13:00"}, '"argument":"StartTime"'),
    ):
        refused = client.get("/impex/rest/node/rankWind", params={**given, **changes})
        assert refused.status_code in (400, 502)
        assert words in refused.text


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"Variable": "Ux"}, 404, "no output has Ux"),
        ({"Object": "Venus"}, 404, "no output has Bx"),
        ({"Variable": None}, 400, "Variable is missing"),
        ({}, 400, "OBSERVED has no column 'Bx'"),
    ],
)
def test_refused_ranks(
    client: TestClient, points: str, changes: dict[str, Any], status: int, words: str
) -> None:
    given = {"url_XYZ": points, "Variable": "Bx", **changes}
    answer = client.post("/impex/rest/node/rank", json=given)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]
