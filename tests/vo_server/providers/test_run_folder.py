"""Run folders: what is refused, one state of a file at a time, and when it is looked at again."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_server.block_cache import shared_cache
from vo_server.blocks import Loaded
from vo_server.errors import BadFile
from vo_server.model.resource import Kind, Resource
from vo_server.model.run import Run
from vo_server.ports import Site
from vo_server.providers import run_folder
from vo_server.providers.cube import Array, Cube
from vo_server.providers.disk_file import DiskFile
from vo_server.providers.run_folder import CubeOptions, RunFolders

WriteRun = Callable[..., None]
_OVERRIDE = '[[run.outputs.parameters]]\nname = "{name}"\nunit = "{unit}"\n'


def _nothing() -> None:
    """Happen while a file is looked at or read."""


class Cubes(RunFolders):
    """Files of one number: the description of a and b, and their value in nT at all 27 nodes."""

    inspected = 0
    trouble = ""
    looked: Callable[[], None] = staticmethod(_nothing)
    meanwhile: Callable[[], None] = staticmethod(_nothing)

    def inspect(self, path: Path, run: Run) -> Cube:
        self.inspected += 1
        if self.trouble:
            raise BadFile(self.trouble)
        axis = np.array([-1.0, 0.0, 1.0])
        file = DiskFile(path)
        text = path.read_text()
        values = Loaded((3, 3, 3), np.dtype(np.float64), partial(self._read, file, len(text)))
        arrays = tuple(Array(name, "nT", values, text) for name in "ab")
        self.looked()
        return Cube((axis, axis, axis), ("m", "m", "m"), arrays, file=file)

    def _read(self, file: DiskFile, length: int) -> NDArray[np.float64]:
        value = float(file.read(0, length, "the number").tobytes())
        self.meanwhile()
        return np.full((3, 3, 3), value)


@dataclass
class Clock:
    """A clock that tests set."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock in the place of the run folders'."""
    made = Clock()
    monkeypatch.setattr(run_folder, "time", made)
    return made


@pytest.fixture
def provider(tmp_path: Path, site: Site, write_run: WriteRun) -> Cubes:
    """Give a provider of a.txt, which holds 1."""
    (tmp_path / "a.txt").write_text("1")
    write_run("a.txt")
    return Cubes(CubeOptions(path="*.txt"), site)


def _outputs(provider: Cubes) -> list[Resource]:
    return [r for r in provider.resources() if r.kind is Kind.OUTPUT]


def _reasons(provider: Cubes) -> list[tuple[str, str]]:
    return [(Path(r.source).name, r.reason) for r in provider.refused()]


def _sample(provider: Cubes, output: Resource) -> list[float]:
    """Give the values of a and b at the origin."""
    with provider.field(output, "ab") as field:
        values, _ = field.sample(np.zeros((1, 3)), "ab", "nearest")
    return [float(value) for value in values[:, 0]]


