"""Rotations: the frames of Earth and Sun, each turned out of the celestial frame at a time.

Definitions of Hapgood (1992), Planet. Space Sci. 40, 711, and Fraenz & Harper (2002), same
journal, 50, 217, the latter as revised in 2017. Precession, nutation, rotation and orbit of
Earth are ERFA's (IAU 2006/2000B, and VSOP2000 good to some km); its dipole is that of IGRF-14.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_server.clock import to_tt2000
from vo_server.model.time import Times

Floats = NDArray[np.float64]

_J2000 = 2451545.0  # Julian date
_DAY = 86_400e9  # ns
_AU = 149_597_870_700.0  # m; IAU 2012, resolution B2

# The Sun's equator: inclination to the ecliptic of J2000, and longitude of its ascending node;
# Carrington's elements, as the cited papers take them.
_TILT, _NODE = np.radians(7.25), np.radians(75.76)

# Dipole of IGRF-14 in nT at the first of January: g10, g11, h11; the last by its secular change.
_DIPOLE_YEARS = np.arange(1970.0, 2031.0, 5.0)
_DIPOLE = np.array(
    [
        (-30220.0, -2068.0, 5737.0),
        (-30100.0, -2013.0, 5675.0),
        (-29992.0, -1956.0, 5604.0),
        (-29873.0, -1905.0, 5500.0),
        (-29775.0, -1848.0, 5406.0),
        (-29692.0, -1784.0, 5306.0),
        (-29619.4, -1728.2, 5186.1),
        (-29554.63, -1669.05, 5077.99),
        (-29496.57, -1586.42, 4944.26),
        (-29441.46, -1501.77, 4795.99),
        (-29403.41, -1451.37, 4653.35),
        (-29350.0, -1410.3, 4545.5),
        (-29287.0, -1360.3, 4438.0),
    ]
)
FIRST, LAST = np.datetime64("1972-01-01", "ns"), np.datetime64("2030-01-01", "ns")


class Sky:
    """What the frames are made of at times (n,) in UTC; vectors are of the celestial frame."""

    def __init__(self, times: Times) -> None:
        import erfa

        self._erfa = erfa
        self._times = times.astype("datetime64[ns]")
        self._tt = to_tt2000(self._times) / _DAY

    @property
    def earth(self) -> Floats:
        """Where Earth is seen from the Sun (n, 3), in m."""
        heliocentric, _ = self._erfa.epv00(_J2000, self._tt)
        return np.asarray(heliocentric["p"] * _AU)

    @property
    def ecliptic_pole(self) -> Floats:
        """The pole of the mean ecliptic of date (n, 3)."""
        return np.asarray(self._erfa.ecm06(_J2000, self._tt)[:, 2])

    @property
    def earth_fixed(self) -> Floats:
        """The axes of Earth (n, 3, 3), without the motion of its poles in it."""
        since = (self._times - np.datetime64("2000-01-01T12:00", "ns")).astype(np.int64) / _DAY
        universal = since + _ahead_of_utc(self._times) / 86_400.0
        return np.asarray(self._erfa.c2t00b(_J2000, self._tt, _J2000, universal, 0.0, 0.0))

    @property
    def dipole(self) -> Floats:
        """Where the northern end of Earth's dipole axis points (n, 3)."""
        axis = dipole_axis(self._times)
        return np.asarray(np.einsum("nij,ni->nj", self.earth_fixed, axis))


def dipole_axis(times: Times) -> Floats:
    """Give the northern end of the dipole's axis (n, 3) on Earth."""
    years = times.astype("datetime64[Y]")
    starts, ends = years.astype("datetime64[ns]"), (years + 1).astype("datetime64[ns]")
    part = (times - starts).astype(np.int64) / (ends - starts).astype(np.int64)
    when = years.astype(np.int64) + 1970 + part
    g10, g11, h11 = (np.interp(when, _DIPOLE_YEARS, column) for column in _DIPOLE.T)
    axis = -np.column_stack([g11, h11, g10])
    return np.asarray(axis / np.linalg.norm(axis, axis=1, keepdims=True))


@cache
def _leap_table() -> Any:
    """Give the measured times of Earth's rotation that astropy brings along; nothing is fetched."""
    from astropy.utils import iers

    return iers.IERS_B.open(iers.IERS_B_FILE)


def _ahead_of_utc(times: Times) -> Floats:
    """Give UT1 - UTC in s; 0, which is less than 0.9 s off, where it is not measured yet."""
    days, places = np.unique(times.astype("datetime64[D]"), return_inverse=True)
    numbers = 2_440_587.5 + days.astype(int)
    ahead, status = _leap_table().ut1_utc(numbers, 0.0, return_status=True)
    seconds = np.where(status == 0, np.asarray(ahead.to_value("s"), np.float64), 0.0)
    return np.asarray(seconds[places.reshape(-1)])


def _axes(*, x: Floats, z: Floats, exact: str) -> Floats:
    """Give axes (n, 3, 3): of x and z one lies along its vector, the other as near as it can."""
    first, second = (x, z) if exact == "x" else (z, x)
    one = _unit(first)
    two = _unit(second - np.sum(second * one, axis=1, keepdims=True) * one)
    along_x, along_z = (one, two) if exact == "x" else (two, one)
    return np.stack([along_x, np.cross(along_z, along_x), along_z], axis=1)


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _ecliptic_2000() -> Floats:
    """Give the axes of the mean ecliptic of J2000 (3, 3)."""
    import erfa

    return np.asarray(erfa.ecm06(_J2000, 0.0))


def _solar() -> Floats:
    """Give the axes of HCI (3, 3): z the Sun's axis, x where its equator cuts the ecliptic."""
    node = np.array([np.cos(_NODE), np.sin(_NODE), 0.0])
    axis = np.array([np.sin(_TILT) * np.sin(_NODE), -np.sin(_TILT) * np.cos(_NODE), np.cos(_TILT)])
    return np.stack([node, np.cross(axis, node), axis]) @ _ecliptic_2000()


def _hci(sky: Sky) -> Floats:
    return np.broadcast_to(_solar(), (len(sky.earth), 3, 3))


def _heeq(sky: Sky) -> Floats:
    axis = np.broadcast_to(_solar()[2], sky.earth.shape)
    return _axes(x=sky.earth, z=axis, exact="z")


# Frames by name: axes (n, 3, 3) in the celestial frame, by what is at their origin.
GEOCENTRIC: dict[str, Callable[[Sky], Floats]] = {
    "GEO": lambda sky: sky.earth_fixed,
    "GSE": lambda sky: _axes(x=-sky.earth, z=sky.ecliptic_pole, exact="x"),
    "GSM": lambda sky: _axes(x=-sky.earth, z=sky.dipole, exact="x"),
    "SM": lambda sky: _axes(x=-sky.earth, z=sky.dipole, exact="z"),
}
HELIOCENTRIC: dict[str, Callable[[Sky], Floats]] = {
    "HAE": lambda sky: np.broadcast_to(_ecliptic_2000(), (len(sky.earth), 3, 3)),
    "HEE": lambda sky: _axes(x=sky.earth, z=sky.ecliptic_pole, exact="x"),
    "HEEQ": _heeq,
    "HCI": _hci,
}
