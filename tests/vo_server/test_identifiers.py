"""Identifiers made of anything: C identifiers of bounded length, told apart when cut."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_server.identifiers import LONGEST, identifier, is_identifier


@given(st.text(max_size=80), st.integers(12, LONGEST))
def test_they_are_c_identifiers(text: str, longest: int) -> None:
    made = identifier(text, longest)
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{1,30}", made)
    assert len(made) <= longest
    assert is_identifier(made)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Mars/RunB-coarse/H+", "mars_run_b_coarse_h"),
        ("2001/A", "d_2001_a"),
        ("", "d_"),
        ("é", "d_"),
    ],
)
def test_known(text: str, made: str) -> None:
    assert identifier(text) == made


@pytest.mark.parametrize("text", ["", "1a", "a-b", "é", "a" * 32, "a b", "a\n"])
def test_what_is_none(text: str) -> None:
    assert not is_identifier(text)


def test_what_is_cut_is_told_apart() -> None:
    assert identifier("a" * 60 + "b") != identifier("a" * 60 + "c")