def _replace(path: Path, text: str) -> None:
    """Put another file in the place of one, as a writer does who knows of readers."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def _move(folder: Path, name: str, value: str) -> None:
    """Make a folder with the run file of the fixture and an a.txt of its own."""
    (folder / name).mkdir()
    (folder / name / "run.toml").write_text((folder / "run.toml").read_text())
    (folder / name / "a.txt").write_text(value)


def test_one_id_in_two_folders(tmp_path: Path, site: Site, write_run: WriteRun) -> None:
    write_run("a.txt")
    _move(tmp_path, "one", "1")
    _move(tmp_path, "two", "2")
    provider = Cubes(CubeOptions(path="*/*.txt"), site)
    (output,) = _outputs(provider)
    assert [(r.source, r.reason) for r in provider.refused()] == [
        (str(tmp_path / "two/a.txt"), f"{output.id} is served from elsewhere already")
    ]
    assert output.source == str(tmp_path / "one/a.txt")
    assert _sample(provider, output) == [1e-9, 1e-9]


def test_a_file_that_is_named_but_not_there(
    provider: Cubes, tmp_path: Path, write_run: WriteRun
) -> None:
    more = '[[run.outputs]]\nid = "spase://MyLab/NumericalOutput/A/gone"\nfile = "gone.txt"'
    write_run("a.txt", more)
    assert [output.id.rpartition("/")[2] for output in _outputs(provider)] == ["out"]
    assert _reasons(provider) == [("gone.txt", "named in run.toml, but not there")]


def test_a_run_file_that_is_broken_refuses_its_own_folder_only(
    tmp_path: Path, site: Site, write_run: WriteRun
) -> None:
    write_run("a.txt")
    _move(tmp_path, "one", "1")
    _move(tmp_path, "two", "2")
    (tmp_path / "one/run.toml").write_text("[run")
    provider = Cubes(CubeOptions(path="*/*.txt"), site)
    (output,) = _outputs(provider)
    assert _sample(provider, output) == [2e-9, 2e-9]
    ((source, reason),) = [(r.source, r.reason) for r in provider.refused()]
    assert source == str(tmp_path / "one/a.txt")
    assert "run.toml is not valid TOML" in reason


def test_a_variable_larger_than_the_cache(provider: Cubes, site: Site) -> None:
    small = Cubes(CubeOptions(path="*.txt", cache_bytes=215), site)
    (output,) = _outputs(small)
    assert _sample(small, output) == [1e-9, 1e-9]


def test_providers_that_say_the_same_share_a_cache(provider: Cubes, site: Site) -> None:
    assert shared_cache(12345) is shared_cache(12345)
    assert shared_cache(12345) is not shared_cache(12346)
    twin = Cubes(CubeOptions(path="*.txt"), site)
    (output,) = _outputs(twin)
    _sample(twin, output)
    with twin.field(output, "ab") as field:
        assert field.variables["a"].values.room == 536_870_912


def test_a_file_replaced_while_it_is_read_gives_no_mixture(provider: Cubes, tmp_path: Path) -> None:
    (output,) = _outputs(provider)
    provider.meanwhile = lambda: _replace(tmp_path / "a.txt", "2")
    assert _sample(provider, output) == [1e-9, 1e-9]
    provider.meanwhile = _nothing
    (again,) = _outputs(provider)
    assert again.version != output.version
    assert _sample(provider, again) == [2e-9, 2e-9]
    with pytest.raises(BadFile, match="ask again"):
        _sample(provider, output)


def test_a_file_written_to_while_it_is_read_gives_no_mixture(
    provider: Cubes, tmp_path: Path
) -> None:
    (output,) = _outputs(provider)

    def write() -> None:
        (tmp_path / "a.txt").write_text("3")
        os.utime(tmp_path / "a.txt", (1.0, 1.0))

    provider.meanwhile = write
    with pytest.raises(BadFile, match=r"a\.txt was removed or replaced just now; ask again"):
        _sample(provider, output)
    provider.meanwhile = _nothing
    (again,) = _outputs(provider)
    assert _sample(provider, again) == pytest.approx([3e-9, 3e-9])


def test_an_open_field_keeps_the_state_it_was_opened_with(provider: Cubes, tmp_path: Path) -> None:
    (output,) = _outputs(provider)
    with provider.field(output, "ab") as field:
        _replace(tmp_path / "a.txt", "2")
        values, _ = field.sample(np.zeros((1, 3)), "ab", "nearest")
    assert values.tolist() == [[1e-9], [1e-9]]


def test_a_file_that_is_gone_cannot_be_opened(provider: Cubes, tmp_path: Path) -> None:
    (output,) = _outputs(provider)
    (tmp_path / "a.txt").unlink()
    with pytest.raises(BadFile, match="ask again"):
        _sample(provider, output)
    assert _outputs(provider) == []
    with pytest.raises(BadFile, match="ask again"):
        _sample(provider, output)


def test_a_served_file_is_looked_at_once(provider: Cubes, clock: Clock, tmp_path: Path) -> None:
    first = _outputs(provider)
    clock.now += 1000.0
    assert _outputs(provider) == first
    assert provider.inspected == 1
    _replace(tmp_path / "a.txt", "2")
    assert _outputs(provider) != first
    assert provider.inspected == 2


def test_a_refused_file_is_looked_at_again_later(provider: Cubes, clock: Clock) -> None:
    provider.trouble = "its disk is away"
    for _ in range(2):
        assert _outputs(provider) == []
        assert _reasons(provider) == [("a.txt", "its disk is away")]
    assert provider.inspected == 1
    provider.trouble = ""
    clock.now += 9.0
    assert _outputs(provider) == []
    clock.now += 2.0
    (output,) = _outputs(provider)
    assert provider.refused() == ()
    assert _sample(provider, output) == [1e-9, 1e-9]


def test_a_refused_file_that_is_written_is_looked_at_at_once(
    provider: Cubes, clock: Clock, tmp_path: Path
) -> None:
    provider.trouble = "damaged"
    assert _outputs(provider) == []
    provider.trouble = ""
    _replace(tmp_path / "a.txt", "2")
    (output,) = _outputs(provider)
    assert _sample(provider, output) == [2e-9, 2e-9]


@pytest.mark.parametrize("name", ["no[de]", "a*b", "what?"])
def test_the_nodes_folder_is_no_pattern(tmp_path: Path, write_run: WriteRun, name: str) -> None:
    write_run("a.txt")
    _move(tmp_path, name, "1")
    provider = Cubes(CubeOptions(path="*.txt"), Site("MyLab", tmp_path / name))
    (output,) = _outputs(provider)
    assert _sample(provider, output) == [1e-9, 1e-9]


def test_a_run_file_changed_alone(provider: Cubes, write_run: WriteRun) -> None:
    (before,) = _outputs(provider)
    assert _sample(provider, before) == [1e-9, 1e-9]
    write_run("a.txt", _OVERRIDE.format(name="b", unit="uT"))
    with pytest.raises(BadFile, match="ask again"):
        _sample(provider, before)
    (after,) = _outputs(provider)
    assert after.version != before.version
    assert _sample(provider, after) == [1e-9, 1e-6]
    assert after.remarks == ("b: unit 'uT' of run.toml overrules the file's 'nT'",)


@pytest.mark.parametrize(
    ("name", "more", "described", "values"),
    [
        ("a.txt", "0", "10", [10e-9, 10e-9]),
        ("run.toml", _OVERRIDE.format(name="b", unit="uT"), "1", [1e-9, 1e-6]),
    ],
)
def test_what_changes_while_it_is_looked_at_is_looked_at_again(
    provider: Cubes, tmp_path: Path, name: str, more: str, described: str, values: list[float]
) -> None:
    def change() -> None:
        provider.looked = _nothing
        _replace(tmp_path / name, (tmp_path / name).read_text() + more)

    provider.looked = change
    provider.resources()
    (output,) = _outputs(provider)
    assert [p.description for p in output.parameters] == [described, described]
    np.testing.assert_allclose(_sample(provider, output), values)


_TIMES = """
[run]
id = "spase://MyLab/SimulationRun/A"
model = "spase://MyLab/SimulationModel/M"
body = "Mars"
body_radius = "3390 km"
frame = "MSO"
[[run.outputs]]
id = "spase://MyLab/NumericalOutput/A/out"
snapshots = [
    { time = 2012-01-31T12:00:00Z, file = "a.txt" },
    { time = 2012-01-31T12:00:01.5Z, file = "b.txt" },
]
"""


def _changing(folder: Path, site: Site) -> Cubes:
    """Give a provider of an output with two times, a.txt and b.txt, which hold 1 and 3."""
    (folder / "a.txt").write_text("1")
    (folder / "b.txt").write_text("3")
    (folder / "run.toml").write_text(_TIMES)
    return Cubes(CubeOptions(path="*.txt"), site)


def test_an_output_of_several_times(tmp_path: Path, site: Site) -> None:
    provider = _changing(tmp_path, site)
    (output,) = _outputs(provider)
    assert [s.id.rpartition("?")[2] for s in output.snapshots] == [
        "20120131_120000", "20120131_120001"
    ]  # fmt: skip
    assert [_sample(provider, s) for s in output.snapshots] == [[1e-9] * 2, [3 * 1e-9] * 2]
    assert output.time is None
    assert output.span is not None
    assert str(output.span.start) == "2012-01-31T12:00:00.000000000"
    with pytest.raises(BadFile):
        _sample(provider, output)


def test_a_snapshot_that_changes_changes_the_output(tmp_path: Path, site: Site) -> None:
    provider = _changing(tmp_path, site)
    (before,) = _outputs(provider)
    _replace(tmp_path / "b.txt", "4")
    (after,) = _outputs(provider)
    assert provider.inspected == 3
    assert after.version != before.version
    assert after.snapshots[0] == before.snapshots[0]
    assert _sample(provider, after.snapshots[1]) == [4 * 1e-9] * 2
    with pytest.raises(BadFile, match="replaced just now"):
        _sample(provider, before.snapshots[1])


def test_an_output_without_one_of_its_times_is_not_served(tmp_path: Path, site: Site) -> None:
    provider = _changing(tmp_path, site)
    (tmp_path / "b.txt").unlink()
    assert _outputs(provider) == []
    assert sorted(_reasons(provider)) == [
        ("b.txt", "named in run.toml, but not there"),
        (
            tmp_path.name,
            "spase://MyLab/NumericalOutput/A/out: of its 2 snapshots only 1 are there",
        ),
    ]


def test_snapshots_that_differ_are_not_joined(tmp_path: Path, site: Site) -> None:
    class Sized(Cubes):
        """Cubes as wide as what they hold."""

        def inspect(self, path: Path, run: Run) -> Cube:
            cube = super().inspect(path, run)
            x, y, z = cube.axes
            return replace(cube, axes=(x * float(path.read_text()), y, z))

    _changing(tmp_path, site)
    provider = Sized(CubeOptions(path="*.txt"), site)
    assert _outputs(provider) == []
    ((_, reason),) = _reasons(provider)
    assert reason.endswith("its snapshots b.txt and a.txt differ in domain")
