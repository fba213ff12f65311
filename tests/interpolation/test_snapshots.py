import numpy as np
import numpy.typing as npt
import pytest

from interpolation.snapshots import Moments
from interpolation.status import Status

Floats = npt.NDArray[np.float64]
Chosen = npt.NDArray[np.intp]
TIMES = [0.0, 10.0, 30.0]


def constant(i: int, chosen: Chosen) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """Snapshot i has the value of its time, and the number of the point as another variable."""
    return np.stack([np.full(len(chosen), TIMES[i]), chosen * 1.0]), np.zeros(len(chosen), np.uint8)


def test_values_are_linear_in_time() -> None:
    when = [0.0, 4.0, 10.0, 12.5, 30.0]
    values, status = Moments(np.array(TIMES)).sample(when, 2, constant)
    np.testing.assert_allclose(values[0], when, rtol=1e-14)
    np.testing.assert_allclose(values[1], range(5), rtol=1e-14)
    assert (status == Status.OK).all()


def test_the_nearest_snapshot_is_the_earlier_of_two_as_near() -> None:
    when = [4.9, 5.0, 5.1, 20.0, 20.1]
    values, _ = Moments(np.array(TIMES)).sample(when, 2, constant, "nearest")
    np.testing.assert_array_equal(values[0], [0, 0, 10, 10, 30])


def test_no_time_is_made_up() -> None:
    values, status = Moments(np.array(TIMES)).sample([-0.1, 30.1, np.nan, np.inf], 2, constant)
    assert np.isnan(values).all()
    assert status.tolist() == [Status.OUTSIDE] * 2 + [Status.BAD_INPUT] * 2


def test_a_moment_of_a_snapshot_asks_no_other() -> None:
    asked = []

    def recording(i: int, chosen: Chosen) -> tuple[Floats, npt.NDArray[np.uint8]]:
        asked.append(i)
        return constant(i, chosen)

    Moments(np.array(TIMES)).sample([10.0, 10.0], 2, recording)
    assert asked == [1]
    asked.clear()
    Moments(np.array(TIMES)).sample([30.0], 2, recording)
    assert asked == [2]
    asked.clear()
    Moments(np.array(TIMES)).sample([20.0, 5.0, 1.0, 25.0], 2, recording)
    assert asked == [0, 1, 2]


def test_the_worse_status_of_two_snapshots_counts() -> None:
    def masked(i: int, chosen: Chosen) -> tuple[Floats, npt.NDArray[np.uint8]]:
        values, status = constant(i, chosen)
        if i == 1:
            values[0], status[:] = np.nan, Status.MASKED
        return values, status

    values, status = Moments(np.array(TIMES)).sample([0.0, 5.0, 20.0, 30.0], 2, masked)
    assert status.tolist() == [Status.OK, Status.MASKED, Status.MASKED, Status.OK]
    np.testing.assert_array_equal(np.isnan(values[0]), [False, True, True, False])


def test_one_snapshot_has_one_moment() -> None:
    values, status = Moments(np.array([10.0])).sample(
        [10.0, 10.1], 1, lambda i, chosen: (np.ones((1, len(chosen))), np.zeros(len(chosen), "u1"))
    )
    assert values[0, 0] == 1
    assert status.tolist() == [Status.OK, Status.OUTSIDE]


@pytest.mark.parametrize("times", [[], [1.0, 1.0], [2.0, 1.0], [0.0, np.nan], [[1.0]]])
def test_bad_times_are_refused(times: object) -> None:
    with pytest.raises(ValueError, match="snapshots"):
        Moments(np.array(times, dtype=float))


def test_another_method_is_refused() -> None:
    with pytest.raises(ValueError, match="one of linear, nearest"):
        Moments(np.array(TIMES)).sample([0.0], 2, constant, "cubic")
