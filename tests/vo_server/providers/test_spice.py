"""Orbits from SPICE kernels that are written here, against positions known without them."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spiceypy
from numpy.typing import NDArray

from vo_server.budget import Budget
from vo_server.contract import check_provider
from vo_server.errors import BadArgument, BadFile
from vo_server.model.resource import Resource
from vo_server.model.time import LEAP_DAYS, TimeInterval
from vo_server.ports import Site
from vo_server.providers.spice import SpiceOptions, SpiceOrbits
from vo_server.registry import Registry
from vo_server.spacecraft import find_orbit, orbit_at, sampling_times

Floats = NDArray[np.float64]
Place = Callable[[Floats], Floats]

_START = np.datetime64("2012-01-31T00:00:00", "ns")
_HOUR = np.timedelta64(3600, "s")
_ZERO = 381_240_066.184  # _START in TDB, less 2 ms: 12.0827 years of 2000, 34 s and 32.184 s
_DAY = 86_400.0
_MARS = 2.279e8  # km from the Sun
_YEAR = 687.0 * _DAY
_POLE = np.array([0.0, -np.sin(0.4), np.cos(0.4)])
_FIRST = np.array([1.0, 0.0, 0.0])
_SECOND = np.cross(_POLE, _FIRST)

_RE = 6378.137  # km
_PUBLISHED = np.array([-5.7840451, -4.1082375, 1.9146822])  # see tests/vo_server/test_frames.py
_GSE = (4.0378470, 5.1182566, 3.3908764)


def _leap_seconds() -> str:
    """Give a kernel of leap seconds; its constants are those of the library's documentation."""
    told = ["10, @1972-JAN-1"]
    for count, day in enumerate(sorted(LEAP_DAYS), 11):
        after = np.datetime64(day) + np.timedelta64(1, "D")
        year, month, _ = str(after).split("-")
        told.append(f"{count}, @{year}-{'JAN' if month == '01' else 'JUL'}-1")
    return (
        "KPL/LSK\n\\begindata\n"
        "DELTET/DELTA_T_A = 32.184\nDELTET/K = 1.657D-3\nDELTET/EB = 1.671D-2\n"
        "DELTET/M = ( 6.239996D0 1.99096871D-7 )\n"
        f"DELTET/DELTA_AT = ( {chr(10).join(told)} )\n\\begintext\n"
    )


_DYNAMIC = """KPL/FK
\\begindata
FRAME_TEST_MSO = 1400499
FRAME_1400499_NAME = 'TEST_MSO'
FRAME_1400499_CLASS = 5
FRAME_1400499_CLASS_ID = 1400499
FRAME_1400499_CENTER = 499
FRAME_1400499_RELATIVE = 'J2000'
FRAME_1400499_DEF_STYLE = 'PARAMETERIZED'
FRAME_1400499_FAMILY = 'TWO-VECTOR'
FRAME_1400499_PRI_AXIS = 'X'
FRAME_1400499_PRI_VECTOR_DEF = 'OBSERVER_TARGET_POSITION'
FRAME_1400499_PRI_OBSERVER = 'MARS'
FRAME_1400499_PRI_TARGET = 'SUN'
FRAME_1400499_PRI_ABCORR = 'NONE'
FRAME_1400499_SEC_AXIS = 'Y'
FRAME_1400499_SEC_VECTOR_DEF = 'OBSERVER_TARGET_VELOCITY'
FRAME_1400499_SEC_OBSERVER = 'MARS'
FRAME_1400499_SEC_TARGET = 'SUN'
FRAME_1400499_SEC_ABCORR = 'NONE'
FRAME_1400499_SEC_FRAME = 'J2000'
\\begintext
"""


def _sun(when: Floats) -> Floats:
    """Give the direction to the Sun (n, 3): Mars goes round it on a tilted circle."""
    angle = 2.0 * np.pi * when / _YEAR
    return np.asarray(-np.cos(angle)[:, None] * _FIRST - np.sin(angle)[:, None] * _SECOND)


def _planet(when: Floats) -> Floats:
    return np.asarray(-_MARS * _sun(when))


def _mso(when: Floats) -> Floats:
    """Give where the spacecraft is in MSO, in km: on an ellipse that is turned to the Sun."""
    angle = 2.0 * np.pi * when / (7.0 * 3600.0)
    return np.column_stack([9e3 * np.cos(angle) - 4e3, 3e3 * np.sin(angle), 5e3 * np.sin(angle)])


def _craft(when: Floats) -> Floats:
    """Give it in J2000, out of the meaning of MSO alone."""
    x, y, z = _mso(when).T[:, :, None]
    sun = _sun(when)
    return np.asarray(x * sun + y * np.cross(_POLE, sun) + z * _POLE)


