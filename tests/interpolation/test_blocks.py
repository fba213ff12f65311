import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from interpolation.blocks import CellTree, sample_tree
from interpolation.body import Sphere
from interpolation.rectilinear import Grid
from interpolation.sample import sample
from interpolation.status import Status

Floats = npt.NDArray[np.float64]
EIGHT = np.indices((2, 2, 2)).reshape(3, 8).T


def tree(seed: int, shape: tuple[int, int, int] = (5, 6, 4), share: float = 0.3) -> CellTree:
    """A lattice with some of its cells refined, and some of these again."""
    random = np.random.default_rng(seed)
    levels = [0] * int(np.prod(shape))
    indices = [np.array(place) for place in np.ndindex(*shape)]
    for parent in list(indices):
        if random.random() < share:
            levels += [1] * 8
            indices += list(parent * 2 + EIGHT)
            if random.random() < 0.5:
                levels += [2] * 8
                indices += list((parent * 2 + EIGHT[seed % 8]) * 2 + EIGHT)
    return CellTree(shape, (0.5, 1.0, -1.0), 1.0, np.array(levels), np.array(indices))


def leaves(cells: CellTree) -> npt.NDArray[np.bool_]:
    """Say which cells have no children."""
    parents = {
        (int(level) - 1, *map(int, index // 2))
        for level, index in zip(cells.levels, cells.indices, strict=True)
    }
    return np.array([name not in parents for name in names(cells)])


def names(cells: CellTree) -> list[tuple[int, ...]]:
    """Level and index of every cell."""
    return [(int(v), *map(int, i)) for v, i in zip(cells.levels, cells.indices, strict=True)]


def polynomial(points: Floats) -> Floats:
    x, y, z = points.T
    return np.asarray(1 + x - 2 * y + 0.5 * z + x * y - 0.4 * y * z + 0.3 * x * y * z)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.integers(0, 1000))
def test_trilinear_functions_are_exact_across_levels(seed: int) -> None:
    cells = tree(seed)
    values = cells.filled(polynomial(cells.centres))
    rim = cells.spacing / 2
    points = np.random.default_rng(seed).uniform(cells.lower + rim, cells.upper - rim, (500, 3))
    found, status = sample_tree(cells, [values], points)
    np.testing.assert_allclose(found[0], polynomial(points), atol=1e-12)
    assert (status == Status.OK).all()


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.integers(0, 1000))
def test_every_cell_has_its_value_at_its_centre(seed: int) -> None:
    cells = tree(seed)
    values = cells.filled(np.random.default_rng(seed).normal(size=len(cells.levels)))
    centres = cells.centres
    chosen = leaves(cells) & ((cells.lower <= centres) & (centres <= cells.upper)).all(axis=1)
    for method in ("linear", "nearest", "nearest-cell"):
        found, _ = sample_tree(cells, [values], centres[chosen], method=method)
        np.testing.assert_array_equal(found[0], values[chosen])


@settings(derandomize=True, deadline=None, max_examples=10)
@given(st.integers(0, 1000))
def test_values_are_continuous_across_levels(seed: int) -> None:
    cells = tree(seed)
    random = np.random.default_rng(seed)
    values = cells.filled(random.normal(size=len(cells.levels)))
    ends = random.uniform(cells.lower, cells.upper, (2, 3))
    jumps = []
    for count in (4_000, 8_000):
        line = ends[0] + np.linspace(0, 1, count + 1)[:, None] * (ends[1] - ends[0])
        found, _ = sample_tree(cells, [values], line)
        jumps.append(np.abs(np.diff(found[0])).max())
    # Half the distance, half the difference: a jump would stay.
    assert jumps[1] < 0.51 * jumps[0]


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.integers(0, 1000))
def test_values_stay_within_those_of_the_cells_they_are_made_of(seed: int) -> None:
    cells = tree(seed)
    points = np.random.default_rng(seed).uniform(cells.lower, cells.upper, (500, 3))
    weights = cells.locate(points).weights
    assert weights.data.min() >= 0.0
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-12)


