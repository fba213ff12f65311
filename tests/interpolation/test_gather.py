import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from interpolation.gather import BLOCK, gather, masked_share
from interpolation.gather import METHODS as ALL_METHODS
from interpolation.locate import locate
from interpolation.rectilinear import Grid

Floats = npt.NDArray[np.float64]
Values = npt.NDArray[Any]

Method = Literal["linear", "nearest"]
METHODS: tuple[Method, ...] = ("linear", "nearest")
TYPES = ("<f8", ">f8", "<f4", ">f4", "<f2", "<i8", ">i4", "<i2", "u1", "<u8", "?")
EPS = np.finfo(np.float64).eps


def bits(values: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    """Bit patterns as float64, with all NaNs alike."""
    numbers = np.array(values, dtype=np.float64)
    numbers[np.isnan(numbers)] = np.nan
    return numbers.view(np.uint64)


def scipy_says(grid: Grid, values: Values, points: Floats, method: Method) -> Floats:
    # On a descending axis SciPy forgets to make integers real, and then cannot store NaN.
    numbers = values if values.dtype.kind == "f" else values.astype(np.float64)
    interpolator = RegularGridInterpolator(
        grid.axes, numbers, method=method, bounds_error=False, fill_value=np.nan
    )
    with np.errstate(all="ignore"):
        return np.asarray(interpolator(points), dtype=np.float64)


def assert_as_scipy(grid: Grid, values: Values, points: Floats, method: Method) -> None:
    (ours,) = gather(locate(grid, points), [values], method)
    theirs = scipy_says(grid, values, points, method)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(bits(ours), bits(theirs))


@st.composite
def axes(draw: st.DrawFn) -> Floats:
    nodes = draw(
        st.lists(
            st.floats(-1e12, 1e12) | st.integers(-5, 5).map(float),
            min_size=2,
            max_size=6,
            unique=True,
        )
    )
    return np.array(sorted(nodes, reverse=draw(st.booleans())))


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    return Grid(draw(axes()), draw(axes()), draw(axes()))


def in_memory(values: Values, order: str) -> Values:
    """The same variable, laid out in another way."""
    if order == "transposed":
        return values.transpose(2, 0, 1).copy().transpose(1, 2, 0)
    if order == "backwards":
        return values[::-1, :, ::-1].copy()[::-1, :, ::-1]
    if order == "interleaved":
        return np.stack([values, values], axis=-1)[..., 1]
    if order == "trimmed":
        return np.pad(values, 1)[1:-1, 1:-1, 1:-1]
    if order == "record":
        records = np.zeros(values.shape, dtype=[("flag", "u1"), ("value", values.dtype)])
        records["value"] = values
        return records["value"]
    return values


ORDERS = ("plain", "transposed", "backwards", "interleaved", "trimmed", "record")


@st.composite
def variables(draw: st.DrawFn, shape: tuple[int, int, int]) -> Values:
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = random.normal(scale=draw(st.sampled_from([1e-3, 50.0])), size=shape)
    kind = np.dtype(draw(st.sampled_from(TYPES)))
    if kind.kind in "fi":
        if kind.kind == "f" and draw(st.booleans()):
            odd = random.random(shape) < 0.3
            values[odd] = random.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], size=odd.sum())
        cast = values.astype(kind)
    else:
        cast = np.abs(values).astype(kind)
    cast = in_memory(cast, draw(st.sampled_from(ORDERS)))
    cast.flags.writeable = draw(st.booleans())
    return cast


