"""Space: coordinate frames by name, boxes and bodies; lengths in metres."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frame:
    """A named coordinate frame, such as MSO; names are compared in upper case."""

    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.strip().upper())

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Body:
    """The body at the origin of a run.

    radius: published radius in metres, the length of the unit Rm, Re, Rv ...; inner_boundary:
    radius of the model's obstacle in metres, None where the run has none.
    """

    name: str
    radius: float
    inner_boundary: float | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """Bounds of a domain along x, y and z in metres, edges inside."""

    lower: tuple[float, float, float]
    upper: tuple[float, float, float]

    @classmethod
    def between(cls, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> "Box":
        """Give the box between two corners, each (3,)."""
        x, y, z = lower.tolist()
        u, v, w = upper.tolist()
        return cls((x, y, z), (u, v, w))

    def holds(self, points: Points) -> NDArray[np.bool_]:
        """Tell for each point (n, 3) whether it lies inside."""
        return np.asarray(np.all((points >= self.lower) & (points <= self.upper), axis=1))
