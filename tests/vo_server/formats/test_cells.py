"""Numbers of text: the bits do not depend on what else stands in a column."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_server.formats.cells import reals

_WORDS = st.floats().map(repr) | st.sampled_from(
    ["-0", "-0 ", " -0", "0", "-0.0", "-0e0", "0e-0", "+0", "1e-05", "-00", "1", "nan", "-nan", ""]
)


@settings(derandomize=True, deadline=None)
@given(st.lists(_WORDS, max_size=5))
def test_each_number_has_the_bits_that_it_has_alone(words: list[str]) -> None:
    alone = [float(word) if word else np.nan for word in words]
    assert reals(words).tobytes() == np.array(alone, np.float64).tobytes()


@pytest.mark.parametrize("words", [["-0"], ["1.5", "-0"], ["-0", "NaN"], ["-0 ", "0"]])
def test_zero_keeps_its_sign(words: list[str]) -> None:
    assert np.signbit(reals(words)).tolist() == ["-" in word for word in words]
