"""A node with time series of every kind of column, a dipole and an orbit, asked without sockets."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from hapi.version import MOUNTS, Mount
from tests.hapi.upstream import Answer, Start, Upstream
from vo_server.app import build
from vo_server.settings import load

BASE = "https://sims.example.org"
_NODE = f"""
[node]
authority = "MyLab"
title = "A title of the node that is longer than forty characters"
base_url = "{BASE}"
[node.contact]
name = "Ada Operator"
email = "ops@example.org"
[[providers]]
use = "time-series"
[[providers]]
use = "analytic"
id = "spase://MyLab/NumericalOutput/Dipole/Cube"
run = "spase://MyLab/SimulationRun/Dipole"
model = "spase://MyLab/SimulationModel/Dipole"
title = "A dipole"
body = "Mars"
body_radius = "3390 km"
frame = "MSO"
half_width = "9000 km"
field = {{ kind = "dipole", strength = "50 nT" }}
[[providers]]
use = "orbit-files"
path = "orbits/*.csv"
spacecraft = "MEX"
body = "Mars"
frame = "MSO"
[[fronts]]
use = "hapi"
records = 5000
"""
_MIXED = """
[dataset]
id = "spase://MyLab/NumericalData/Mixed"
name = "mixed"
title = "Columns of every kind"
description = "What a series may hold."
files = "mixed_%Y%m%d.csv"
cadence = "60 s"
stamp = "begin"
mission = "MEX"
instrument = "MAG"
citation = "https://doi.org/10.0/none"
license_url = "https://spdx.org/licenses/CC0-1.0"
notes = ["2026-01-01T00: a note", "2026-01-02T00: another"]
warnings = ["a warning"]
location = [["Position"]]
unit_schema = "astropy3"
created = "2026-01-01Z"
[[dataset.metadata]]
name = "SPASE"
url = "https://sims.example.org/spase/mixed.xml"
[[dataset.parameters]]
name = "Position"
sources = ["X", "Y", "Z"]
unit = "km"
frame = "MSO"
components = ["x", "y", "z"]
[[dataset.parameters]]
name = "Flux"
sources = ["f1", "f2"]
units = ["1/s", "1/min"]
labels = ["fast", "slow"]
bins = [{ name = "Energy", unit = "eV", centers = [10.0, 20.0], ranges = [[5, 15], [15, 25]] }]
[[dataset.parameters]]
name = "Moving"
sources = ["m1", "m2"]
unit = "1/s"
bins = [{ name = "Energy", unit = "eV", centers = "Centers" }]
[[dataset.parameters]]
name = "Centers"
sources = ["c1", "c2"]
unit = "eV"
[[dataset.parameters]]
name = "Again"
sources = ["a1", "a2"]
bins = [{ name = "Energy", unit = "eV", centers = [10.0, 20.0], ranges = [[5, 15], [15, 25]] }]
[[dataset.parameters]]
name = "Image"
media_type = "image/png"
[[dataset.parameters]]
name = "Masked"
missing = [-999.0]
"""
_ODD = """
[dataset]
id = "spase://MyLab/NumericalData/Odd"
name = "sets/öd+1"
title = "An odd id and a long title, of more than forty characters"
files = "*.csv"
"""
START = np.datetime64("2026-01-01T00:00:00", "ns")
MINUTES = 2880


def write_node(folder: Path) -> Path:
    """Write the node into a folder and give its node file."""
    for name in ("series/mixed", "series/odd", "orbits"):
        (folder / name).mkdir(parents=True)
    (folder / "series/mixed/dataset.toml").write_text(_MIXED, encoding="utf-8")
    (folder / "series/odd/dataset.toml").write_text(_ODD, encoding="utf-8")
    head = "Time,X,Y,Z,f1,f2,m1,m2,c1,c2,a1,a2,Count,Label,Image,Masked,Start"
    for day in range(2):
        lines = [head]
        for i in range(day * 1440, (day + 1) * 1440):
            if 1500 <= i < 1560:
                continue  # a gap of an hour
            label = ("plain", 'a "quoted", one', "Zürich", "")[i % 4]
            numbers = [i * 0.1, -i / 3, 1e300, i, 5e-324, *([0.5] * 6)]
            cells = [*(repr(float(n)) for n in numbers), str(i) if i % 5 else "",
                     '"' + label.replace('"', '""') + '"', f"https://x.org/{i}.png",
                     "-999" if i % 3 == 0 else str(i / 7), "2026-01-01T00:00:00Z"]  # fmt: skip
            lines.append(",".join([f"{START + np.timedelta64(i, 'm')}Z"[:23] + "Z", *cells]))
        path = folder / f"series/mixed/mixed_2026010{day + 1}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    odd = "Time,n,v [nT]\n" + "".join(
        f"2026-00{i // 24 + 1}T{i % 24:02}:00:00.000001Z,{i},{i / 3}\n" for i in range(60)
    )
    odd = odd.replace("2026-00", "2026-01-0")
    (folder / "series/odd/one.csv").write_text(odd, encoding="utf-8")
    angle = np.linspace(0.0, 12.0, 600)
    x, y, z = 12000 * np.cos(angle), 4500 * np.sin(angle), 1000 * np.cos(angle)
    orbit = "Time,X [km],Y [km],Z [km]\n" + "".join(
        f"{START + np.timedelta64(i, 'm')}Z,{x[i]},{y[i]},{z[i]}\n" for i in range(600)
    )
    (folder / "orbits/mex.csv").write_text(orbit, encoding="utf-8")
    (folder / "node.toml").write_text(_NODE, encoding="utf-8")
    return folder / "node.toml"


@dataclass(frozen=True)
class Asked:
    """An answer: HTTP status, headers, body."""

    status: int
    headers: dict[str, str]
    content: bytes
    json: Any


class Server:
    """The node, asked path by path."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def ask(self, path: str, method: str = "GET", **headers: str) -> Asked:
        told = {"Accept-Encoding": "identity"}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        got = self.client.request(method, path, headers=told, follow_redirects=False)
        content_type = got.headers.get("content-type", "")
        is_json = content_type.startswith("application/json") and got.content[:1] == b"{"
        document = got.json() if is_json and "gzip" not in got.headers.get(
            "content-encoding", "") else None  # fmt: skip
        return Asked(got.status_code, dict(got.headers), got.content, document)


@pytest.fixture(scope="session")
def hapi_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the node once."""
    folder = tmp_path_factory.mktemp("hapi-node")
    write_node(folder)
    return folder


@pytest.fixture(scope="session")
def server(hapi_folder: Path) -> Iterator[Server]:
    """Give the running node."""
    with TestClient(build(load(hapi_folder / "node.toml")), raise_server_exceptions=False) as made:
        yield Server(made)


@pytest.fixture(params=MOUNTS, ids=lambda mount: mount.path)
def mount(request: pytest.FixtureRequest) -> Mount:
    """Give every mount."""
    made: Mount = request.param
    return made


@pytest.fixture
def upstream() -> Iterator[Start]:
    """Start servers, and stop them at the end."""
    started: list[Upstream] = []

    def start(answer: Answer) -> Upstream:
        started.append(Upstream(answer))
        return started[-1]

    yield start
    for made in started:
        made.close()
