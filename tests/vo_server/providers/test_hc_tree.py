from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from interpolation.status import Status
from tests.hc_files import BASE, BINS, N, cell_values, centre, hc_file
from vo_server.block_cache import shared_cache
from vo_server.errors import BadArgument
from vo_server.field import GridSpectra
from vo_server.ports import Site, SpectraField
from vo_server.providers.hc_cube import HcCubes
from vo_server.providers.hc_file import cell_tree, read_header, read_records
from vo_server.providers.run_folder import CubeOptions
from vo_server.tree_field import TreeField, TreeSpectra

Floats = NDArray[np.float64]
# Cell (2, 3, 2) of the base lattice, ghosts counted.
_PARENT = (2 * N + 3) * N + 2


@pytest.fixture
def field(tmp_path: Path, site: Site, write_run: Callable[..., None]) -> Callable[[bytes], Any]:
    """Make a field of a file's content."""

    def make(content: bytes) -> Any:
        (tmp_path / "a.hc").write_bytes(content)
        write_run("a.hc")
        provider = HcCubes(CubeOptions(path="*.hc"), site)
        resources = provider.resources()
        assert not provider.refused(), provider.refused()
        with provider.field(resources[-1], []) as made:
            return made

    return make


def test_children_are_found_where_they_lie(field: Callable[[bytes], Any]) -> None:
    values = cell_values(BASE + 8)
    made = field(hc_file({_PARENT: BASE}, values))
    assert isinstance(made, TreeField)
    # The cell's centre is at -4000 + (index - 1/2) * 2000; its children 500 m from it.
    centre = -4000 + (np.array([2, 3, 2]) - 0.5) * 2000
    for child in range(8):
        place = centre + 500 * (2 * np.array([child & 1, child >> 1 & 1, child >> 2]) - 1)
        found, status = made.sample(place[None], ["Density"], "linear")
        assert found[0, 0] == pytest.approx(values[BASE + child, 0] / 1.5e-27, rel=1e-12)
        assert status[0] == Status.OK
    nearest, _ = made.sample(centre[None] + 10.0, ["Density"], "nearest")
    assert nearest[0, 0] == values[BASE + 7, 0] / 1.5e-27


def test_trees_of_snapshots_stay_within_the_cache(
    tmp_path: Path, site: Site, write_run: Callable[..., None]
) -> None:
    """Two snapshots, and room for one: cells that went are grown again, with the same values."""
    values = {name: cell_values(BASE + 8, seed=seed) for seed, name in enumerate(("a", "b"))}
    for name, cells in values.items():
        (tmp_path / f"{name}.hc").write_bytes(hc_file({_PARENT: BASE}, cells))
    write_run("a.hc")
    run = tmp_path / "run.toml"
    snapshots = ", ".join(
        f'{{ time = 2012-01-31T12:0{minute}:00Z, file = "{name}.hc" }}'
        for minute, name in enumerate(values)
    )
    text = run.read_text(encoding="utf-8").replace('file = "a.hc"', f"snapshots = [{snapshots}]")
    run.write_text(text, encoding="utf-8")
    provider = HcCubes(CubeOptions(path="*.hc", cache_bytes=7_000), site)
    output = provider.resources()[-1]
    assert len(output.snapshots) == 2, provider.refused()
    cache = shared_cache(7_000)
    for _ in range(3):
        for snapshot, cells in zip(output.snapshots, values.values(), strict=True):
            with provider.field(snapshot, ["Density"]) as made:
                assert isinstance(made, TreeField)
                found, _ = made.sample(centre(3, 3, 3)[None], ["Density"], "nearest")
                assert found[0, 0] == cells[(3 * N + 3) * N + 3, 0] / 1.5e-27
                assert 0 < made.tree.load().nbytes <= cache.nbytes <= 7_000


