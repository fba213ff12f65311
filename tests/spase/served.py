"""Served: a node with records of its own and harvested ones, asked without sockets."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.testclient import TestClient

from vo_server.app import build
from vo_server.context import Context
from vo_server.settings import load

BASE = "https://sims.example.org"
_NODE = f"""
[node]
authority = "MyLab"
title = "My <lab> & more"
base_url = "{BASE}"
license = "CC-BY-4.0"
[node.contact]
name = "Ada Operator"
email = "ops@example.org"
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
use = "time-series"
[[fronts]]
use = "spase"
[[fronts]]
use = "hapi"
[[fronts]]
use = "impex"
[[fronts]]
use = "portal"
"""
_SERIES = """
[dataset]
id = "spase://MyLab/NumericalData/{name}"
name = "{name}"
title = "A series called {name}"
files = "*.csv"
"""


@dataclass(frozen=True)
class SpaseNode:
    """A node; context: one like its own, over the same files."""

    client: TestClient
    context: Context
    folder: Path

    def add_series(self, name: str) -> None:
        """Let the node serve a further time series."""
        place = self.folder / "series" / name
        place.mkdir(parents=True)
        (place / "dataset.toml").write_text(_SERIES.format(name=name), encoding="utf-8")
        (place / "a.csv").write_text(
            "Time,B [nT]\n2026-01-01T00:00:00Z,1\n2026-01-01T00:01:00Z,2\n", encoding="utf-8"
        )


def write_node(folder: Path) -> Path:
    """Write the node into a folder and give its node file."""
    config = folder / "node.toml"
    config.write_text(_NODE, encoding="utf-8")
    (folder / "series").mkdir()
    return config


@contextmanager
def spase_node(folder: Path) -> Iterator[SpaseNode]:
    """Serve the node from a folder."""
    config = write_node(folder)
    context = Context(load(config), threading.Event())
    with TestClient(build(load(config)), follow_redirects=False) as client:
        client.get("/spase/")  # what the node tells of itself is written once before
        try:
            yield SpaseNode(client, context, folder)
        finally:
            context.close()
