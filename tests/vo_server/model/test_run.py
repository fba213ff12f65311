"""Run files: what is read, and every kind of refusal by name."""

from pathlib import Path

import pytest

from vo_server.errors import BadFile
from vo_server.model.run import read_run

_GOOD = """
[run]
id = "spase://MyLab/SimulationRun/A"
model = "spase://MyLab/SimulationModel/M"
body = "Mars"
body_radius = "3390 km"
frame = "MSO"

[[run.outputs]]
id = "spase://MyLab/NumericalOutput/A/H+"
file = "a.nc"

[[run.outputs.parameters]]
name = "Density"
source = "n"
unit = "cm-3"
"""

_TIMES = (
    'snapshots = [{ time = 2012-01-31T00:00:00Z, file = "a.nc" }, '
    '{ time = 2012-01-31T01:00:00+00:00, file = "b.nc" }]'
)
_WIND = '{ density = "5 cm-3" }'


def _write(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_one(tmp_path: Path) -> None:
    run = read_run(_write(tmp_path, _GOOD), "MyLab")
    assert run.metres(run.body_radius) == 3.39e6
    override = run.outputs[0].override("n")
    assert override is not None
    assert (override.name, override.unit) == ("Density", "cm-3")
    assert run.outputs[0].override("Bx") is None


def test_an_output_that_changes_in_a_wind_that_changes(tmp_path: Path) -> None:
    wind = '[[run.solar_wind]]\ntime = {}\ndensity = "{} cm-3"\n'
    told = wind.format("2012-01-31T00:00:00Z", 5) + wind.format('"2012-01-31T01:00+01:00"', 6)
    text = _GOOD.replace('file = "a.nc"', _TIMES).replace('frame = "MSO"', f'frame = "MSO"\n{told}')
    with pytest.raises(BadFile, match="solar_wind: their times must ascend"):
        read_run(_write(tmp_path, text), "MyLab")
    run = read_run(_write(tmp_path, text.replace("01:00+01:00", "02:00+01:00")), "MyLab")
    (output,) = run.outputs
    assert output.files == ("a.nc", "b.nc")
    assert [str(s.moment)[:16] for s in output.snapshots] == [
        "2012-01-31T00:00",
        "2012-01-31T01:00",
    ]
    winds = [wind.conditions() for wind in run.solar_wind]
    assert [w.density for w in winds] == pytest.approx([5e6, 6e6])
    assert [w.time for w in winds] == [s.moment for s in output.snapshots]


def test_the_flux_of_the_sun_is_in_solar_flux_units(tmp_path: Path) -> None:
    told = _GOOD.replace('frame = "MSO"', 'frame = "MSO"\nsolar_wind.solar_flux = "150 sfu"')
    (wind,) = read_run(_write(tmp_path, told), "MyLab").solar_wind
    assert wind.conditions().solar_flux == pytest.approx(1.5e-20)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('frame = "MSO"', 'fraem = "MSO"', "run.fraem: unknown key"),
        ('file = "a.nc"', 'fill = "a.nc"', "run.outputs.0.fill: unknown key"),
        ('file = "a.nc"', 'title = "a"', "run.outputs.0: file: wants one file, or snapshots"),
        ('file = "a.nc"', f'file = "a.nc"\n{_TIMES}', "wants one file, or snapshots"),
        ('file = "a.nc"', _TIMES.replace("01:00", "00:00"), "their times must ascend"),
        ('file = "a.nc"', _TIMES.replace("01:00", "25:00"), "not valid TOML"),
        ('file = "a.nc"', 'snapshots = [{ time = "now", file = "a" }]', "must be a time such as"),
        ('file = "a.nc"', "snapshots = [{ time = 5, file = 'a' }]", "snapshots.0.time: wants text"),
        ('frame = "MSO"', f"solar_wind = [{_WIND}, {_WIND}]", "each of several wants a time"),
        ('file = "a.nc"', 'file = "../a.nc"', "inside the run's folder"),
        ('file = "a.nc"', 'file = "/etc/passwd"', "inside the run's folder"),
        ('"3390 km"', '"3390"', "body_radius"),
        ('"3390 km"', '"3390 nT"', "body_radius"),
        ('"3390 km"', '"-3390 km"', "run.body_radius: must be more than"),
        ('"3390 km"', '"0 km"', "run.body_radius: must be more than zero"),
        ('"3390 km"', '"1e999 km"', "run.body_radius: must be a finite number"),
        ('frame = "MSO"', 'frame = "  "', "run.frame: "),
        ('frame = "MSO"', 'inner_boundary = "-1 km"', "run.inner_boundary: "),
        ('frame = "MSO"', 'title = "a\\u0000b"', "run.title: must be one line"),
        ('file = "a.nc"', 'file = "a.nc"\ntitle = "a\\nb"', "run.outputs.0.title: "),
        ('file = "a.nc"', 'file = "sub/a.nc"', "run.outputs.0.file: "),
        ('file = "a.nc"', 'file = "a.nc/"', "run.outputs.0.file: "),
        ('file = "a.nc"', 'file = "a\\u0000.nc"', "run.outputs.0.file: "),
        ('frame = "MSO"', 'solar_wind.density = "5"', "run.solar_wind.0.density: "),
        ('frame = "MSO"', 'solar_wind.velocity = "5 nT"', "'nT' cannot become 'm/s'"),
        ('frame = "MSO"', 'solar_wind.solar_flux = "5 nT"', "'nT' cannot become 'W.m-2.Hz-1'"),
        (
            'frame = "MSO"',
            'solar_wind.magnetic_field = ["1 nT", "2 nT", "3 km"]',
            "run.solar_wind.0.magnetic_field.2: ",
        ),
        (
            'unit = "cm-3"',
            '[[run.outputs.parameters]]\nname = "n"\nunit = "m-3"',
            "spase://MyLab/NumericalOutput/A/H+ says two things of n",
        ),
        ("SimulationRun/A", "SimulationRun/A B", "run.id"),
        ("MyLab/NumericalOutput", "Other/NumericalOutput", "found authority Other"),
        ('name = "Density"', 'name = "De<nsity"', "run.outputs.0.parameters.0.name"),
        ("[run]", "[run", "not valid TOML"),
        (
            "[[run.outputs.parameters]]",
            '[[run.outputs]]\nid = "spase://MyLab/NumericalOutput/A/H+"\nfile = "b.nc"\n'
            "[[run.outputs.parameters]]",
            "is given twice",
        ),
    ],
)
def test_refusals_name_the_key(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert old in _GOOD
    with pytest.raises(BadFile) as caught:
        read_run(_write(tmp_path, _GOOD.replace(old, new)), "MyLab")
    assert reason in caught.value.message


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"there is no run\.toml beside it"):
        read_run(tmp_path / "run.toml", "MyLab")
