"""Expressions: numbers of good ones, refusals of the rest, nothing that runs or takes long."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_server.errors import BadArgument
from vo_server.expression import parse

_NAMES = ("SW_Bx", "SW_Btot", "Solar_F10.7")
_VALUES = {"SW_Bx": -3.0, "SW_Btot": 4.0, "Solar_F10.7": 10.0}


def _value(text: str) -> float:
    return parse(text, _NAMES, argument="formula")(_VALUES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        (" .5e1 ", 5.0),
        ("abs(SW_Bx/SW_Btot)", 0.75),
        ("ABS(sw_bx)", 3.0),
        ("1 - 2 - 3", -4.0),
        ("2 * 3 + 4 * 5", 26.0),
        ("12 / 3 / 2", 2.0),
        ("-2 ** 2", -4.0),
        ("2 ** 3 ** 2", 512.0),
        ("2 ** -1", 0.5),
        ("--+-1", -1.0),
        ("(1 + 2) * 3", 9.0),
        ("min(3, SW_Bx, 1)", -3.0),
        ("max(1, 2)", 2.0),
        ("sqrt(16) + atan2(0, 1)", 4.0),
        ("cos(0) * sin(0) + tan(0) + acos(1) + asin(0) + atan(0)", 0.0),
        ("Solar_F10.7 * 2", 20.0),
    ],
)
def test_values(text: str, value: float) -> None:
    assert _value(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["1 / 0", "sqrt(SW_Bx)", "(-8) ** 0.5", "9**9**9**9**9**9**9**9**9**9", "0 ** -1",
             "asin(2)", "1e308 * 1e308 - 1e308 * 1e308"]
)  # fmt: skip
def test_what_is_no_number(text: str) -> None:
    assert math.isnan(_value(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "formula ends too early"),
        ("1 +", "ends too early"),
        ("(1", "ends too early"),
        ("1)", r"has '\)' at character 2"),
        ("1 2", "has '2' at character 3"),
        ("SW_Bx.real", "'.' at character 6, where nothing fits"),
        ("__import__('os')", "unknown name '__import__'; there are: SW_Bx, SW_Btot"),
        ("SW_Foo", "unknown name 'SW_Foo'"),
        ("abs", "ends too early"),
        ("abs()", r"has '\)'"),
        ("abs(1, 2)", "abs takes 1 numbers, not 2"),
        ("max(1)", "max takes two or more numbers, not 1"),
        ("1 if 1 else 2", "unknown name 'if'"),
        ("1; 2", "';' at character 2"),
        ("SW_Bx[0]", r"'\[' at character 6"),
        ("\N{SUPERSCRIPT TWO}", "where nothing fits"),
        ("(" * 17 + "1" + ")" * 17, "nested deeper than 16 levels"),
        ("2**" * 17 + "2", "nested deeper than 16 levels"),
        ("1+" * 300 + "1", "more than 400 characters"),
    ],
)
def test_refusals(text: str, words: str) -> None:
    with pytest.raises(BadArgument, match=words) as refusal:
        _value(text)
    assert refusal.value.argument == "formula"


@given(st.text("0123456789.eE+-*/(), abxqrstmiSW_B\N{BULLET}", max_size=60))
def test_any_text_is_a_number_or_a_refusal(text: str) -> None:
    with contextlib.suppress(BadArgument):
        assert isinstance(_value(text), float)
