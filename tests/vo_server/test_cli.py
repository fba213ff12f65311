"""Command line: flights and traces offline, listings, refusals as one line, nothing left over."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

_NODE = """
[node]
authority = "VOSERVER"
[[providers]]
use = "hc-cubes"
path = "{data}/mars-hyb/*.hc"
[[providers]]
use = "hc-cubes"
path = "{data}/trajectories/latmos_orbite_60sec.xml"
[[providers]]
use = "orbit-files"
path = "{data}/trajectories/latmos_orbite_60sec.xml"
spacecraft = "MEX"
body = "Mars"
"""
_RESOURCE = "spase://VOSERVER/NumericalOutput/HYB/Mars/RunB-coarse/H+"
_RUN = "spase://VOSERVER/SimulationRun/HYB/Mars/RunB-coarse"


@pytest.fixture
def folder(tmp_path: Path, shared: Path) -> Path:
    """Give a folder with a node file over the real data."""
    (tmp_path / "node.toml").write_text(_NODE.format(data=shared / "data"), encoding="utf-8")
    return tmp_path


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vo_server", *arguments], cwd=folder, capture_output=True, text=True
    )


def test_resources_lists_what_is_served_and_what_is_not(folder: Path) -> None:
    with (folder / "node.toml").open("a", encoding="utf-8") as node:
        node.write('[[providers]]\nuse = "hc-cubes"\npath = "stray/*.hc"\n')
    (folder / "stray").mkdir()
    (folder / "stray/a.hc").write_bytes(b"no cube")
    done = _run(folder, "resources")
    assert done.returncode == 0
    assert f"output  {_RESOURCE}" in done.stdout
    assert "Density [1/m3]" in done.stdout
    assert "orbit   spase://VOSERVER/NumericalData/MEX/Orbit" in done.stdout
    refused = next(x for x in done.stdout.splitlines() if x.startswith("refused"))
    assert refused.endswith("there is no run.toml beside it")


def test_fly_along_a_file_and_a_served_orbit_alike(folder: Path, shared: Path) -> None:
    orbit = shared / "data/trajectories/latmos_orbite_60sec.xml"
    outputs = []
    for given, name in (
        (str(orbit), "a.csv"),
        ("spase://VOSERVER/NumericalData/MEX/Orbit", "b.csv"),
    ):
        done = _run(folder, "fly", _RESOURCE, given, "--variable", "Btot", "-o", name)
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        assert done.stderr == f"wrote {name}\n"
        outputs.append((folder / name).read_text(encoding="utf-8"))
    assert outputs[0] == outputs[1]
    assert sorted(path.name for path in folder.iterdir()) == ["a.csv", "b.csv", "node.toml"]


def test_fly_adds_status_and_errors_where_asked_for(folder: Path) -> None:
    (folder / "way.csv").write_text("X [Rm],Y [Rm],Z [Rm]\n2,0,0\n0,0,0\n9,0,0\n", encoding="utf-8")
    given = ("fly", _RESOURCE, "way.csv", "--variable", "Density", "-o", "out.csv")
    done = _run(folder, *given, "--status", "--error")
    assert done.returncode == 0, done.stderr
    rows = [
        line.split(",")
        for line in (folder / "out.csv").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    names = [name.partition(" ")[0] for name in rows[0]]
    assert names[-3:] == ["Density", "Density_error", "Status"]
    assert [row[-1] for row in rows[1:]] == ["0", "3", "4"]
    done = _run(folder, *given, "--error", "--method", "cubic")
    assert "no error estimate of cubic values; it has one of: linear, nearest" in done.stderr


@pytest.mark.parametrize("extension", ["vot", "nc", "txt"])
def test_fly_writes_every_format(folder: Path, shared: Path, extension: str) -> None:
    orbit = shared / "data/trajectories/latmos_orbite_60sec.xml"
    done = _run(folder, "fly", _RESOURCE, str(orbit), "-o", f"out.{extension}")
    assert done.returncode == 0, done.stderr
    assert (folder / f"out.{extension}").stat().st_size > 100_000


def test_trace(folder: Path) -> None:
    (folder / "seeds.csv").write_text("X [Rm],Y [Rm],Z [Rm]\n2,0,0\n-2,1,0\n", encoding="utf-8")
    done = _run(
        folder, "trace", _RESOURCE, "seeds.csv", "-o", "lines.csv", "--step", "100 km",
        "--direction", "forward", "--max-steps", "5",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = (folder / "lines.csv").read_text(encoding="utf-8").splitlines()
    rows = np.array([line.split(",") for line in lines if line[:1].isdigit()], float)
    assert rows[:, 0].tolist() == [1.0] * 6 + [2.0] * 6
    np.testing.assert_allclose(rows[0, 1:4], [2 * 3.39e6, 0, 0])
    steps = np.linalg.norm(np.diff(rows[:6, 1:4], axis=0), axis=1)
    np.testing.assert_allclose(steps, 1e5, rtol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("fly", "spase://nowhere", "seeds.csv", "-o", "x.csv"), "is not served here"),
        (("fly", _RUN, "seeds.csv", "-o", "x.csv"), "name one of its outputs"),
        (("fly", _RESOURCE, "seeds.csv", "-o", "x.csv", "--variable", "Q"), "variable 'Q'"),
        (("fly", _RESOURCE, "nothing.csv", "-o", "x.csv"), "cannot read nothing.csv"),
        (("fly", _RESOURCE, "seeds.csv", "-o", "x.what"), "no table format"),
        (("fly", _RESOURCE, "seeds.csv", "-o", "no/x.csv"), "cannot write"),
        (("fly", _RESOURCE, "http://127.0.0.1:9/x.vot", "-o", "x.csv"), "127.0.0.1"),
        (("fly", _RESOURCE, _RUN, "-o", "x.csv"), "is no orbit"),
        (("trace", _RESOURCE, "seeds.csv", "-o", "x.csv", "--quantity", "E"), "Ex"),
        (("trace", _RESOURCE, "seeds.csv", "-o", "x.csv", "--step", "100"), "step"),
        (("trace", _RESOURCE, "seeds.csv", "-o", "x.csv", "--radius", "-5 km"), "more than zero"),
        (("fly", _RESOURCE, "seeds.csv", "-o", "seeds.csv"), "is the input too"),
        (("resources", "--config", "no.toml"), "cannot read"),
        (
            ("demo", "--port", "18999", "--folder", "/proc/demo-node"),
            "cannot write /proc/demo-node",
        ),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(
    folder: Path, arguments: tuple[str, ...], reason: str
) -> None:
    (folder / "seeds.csv").write_text("X [Rm],Y [Rm],Z [Rm]\n2,0,0\n", encoding="utf-8")
    done = _run(folder, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("vo-server: ")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["node.toml", "seeds.csv"]


def test_wrong_usage_is_2(folder: Path) -> None:
    assert _run(folder, "fly").returncode == 2
    assert _run(folder, "fly", "a", "b", "-o", "c.csv", "--method", "spline").returncode == 2


def test_version(folder: Path) -> None:
    assert _run(folder, "--version").stdout.startswith("vo-server, version ")


def test_rank(folder: Path, shared: Path) -> None:
    orbit = str(shared / "data/trajectories/latmos_orbite_60sec.xml")
    assert (
        _run(folder, "fly", _RESOURCE, orbit, "--variable", "Ux", "-o", "seen.vot").returncode == 0
    )
    asked = ("--variable", "Ux", "--body", "mars.Magnetosphere", "--keep", "kept")
    done = _run(folder, "rank", "seen.vot", *asked)
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0].split()
    assert first[:3] == ["1", _RESOURCE, "0"]
    assert (folder / "kept" / "0001_H+.vot").is_file()
    assert len(done.stdout.splitlines()) > 1
    done = _run(folder, "rank", "seen.vot", "--variable", "Nothing")
    assert done.returncode == 1
    assert done.stderr == "vo-server: no output has Nothing\n"


def test_rank_shows_on_a_terminal_how_far_it_is(folder: Path) -> None:
    (folder / "seen.csv").write_text(
        "X [km],Y [km],Z [km],Ux [km/s]\n9000,0,0,-400\n0,9000,0,-380\n", encoding="utf-8"
    )
    mine, theirs = os.openpty()
    command = [sys.executable, "-m", "vo_server", "rank", "seen.csv", "--variable", "Ux"]
    with subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        told = b""
        with suppress(OSError):  # a terminal whose other side is gone
            while piece := os.read(mine, 65_536):
                told += piece
        os.close(mine)
        assert process.stdout is not None
        first = process.stdout.readline().split()
    assert process.returncode == 0, told
    assert b"flying" in told
    assert first[0] == b"1"


def test_rank_by_an_observed_wind(folder: Path) -> None:
    table = "Time,Np [cm-3],Utot [km/s]\n" + "".join(
        f"2012-01-31T{hour:02}:00:00Z,{2.0 + 0.1 * hour},{450 + hour}\n" for hour in range(24)
    )
    (folder / "wind.csv").write_text(table)
    asked = ["rank-wind", "wind.csv", "--body", "MARS.Magnetosheath", "--column", "Density=Np"]
    done = _run(folder, *asked, "--stop", "2012-01-31T11:00")
    assert done.returncode == 0, done.stderr
    assert "Density: 2.5e+06 +- 4.45e+05 of 11 values" in done.stderr
    place, run, distance = done.stdout.splitlines()[0].split()
    assert (place, run.split("/")[3]) == ("1", "SimulationRun")
    assert float(distance) > 0.0
    done = _run(folder, *asked, "--variable", "Bx")
    assert done.returncode == 1
    assert "OBSERVED has no 'Bx'; it has Time, Np, Utot" in done.stderr


def test_a_cut_is_a_grid_of_points_on_the_plane(folder: Path) -> None:
    plane = ["--point", "0 km,0 km,1000 km", "--normal", "0,0,1", "--resolution", "2000 km"]
    done = _run(folder, "cut", _RESOURCE, *plane, "--variable", "Btot", "-o", "cut.csv")
    assert done.returncode == 0, done.stderr
    lines = (folder / "cut.csv").read_text(encoding="utf-8").splitlines()
    table = [text for text in lines if not text.startswith("#")]
    rows = np.genfromtxt(table, delimiter=",", names=True)
    assert rows.dtype.names is not None
    assert set(np.unique(rows["Z_m"])) == {1e6}
    assert len(rows) == len(np.unique(rows["X_m"])) * len(np.unique(rows["Y_m"]))
    assert np.isfinite(rows["Btot_T"]).any()


@pytest.mark.parametrize(
    ("plane", "reason"),
    [
        (["--point", "0 km,0 km", "--normal", "0,0,1"], "three lengths"),
        (["--point", "0 km,0 km,0 kg", "--normal", "0,0,1"], "kg"),
        (["--point", "0 km,0 km,0 km", "--normal", "0,0"], "three numbers"),
        (["--point", "0 km,0 km,0 km", "--normal", "0,0,0"], "no length"),
        (["--point", "0 km,0 km,9e9 km", "--normal", "0,0,1"], "does not meet"),
    ],
)
def test_impossible_planes_are_one_line(folder: Path, plane: list[str], reason: str) -> None:
    done = _run(folder, "cut", _RESOURCE, *plane, "-o", "cut.csv")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert reason in done.stderr
    assert not (folder / "cut.csv").exists()
