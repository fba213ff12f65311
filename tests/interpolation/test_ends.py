import numpy as np
import pytest

from interpolation.ends import Connectivity, EndReason, connectivity

R = EndReason


def test_each_reason_has_a_label() -> None:
    assert EndReason(3).label == "reached the body"
    assert len({reason.label for reason in EndReason}) == len(EndReason) == 8


def test_each_connectivity_has_a_label() -> None:
    assert Connectivity(2).label == "one end on the body, one in the wind"
    assert len({joined.label for joined in Connectivity}) == len(Connectivity) == 5


@pytest.mark.parametrize(
    ("forward", "backward", "joined"),
    [
        (R.REACHED_BODY, R.REACHED_BODY, Connectivity.CLOSED),
        (R.REACHED_BODY, R.LEFT_DOMAIN, Connectivity.OPEN),
        (R.LEFT_DOMAIN, R.REACHED_BODY, Connectivity.OPEN),
        (R.LEFT_DOMAIN, R.LEFT_DOMAIN, Connectivity.WIND),
        (R.CLOSED_LOOP, R.CLOSED_LOOP, Connectivity.LOOP),
        (R.CLOSED_LOOP, R.MAX_STEPS, Connectivity.LOOP),
        (R.LEFT_REGION, R.REACHED_BODY, Connectivity.UNKNOWN),
        (R.MAX_STEPS, R.LEFT_DOMAIN, Connectivity.UNKNOWN),
        (R.NULL_FIELD, R.REACHED_BODY, Connectivity.UNKNOWN),
        (R.BAD_SEED, R.BAD_SEED, Connectivity.UNKNOWN),
        (R.MASKED, R.LEFT_DOMAIN, Connectivity.UNKNOWN),
    ],
)
def test_two_ends_tell_what_a_line_joins(forward: R, backward: R, joined: Connectivity) -> None:
    sides = [np.array([side], dtype=np.uint8) for side in (forward, backward)]
    np.testing.assert_array_equal(connectivity(*sides), [joined])
