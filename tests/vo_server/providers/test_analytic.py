"""analytic: fields with known values, status, and options checked at start-up."""

from typing import Any

import numpy as np
import pytest

from interpolation.status import Status
from vo_server import plugins
from vo_server.errors import BadArgument, WrongUnit
from vo_server.ports import Site
from vo_server.providers.analytic import Analytic, AnalyticField, AnalyticOptions

_AU = 1.495978707e11


_OPTIONS = {
    "id": "spase://MyLab/NumericalOutput/A",
    "run": "spase://MyLab/SimulationRun/A",
    "model": "spase://MyLab/SimulationModel/A",
    "title": "A",
    "body": "Mars",
    "body_radius": "3390 km",
    "frame": "MSO",
    "half_width": "20000 km",
}


def _field(site: Site, field: dict[str, Any], **changes: Any) -> AnalyticField:
    options = _OPTIONS | {"field": field} | changes
    provider = Analytic(AnalyticOptions.model_validate(options), site)
    output = provider.resources()[-1]
    with provider.field(output, ()) as opened:
        return opened


def test_dipole(site: Site) -> None:
    field = _field(site, {"kind": "dipole", "strength": "50 nT"})
    points = np.array([[3.39e6, 0, 0], [0, 0, 3.39e6], [0, 6.78e6, 0]], float)
    values, status = field.sample(points, ("Bx", "By", "Bz", "Btot"), "linear")
    # Equator at R: -B0 along the moment; pole: twice that, along it; equator at 2R: an eighth.
    expected = np.array([[0, 0, -50e-9], [0, 0, 100e-9], [0, 0, -6.25e-9]])
    np.testing.assert_allclose(values[:3].T, expected, atol=1e-24)
    np.testing.assert_allclose(values[3], [50e-9, 100e-9, 6.25e-9], rtol=1e-15)
    assert (status == Status.OK).all()


def test_uniform(site: Site) -> None:
    field = _field(site, {"kind": "uniform", "vector": ["1 nT", "-2 nT", "2 nT"]})
    values, _ = field.sample(np.ones((2, 3)), ("Btot", "By"), "nearest")
    np.testing.assert_allclose(values, [[3e-9, 3e-9], [-2e-9, -2e-9]], rtol=1e-15)


def test_parker_spiral_at_the_earth(site: Site) -> None:
    field = _field(
        site,
        {"kind": "parker-spiral", "strength": "3 nT", "reference": f"{_AU} m",
         "speed": "400 km/s"},
        body="Sun", body_radius="695700 km", frame="HCI", half_width="3 AU",
    )  # fmt: skip
    points = np.array([[_AU, 0, 0], [0, 2 * _AU, 0], [0, 0, _AU]], float)
    values, _ = field.sample(points, ("Bx", "By", "Bz"), "linear")
    # At the reference the field is radial; at 2 AU it winds back by Omega (r - r0) / u.
    np.testing.assert_allclose(values[:, 0], [3e-9, 0, 0], atol=1e-22)
    omega = 2 * np.pi / 2192832.0
    wound = 0.75e-9 * omega * _AU / 400e3
    np.testing.assert_allclose(values[:, 1], [wound, 0.75e-9, 0], rtol=1e-12, atol=1e-22)
    np.testing.assert_allclose(values[:, 2], [0, 0, 3e-9], atol=1e-22)


def test_the_parker_spiral_has_no_divergence(site: Site) -> None:
    field = _field(
        site,
        {"kind": "parker-spiral", "strength": "3 nT", "reference": "0.1 AU", "speed": "400 km/s"},
        body="Sun", body_radius="695700 km", frame="HCI", half_width="3 AU",
    )  # fmt: skip
    point, h = np.array([0.7, 0.5, 0.4]) * _AU, 1e-4 * _AU
    steps = np.vstack([point + s * h * np.eye(3)[i] for i in range(3) for s in (1, -1)])
    values, _ = field.sample(steps, ("Bx", "By", "Bz"), "linear")
    slopes = [(values[i, 2 * i] - values[i, 2 * i + 1]) / (2 * h) for i in range(3)]
    assert abs(sum(slopes)) < 1e-6 * max(map(abs, slopes))


def test_status(site: Site) -> None:
    field = _field(site, {"kind": "dipole", "strength": "50 nT"}, inner_boundary="3600 km")
    points = np.array([[0, 0, 0], [3.5e6, 0, 0], [2.1e7, 0, 0], [np.nan, 0, 0], [4e6, 0, 0]], float)
    values, status = field.sample(points, ("Bx",), "linear")
    assert status.tolist() == [
        Status.INSIDE_BODY, Status.INSIDE_BODY, Status.OUTSIDE, Status.BAD_INPUT, Status.OK
    ]  # fmt: skip
    assert np.isnan(values[0, :4]).all()
    assert np.isfinite(values[0, 4])


def test_options_are_checked_at_start_up(site: Site) -> None:
    with pytest.raises(WrongUnit, match="strength"):
        _field(site, {"kind": "dipole", "strength": "50 km"})
    with pytest.raises(BadArgument, match="spase://MyLab/"):
        _field(site, {"kind": "dipole", "strength": "50 nT"}, id="spase://Other/NumericalOutput/A")


_DIPOLE = {"kind": "dipole", "strength": "50 nT"}
_SPIRAL = {"kind": "parker-spiral", "strength": "3 nT", "reference": "1 AU", "speed": "400 km/s"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"body_radius": "-3390 km"}, "analytic: body_radius: .*more than zero"),
        ({"body_radius": "1e999 km"}, "analytic: body_radius: .*finite"),
        ({"half_width": "0 km"}, "analytic: half_width: .*more than zero"),
        ({"half_width": "5 nT"}, "analytic: half_width: .*'nT'"),
        ({"inner_boundary": "-1 km"}, "analytic: inner_boundary: .*more than zero"),
        ({"frame": ""}, "analytic: frame: "),
        ({"frame": "  "}, "analytic: frame: "),
        ({"field": _DIPOLE | {"moment": [0, 0, 0]}}, "field: .*no finite field"),
        ({"field": _DIPOLE | {"moment": [0, np.inf, 0]}}, "field: .*no finite field"),
        ({"field": _DIPOLE | {"strength": "1e999 T"}}, "field: .*no finite field"),
        ({"field": _SPIRAL | {"speed": "0 km/s"}}, "field.*speed: must be more than zero"),
        ({"field": _SPIRAL | {"rotation": "0 s"}}, "field.*rotation: must be more than zero"),
        ({"field": _SPIRAL | {"reference": "-1 AU"}}, "field.*reference: must be more than zero"),
        ({"body": " "}, "analytic: body: "),
        ({"field": _SPIRAL | {"kind": "spiral"}}, "analytic: field: .*'spiral'"),
    ],
)
def test_what_gives_no_field_is_refused_by_key(
    site: Site, changes: dict[str, Any], reason: str
) -> None:
    options = _OPTIONS | {"field": _DIPOLE} | changes
    with pytest.raises(BadArgument, match=reason):
        plugins.build("vo_server.providers", "analytic", options, site)