def _fixed(when: Floats) -> Floats:
    return np.broadcast_to(_PUBLISHED * _RE, (len(when), 3))


def _spk(path: Path, *segments: tuple[int, int, Place], start: float, length: float) -> None:
    """Write orbits: type 13, Hermite's interpolation of states ten minutes apart."""
    handle = spiceypy.spkopn(str(path), "test", 0)
    when = start + np.arange(0.0, length + 1.0, 600.0)
    for body, center, place in segments:
        before, after = place(when - _ZERO - 0.5), place(when - _ZERO + 0.5)
        states = np.hstack([place(when - _ZERO), after - before])
        spiceypy.spkw13(
            handle, body, center, "J2000", when[0], when[-1], "test", 11, len(when), states, when
        )
    spiceypy.spkcls(handle)


@pytest.fixture
def kernels(site: Site) -> Path:
    """Write the kernels of a spacecraft around Mars, two days with a gap between them."""
    folder = site.folder
    (folder / "a.tls").write_text(_leap_seconds())
    (folder / "b.tf").write_text(_DYNAMIC)
    for i, day in enumerate((0.0, 2.0)):
        _spk(folder / f"mex{i}.bsp", (-41, 499, _craft), start=_ZERO + day * _DAY, length=_DAY)
    _spk(folder / "planets.bsp", (499, 10, _planet), start=_ZERO, length=3.0 * _DAY)
    return folder


def _options(**changes: Any) -> SpiceOptions:
    given: dict[str, Any] = {
        "kernels": ("*.tls", "*.tf", "*.bsp"), "spacecraft": "MEX", "target": "-41",
        "body": "Mars", "frame": "MSO", "step": "10 min",
    }  # fmt: skip
    return SpiceOptions(**{**given, **changes})


def _orbit(provider: SpiceOrbits) -> Resource:
    resources = provider.resources()
    assert len(resources) == 1, provider.refused()
    return resources[0]


def _expected(times: Any) -> Floats:
    return _mso((times - _START) / np.timedelta64(1, "s")) * 1e3


def test_positions_are_those_of_the_definition(kernels: Path, site: Site) -> None:
    provider = SpiceOrbits(_options(), site)
    whole = provider.orbit(_orbit(provider), None)
    assert whole.times is not None
    assert str(whole.frame) == "MSO"
    assert 280 < len(whole) < 292
    # 1.7 ms of TDB at 2.2 km/s, and what states every ten minutes leave between them.
    np.testing.assert_allclose(whole.positions, _expected(whole.times), atol=10.0)
    gaps = np.flatnonzero(np.diff(whole.times) > _HOUR)
    assert len(gaps) == 1


def test_any_time_is_asked_for_itself(kernels: Path, site: Site) -> None:
    provider = SpiceOrbits(_options(), site)
    registry = Registry([provider])
    orbit = find_orbit(registry, "Mars Express", "Mars", argument="Spacecraft_name")
    times = sampling_times(_START - _HOUR, _START + 60 * _HOUR, np.timedelta64(97, "s"), Budget())
    flight = orbit_at(orbit, times, Budget(), argument="Spacecraft_name")
    hours = (times - _START) / _HOUR
    known = ((hours > 0.1) & (hours < 23.9)) | (hours > 48.1)
    np.testing.assert_allclose(flight.positions[known], _expected(times[known]), atol=10.0)
    gap = (hours < -0.1) | ((hours > 24.1) & (hours < 47.9))
    assert gap.any()
    assert np.isnan(flight.positions[gap]).all()
    with pytest.raises(BadArgument, match="not known at any time"):
        orbit_at(orbit, times[gap], Budget(), argument="Spacecraft_name")


def test_a_frame_of_the_kernels_agrees(kernels: Path, site: Site) -> None:
    own, theirs = (SpiceOrbits(_options(kernel_frame=frame), site) for frame in (None, "TEST_MSO"))
    one = own.orbit(_orbit(own), None)
    other = theirs.orbit(_orbit(theirs), None)
    np.testing.assert_allclose(other.positions, one.positions, atol=1e-3)


def test_published_numbers_of_gse(site: Site) -> None:
    (site.folder / "a.tls").write_text(_leap_seconds())
    _spk(site.folder / "sc.bsp", (-99, 399, _fixed), start=-105_500_000.0, length=_DAY * 2)
    provider = SpiceOrbits(_options(target="-99", body="Earth", frame="GSE"), site)
    when = np.array(["1996-08-28T16:46:00"], "datetime64[ns]")
    found = provider.positions(_orbit(provider), when, Budget())
    np.testing.assert_allclose(found[0] / 1e3 / _RE, _GSE, atol=7e-3)


