"""Fields on grids: units, the body, and how often a variable is read."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from interpolation.estimate import ESTIMATED
from interpolation.status import Status
from vo_server.budget import Budget
from vo_server.errors import TooMuch
from vo_server.model.request import Method

Make = Callable[..., Any]


def test_values_become_si(make_source: Make) -> None:
    field = make_source({"n": lambda nodes: nodes[..., 0]}, factor=1e-9).opened
    values, status = field.sample(np.array([[2.5, 0.0, 0.0], [9.0, 0.0, 0.0]]), ("n",), "linear")
    np.testing.assert_allclose(values, [[2.5e-9, np.nan]])
    assert status.tolist() == [Status.OK, Status.OUTSIDE]


def test_a_small_variable_is_read_once(make_source: Make) -> None:
    reads: list[str] = []

    def reading(name: str) -> Callable[[Any], Any]:
        def read(nodes: Any) -> Any:
            reads.append(name)
            return nodes[..., 1]

        return read

    field = make_source({name: reading(name) for name in "abc"}).opened
    for _ in range(3):
        values, _ = field.sample(np.array([[0.0, 1.5, 0.0]]), "ba", "linear")
        assert values.tolist() == [[1.5], [1.5]]
    assert sorted(reads) == ["a", "b"]
    assert [p.name for p in field.parameters] == ["a", "b", "c"]


def test_nothing_is_given_inside_the_inner_boundary(make_source: Make) -> None:
    field = make_source({"n": lambda nodes: nodes[..., 0]}, boundary=1.5).opened
    points = np.array([[1.0, 0.0, 0.0], [1.6, 0.0, 0.0], [3.0, 0.0, 0.0]])
    values, status = field.sample(points, ("n",), "nearest")
    assert status.tolist() == [Status.INSIDE_BODY, Status.OK, Status.OK]
    np.testing.assert_array_equal(values, [[np.nan, 2.0, 3.0]])


@pytest.mark.parametrize("room", [2**20, 1000])
@pytest.mark.parametrize("method", ESTIMATED)
def test_errors_are_those_of_the_method_and_only_of_values(
    make_source: Make, method: Method, room: int
) -> None:
    formulas = {"n": lambda nodes: np.sin(nodes[..., 0]), "u": lambda nodes: nodes[..., 1]}
    field = make_source(formulas, boundary=1.5, factor=1e-9, room=room).opened
    points = np.random.default_rng(1).uniform(-4.2, 4.2, (400, 3))
    values, status = field.sample(points, ("n", "u"), method)
    errors = field.error(points, ("n", "u"), method)
    assert np.array_equal(np.isnan(errors), np.isnan(values))
    assert {Status.INSIDE_BODY, Status.OUTSIDE} <= set(status)
    true = np.abs(values[0] - 1e-9 * np.sin(points[:, 0]))
    good = ~np.isnan(values[0])
    assert (errors[0][good] >= true[good]).mean() >= 0.9
    assert method == "linear" or np.nanmax(errors[1]) > 0.0


def test_no_estimate_is_told_for_what_is_as_good_as_it_gets(make_source: Make) -> None:
    assert "cubic" not in make_source({"n": lambda nodes: nodes[..., 0]}).opened.estimated


def test_a_spline_in_memory_can_be_stopped(make_source: Make) -> None:
    field = make_source({"n": lambda nodes: nodes[..., 0] ** 3}).opened
    points = np.random.default_rng(1).uniform(-4.5, 4.5, (50, 3))
    values, status = field.sample(points, ("n",), "cubic")
    for _ in range(2):  # read, and in memory
        again, told = field.sample(points, ("n",), "cubic")
        np.testing.assert_array_equal(again, values)
        np.testing.assert_array_equal(told, status)
    inside = status == Status.OK
    np.testing.assert_allclose(values[0, inside], points[inside, 0] ** 3, atol=1e-12)
    with Budget(seconds=0.0).at_work():
        for ask in (field.sample, field.error):
            method = "cubic" if ask == field.sample else "linear"
            with pytest.raises(TooMuch, match="took longer"):
                ask(points, ("n",), method)
