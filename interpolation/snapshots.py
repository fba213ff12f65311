"""Runs that change in time: values between snapshots, linear in time or of the nearest one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interpolation.rectilinear import Floats
from interpolation.status import Status

Statuses = npt.NDArray[np.uint8]
# Gives values (V, m) and status (m,) of snapshot i at the points that are chosen by number.
Snapshot = Callable[[int, npt.NDArray[np.intp]], tuple[Floats, Statuses]]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Times of snapshots (T,), ascending, in any unit; raises ValueError where they are not."""

    times: Floats

    def __post_init__(self) -> None:
        times = np.array(self.times, dtype=np.float64)
        if times.ndim != 1 or not times.size or not np.isfinite(times).all():
            raise ValueError("snapshots want at least one time, all finite")
        if not (np.diff(times) > 0).all():
            raise ValueError("the times of snapshots must ascend")
        times.flags.writeable = False
        object.__setattr__(self, "times", times)

    def sample(
        self, when: npt.ArrayLike, variables: int, snapshot: Snapshot, method: str = "linear"
    ) -> tuple[Floats, Statuses]:
        """Sample V variables at times (n,), giving values (V, n) and status (n,).

        `snapshot(i, chosen)` samples snapshot i at some of the points; each is asked once, in the
        order of their times. 'linear' joins the snapshots before and after, 'nearest' takes the one
        nearer, the earlier of two as near. Before the first and after the last is OUTSIDE; a
        time that is no number is BAD_INPUT. The status is the worse of the two snapshots'.
        Raises ValueError for another method.
        """
        if method not in ("linear", "nearest"):
            raise ValueError(f"method is {method!r}; it must be one of linear, nearest")
        moments = np.asarray(when, dtype=np.float64)
        values = np.full((variables, len(moments)), np.nan)
        status = np.full(len(moments), Status.OUTSIDE, dtype=np.uint8)
        status[~np.isfinite(moments)] = Status.BAD_INPUT
        within = (self.times[0] <= moments) & (moments <= self.times[-1])
        status[within] = Status.OK
        before, part = self._place(moments[within])
        if method == "nearest":
            part = np.where(part <= 0.5, 0.0, 1.0)
        points = np.flatnonzero(within)
        values[:, within] = 0.0
        for i in np.union1d(before[part < 1.0], before[part > 0.0] + 1):
            share = np.where(before == i, 1.0 - part, np.where(before + 1 == i, part, 0.0))
            mine = share > 0.0
            found, state = snapshot(int(i), points[mine])
            values[:, points[mine]] += share[mine] * found
            status[points[mine]] = np.maximum(status[points[mine]], state)
        return values, status

    def _place(self, moments: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
        """Give the snapshot before each time, and the part of the way to the next one."""
        last = max(len(self.times) - 2, 0)
        before = np.minimum(np.searchsorted(self.times, moments, side="right") - 1, last)
        if len(self.times) == 1:
            return before, np.zeros(len(moments))
        low = self.times[before]
        return before, (moments - low) / (self.times[before + 1] - low)
