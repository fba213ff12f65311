from typing import Any

import numpy as np
import pytest

from impex.convert import FORMATS, METHODS, line_quantity, line_request, resource_id
from impex.fmi import FMI
from schemas.simple_type import SimpleType
from vo_server.errors import BadArgument
from vo_server.model.parameter import Parameter
from vo_server.model.resource import Kind, Resource
from vo_server.model.space import Body, Box, Frame
from vo_server.model.table import Header, Table
from vo_server.model.trajectory import Trajectory

_DOMAIN = Box((-10.0, -10.0, -10.0), (10.0, 10.0, 10.0))
_OUTPUT = Resource(
    "spase://A/NumericalOutput/a",
    Kind.OUTPUT,
    "a",
    frame=Frame("MSO"),
    body=Body("Mars", 1.0, 2.0),
    domain=_DOMAIN,
    step=4.0,
)
_GIVEN: dict[str, Any] = {
    "Direction": "Forward",
    "StepSize": None,
    "MaxSteps": 100,
    "StopCondition_Radius": 0.0,
    "StopCondition_Region": (),
}


def _seeds(*points: tuple[float, float, float]) -> Trajectory:
    positions = np.array(points, float)
    header = Header(tuple(Parameter(name, unit="m") for name in "XYZ"))
    return Trajectory(positions, None, Table(header, tuple(positions.T)), (0, 1, 2))


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("spase://MyLab/NumericalOutput/a", "spase://MyLab/NumericalOutput/a"),
        ("impex://FMI/HWA/HYB/a", "spase://IMPEX/NumericalOutput/FMI/HYB/a"),
        ("impex://FMI/NumericalOutput/HYB/a", "spase://IMPEX/NumericalOutput/FMI/HYB/a"),
        ("impex://LATMOS/Hybrid/a", "impex://LATMOS/Hybrid/a"),
    ],
)
def test_old_ids(text: str, id: str) -> None:
    assert resource_id(text) == id


def test_a_time_step_is_refused() -> None:
    assert resource_id("impex://FMI/HWA/a?20031120_123000") == (
        "spase://IMPEX/NumericalOutput/FMI/a?20031120_123000"
    )


@pytest.mark.parametrize(
    ("variables", "quantity"),
    [
        ((), None),
        (("Bx",), "B"),
        (("Density", "Btot"), "B"),
        (("Utot",), "U"),
        (("Bx", "By", "Uz"), "U"),
    ],
)
def test_line_quantity(variables: tuple[str, ...], quantity: str | None) -> None:
    assert line_quantity(variables) == quantity


@pytest.mark.parametrize("variables", [("Density",), ("B",), ("Ex", "Jtot")])
def test_what_has_no_lines(variables: tuple[str, ...]) -> None:
    with pytest.raises(BadArgument, match="Variable must name the vector to follow"):
        line_quantity(variables)


def test_every_word_of_the_table_is_understood() -> None:
    words = {
        parameter.name: parameter.type.values
        for operation in FMI.operations
        for parameter in operation.request.walk()
        if isinstance(parameter.type, SimpleType) and parameter.type.values
    }
    assert set(words["InterpolationMethod"]) == set(METHODS)
    assert set(words["OutputFileType"]) == set(FORMATS)
    for direction in words["Direction"]:
        request = line_request(
            {**_GIVEN, "Direction": direction}, _OUTPUT, "B", _seeds((3.0, 0.0, 0.0))
        )
        assert request.direction == direction.lower()


def test_line_defaults() -> None:
    request = line_request(_GIVEN, _OUTPUT, "B", _seeds((3.0, 0.0, 0.0)))
    assert (request.step, request.max_steps, request.radius, request.region) == (
        1.0,
        100,
        None,
        None,
    )


def test_line_conditions() -> None:
    conditions = {
        "StepSize": 0.5,
        "StopCondition_Radius": 2.5,
        "StopCondition_Region": (-9.0, 9.0, -8.0, 8.0, -7.0, 7.0),
    }
    request = line_request({**_GIVEN, **conditions}, _OUTPUT, "B", _seeds((3.0, 0.0, 0.0)))
    assert (request.step, request.radius) == (0.5, 2.5)
    assert request.region == Box((-9.0, -8.0, -7.0), (9.0, 8.0, 7.0))


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("StepSize", 0.0),
        ("StepSize", -1.0),
        ("StepSize", float("nan")),
        ("StepSize", float("inf")),
        ("StopCondition_Radius", float("inf")),
        ("StopCondition_Radius", float("nan")),
        ("StopCondition_Region", (1.0, -1.0, 0.0, 1.0, 0.0, 1.0)),
        ("StopCondition_Region", (0.0, 0.0, 0.0, 1.0, 0.0, 1.0)),
    ],
)
def test_conditions_that_make_no_sense(condition: str, value: object) -> None:
    with pytest.raises(BadArgument, match=f"{condition} must be") as caught:
        line_request({**_GIVEN, condition: value}, _OUTPUT, "B", _seeds((3.0, 0.0, 0.0)))
    assert caught.value.argument == condition


def test_no_grid_to_take_a_step_from() -> None:
    formula = Resource("spase://A/NumericalOutput/f", Kind.OUTPUT, "f")
    with pytest.raises(BadArgument, match="StepSize is missing"):
        line_request(_GIVEN, formula, "B", _seeds((3.0, 0.0, 0.0)))
    given = {**_GIVEN, "StepSize": 1.0}
    assert line_request(given, formula, "B", _seeds((3.0, 0.0, 0.0))).step == 1.0


@pytest.mark.parametrize(
    ("seeds", "where"),
    [
        ([(11.0, 0.0, 0.0), (0.0, float("nan"), 0.0)], "outside the simulated domain"),
        ([(9.0, 0.0, 0.0)], "outside StopCondition_Region"),
        ([(1.0, 0.0, 0.0), (11.0, 0.0, 0.0)], "inside the body or below StopCondition_Radius"),
    ],
)
def test_all_seeds_outside(seeds: list[tuple[float, float, float]], where: str) -> None:
    given = {**_GIVEN, "StopCondition_Region": (-8.0, 8.0) * 3}
    with pytest.raises(BadArgument, match=f"all starting points lie {where}"):
        line_request(given, _OUTPUT, "B", _seeds(*seeds))
    line_request(given, _OUTPUT, "B", _seeds(*seeds, (3.0, 0.0, 0.0)))