def test_without_refinement_it_is_scipy() -> None:
    shape = (6, 5, 7)
    indices = np.array(list(np.ndindex(*shape)))
    cells = CellTree(shape, (0.0, 0.0, 0.0), 0.5, np.zeros(len(indices), dtype=int), indices)
    values = np.random.default_rng(0).normal(size=len(indices))
    axes = [np.arange(count) * 0.5 for count in shape]
    points = np.random.default_rng(1).uniform(cells.lower, cells.upper, (500, 3))
    peer = RegularGridInterpolator(axes, values.reshape(shape))
    found, _ = sample_tree(cells, [values], points)
    np.testing.assert_allclose(found[0], peer(points), rtol=1e-13, atol=1e-14)


def test_within_a_refined_region_it_is_scipy_on_the_fine_lattice() -> None:
    shape = (4, 4, 4)
    base = np.array(list(np.ndindex(*shape)))
    fine = np.array(list(np.ndindex(8, 8, 8)))
    levels = np.repeat([0, 1], [len(base), len(fine)])
    cells = CellTree(shape, (1.0, 1.0, 1.0), 2.0, levels, np.concatenate([base, fine]))
    values = np.random.default_rng(0).normal(size=len(levels))
    peer = RegularGridInterpolator([0.5 + np.arange(8)] * 3, values[len(base) :].reshape(8, 8, 8))
    points = np.random.default_rng(1).uniform(1.0, 7.0, (300, 3))
    found, _ = sample_tree(cells, [cells.filled(values)], points)
    np.testing.assert_allclose(found[0], peer(points), rtol=1e-12, atol=1e-14)


def test_refined_cells_have_the_mean_of_their_children() -> None:
    cells = tree(3)
    values = np.random.default_rng(3).normal(size=len(cells.levels))
    filled = cells.filled(values)
    lookup = {name: number for number, name in enumerate(names(cells))}
    refined = np.flatnonzero(~leaves(cells))
    assert len(refined) > 5
    for number in refined:
        level, index = cells.levels[number], cells.indices[number]
        children = [lookup[(int(level) + 1, *map(int, index * 2 + o))] for o in EIGHT]
        assert filled[number] == pytest.approx(filled[children].mean(), rel=1e-14)


def test_one_plan_serves_every_variable() -> None:
    cells = tree(1)
    plan = cells.locate([[1.2, 2.3, 0.4], [9.0, 0.0, 0.0]])
    ones = cells.filled(np.ones(len(cells.levels)))
    np.testing.assert_allclose(plan.gather([ones, 3 * ones]), [[1, np.nan], [3, np.nan]])


def _by_definition(cells: CellTree, values: Floats, point: Floats) -> float:
    """Average round the corners of the leaf that holds a point, one cell after another."""
    sizes = cells.spacing / 2.0**cells.levels
    numbers = np.flatnonzero(leaves(cells))

    def leaf(place: Floats) -> int | None:
        low = cells.centres[numbers] - sizes[numbers, None] / 2
        holds = ((low <= place) & (place < low + sizes[numbers, None])).all(axis=1)
        return int(numbers[holds][0]) if holds.any() else None

    own = leaf(point)
    assert own is not None
    part = (point - cells.centres[own]) / sizes[own] + 0.5
    total = 0.0
    for corner in EIGHT:
        at = cells.centres[own] + (corner - 0.5) * sizes[own]
        round_it = [leaf(at + (way - 0.5) * sizes.min() / 8) for way in EIGHT]
        there = [cell for cell in round_it if cell is not None]
        mean = np.average(values[there], weights=1 / sizes[there])
        total += float(np.prod(np.where(corner == 1, part, 1 - part)) * mean)
    return total


@pytest.mark.parametrize("seed", range(4))
def test_corners_are_averaged_as_they_are_defined(seed: int) -> None:
    cells = tree(seed)
    values = cells.filled(np.random.default_rng(seed).normal(size=len(cells.levels)))
    points = np.random.default_rng(seed).uniform(cells.lower, cells.upper, (40, 3))
    found, status = sample_tree(cells, [values], points, method="corner-averaged")
    wanted = [_by_definition(cells, values, point) for point in points]
    np.testing.assert_allclose(found[0], wanted, rtol=1e-12, atol=1e-14)
    assert (status == Status.OK).all()


