"""A Keplerian orbit around a body."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEWTON_STEPS = 20


@dataclass(frozen=True, slots=True)
class Orbit:
    """Elements of an orbit, fixed in the frame it is given in.

    gm: of the body, m3/s2; pericentre, apocentre: distances from its centre, m; inclination,
    longitude of the node and argument of the pericentre: degrees.
    """

    gm: float
    pericentre: float
    apocentre: float
    inclination: float
    node: float
    argument: float

    @property
    def period(self) -> float:
        """Time of one revolution, s (Kepler's third law)."""
        axis = (self.pericentre + self.apocentre) / 2.0
        return float(2.0 * np.pi * np.sqrt(axis**3 / self.gm))

    def position(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give positions (n, 3) in m at times (n,) in s after the pericentre."""
        axis = (self.pericentre + self.apocentre) / 2.0
        eccentricity = (self.apocentre - self.pericentre) / (self.apocentre + self.pericentre)
        mean = 2.0 * np.pi * np.remainder(seconds / self.period, 1.0)
        anomaly = mean + eccentricity * np.sin(mean)
        for _ in range(_NEWTON_STEPS):  # Kepler's equation E - e sin E = M
            error = anomaly - eccentricity * np.sin(anomaly) - mean
            anomaly = anomaly - error / (1.0 - eccentricity * np.cos(anomaly))
        plane = np.stack(
            [
                axis * (np.cos(anomaly) - eccentricity),
                axis * np.sqrt(1.0 - eccentricity**2) * np.sin(anomaly),
                np.zeros_like(anomaly),
            ]
        )
        turn = _about_z(self.node) @ _about_x(self.inclination) @ _about_z(self.argument)
        return np.asarray((turn @ plane).T)


def _about_z(degrees: float) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _about_x(degrees: float) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