def test_refined_cells_may_be_refined_again(field: Callable[[bytes], Any]) -> None:
    values = cell_values(BASE + 16)
    made = field(hc_file({_PARENT: BASE, BASE + 5: BASE + 8}, values))
    centre = -4000 + (np.array([2, 3, 2]) - 0.5) * 2000 + [500, -500, 500]
    found, _ = made.sample(centre[None] + [-250.0, 250.0, -250.0], ["Density"], "linear")
    assert found[0, 0] == pytest.approx(values[BASE + 10, 0] / 1.5e-27, rel=1e-12)
    assert made.step == 500.0


@pytest.mark.parametrize(
    ("refined", "cells", "reason"),
    [
        ({_PARENT: BASE + 1}, BASE + 8, "does not hold"),
        ({_PARENT: 5}, BASE + 8, "does not hold"),
        ({}, BASE + 8, "nobody's children"),
        ({0: BASE}, BASE + 8, "refined ghost cell"),
        ({_PARENT: BASE, _PARENT + 1: BASE}, BASE + 8, "two cells'"),
        ({_PARENT: BASE, BASE: BASE}, BASE + 8, "does not hold"),
    ],
)
def test_trees_that_are_none_are_refused(
    tmp_path: Path,
    site: Site,
    write_run: Callable[..., None],
    refined: dict[int, int],
    cells: int,
    reason: str,
) -> None:
    (tmp_path / "a.hc").write_bytes(hc_file(refined, cell_values(cells)))
    write_run("a.hc")
    provider = HcCubes(CubeOptions(path="*.hc"), site)
    assert list(provider.resources()) == []
    assert reason in provider.refused()[0].reason


def test_a_method_for_plain_grids_is_refused(field: Callable[[bytes], Any]) -> None:
    made = field(hc_file({_PARENT: BASE}, cell_values(BASE + 8)))
    with pytest.raises(BadArgument, match="no cubic interpolation; it has linear"):
        made.sample(np.zeros((1, 3)), ["Density"], "cubic")


@pytest.mark.parametrize("refined", [False, True])
def test_spectra_have_a_parameter_for_each_bin(
    field: Callable[[bytes], Any], refined: bool
) -> None:
    cells = BASE + 8 * refined
    values = cell_values(cells, 3)
    made = field(hc_file({_PARENT: BASE} if refined else {}, values, more=BINS))
    assert isinstance(made, SpectraField)
    assert isinstance(made, TreeSpectra if refined else GridSpectra)
    assert [p.name for p in made.parameters] == ["Ebin0", "Ebin1", "Ebin2"]
    assert made.parameters[1].description == "particle flux at 100 to 1000 eV"
    charge = 1.602176634e-19
    np.testing.assert_allclose(
        made.energies / charge, [[10, 100], [100, 1000], [1000, 10000]], rtol=1e-12
    )
    place = -4000 + (np.array([3, 3, 3]) - 0.5) * 2000
    number = (3 * N + 3) * N + 3
    found, status = made.spectra(np.stack([place, place * 1e3]), "nearest")
    assert found.shape == (2, 3)
    assert {p.unit for p in made.parameters} == {"m-2.s-1.eV-1.sr-1"}
    np.testing.assert_allclose(found[0], values[number], rtol=1e-12)
    assert np.isnan(found[1]).all()
    assert status.tolist() == [Status.OK, Status.OUTSIDE]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("# 0001. bin", "# 0002. bin", "3 are listed"),
        ("= 100 1000", "= 200 1000", "must ascend"),
        ("= 10 100", "= 100 10", "must ascend"),
        ("= 10 100", "= ten 100", "ten"),
        ("# 0000. bin: E (eV) = 10 100\n", "", "2 are listed, ncd = 3"),
    ],
)
def test_garbled_energies_are_refused(
    tmp_path: Path, site: Site, write_run: Callable[..., None], old: str, new: str, reason: str
) -> None:
    more = BINS.replace(old, new)
    (tmp_path / "a.hc").write_bytes(hc_file({}, cell_values(BASE, 3), more=more))
    write_run("a.hc")
    provider = HcCubes(CubeOptions(path="*.hc"), site)
    assert list(provider.resources()) == []
    assert reason in provider.refused()[0].reason