@st.composite
def places(draw: st.DrawFn, grid: Grid, number: int) -> Floats:
    """Points on nodes, edges, faces and midway, inside, just outside, far off and not finite."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    columns = []
    for axis in grid.nodes:
        low = random.integers(0, len(axis) - 1, number)
        inside = axis[low] + random.random(number) * (axis[low + 1] - axis[low])
        choices = [
            axis[random.integers(0, len(axis), number)],
            np.nextafter(axis[low], np.inf),
            np.nextafter(axis[low + 1], -np.inf),
            axis[low] + 0.5 * (axis[low + 1] - axis[low]),
            np.full(number, axis[-1]),
            inside,
            inside,
            inside,
        ]
        if draw(st.booleans()):
            choices += [
                np.nextafter(np.full(number, axis[0]), -np.inf),
                np.nextafter(np.full(number, axis[-1]), np.inf),
                np.full(number, np.nan),
                random.choice([np.inf, -np.inf, 1e300, -1e300], number),
            ]
        columns.append(np.choose(random.integers(0, len(choices), number), choices))
    return np.stack(columns, axis=1)


def _random_grid(random: np.random.Generator) -> tuple[Grid, Values]:
    """Give a small grid, even or stretched, each axis turned or periodic or neither, and values."""
    axes: list[Floats] = []
    periods: list[float | None] = []
    for count in random.integers(2, 8, 3):
        even = random.random() < 0.5
        steps = np.full(count, 0.1) if even else random.uniform(0.1, 2.0, count)
        axis = random.normal() + np.cumsum(steps)
        periodic = random.random() < 0.4
        periods.append(float(np.ptp(axis) + random.uniform(0.1, 1.0)) if periodic else None)
        axes.append(axis[::-1] if random.random() < 0.4 else axis)
    grid = Grid(*axes, period=(periods[0], periods[1], periods[2]))
    values = random.normal(scale=100, size=grid.shape)
    if random.random() < 0.3:
        values[random.random(grid.shape) < 0.1] = np.nan
    with np.errstate(invalid="ignore"):
        return grid, values.astype(random.choice(["<f8", ">f8", "<f4", ">f4", "i4"]))


def _closed(grid: Grid, values: Values) -> Values:
    """Give the values on the ascending axes, the first node once more behind a periodic one."""
    for axis, (turned, periodic) in enumerate(zip(grid.descending, grid.periodic, strict=True)):
        values = np.flip(values, axis) if turned else values
        if periodic:
            values = np.concatenate([values, values.take([0], axis)], axis)
    return values


@pytest.mark.parametrize("part", range(4))
def test_a_thousand_grids_are_as_scipys_to_the_bit(part: int) -> None:
    random = np.random.default_rng(part)
    for _ in range(300):
        grid, values = _random_grid(random)
        columns = []
        for nodes, periodic in zip(grid.nodes, grid.periodic, strict=True):
            ends = nodes[:-1] if periodic else nodes  # the end of a period is its start
            anywhere = random.uniform(nodes[0], nodes[-1], 40)
            columns.append(np.where(random.random(40) < 0.3, random.choice(ends, 40), anywhere))
        points = np.stack(columns, axis=1)
        numbers = _closed(grid, values)
        for method in METHODS:
            peer = RegularGridInterpolator(grid.nodes, numbers.astype(float), method=method)
            single = RegularGridInterpolator(grid.nodes, numbers, method=method)
            (ours,) = gather(locate(grid, points), [values], method)
            theirs = (single if values.dtype.kind == "f" else peer)(points)
            np.testing.assert_array_equal(bits(ours), bits(theirs))


@pytest.mark.parametrize(("method", "order"), [("nearest", 1), ("linear", 2), ("cubic", 4)])
def test_the_error_falls_with_the_order_of_the_method(method: str, order: int) -> None:
    # Away from the ends, where the spline is a little worse.
    points = np.random.default_rng(1).uniform(0.25, 0.75, (2000, 3))

    def field(x: Floats, y: Floats, z: Floats) -> Floats:
        return np.asarray(np.sin(3 * x) * np.cos(2 * y) * np.exp(z))

    errors = []
    for count in (17, 33, 65):
        axis = np.linspace(0, 1, count)
        values = field(*np.meshgrid(axis, axis, axis, indexing="ij"))
        (found,) = gather(locate(Grid(axis, axis, axis), points), [values], method)
        errors.append(np.sqrt(np.mean((found - field(*points.T)) ** 2)))
    found_orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(found_orders, order, atol=0.2)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.data())
def test_values_are_those_of_scipy_to_the_bit(data: st.DataObject) -> None:
    grid = data.draw(grids())
    values = data.draw(variables(grid.shape))
    points = data.draw(places(grid, data.draw(st.sampled_from([1, 2, 40]))))
    assert_as_scipy(grid, values, points, data.draw(st.sampled_from(METHODS)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("order", ORDERS)
def test_every_type_and_memory_order_is_read_right(method: Method, kind: str, order: str) -> None:
    random = np.random.default_rng(7)
    grid = Grid(
        np.array([-1.0, 0.0, 0.25, 2.0]), np.array([9.0, 5.0, 3.0]), np.array([0.0, -1.0, -8.0])
    )
    values = in_memory(random.integers(0, 100, grid.shape).astype(kind), order)
    points = random.uniform(grid.lower - 0.1, grid.upper + 0.1, size=(200, 3))
    assert_as_scipy(grid, values, points, method)


@pytest.mark.parametrize("method", METHODS)
def test_the_sign_of_zero_is_that_of_scipy(method: Method) -> None:
    grid = Grid(np.arange(3.0), np.arange(3.0), np.arange(3.0))
    points = np.random.default_rng(0).uniform(0, 2, size=(20, 3))
    assert_as_scipy(grid, np.full(grid.shape, -0.0), points, method)


@pytest.mark.parametrize("method", METHODS)
def test_variables_of_unlike_layout_share_one_plan(method: Method) -> None:
    random = np.random.default_rng(1)
    grid = Grid(np.arange(4.0), np.arange(5.0)[::-1], np.arange(6.0))
    plain = random.normal(size=grid.shape)
    many = [in_memory(plain * n, order) for n, order in enumerate(ORDERS)]
    many.append((plain * 9).astype(">f4"))
    points = random.uniform(0, 3, size=(50, 3))
    together = gather(locate(grid, points), many, method)
    assert together.dtype == np.float64
    for row, values in zip(together, many, strict=True):
        np.testing.assert_array_equal(bits(row), bits(scipy_says(grid, values, points, method)))


@pytest.mark.parametrize("method", METHODS)
def test_blocks_of_points_leave_no_seam(method: Method) -> None:
    random = np.random.default_rng(2)
    grid = Grid(*(np.cumsum(random.random(12)) for _ in range(3)))
    values = random.normal(size=grid.shape).astype(np.float32)
    points = random.uniform(grid.lower, grid.upper, size=(2 * BLOCK + 1, 3))
    assert_as_scipy(grid, values, points, method)


@pytest.mark.parametrize("method", METHODS)
def test_a_big_endian_file_is_read_in_place(method: Method, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    axis = np.linspace(-1.0, 1.0, 100)
    grid = Grid(axis, axis[::-1], axis)
    path = tmp_path / "cube"
    cube = random.normal(size=grid.shape).astype(">f8")
    path.write_bytes(b"\0" * 4 + cube.tobytes())
    values = np.memmap(path, dtype=">f8", mode="r", offset=4, shape=grid.shape)
    points = random.uniform(-1, 1, size=(500, 3))
    assert_as_scipy(grid, values, points, method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("order", ORDERS)
def test_no_variable_is_copied_whole(method: Method, order: str) -> None:
    axis = np.linspace(-1.0, 1.0, 80)
    grid = Grid(axis, axis, axis[::-1])
    values = in_memory(np.ones(grid.shape, dtype=">f8"), order)
    plan = locate(grid, np.zeros((1000, 3)))
    tracemalloc.start()
    gather(plan, [values], method)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 80**3 * 8 / 4


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(0, 2**32))
def test_trilinear_polynomials_are_exact_to_a_few_ulp(seed: int) -> None:
    random = np.random.default_rng(seed)
    factors = random.normal(size=(2, 2, 2))
    unit = Grid(*(np.unique([0.0, 1.0, *random.random(random.integers(5))]) for _ in range(3)))
    nodes = np.stack(np.meshgrid(*unit.axes, indexing="ij"), axis=-1)

    def polynomial(points: Floats) -> Floats:
        x, y, z = np.moveaxis(points, -1, 0)
        return np.asarray(np.polynomial.polynomial.polyval3d(x, y, z, factors))

    points = random.random((100, 3))
    (values,) = gather(locate(unit, points), [polynomial(nodes)], "linear")
    assert np.abs(values - polynomial(points)).max() <= 8 * EPS * np.abs(factors).sum()


def test_outside_and_bad_points_are_nan() -> None:
    grid = Grid(np.arange(3.0), np.arange(3.0), np.arange(3.0))
    plan = locate(grid, [[1.0, 1.0, 1.0], [1.0, 1.0, 2.5], [np.nan, 1.0, 1.0], [np.inf, 0, 0]])
    values = gather(plan, [np.ones(grid.shape), np.zeros(grid.shape, dtype="i4")], "nearest")
    np.testing.assert_array_equal(values, [[1.0] + [np.nan] * 3, [0.0] + [np.nan] * 3])


def test_no_points_and_no_variables_give_empty_results() -> None:
    grid = Grid(np.arange(2.0), np.arange(2.0), np.arange(2.0))
    assert gather(locate(grid, np.empty((0, 3))), [np.ones(grid.shape)], "linear").shape == (1, 0)
    assert gather(locate(grid, np.ones((4, 3))), [], "linear").shape == (0, 4)


def test_an_unknown_method_is_refused_by_name() -> None:
    grid = Grid(np.arange(2.0), np.arange(2.0), np.arange(2.0))
    with pytest.raises(ValueError, match="method is 'quintic'; it must be one of linear, nearest"):
        gather(locate(grid, np.ones((1, 3))), [np.ones(grid.shape)], "quintic")


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (np.ones((2, 2, 3)), r"shape \(2, 2, 3\); the grid has \(2, 2, 2\)"),
        (np.ones((2, 2, 2, 1)), "shape"),
        (np.ones((2, 2, 2), dtype=complex), "complex128; real numbers"),
        (np.full((2, 2, 2), "a"), "real numbers"),
        (np.ma.masked_less(np.ones((2, 2, 2)), 2.0), "a variable is a masked array; put NaN"),
    ],
)
def test_a_variable_that_does_not_fit_is_refused(values: Values, fault: str) -> None:
    grid = Grid(np.arange(2.0), np.arange(2.0), np.arange(2.0))
    with pytest.raises(ValueError, match=fault):
        gather(locate(grid, np.ones((1, 3))), [values], "linear")


def test_the_share_of_masked_nodes() -> None:
    axis = np.arange(5.0)
    grid = Grid(axis, axis[::-1], axis)
    values = np.ones(grid.shape)
    values[2, 2, 2] = np.nan
    points = [[2.0, 2.0, 2.0], [1.75, 2.0, 2.0], [1.5, 2.5, 2.5], [3.5, 3.5, 3.5], [9.0, 0, 0]]
    shares = masked_share(locate(grid, points), [values, np.ones(grid.shape)])
    np.testing.assert_allclose(shares[0], [1, 0.75, 0.125, 0, np.nan])
    np.testing.assert_allclose(shares[1], [0, 0, 0, 0, np.nan])
    many = np.random.default_rng(0).uniform(0, 4, size=(BLOCK + 10, 3))
    plan = locate(grid, many)
    exact = gather(plan, [np.isnan(values).astype(float)], "linear")
    np.testing.assert_allclose(masked_share(plan, [values]), exact, atol=1e-15)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32),
    st.permutations(range(3)),
    st.tuples(*[st.booleans()] * 3),
    st.sampled_from(["linear", "nearest", "nearest-cell", "corner-averaged", "cubic"]),
)
def test_turning_and_exchanging_axes_changes_no_value(
    seed: int, order: list[int], flips: tuple[bool, bool, bool], method: str
) -> None:
    random = np.random.default_rng(seed)
    axes = [np.cumsum(random.uniform(0.5, 1.5, size=random.integers(4, 9))) for _ in range(3)]
    values = random.normal(size=[len(axis) for axis in axes])
    grid = Grid(axes[0], axes[1], axes[2])
    points = random.uniform(grid.lower - 0.2, grid.upper + 0.2, size=(60, 3))
    straight = gather(locate(grid, points), [values], method)[0]
    turned = [axis[::-1] if flip else axis for axis, flip in zip(axes, flips, strict=True)]
    steps = tuple(slice(None, None, -1 if flip else 1) for flip in flips)
    moved = Grid(*(turned[axis] for axis in order))
    found = gather(locate(moved, points[:, order]), [values[steps].transpose(order)], method)[0]
    # Sums in another order differ in the last digits.
    np.testing.assert_allclose(found, straight, rtol=1e-11, atol=1e-11)


def test_threads_change_no_bit() -> None:
    random = np.random.default_rng(8)
    axis = np.cumsum(random.uniform(0.5, 1.5, size=40))
    grid = Grid(axis, axis, axis)
    variables = [random.normal(size=grid.shape).astype("f4") for _ in range(3)]
    points = random.uniform(grid.lower, grid.upper, size=(20_000, 3))
    whole = gather(locate(grid, points), variables, "linear")
    with ThreadPoolExecutor(4) as threads:
        parts = threads.map(
            lambda part: gather(locate(grid, part), variables, "linear"), np.array_split(points, 16)
        )
        np.testing.assert_array_equal(np.concatenate(list(parts), axis=1), whole)


def test_a_method_that_is_none_names_those_there_are() -> None:
    plan = locate(Grid(np.arange(5.0), np.arange(5.0), np.arange(5.0)), [[1.0, 1.0, 1.0]])
    with pytest.raises(ValueError, match="one of " + ", ".join(ALL_METHODS)):
        gather(plan, [np.ones((5, 5, 5))], "quintic")
