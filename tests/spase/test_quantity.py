"""Quantity: how parameters are described, vectors as a whole."""

from typing import Any

import pytest

from spase.quantity import parameters
from vo_server.model.parameter import Parameter


def _described(columns: list[Parameter]) -> list[tuple[Any, Any]]:
    found = []
    for node in parameters(columns):
        told = {child.name: child.text for child in node.children}
        found.append((told["ParameterKey"], told.get("Description")))
    return found


@pytest.mark.parametrize(
    ("texts", "whole"),
    [
        ([f"bulk velocity, {axis}" for axis in "xyz"], "bulk velocity; components Ux, Uy, Uz"),
        (["velocity"] * 3, "velocity; components Ux, Uy, Uz"),
        (["sunward", "", "north"], "sunward; north; components Ux, Uy, Uz"),
        (["", "", ""], None),
    ],
)
def test_a_vector_is_described_as_a_whole(texts: list[str], whole: str | None) -> None:
    columns = [
        Parameter(f"U{axis}", unit="m/s", description=text)
        for axis, text in zip("xyz", texts, strict=True)
    ]
    speed = Parameter("Utot", unit="m/s", description="bulk speed")
    assert _described([*columns, speed]) == [("Ux,Uy,Uz", whole), ("Utot", "bulk speed")]


def test_a_component_alone_is_described_as_itself() -> None:
    column = Parameter("Ux", unit="m/s", description="bulk velocity, x")
    assert _described([column]) == [("Ux", "bulk velocity, x")]
