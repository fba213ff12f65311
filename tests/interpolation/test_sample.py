import numpy as np
import numpy.typing as npt
import pytest

from interpolation import engine
from interpolation.body import Sphere
from interpolation.gather import gather
from interpolation.locate import locate
from interpolation.rectilinear import Grid
from interpolation.sample import sample
from interpolation.status import Status

AXIS = np.linspace(-4.0, 4.0, 9)
GRID = Grid(AXIS, AXIS, AXIS[::-1])
BODY = Sphere((0.0, 0.0, 0.0), 1.5)
Floats = npt.NDArray[np.float64]


def ramp() -> Floats:
    """A variable that is x."""
    return np.broadcast_to(AXIS[:, None, None], GRID.shape)


def holed() -> Floats:
    """The ramp without its node at (3, 3, 3)."""
    values = ramp().copy()
    values[7, 7, 1] = np.nan
    return values


def test_values_come_with_ok_inside_the_domain() -> None:
    values, status = sample(GRID, [ramp(), -ramp()], [[2.25, 0.0, -3.5], [-4.0, 4.0, 4.0]])
    np.testing.assert_array_equal(values, [[2.25, -4.0], [-2.25, 4.0]])
    assert status.dtype == np.uint8
    np.testing.assert_array_equal(status, [Status.OK, Status.OK])


def test_a_stencil_that_touches_the_body_keeps_its_value() -> None:
    values, status = sample(GRID, [ramp()], [[1.75, 0.0, 0.0], [2.25, 0.0, 0.0]], body=BODY)
    np.testing.assert_array_equal(values, [[1.75, 2.25]])
    np.testing.assert_array_equal(status, [Status.TOUCHES_BODY, Status.OK])


def test_the_nearest_node_alone_decides_whether_it_touches() -> None:
    points = [[1.6, 0.0, 0.0], [1.4, 0.9, 0.0]]
    _, status = sample(GRID, [ramp()], points, method="nearest", body=BODY)
    np.testing.assert_array_equal(status, [Status.OK, Status.TOUCHES_BODY])


def test_only_the_variable_with_a_masked_corner_is_nan() -> None:
    values, status = sample(GRID, [ramp(), holed()], [[2.5, 2.5, 2.5], [1.5, 2.5, 2.5]])
    np.testing.assert_array_equal(values, [[2.5, 1.5], [np.nan, 1.5]])
    np.testing.assert_array_equal(status, [Status.MASKED, Status.OK])


def test_inside_the_body_outside_and_bad_points_are_nan() -> None:
    points = [[0.5, 0.0, 0.0], [4.5, 0.0, 0.0], [np.nan, 0.0, 0.0], [0.0, np.inf, 0.0]]
    values, status = sample(GRID, [ramp(), ramp()], points, body=BODY)
    assert np.isnan(values).all()
    np.testing.assert_array_equal(
        status, [Status.INSIDE_BODY, Status.OUTSIDE, Status.BAD_INPUT, Status.BAD_INPUT]
    )


def test_without_a_body_nothing_is_inside_it() -> None:
    values, status = sample(GRID, [ramp()], [[0.5, 0.0, 0.0]])
    assert values[0, 0] == 0.5
    assert status[0] == Status.OK


@pytest.mark.parametrize(
    ("point", "body", "worst"),
    [
        # masked and touching; masked inside the body; body beyond the domain
        ((2.4, 2.4, 2.4), Sphere((2.0, 2.0, 2.0), 0.5), Status.MASKED),
        ((2.9, 2.9, 2.9), Sphere((3.0, 3.0, 3.0), 0.5), Status.INSIDE_BODY),
        ((4.1, 0.0, 0.0), Sphere((4.0, 0.0, 0.0), 0.5), Status.OUTSIDE),
    ],
)
def test_the_status_is_the_worst_that_applies(
    point: tuple[float, float, float], body: Sphere, worst: Status
) -> None:
    _, status = sample(GRID, [holed()], [point], body=body)
    assert status[0] == worst


def test_many_points_are_sampled_as_few_are() -> None:
    random = np.random.default_rng(5)
    points = random.uniform(-4.5, 4.5, size=(70_000, 3))
    points[::97, 1] = np.nan
    values = [random.normal(size=GRID.shape), holed()]
    whole, status = sample(GRID, values, points, body=BODY)
    for part in np.array_split(np.arange(len(points)), 11):
        few, few_status = sample(GRID, values, points[part], body=BODY)
        np.testing.assert_array_equal(whole[:, part], few)
        np.testing.assert_array_equal(status[part], few_status)
    assert set(np.unique(status)) == set(Status)


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("many", [1, 3, 4, 6, 8])
@pytest.mark.parametrize("apart", [3.0, 1e-3], ids=["anywhere", "path"])
def test_variables_side_by_side_give_what_they_give_apart(
    apart: float, many: int, kind: str
) -> None:
    random = np.random.default_rng(many)
    memory = random.normal(size=(*GRID.shape, many)).astype(kind)
    memory[5, 5, 5] = np.nan
    points = np.cumsum(random.normal(scale=apart, size=(1500, 3)), axis=0)
    points = np.where(np.arange(1500)[:, None] % 50 == 0, 9.0, (points + 4.0) % 8.0 - 4.0)
    beside = list(np.moveaxis(memory, -1, 0))
    values, status = sample(GRID, beside, points, body=BODY)
    wanted = [sample(GRID, [variable.copy()], points, body=BODY)[0][0] for variable in beside]
    np.testing.assert_array_equal(values, wanted)
    np.testing.assert_array_equal(gather(locate(GRID, points), beside), _gathered(beside, points))
    with engine.numpy_only():
        reference = sample(GRID, beside, points, body=BODY)
    np.testing.assert_array_equal(values, reference[0])
    np.testing.assert_array_equal(status, reference[1])


def _gathered(variables: list[Floats], points: Floats) -> Floats:
    with engine.numpy_only():
        return gather(locate(GRID, points), variables)


def test_no_points_give_empty_results_and_the_same_refusals() -> None:
    values, status = sample(GRID, [ramp()], np.empty((0, 3)))
    assert values.shape == (1, 0)
    assert status.shape == (0,)
    with pytest.raises(ValueError, match="method"):
        sample(GRID, [ramp()], np.empty((0, 3)), method="quintic")


def test_a_worse_status_has_a_higher_number_and_each_has_a_label() -> None:
    assert [status.name for status in sorted(Status)] == [
        "OK",
        "TOUCHES_BODY",
        "MASKED",
        "INSIDE_BODY",
        "OUTSIDE",
        "BAD_INPUT",
    ]
    assert Status(4).label == "outside the domain"
    assert len({status.label for status in Status}) == len(Status)
