"""Documents of every version: by the published JSON schemas, else key by key."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from jsonschema import Draft4Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from hapi.version import V2_1, V3_0, V3_1, V3_2, V3_3, Mount

if TYPE_CHECKING:
    from tests.hapi.conftest import Server

_IDS = ("mixed", "sets/öd+1", "dipole_cube_at_mex", "av_dipole_cube_at_mex", "av_mixed")
# Codes that the text of a version has and the enumeration of its schema forgets.
_FORGOTTEN = {"2.0": {1201, 1411}, "2.1": {1201, 1411}, "3.2": {1413}, "3.3": {1413}}


class Schemas:
    """The published schemas of one version; parts refer to each other by draft-4 ids."""

    def __init__(self, path: Path) -> None:
        self._parts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        resources = [
            (part["id"], DRAFT4.create_resource(part))
            for part in self._parts.values()
            if isinstance(part, dict) and "id" in part
        ]
        self._registry: Any = Registry().with_resources(resources)

    def errors(self, part: str, document: Any) -> list[str]:
        """Give what is wrong with a document; 2.x knows errors by their status only."""
        part = part if part in self._parts else "HAPIStatus"
        validator = Draft4Validator(self._parts[part], registry=self._registry)
        return [
            f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
            for error in validator.iter_errors(document)
        ]


@pytest.fixture
def schemas(shared: Path, mount: Mount) -> Schemas:
    """Give the schemas of a mount's version."""
    folder = shared / "standards/hapi"
    return Schemas(folder / f"HAPI-data-access-schema-{mount.version}.json")


def test_a_wrong_document_is_found(schemas: Schemas) -> None:
    assert schemas.errors("capabilities", {"HAPI": "9.9", "status": {}, "outputFormats": ["xml"]})
    assert schemas.errors("info", {"parameters": [{"name": 1}]})


def test_every_document_fits_its_schema(server: "Server", mount: Mount, schemas: Schemas) -> None:
    asked = [("capabilities", "capabilities"), ("catalog", "catalog")]
    asked += [(f"info?id={quote(id, safe='')}", "info") for id in _IDS]
    asked += [("info?id=mixed&parameters=Moving", "info")]
    if mount.version >= V3_0:
        asked += [("about", "about"), ("info?id=mixed&resolve_references=false", "info")]
        asked += [("info?id=dipole_cube_at_mex&resolve_references=false", "info")]
    if mount.version >= V3_2:
        asked += [("catalog?depth=all", "catalog")]
    if mount.version >= V3_3:
        asked += [("catalog?depth=all&resolve_references=false", "catalog")]
    for path, part in asked:
        got = server.ask(f"{mount.path}/{path}")
        assert got.status == 200, path
        assert schemas.errors(part, got.json) == [], path


@pytest.mark.parametrize("form", ["csv", "binary", "json"])
@pytest.mark.parametrize("id", _IDS)
def test_headers_of_records_fit_it_too(
    server: "Server", mount: Mount, schemas: Schemas, form: str, id: str
) -> None:
    query = f"id={quote(id, safe='')}&time.min=2026-01-01T01Z&time.max=2026-01-01T05Z"
    got = server.ask(f"{mount.path}/data?{query}&format={form}&include=header")
    assert got.status == 200
    if form == "json":
        document = got.json
        assert list(document)[-1] == "data"
        del document["data"]
    else:
        head, _, _ = got.content.partition(b"\n")
        document = json.loads(head.removeprefix(b"#"))
    assert document["format"] == form
    assert schemas.errors("info", document) == []
    info = server.ask(f"{mount.path}/info?id={quote(id, safe='')}").json
    del document["format"]
    assert document == info


def test_errors_fit_it_but_for_codes_that_it_forgets(
    server: "Server", mount: Mount, schemas: Schemas
) -> None:
    codes = {}
    for path in ("nothing", "info?id=nothing", "info?id=mixed&parameters=no", "info?id=mixed&a=1",
                 "catalog?depth=x", "info?id=mixed&resolve_references=x",
                 "info?id=mixed&parameters=Flux,Flux", "data?id=mixed",
                 "data?id=mixed&time.min=2026",
                 "data?id=mixed&time.min=2027&time.max=2026",
                 "data?id=mixed&time.min=2026&time.max=2027"):  # fmt: skip
        got = server.ask(f"{mount.path}/{path}")
        if got.status >= 400:
            codes[got.json["status"]["code"]] = got.json
    for code, document in codes.items():
        checked = document if mount.version >= V3_0 else {**document, "status": document["status"]}
        errors = schemas.errors("error", checked)
        forgotten = code in _FORGOTTEN.get(str(mount.version), set())
        assert bool(errors) == forgotten, (code, errors)


