"""A provider in a package of its own: the documentation's example, installed and used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_EXAMPLE = Path(__file__).parents[2] / "docs/examples/harris-provider"
_NODE = """
[node]
authority = "MyLab"
[[providers]]
use = "harris-sheet"
strength = "30 nT"
thickness = "1000 km"
"""
_CHECK = """
from pathlib import Path
from harris_provider import HarrisSheet
from vo_server.contract import check_provider
from vo_server.ports import Site
print(check_provider(HarrisSheet, {}, Site("MyLab", Path())))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Install the example beside the project, in a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--disable-pip-version-check", "--target", str(target), str(_EXAMPLE)],
        check=True, capture_output=True,
    )  # fmt: skip
    return os.environ | {"PYTHONPATH": str(target)}


def _run(environment: dict[str, str], folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=folder, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_found_flown_and_keeps_the_contract(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "node.toml").write_text(_NODE, encoding="utf-8")
    (tmp_path / "orbit.csv").write_text(
        "X [km],Y [km],Z [km]\n0,0,0\n0,0,1000\n0,0,-2000\n0,0,1e9\n", encoding="utf-8"
    )
    assert "harris-sheet" in _run(environment, tmp_path, "-m", "vo_server", "plugins")
    resource = "spase://MyLab/NumericalOutput/Harris/B"
    assert resource in _run(environment, tmp_path, "-m", "vo_server", "resources")
    _run(environment, tmp_path, "-m", "vo_server", "fly", resource, "orbit.csv", "-o", "out.csv")
    rows = [
        line.rpartition(",")[2]
        for line in (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
        if line and line[0] in "-0123456789"
    ]
    # B0 tanh(z / L) with B0 = 30 nT: 0, tanh(1), -tanh(2), and outside of the box nothing.
    assert [float(row) for row in rows[:3]] == pytest.approx(
        [0.0, 2.2847824678672945e-08, -2.892082740226952e-08], rel=1e-14
    )
    assert rows[3].lower() == "nan"
    assert _run(environment, tmp_path, "-c", _CHECK).strip() == "[]"
