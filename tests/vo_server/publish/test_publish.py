"""Publishing bare files: written once, extended later, and nothing guessed."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from threading import Event

import netCDF4
import numpy as np
import pytest
from cdflib import cdfwrite
from click.testing import CliRunner, Result

from spase.check import SpaseChecker
from vo_server import plugins
from vo_server.budget import Budget
from vo_server.cli import cli
from vo_server.context import Context
from vo_server.errors import BadArgument, BadFile
from vo_server.model.parameter import Parameter
from vo_server.model.resource import Kind
from vo_server.model.table import Header, Table
from vo_server.publish import doubt
from vo_server.publish.dataset_file import pattern
from vo_server.publish.doubt import Answers
from vo_server.publish.run_file import Origin, run_text
from vo_server.publish.work import look_at
from vo_server.settings import load

Run = Callable[..., Result]

_TOLD = ("--model", "HYB", "--body", "Mars", "--frame", "MSO", "--body-radius", "3390 km")
_COMMENT = '# checked by Ada\ntitle = "By hand"\n'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(cli, list(arguments), catch_exceptions=True)

    return call


@pytest.fixture
def hc(tmp_path: Path) -> Path:
    folder = tmp_path / "runs/RunB"
    folder.mkdir(parents=True)
    with as_file(files("vo_server.demo") / "sample") as sample:
        source = next(sample.glob("*.hc"))
        return Path(shutil.copy(source, folder / source.name))


def _cube(path: Path, extent: float = 3.0, units: str = "", **attributes: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as dataset:
        dataset.setncatts(attributes)
        for axis in "xyz":
            dataset.createDimension(axis, 5)
            dataset.createVariable(axis, "f8", (axis,))[:] = np.linspace(-extent, extent, 5)
            if units:
                dataset[axis].units = units
        for axis in "xyz":
            dataset.createVariable(f"B{axis}", "f4", ("x", "y", "z"))[:] = 1.0
            dataset[f"B{axis}"].units = "nT"
    return path


def _series(folder: Path, days: int = 2) -> list[str]:
    folder.mkdir(parents=True)
    for day in range(1, days + 1):
        lines = ["Time,X [km],Y [km],Z [km],Bx [nT],By [nT],Bz [nT]"]
        lines += [f"2026-01-0{day}T{hour:02}:00:00Z,{hour},2,3,4,5,6" for hour in range(24)]
        (folder / f"mag_2026010{day}.csv").write_text("\n".join(lines) + "\n")
    return sorted(str(path) for path in folder.glob("*.csv"))


def test_bare_files_are_published_served_flown_and_have_right_records(
    run: Run, hc: Path, tmp_path: Path
) -> None:
    assert run("publish", "--authority", "Lab", *_TOLD, str(hc)).exit_code == 0
    cube = _cube(tmp_path / "runs/dipole/field.nc", 3e7, "m", coordinate_system="MSO")
    told = ("--model", "MHDx", "--body", "Mars", "--body-radius", "3390 km")
    assert run("publish", *told, str(cube)).exit_code == 0
    series = _series(tmp_path / "series/mag")
    told = ("--mission", "MEX", "--instrument", "MAG", "--frame", "MSO")
    result = run("publish", *told, *series)
    assert result.exit_code == 0, result.output
    context = Context(load(tmp_path / "node.toml"), Event())
    assert context.registry.refused() == ()
    outputs = [resource.id for resource in context.registry.all(Kind.OUTPUT)]
    assert outputs == [
        "spase://Lab/NumericalOutput/HYB/Mars/RunB/H+",
        "spase://Lab/NumericalOutput/MHDx/Mars/dipole/field",
    ]
    (measured,) = context.registry.all(Kind.SERIES)
    assert measured.id == "spase://Lab/NumericalData/MEX/MAG/mag"
    assert {p.name: p.shape for p in measured.parameters} == {
        "Time": (), "Position": (3,), "B": (3,)
    }  # fmt: skip
    context.close()
    (tmp_path / "points.csv").write_text("X [km],Y [km],Z [km]\n1,2,3\n-5000,4,5\n")
    for output in outputs:
        flown = run("fly", output, "points.csv", "-o", "flown.csv")
        assert flown.exit_code == 0, flown.exception
        assert len((tmp_path / "flown.csv").read_text().splitlines()) >= 3
    assert run("export", "records").exit_code == 0
    assert [str(f) for f in SpaseChecker().check("records", Budget())] == []


def test_what_no_file_tells_is_asked_for_by_name(run: Run, hc: Path) -> None:
    result = run("publish", "--authority", "Lab", str(hc))
    assert isinstance(result.exception, BadArgument)
    for flag in ("--body", "--model", "--body-radius", "--frame"):
        assert flag in str(result.exception)
    assert not (hc.parent / "run.toml").exists()
    assert not Path("node.toml").exists()
    result = run("publish", str(hc))
    assert "--authority" in str(result.exception)


def test_doubts_are_explained() -> None:
    assert "MESO is Mercury's" in str(doubt.frame("Mars", "it"))
    assert doubt.frame("Mercury", "it").suggestion == "MESO"
    assert doubt.axis_unit("x", -4.2, 4.2, "Mars").suggestion == "radii of Mars, written Rp"
    assert doubt.axis_unit("x", -14000.0, 14000.0, "Mars").suggestion == "km"
    assert doubt.axis_unit("x", -1.4e7, 1.4e7, "Mars").suggestion == "m"
    assert doubt.body_radius("mars").suggestion == "3389.5 km"
    assert doubt.body_radius("Nowhere").suggestion == ""


def test_units_of_axes_come_from_the_flag_and_change_the_domain(run: Run, tmp_path: Path) -> None:
    cube = _cube(tmp_path / "runs/a/field.nc", 3.0)
    told = ("--authority", "Lab", *_TOLD)
    result = run("publish", *told, str(cube))
    assert "axis-unit" in str(result.exception)
    assert "radii of Mars" in result.stderr
    assert run("publish", *told, "--axis-unit", "Rp", str(cube)).exit_code == 0
    context = Context(load(tmp_path / "node.toml"), Event())
    (output,) = context.registry.all(Kind.OUTPUT)
    assert output.domain is not None
    assert output.domain.upper == pytest.approx((3 * 3.39e6,) * 3)
    context.close()


def test_hand_edits_survive_and_new_files_are_added(run: Run, hc: Path) -> None:
    assert run("publish", "--authority", "Lab", *_TOLD, str(hc)).exit_code == 0
    file = hc.parent / "run.toml"
    edited = file.read_text().replace("[run]\n", f"[run]\n{_COMMENT}").replace("3390 km", "3400 km")
    file.write_text(edited)
    second = Path(shutil.copy(hc, hc.with_name("O+_hybstate_00150000.hc")))
    result = run("publish", "--frame", "MSE", str(hc), str(second))
    assert result.exit_code == 0, result.output
    assert "says frame = MSO already; --frame is not used" in result.output
    text = file.read_text()
    assert text.startswith(edited)
    added = text.removeprefix(edited)
    assert added == (
        '\n[[run.outputs]]\nid = "spase://Lab/NumericalOutput/HYB/Mars/RunB/O+"\n'
        'file = "O+_hybstate_00150000.hc"\npopulation = "O+"\n'
    )
    node = Path("node.toml").read_text()
    assert run("publish", str(hc), str(second)).exit_code == 0
    assert (file.read_text(), Path("node.toml").read_text()) == (text, node)


def test_a_flag_that_the_file_overrules_is_told_of(run: Run, tmp_path: Path) -> None:
    cube = _cube(tmp_path / "runs/a/field.nc", 3e7, "m", coordinate_system="GSE")
    result = run("publish", "--authority", "Lab", *_TOLD, str(cube))
    assert "the files say frame = GSE; --frame is not used" in result.output
    assert "frame" not in (tmp_path / "runs/a/run.toml").read_text()


def test_check_changes_nothing(run: Run, hc: Path, tmp_path: Path) -> None:
    series = _series(tmp_path / "series/mag")
    told = ("--authority", "Lab", "--mission", "MEX", *_TOLD)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    result = run("publish", "--check", *told, str(hc), *series)
    assert result.exit_code == 0, result.exception
    assert '+population = "H+"' in result.output
    assert '+files = "mag_%Y%m%d.csv"' in result.output
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_dataset_file_stays_as_it_is(run: Run, tmp_path: Path) -> None:
    series = _series(tmp_path / "series/mag")
    told = ("--authority", "Lab", "--mission", "MEX", "--frame", "MSO")
    assert run("publish", *told, *series).exit_code == 0
    file = tmp_path / "series/mag/dataset.toml"
    edited = file.read_text() + "# by hand\n"
    file.write_text(edited)
    assert run("publish", "--mission", "other", *series).exit_code == 0
    assert file.read_text() == edited


def test_files_that_nothing_reads_are_refused_with_every_reason(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no numbers")
    with pytest.raises(BadFile, match=r"hc-cubes: .*netcdf-cubes: .*time-series: "):
        look_at(tmp_path / "note.txt")
    result = run("publish", "--authority", "Lab", "note.txt")
    assert isinstance(result.exception, BadFile)
    assert run("publish", "--authority", "Lab", "missing.nc").exit_code == 2
    assert run("publish", "--authority", "Lab", ".").exit_code == 2


def test_a_file_outside_the_node_is_refused(
    run: Run, hc: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("elsewhere")
    shutil.copy(hc, other / hc.name)
    result = run("publish", "--authority", "Lab", *_TOLD, str(other / hc.name))
    assert "outside the folder" in str(result.exception)
    assert not (other / "run.toml").exists()


def test_a_broken_run_file_is_not_written_over(run: Run, hc: Path) -> None:
    file = hc.parent / "run.toml"
    file.write_text("[run\n")
    result = run("publish", "--authority", "Lab", *_TOLD, str(hc))
    assert isinstance(result.exception, BadFile)
    assert file.read_text() == "[run\n"


def test_people_are_asked_on_a_terminal(hc: Path) -> None:
    asked: list[str] = []

    def ask(question: doubt.Doubt) -> str:
        asked.append(question.flag)
        return {"body": "Mercury", "model": "AMITIS", "model-type": "Hybrid"}.get(
            question.flag, question.suggestion
        )

    answers = Answers({}, ask)
    looks = {hc.name: look_at(hc)[1]}
    text, _ = run_text("", looks, answers, Origin("Lab", "R1", "2026-01-02"))
    assert asked == ["body", "body-radius", "frame", "model", "model-type"]
    assert 'frame = "MESO"' in text
    assert 'model_type = "Hybrid"' in text
    assert 'body_radius = "2439.4 km"' in text
    assert answers.missing == []


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a.csv"], "a.csv"),
        (["m_20260101.csv", "m_20260102.csv"], "m_%Y%m%d.csv"),
        (["m_2026-01-01_v1.csv", "m_2026-01-02_v1.csv"], "m_%Y-%m-%d_v1.csv"),
    ],
)
def test_patterns_of_names(names: list[str], found: str) -> None:
    assert pattern(names) == found


def test_names_without_a_pattern_are_refused() -> None:
    with pytest.raises(BadArgument, match="--pattern"):
        pattern(["a.csv", "b.csv"])


def test_where_values_lie_is_told_by_the_flag_else_taken_from_cf(run: Run, tmp_path: Path) -> None:
    told = ("--authority", "Lab", *_TOLD)
    for grid, lower in (("nodes", -3e7), ("cells", -2.25e7)):
        folder = tmp_path / grid
        cube = _cube(folder / "runs/a/field.nc", 3e7, "m")
        flags = () if grid == "nodes" else ("--grid", grid)
        result = run("publish", "--config", f"{grid}/node.toml", *told, *flags, str(cube))
        assert result.exit_code == 0, result.output
        assert f"its values lie at the {grid} of its axes" in result.output
        assert f'grid = "{grid}"' in (folder / "runs/a/run.toml").read_text()
        context = Context(load(folder / "node.toml"), Event())
        (output,) = context.registry.all(Kind.OUTPUT)
        assert output.domain is not None
        assert output.domain.lower == pytest.approx((lower,) * 3)
        context.close()
    cube = _cube(tmp_path / "odd/runs/a/field.nc", 3e7, "m")
    result = run("publish", "--config", "odd/node.toml", *told, "--grid", "edges", str(cube))
    assert "'nodes' or 'cells'" in str(result.exception)


def _table() -> Table:
    time = np.datetime64("2026-01-01", "ns") + np.arange(48) * np.timedelta64(3600, "s")
    parameters = [Parameter("Time", time.dtype, xtype="timestamp", ucd="time.epoch")]
    parameters += [Parameter(name, unit="km") for name in ("X", "Y", "Z")]
    parameters += [Parameter(f"B{axis}", unit="nT") for axis in "xyz"]
    numbers = [np.arange(48) + 100.0 * i for i in range(6)]
    return Table(Header(tuple(parameters)), (time, *numbers))


@pytest.mark.parametrize(
    "name", sorted(name for name, form in plugins.formats().items() if form.extensions)
)
def test_a_series_in_every_format_is_published_and_served(
    run: Run, tmp_path: Path, name: str
) -> None:
    form = plugins.format_named(name)
    folder = tmp_path / "series/mag"
    folder.mkdir(parents=True)
    file = folder / f"mag.{form.extensions[0]}"
    file.write_bytes(b"".join(form.write([_table()])))
    told = ("--authority", "Lab", "--mission", "MEX", "--frame", "MSO")
    result = run("publish", *told, str(file))
    assert result.exit_code == 0, (result.output, result.exception)
    context = Context(load(tmp_path / "node.toml"), Event())
    (measured,) = context.registry.all(Kind.SERIES)
    found = {p.name: (p.shape, p.unit, p.frame) for p in measured.parameters if p.shape}
    assert found == {"Position": ((3,), "km", "MSO"), "B": ((3,), "nT", "MSO")}
    series = context.datasets.get(measured.series.name) if measured.series else None
    assert series is not None
    context.close()
    assert run("export", "records").exit_code == 0
    assert [str(f) for f in SpaseChecker().check("records", Budget())] == []


def test_an_istp_cdf_of_vectors_is_published(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "series/mag"
    folder.mkdir(parents=True)
    with cdfwrite.CDF(folder / "mag_20260101.cdf") as file:
        file.write_globalattrs({"Mission_group": {0: "MEX"}})
        file.write_var(
            {"Variable": "Epoch", "Data_Type": 33, "Num_Elements": 1, "Rec_Vary": True,
             "Dim_Sizes": []},
            {"VAR_TYPE": "support_data", "UNITS": "ns"},
            820_497_669_184_000_000 + np.arange(60) * 1_000_000_000,
        )  # fmt: skip
        for name in ("B", "B_MSO", "flux"):
            file.write_var(
                {"Variable": name, "Data_Type": 45, "Num_Elements": 1, "Rec_Vary": True,
                 "Dim_Sizes": [3]},
                {"VAR_TYPE": "data", "UNITS": "nT", "DEPEND_0": "Epoch", "FILLVAL": -1e31},
                np.ones((60, 3)),
            )  # fmt: skip
    told = ("--authority", "Lab", "--mission", "MEX", "--instrument", "MAG")
    result = run("publish", *told, str(folder / "mag_20260101.cdf"))
    assert "in which frame is the vector B?" in result.stderr
    result = run("publish", *told, "--frame", "IAU_MARS", str(folder / "mag_20260101.cdf"))
    assert result.exit_code == 0, (result.output, result.exception)
    assert "B_MSO: by its name it is in MSO" in result.output
    context = Context(load(tmp_path / "node.toml"), Event())
    (measured,) = context.registry.all(Kind.SERIES)
    found = {p.name: (p.shape, p.unit, p.frame) for p in measured.parameters[1:]}
    assert found == {
        "B": ((3,), "nT", "IAU_MARS"), "B_MSO": ((3,), "nT", "MSO"), "flux": ((3,), "nT", None)
    }  # fmt: skip
    assert measured.series is not None
    assert measured.series.coverage.start == np.datetime64("2026-01-01T00:00:00")
    context.close()


def _dialogue(command: list[str], folder: Path, answers: dict[str, list[str]]) -> str:
    """Talk to a command on a terminal: answers by words of the question; gives all it said."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    said, heard, ends = "", 0, time.monotonic() + 120.0
    waiting = {words: list(texts) for words, texts in answers.items()}
    try:
        while time.monotonic() < ends:
            if not select.select([ours], [], [], 1.0)[0]:
                if process.poll() is not None:
                    break
                continue
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not piece:
                break
            said += piece.decode()
            asked = said[heard:].rstrip()
            texts = next((t for words, t in waiting.items() if t and words in asked), None)
            if texts is not None and asked.endswith(":"):
                os.write(ours, f"{texts.pop(0)}\n".encode())
                heard = len(said)
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert process.returncode == 0, said
    assert not any(waiting.values()), said
    return said


