"""Public HAPI clients read the sample node: numbers equal those of the files."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hapiclient import hapi
from hapiclient import hapitime2datetime as to_datetime

from tests.benchmarks.node import BenchNode, served

pytestmark = pytest.mark.conformance

_START, _STOP = "2026-01-01T00:00:00Z", "2026-01-02T23:00:00Z"
_MOUNTS = ("hapi", "v2.0/hapi", "v2.1/hapi", "v3.0/hapi", "v3.1/hapi", "v3.2/hapi", "v3.3/hapi")
_FLIGHT = "run_b_coarse_h_at_mex_like"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BenchNode]:
    """Run the sample node."""
    with served(tmp_path_factory.mktemp("hapi-clients")) as made:
        yield made


@pytest.fixture(scope="module")
def rows(node: BenchNode) -> list[dict[str, str]]:
    """Give the rows of the sample series' files that the clients ask for."""
    found: list[dict[str, str]] = []
    for path in sorted((node.config.parent / "series/mex-like-mag").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found += csv.DictReader(file)
    return [row for row in found if _START <= row["Time"] < _STOP]


def _hapi(node: BenchNode, mount: str, folder: Path, dataset: str, **options: Any) -> Any:
    return hapi(
        f"{node.url}/{mount}", dataset, options.pop("parameters", ""), _START,
        options.pop("stop", _STOP), cachedir=str(folder), usecache=False, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("info?id=nothing", "404 Not Found; HAPI 1406 Bad request - unknown dataset id"),
        ("info?id=mex_like_mag&a=1", "400 Bad Request; HAPI 1401 Bad request - unknown API"),
        ("data?id=mex_like_mag&time.min=2026-01-02T10:05Z&time.max=2026-01-02T10:06Z",
         "200 OK; HAPI 1201 OK - no data for time range"),
        ("capabilities", "200 OK"),
    ],
)  # fmt: skip
def test_curl_shows_the_code_in_the_reason_phrase(
    node: BenchNode, program: Callable[[str], str], query: str, line: str
) -> None:
    done = subprocess.run(
        [program("curl"), "-sSi", f"{node.url}/hapi/{query}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[0].startswith(f"HTTP/1.1 {line}")


@pytest.mark.parametrize("mount", _MOUNTS)
@pytest.mark.parametrize("form", ["binary", "csv"])
def test_hapiclient_reads_the_numbers_of_the_files(
    node: BenchNode, rows: list[dict[str, str]], tmp_path: Path, mount: str, form: str
) -> None:
    data, meta = _hapi(node, mount, tmp_path, "mex_like_mag", format=form)
    assert [p["name"] for p in meta["parameters"]] == ["Time", "Quality", "Position", "B"]
    assert len(data) == len(rows) == 2780
    for axis in range(3):
        for name, column in (("Position", "XYZ"[axis]), ("B", "B" + "xyz"[axis])):
            told = next(key for key in rows[0] if key.startswith(column + " "))
            wanted = np.array([float(row[told]) for row in rows])
            assert (data[name][:, axis].view(np.int64) == wanted.view(np.int64)).all()
    assert data["Quality"].tolist() == [int(row["Quality"]) for row in rows]
    times = [moment.replace(tzinfo=None) for moment in to_datetime(data["Time"]).tolist()]
    assert times == [datetime.fromisoformat(row["Time"]).replace(tzinfo=None) for row in rows]


@pytest.mark.parametrize("mount", _MOUNTS)
def test_hapiclient_reads_every_dataset(node: BenchNode, tmp_path: Path, mount: str) -> None:
    catalog = hapi(f"{node.url}/{mount}")["catalog"]
    assert {"mex_like_mag", _FLIGHT, f"av_{_FLIGHT}"} <= {item["id"] for item in catalog}
    for item in catalog:
        stop = "2026-01-01T12:00:00Z"
        packed, text = (
            _hapi(node, mount, tmp_path / form, item["id"], stop=stop, format=form)[0]
            for form in ("binary", "csv")
        )
        assert len(packed)
        assert packed.dtype.names == text.dtype.names
        for name in packed.dtype.names:
            assert (packed[name] == text[name]).all(), (item["id"], name)


def test_hapiclient_reads_a_subset(node: BenchNode, tmp_path: Path) -> None:
    whole = _hapi(node, "hapi", tmp_path / "a", "mex_like_mag")[0]
    part = _hapi(node, "hapi", tmp_path / "b", "mex_like_mag", parameters="B")[0]
    assert (whole["B"] == part["B"]).all()


def test_hapiclient_hears_of_errors(node: BenchNode, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="1406"):
        _hapi(node, "hapi", tmp_path, "nothing")


# speasy looks at the network when it is imported unless its providers are switched off.
_SPEASY = """
import json, sys
from speasy.core.hapi.provider import HapiProvider
server, start, stop = sys.argv[1:4]
provider = HapiProvider(server)
found = {"catalog": [item["id"] for item in provider.catalog()["catalog"]], "data": {}}
provider.about(), provider.hapi()
for id in found["catalog"]:
    info = provider.info(id)
    names = [p["name"] for p in info["parameters"][1:]]
    variables = provider.data(id, start, min(stop, info["stopDate"]), names)
    found["data"][id] = {
        name: [str(v.time[0]), len(v.time), v.values.astype(str).ravel().tolist(), v.unit]
        for name, v in variables.items()
    }
json.dump(found, sys.stdout)
"""
_OFF = "amda,cdaweb,sscweb,ssc,csa,archive,cdpp3dview,uiowaephtool"


@pytest.mark.parametrize("mount", ["", "/v3.0", "/v3.1", "/v3.2", "/v3.3"])
def test_speasy_reads_the_numbers_of_the_files(
    node: BenchNode, rows: list[dict[str, str]], tmp_path: Path, mount: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _SPEASY, node.url + mount, _START, _STOP],
        capture_output=True, text=True, check=False, timeout=300,
        env=os.environ | {"SPEASY_CORE_DISABLED_PROVIDERS": _OFF, "XDG_CONFIG_HOME": str(tmp_path),
                          "XDG_DATA_HOME": str(tmp_path), "SPEASY_CACHE_PATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert {"mex_like_mag", _FLIGHT, f"av_{_FLIGHT}"} <= set(found["catalog"])
    first, count, values, unit = found["data"]["mex_like_mag"]["B"]
    assert first.startswith("2026-01-01T00:00:00")
    assert (count, unit) == (len(rows), "nT")
    keys = [next(key for key in rows[0] if key.startswith(f"B{axis} ")) for axis in "xyz"]
    assert [float(value) for value in values] == [float(row[key]) for row in rows for key in keys]
