"""Sampling: columns carried through, values in SI, status counts, blocks, refusals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from vo_server import sampling
from vo_server.budget import Budget
from vo_server.errors import (
    BadArgument,
    Stopping,
    TooMuch,
    UnknownParameter,
    UnknownResource,
    WrongFrame,
)
from vo_server.model.request import Method, SampleRequest
from vo_server.model.table import concatenate
from vo_server.registry import Registry

Make = Callable[..., Any]


def _random(nodes: Any) -> Any:
    return np.random.default_rng(3).normal(size=nodes.shape[:3])


def _holes(nodes: Any) -> Any:
    values = _random(nodes)
    values[5, 5, 5] = np.nan
    return values


def test_values_equal_scipy_and_columns_are_carried_through(
    make_source: Make, trajectory: Make
) -> None:
    source = make_source({"n": _random, "q": lambda nodes: nodes[..., 0] * 2}, factor=1e-3)
    points = np.random.default_rng(5).uniform(-4.5, 4.5, (40_000, 3))
    request = SampleRequest(source.resource, ("q", "n"), trajectory(points))
    blocks = list(sampling.fly(request, source, Budget()))
    assert len(blocks) > 1
    assert [bool(block.notes) for block in blocks] == [False] * (len(blocks) - 1) + [True]
    table = concatenate(blocks)
    assert [p.name for p in table.header.parameters] == ["Label", "X", "Y", "Z", "q", "n"]
    assert table.column("Label")[39_999] == "p39999"
    np.testing.assert_array_equal(table.column("Y"), points[:, 1] / 1e3)
    axes = source.opened.grid.axes
    for name in ("n", "q"):
        values = source.opened.variables[name].load()
        scipy = RegularGridInterpolator(axes, values, bounds_error=False)(points)
        np.testing.assert_array_equal(table.column(name), scipy * 1e-3)


def test_notes_count_points_by_status(make_source: Make, trajectory: Make) -> None:
    source = make_source({"n": _holes}, boundary=0.5)
    points = [[3, 3, 3], [9, 0, 0], [0.1, 0, 0], [-0.9, 0, 0], [1.5, 1.5, 1.5], [np.nan, 0, 0]]
    request = SampleRequest(source.resource, ("n",), trajectory(points))
    (block,) = sampling.fly(request, source, Budget())
    assert dict(block.notes) == {
        "points ok": "1",
        "points stencil touches the body": "1",
        "points masked corner": "1",
        "points inside the body": "1",
        "points outside the domain": "1",
        "points bad input": "1",
    }
    assert np.isnan(block.column("n")).tolist() == [False, True, True, False, True, True]


def test_no_points_give_the_header(make_source: Make, trajectory: Make) -> None:
    source = make_source({"n": _random})
    request = SampleRequest(source.resource, ("n",), trajectory(np.empty((0, 3))))
    (block,) = sampling.fly(request, source, Budget())
    assert len(block) == 0
    assert block.header.parameters[-1].name == "n"


@pytest.mark.parametrize("method", ["linear", "nearest"])
def test_errors_are_those_of_the_values_beside_them(
    make_source: Make, trajectory: Make, method: Method
) -> None:
    source = make_source({"n": _random}, boundary=1.5)
    points = np.random.default_rng(5).uniform(-4.5, 4.5, (500, 3))
    request = SampleRequest(source.resource, ("n",), trajectory(points), method, error=True)
    table = concatenate(list(sampling.fly(request, source, Budget())))
    told = source.opened.error(points, ("n",), method)[0]
    assert np.array_equal(table.column("n_error"), told, equal_nan=True)
    assert np.array_equal(np.isnan(table.column("n")), np.isnan(told))


def test_an_error_that_nobody_can_estimate_is_refused(make_source: Make, trajectory: Make) -> None:
    source = make_source({"n": _random})
    request = SampleRequest(source.resource, ("n",), trajectory([[0, 0, 1]]), "cubic", error=True)
    with pytest.raises(BadArgument, match="no error estimate of cubic values; it has one of: lin"):
        next(sampling.fly(request, source, Budget()))


def test_a_name_that_the_input_has_is_kept_apart(make_source: Make, trajectory: Make) -> None:
    source = make_source({"n": _random})
    request = SampleRequest(source.resource, ("n",), trajectory([[0, 0, 1]], extra="n"))
    (block,) = sampling.fly(request, source, Budget())
    assert [p.name for p in block.header.parameters] == ["n", "X", "Y", "Z", "n_run"]


def test_the_description_says_what_was_done(make_source: Make, trajectory: Make) -> None:
    source = make_source({"n": _random})
    request = SampleRequest(source.resource, ("n",), trajectory([[0, 0, 1]], frame=None), "nearest")
    (block,) = sampling.fly(request, source, Budget())
    assert block.header.description.splitlines() == [
        "SimulationModel: spase://MyLab/SimulationModel/M",
        "SimulationRun: spase://MyLab/SimulationRun/A",
        "NumericalOutput: spase://MyLab/NumericalOutput/A/out",
        "Object: Mars",
        "Object radius: 3390000 m",
        "Coordinate system: MSO",
        "Vectors in: MSO",
        "Interpolation: nearest",
        "Input: 1 positions with no frame stated, taken in MSO",
    ]


def test_refusals_come_before_the_first_block(make_source: Make, trajectory: Make) -> None:
    source = make_source({"n": _random})
    other = SampleRequest(source.resource, ("n",), trajectory([[0, 0, 1]], frame="GSE"))
    with pytest.raises(WrongFrame, match="frame GSE, the run is in MSO"):
        next(sampling.fly(other, source, Budget()))
    many = SampleRequest(source.resource, ("n",), trajectory(np.zeros((11, 3))))
    with pytest.raises(TooMuch, match="11 points asked for; this node's limit is 10"):
        next(sampling.fly(many, source, Budget(points=10)))
    with pytest.raises(TooMuch, match="limit of 0 s"):
        next(sampling.fly(many, source, Budget(seconds=0.0)))
    stopping = Budget()
    stopping.stop.set()
    with pytest.raises(Stopping):
        next(sampling.fly(many, source, stopping))


def test_parameter_names(make_source: Make) -> None:
    resource = make_source({"n": _random, "q": _random}).resource
    assert sampling.parameter_names(resource, (), argument="Variable") == ("n", "q")
    assert sampling.parameter_names(resource, ("q", "q"), argument="Variable") == ("q",)
    with pytest.raises(UnknownParameter, match=r"Variable 'B' is not a parameter of .* n, q"):
        sampling.parameter_names(resource, ("B",), argument="Variable")


def test_an_unknown_resource_is_refused_by_name(make_source: Make) -> None:
    registry = Registry([make_source({"n": _random})])
    with pytest.raises(UnknownResource, match="ResourceID 'spase://x' is not served here"):
        sampling.find_output(registry, "spase://x", (), argument="ResourceID")
