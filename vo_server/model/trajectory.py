"""Trajectory: where to sample, with the columns it came with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_server.model.space import Frame, Points
from vo_server.model.table import Table


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Positions (n, 3) float64 in metres, their frame, and the table they were read from.

    frame: None where the source states none; times: datetime64[ns] (n,) or None; table: every
    column of the source, in its order and units, to be carried through into results; axes:
    positions of the table's x, y and z columns; shown: the frame of those, where positions were
    turned since.
    """

    positions: Points
    frame: Frame | None
    table: Table
    axes: tuple[int, int, int]
    times: NDArray[np.datetime64] | None = None
    shown: Frame | None = None

    def __len__(self) -> int:
        return len(self.positions)