def test_the_dialogue_on_a_real_terminal(tmp_path: Path) -> None:
    cube = _cube(tmp_path / "runs/a/field.nc", 3.0)
    command = [sys.executable, "-m", "vo_server", "publish", "--authority", "Lab", str(cube)]
    said = _dialogue(
        command,
        tmp_path,
        {
            "which body is at the origin?": ["Mars"],
            "which radius of Mars": [""],
            "in which frame": [""],
            "which model made the files?": ["AMITIS"],
            "how does AMITIS compute": ["by magic", "hybrid"],
            "amid the cells": ["edges", "cells"],
            "in km, m or radii of the body?": ["Rp"],
        },
    )
    assert "MESO is Mercury's" in said
    assert "CF says nodes" in said
    text = (tmp_path / "runs/a/run.toml").read_text()
    for line in (
        'body = "Mars"', 'body_radius = "3389.5 km"', 'frame = "MSO"', 'grid = "cells"',
        'unit = "Rp"', 'model = "spase://Lab/SimulationModel/AMITIS"', 'model_type = "Hybrid"',
    ):  # fmt: skip
        assert line in text
    assert "serves spase://Lab/NumericalOutput/AMITIS/Mars/a/field" in said
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.toml")}
    said = _dialogue([*command, "--check"], tmp_path, {})
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.toml")} == before