def test_the_real_refined_run(shared: Path) -> None:
    folder = shared / "data/venus-hyb-refined"
    provider = HcCubes(CubeOptions(path="*.hc"), Site("VOSERVER", folder))
    resource = provider.resources()[-1]
    assert not provider.refused()
    path = folder / "H+_hybstate_00100000.hc"
    header = read_header(path)
    records = read_records(path, header)
    tree, order = cell_tree(path, header, records)
    assert np.count_nonzero(tree.levels == 1) == 8 * 1032
    assert resource.step == header.dx / 2
    with provider.field(resource, ["Density", "Bx"]) as made:
        assert isinstance(made, TreeField)
        leaves = records.children[order] < 0
        centres, inside = tree.centres, made.domain.holds(tree.centres)
        chosen = leaves & inside & (np.linalg.norm(centres, axis=1) > 1.2 * 6051800)
        found, status = made.sample(centres[chosen], ["Density", "Bx"], "linear")
        assert set(status) <= {Status.OK, Status.TOUCHES_BODY}
        data = records.data[order][chosen]
        np.testing.assert_allclose(found[0], data[:, 0] / header.mass, rtol=1e-12)
        np.testing.assert_allclose(found[1], data[:, 5] + data[:, 8], rtol=1e-12)
        # Far upstream nothing is refined: there it is SciPy's interpolation between base cells.
        axes = [c + header.dx * np.arange(n) for c, n in zip(tree.centre, tree.shape, strict=True)]
        base = made.variables["Bx"].load().reshape(-1)[: np.prod(tree.shape)]
        peer = RegularGridInterpolator(axes, base.reshape(tree.shape))
        far = np.random.default_rng(4).uniform([1.4e7, -2e7, -2e7], [1.7e7, 2e7, 2e7], (500, 3))
        np.testing.assert_allclose(
            made.sample(far, ["Bx"], "linear")[0][0], peer(far), rtol=1e-12, atol=1e-24
        )
        # By nearest a point has its own leaf's number; no linear value leaves the leaves' range.
        shift = 0.4 * tree.spacing / 2.0 ** tree.levels[chosen, None]
        ways = np.random.default_rng(5).uniform(-1.0, 1.0, centres[chosen].shape)
        beside = centres[chosen] + shift * ways
        held = made.domain.holds(beside)
        nearest, _ = made.sample(beside[held], ["Density"], "nearest")
        np.testing.assert_allclose(nearest[0], data[held, 0] / header.mass, rtol=1e-12)
        anywhere = np.random.default_rng(6).uniform(tree.lower, tree.upper, (20_000, 3))
        linear, status = made.sample(anywhere, ["Density"], "linear")
        assert np.nanmin(linear[0]) >= 0.0
        # Averaging corners smooths: nothing new is larger, and the mean is kept.
        averaged, _ = made.sample(anywhere, ["Density"], "corner-averaged")
        good = np.isfinite(averaged[0]) & np.isfinite(linear[0])
        assert good.mean() > 0.9
        assert averaged[0][good].max() < linear[0][good].max()
        assert averaged[0][good].mean() == pytest.approx(linear[0][good].mean(), rel=0.05)
        # Along any line there is no jump from cell to cell or level to level.
        ends = np.array([[-1.5e7, 1.3e6, 2.1e6], [1.5e7, 9e6, -3e6]])
        jumps = []
        for count in (20_000, 40_000):
            line = ends[0] + np.linspace(0, 1, count + 1)[:, None] * (ends[1] - ends[0])
            found, _ = made.sample(line, ["Bx"], "linear")
            jumps.append(np.nanmax(np.abs(np.diff(found[0]))))
        assert jumps[1] < 0.55 * jumps[0]
