"""Sites and run files for provider tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

_RUN = """
[run]
id = "spase://MyLab/SimulationRun/A"
model = "spase://MyLab/SimulationModel/M"
{place}
[[run.outputs]]
id = "spase://MyLab/NumericalOutput/A/out"
file = "{file}"
{more}
"""
_PLACE = 'body = "Mars"\nbody_radius = "3390 km"\nframe = "MSO"\n'

WriteRun = Callable[..., None]


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Write run.toml for one output file."""

    def write(file: str, more: str = "", place: str = _PLACE) -> None:
        text = _RUN.format(file=file, more=more, place=place)
        (tmp_path / "run.toml").write_text(text, encoding="utf-8")

    return write
