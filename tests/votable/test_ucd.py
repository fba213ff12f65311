"""UCDs, with astropy's own check as judge."""

import pytest
from astropy.io.votable.ucd import check_ucd
from hypothesis import given, settings
from hypothesis import strategies as st

from votable.ucd import words, wrong

_WORDS = st.sampled_from(sorted(words())) | st.sampled_from(["bad.ucd", "pos eq", "", "a..b"])


@settings(derandomize=True, deadline=None, max_examples=300)
@given(parts=st.lists(_WORDS, min_size=1, max_size=3))
def test_astropy_agrees(parts: list[str]) -> None:
    ucd = ";".join(parts)
    if not ucd:
        return  # astropy takes the empty text for a UCD
    assert (wrong(ucd) is None) == check_ucd(ucd, check_controlled_vocabulary=True)


@pytest.mark.parametrize(
    ("ucd", "rule"),
    [
        ("pos.cartesian.x", None),
        ("POS.CARTESIAN.X;stat.mean", None),
        ("ivoa:phys.density", None),
        ("stat.error;phys.magField", None),
        ("pos cartesian x", "ucd-grammar"),
        ("phys.density;;meta.main", "ucd-grammar"),
        ("phys.plasma.soup", "ucd-word"),
        ("meta.main;phys.density", "ucd-place"),
        ("phys.density;meta.id", "ucd-place"),
    ],
)
def test_rules(ucd: str, rule: str | None) -> None:
    found = wrong(ucd)
    assert (None if found is None else found[0]) == rule