def test_an_interval(kernels: Path, site: Site) -> None:
    provider = SpiceOrbits(_options(), site)
    resource = _orbit(provider)
    whole = provider.orbit(resource, None)
    interval = TimeInterval(_START + 20 * _HOUR, _START + 50 * _HOUR)
    part = provider.orbit(resource, interval)
    assert whole.times is not None
    inside = interval.holds(whole.times)
    np.testing.assert_array_equal(part.times, whole.times[inside])
    np.testing.assert_array_equal(part.positions, whole.positions[inside])


def test_served_is_what_is_asked(kernels: Path, site: Site) -> None:
    start, stop = "2012-01-31T06:00:00Z", "2012-01-31T07:00:00Z"
    provider = SpiceOrbits(_options(start=start, stop=stop), site)
    whole = provider.orbit(_orbit(provider), None)
    assert [str(t)[11:16] for t in whole.times] == [  # type: ignore[union-attr]
        "06:00", "06:10", "06:20", "06:30", "06:40", "06:50"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"frame": "GSE"}, "in frame J2000; none is known from it to GSE around Mars, only to"),
        ({"frame": "VSO"}, "only to J2000, MSO"),
        ({"kernel_frame": "NO_SUCH"}, "UNKNOWNFRAME"),
        ({"target": "-42"}, "hold no position of -42"),
        ({"target": "Nobody"}, "SPICE knows no body Nobody"),
        ({"kernels": ("*.bsp",)}, "leapseconds kernel"),
        ({"kernels": ("*.tls", "mex*.bsp")}, "SPKINSUFFDATA"),
        ({"kernels": ("none*",)}, "no file matches"),
        ({"kernels": ("*.tls", "*.bsp", "x.tm")}, "x.tm is a meta-kernel"),
        ({"kernels": ("*.tls", "*.bsp", "broken.bin")}, "SPICE: "),
        ({"step": "0.01 s"}, "2000000 are served at most"),
        ({"stop": "2012-01-30T00:00:00Z"}, "in the times served"),
    ],
)
def test_what_cannot_be_done_is_refused(
    kernels: Path, site: Site, changes: dict[str, Any], reason: str
) -> None:
    (kernels / "x.tm").write_text("KPL/MK\n")
    (kernels / "broken.bin").write_bytes(b"DAF/SPK \0\1\2" + bytes(2000))
    provider = SpiceOrbits(_options(**changes), site)
    assert provider.resources() == []
    (refused,) = provider.refused()
    assert reason in refused.reason
    assert "Traceback" not in refused.reason
    assert len(refused.reason) < 500


def test_a_kernel_that_is_replaced_is_read_again(kernels: Path, site: Site) -> None:
    provider = SpiceOrbits(_options(), site)
    before = _orbit(provider)
    new = kernels / "mex0.new"
    _spk(new, (-41, 499, lambda t: 2.0 * _craft(t)), start=_ZERO, length=_DAY)
    new.replace(kernels / "mex0.bsp")
    after = _orbit(provider)
    times = np.array([_START + 5 * _HOUR])
    np.testing.assert_allclose(
        provider.positions(after, times, Budget()), 2.0 * _expected(times), atol=20.0
    )
    with pytest.raises(BadFile, match="replaced just now"):
        provider.positions(before, times, Budget())


def test_sets_of_kernels_do_not_mix(kernels: Path, site: Site) -> None:
    """Two providers, whose kernels tell of one spacecraft differently, asked by many threads."""
    other = kernels / "other"
    other.mkdir()
    (other / "mex.bsp").unlink(missing_ok=True)
    _spk(other / "mex.bsp", (-41, 499, lambda t: 3.0 * _craft(t)), start=_ZERO, length=_DAY)
    one = SpiceOrbits(_options(), site)
    common = ("*.tls", "planets.bsp", "other/*.bsp")
    two = SpiceOrbits(_options(kernels=common, id="spase://MyLab/NumericalData/B/Orbit"), site)
    resources = [_orbit(one), _orbit(two)]
    times = np.array([_START + 5 * _HOUR, _START + 6 * _HOUR])
    wrong: list[object] = []

    def ask(provider: SpiceOrbits, resource: Resource, scale: float) -> None:
        for _ in range(10):
            found = provider.positions(resource, times, Budget())
            if not np.allclose(found, scale * _expected(times), atol=30.0):
                wrong.append(found)

    threads = [
        threading.Thread(target=ask, args=told)
        for told in [(one, resources[0], 1.0), (two, resources[1], 3.0)] * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_the_contract(kernels: Path, site: Site) -> None:
    assert check_provider(SpiceOrbits, _options().model_dump(exclude_none=True), site) == []