def test_corners_of_a_plain_lattice_are_averaged_as_on_a_grid() -> None:
    shape = (6, 5, 7)
    indices = np.array(list(np.ndindex(*shape)))
    cells = CellTree(shape, (0.0, 0.0, 0.0), 0.5, np.zeros(len(indices), dtype=int), indices)
    values = np.random.default_rng(0).normal(size=len(indices))
    grid = Grid(*[np.linspace(0.0, 0.5 * (count - 1), count) for count in shape])
    points = np.random.default_rng(1).uniform(cells.lower, cells.upper, (500, 3))
    found, _ = sample_tree(cells, [values], points, method="corner-averaged")
    wanted, _ = sample(grid, [values.reshape(shape)], points, method="corner-averaged")
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


def test_a_leaf_touches_the_body_when_its_own_centre_is_inside() -> None:
    cells = tree(2)
    values, body = cells.filled(np.ones(len(cells.levels))), Sphere((2.0, 3.0, 0.0), 0.9)
    points = np.random.default_rng(2).uniform(cells.lower, cells.upper, (300, 3))
    plan = cells.locate(points, "nearest")
    centres = cells.centres[plan.weights.indices]
    inside = np.linalg.norm(centres - body.centre, axis=1) < body.radius
    np.testing.assert_array_equal(plan.touches(body), inside)
    assert 0 < inside.sum() < 300
    _, status = sample_tree(cells, [values], points, method="nearest", body=body)
    assert (status[inside] >= Status.TOUCHES_BODY).all()


def test_status_of_points() -> None:
    cells = tree(2, share=0.0)
    values = cells.filled(np.random.default_rng(2).normal(size=len(cells.levels)))
    body = Sphere((2.5, 3.0, 0.5), 0.8)
    points = [[2.5, 3.0, 0.6], [2.5, 3.0, 1.4], [4.4, 5.9, -0.9], [0.4, 2, 0], [np.inf, 0, 0]]
    found, status = sample_tree(cells, [values], points, body=body)
    np.testing.assert_array_equal(
        status,
        [Status.INSIDE_BODY, Status.TOUCHES_BODY, Status.OK, Status.OUTSIDE, Status.BAD_INPUT],
    )
    np.testing.assert_array_equal(np.isnan(found[0]), [True, False, False, True, True])
    values[np.abs(cells.centres - [4.5, 6.0, -1.0]).max(axis=1) < 0.6] = np.nan
    assert sample_tree(cells, [values], points[2:3])[1][0] == Status.MASKED


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda v, i: (v[1:], i[1:]), "missing or there twice"),
        (lambda v, i: (np.append(v, 0), np.vstack([i, i[0]])), "missing or there twice"),
        (lambda v, i: (np.append(v, 1), np.vstack([i, [0, 0, 0]])), "some of its eight children"),
        (lambda v, i: (np.append(v, [1] * 16), np.vstack([i, EIGHT, EIGHT])), "there twice"),
        (lambda v, i: (np.append(v, [2] * 8), np.vstack([i, EIGHT])), "has no parent"),
        (lambda v, i: (np.append(v, 1), np.vstack([i, [99, 0, 0]])), "outside the base lattice"),
        (lambda v, i: (np.append(v, 99), np.vstack([i, [0, 0, 0]])), "levels must lie"),
        (lambda v, i: (v, i[:, :2]), "index of three numbers"),
    ],
)  # fmt: skip
def test_cells_that_are_no_tree_are_refused(change: object, fault: str) -> None:
    assert callable(change)
    shape = (2, 2, 2)
    indices = np.array(list(itertools.product((0, 1), repeat=3)))
    levels, indices = change(np.zeros(8, dtype=int), indices)
    with pytest.raises(ValueError, match=fault):
        CellTree(shape, (0.0, 0.0, 0.0), 1.0, levels, indices)


def test_other_methods_and_shapes_are_refused() -> None:
    cells = tree(0)
    with pytest.raises(ValueError, match="a refined grid has linear"):
        sample_tree(cells, [np.ones(len(cells.levels))], [[1.0, 2.0, 0.0]], method="cubic")
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        cells.filled(np.ones(3))
    with pytest.raises(ValueError, match=r"\(n, 3\) is wanted"):
        cells.locate([1.0, 2.0, 3.0])