def test_no_data_is_told_in_the_header(server: "Server", mount: Mount, schemas: Schemas) -> None:
    query = "id=mixed&time.min=2026-01-02T01:00:30Z&time.max=2026-01-02T01:30Z"
    got = server.ask(f"{mount.path}/data?{query}&format=json")
    assert got.json["status"] == {"code": 1201, "message": "OK - no data for time range"}
    assert got.json["data"] == []
    plain = server.ask(f"{mount.path}/data?{query}")
    assert plain.content == b""
    assert server.ask(f"{mount.path}/data?{query}&format=binary").content == b""
    headed = server.ask(f"{mount.path}/data?{query}&include=header").content
    assert json.loads(headed[1:])["status"]["code"] == 1201
    forgotten = 1201 in _FORGOTTEN.get(str(mount.version), set())
    document = {k: v for k, v in got.json.items() if k != "data"}
    errors = schemas.errors("info", document)
    assert all(forgotten and "status" in error for error in errors), errors


def test_keys_come_with_their_version(server: "Server", mount: Mount) -> None:
    info = server.ask(f"{mount.path}/info?id=mixed").json
    version = mount.version
    flux, moving = (
        next(p for p in info["parameters"] if p["name"] == name) for name in ("Flux", "Moving")
    )
    assert info["timeStampLocation"] == ("BEGIN" if version < V2_1 else "begin")
    assert flux["units"] == (["1/s", "1/min"] if version >= V2_1 else "1/s, 1/min")
    assert flux.get("label") == (["fast", "slow"] if version >= V2_1 else None)
    assert flux["bins"][0]["centers"] == [10.0, 20.0]
    assert ("bins" in moving) == (version >= V3_0)
    assert info.get("unitsSchema") == ("astropy3" if version >= V3_0 else None)
    assert ("citation" in info) == (V3_0 <= version < V3_3)
    assert ("datasetCitation" in info) == (version >= V3_3)
    position = next(p for p in info["parameters"] if p["name"] == "Position")
    assert position.get("coordinateSystemName") == ("MSO" if version >= V3_1 else None)
    assert position.get("vectorComponents") == (["x", "y", "z"] if version >= V3_1 else None)
    assert ("additionalMetadata" in info) == (version >= V3_1)
    image = next(p for p in info["parameters"] if p["name"] == "Image")
    uri = {"uri": {"mediaType": "image/png"}}
    assert image.get("stringType") == (uri if version >= V3_2 else None)
    for key in ("licenseURL", "note", "warning"):
        assert (key in info) == (version >= V3_3)
    assert info["x_location"] == {"parameters": [["Position"]]}
    capabilities = server.ask(f"{mount.path}/capabilities").json
    assert ("catalogDepthOptions" in capabilities) == (version >= V3_2)
    assert len(capabilities["x_otherVersions"]) == 7


def test_references_are_put_in_or_kept(server: "Server", mount: Mount) -> None:
    if mount.version < V3_0:
        return
    kept = server.ask(f"{mount.path}/info?id=mixed&resolve_references=false").json
    put_in = server.ask(f"{mount.path}/info?id=mixed").json
    assert "definitions" not in put_in
    named = {p["name"]: p for p in kept["parameters"]}
    assert named["Flux"]["bins"] == named["Again"]["bins"] == {"$ref": "#/definitions/bins_1"}
    flux = next(p for p in put_in["parameters"] if p["name"] == "Flux")
    assert kept["definitions"]["bins_1"] == flux["bins"]
    if mount.version >= V3_3:
        assert kept["location"] == {"$ref": "#/definitions/location"}
        assert kept["definitions"]["location"] == {"parameters": [["Position"]]}


def test_the_catalog_holds_every_description(server: "Server", mount: Mount) -> None:
    plain = server.ask(f"{mount.path}/catalog").json["catalog"]
    assert [item["id"] for item in plain] == sorted(item["id"] for item in plain)
    assert {"x_mission": "MEX", "x_instrument": "MAG"}.items() <= next(
        item for item in plain if item["id"] == "mixed"
    ).items()
    assert all(len(item["title"]) <= 40 for item in plain)
    if mount.version < V3_2:
        return
    for item in server.ask(f"{mount.path}/catalog?depth=all").json["catalog"]:
        info = server.ask(f"{mount.path}/info?id={quote(item['id'], safe='')}").json
        assert item["info"] == {k: v for k, v in info.items() if k not in ("HAPI", "status")}


def test_about_tells_who_and_how_to_test(server: "Server", mount: Mount) -> None:
    if mount.version < V3_0 and not mount.lenient:
        return
    about = server.ask(f"{mount.path}/about").json
    assert about["contact"] == "Ada Operator ops@example.org"
    assert len(about["title"]) <= 40
    if mount.version >= V3_2:
        test = about["dataTest"]["query"]
        query = "&".join(f"{key}={quote(value)}" for key, value in test.items())
        assert server.ask(f"{mount.path}/data?{query}").content


def test_the_page_of_a_dataset_is_told_to_search_engines(server: "Server") -> None:
    page = server.ask("/hapi/x_dataset/mixed").content.decode()
    text = page.partition('application/ld+json">')[2].partition("</script>")[0]
    described = json.loads(text)
    assert described["@type"] == "Dataset"
    assert described["url"] == "https://sims.example.org/hapi/x_dataset/mixed"
    assert "2026-01-01T00:00:00.000Z/" in described["temporalCoverage"]
    assert len(described["distribution"]) == 3
