from pathlib import Path

import numpy as np
import pytest

from vo_server.budget import Budget
from vo_server.context import providers
from vo_server.errors import BadArgument
from vo_server.registry import Registry
from vo_server.settings import load
from votable.command import _served
from votable.read import read

_NODE = """
[node]
authority = "MyLab"
[[providers]]
use = "time-series"
[[providers]]
use = "analytic"
id = "spase://MyLab/NumericalOutput/Dipole/B"
run = "spase://MyLab/SimulationRun/Dipole"
model = "spase://MyLab/SimulationModel/Dipole"
title = "A dipole"
body = "Mars"
body_radius = "3390 km"
inner_boundary = "3390 km"
frame = "MSO"
half_width = "20000 km"
field = { kind = "dipole", strength = "50 nT", moment = [0.0, 0.0, 1.0] }
"""
_SERIES = "spase://MyLab/NumericalData/MAG"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A node with a time series and a simulation."""
    folder = tmp_path / "series/mag"
    folder.mkdir(parents=True)
    (folder / "dataset.toml").write_text(
        f'[dataset]\nid = "{_SERIES}"\nfiles = "*.csv"\n', encoding="utf-8"
    )
    (folder / "a.csv").write_text(
        "Time,Bx [nT]\n" + "".join(f"2026-01-01T{h:02}:00:00Z,{h}.5\n" for h in range(24))
    )
    (tmp_path / "node.toml").write_text(_NODE)
    return tmp_path / "node.toml"


def test_a_served_time_series_is_sent_whole(config: Path, tmp_path: Path) -> None:
    path = _served(load(config), _SERIES, tmp_path)
    with path.open("rb") as stream:
        tables = list(read(stream, Budget()))
    assert [p.name for p in tables[0].header.parameters] == ["Time", "Bx"]
    values = np.concatenate([table.column("Bx") for table in tables])
    np.testing.assert_array_equal(values, np.arange(24) + 0.5)


def test_a_simulation_is_to_be_flown_first(config: Path, tmp_path: Path) -> None:
    registry = Registry(providers(load(config)))
    output = next(r.id for r in registry.all() if "NumericalOutput" in r.id)
    with pytest.raises(BadArgument, match="is no orbit and no time series"):
        _served(load(config), output, tmp_path)
