"""Every operation of both dialects, from envelope to numbers, in every qualification."""

import json
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lxml import etree

from impex.clock_angle import Turn
from impex.dialect import Dialect, Operation, Parameter, Record
from impex.fmi import FMI
from impex.latmos import LATMOS
from impex.operations import Operations
from impex.parity import Parity
from impex.soap import SoapService
from interpolation.status import Status
from tests.dialects import SINP
from tests.impex.stand_in import (
    FIELD,
    MINUTES,
    OUTPUT,
    RUN,
    SPECTRA,
    SPEED,
    START,
    StandIn,
    density,
    orbit_at,
)
from vo_server import plugins
from vo_server.budget import Budget
from vo_server.context import Context
from vo_server.errors import (
    BadArgument,
    BadTable,
    Refusal,
    TooMuch,
    UnknownParameter,
    UnknownResource,
    WrongFrame,
    WrongUnit,
)
from vo_server.frames import transform
from vo_server.model.resource import Conditions, Kind, Resource
from vo_server.model.space import Frame, Points
from vo_server.model.table import Table, concatenate
from vo_server.model.time import TimeInterval, Times, print_times
from vo_server.model.trajectory import Trajectory
from vo_server.orbit import timed
from vo_server.registry import Registry

Wrap = Callable[[str], bytes]
Ask = Callable[..., str]

_FLIGHT = {
    "Spacecraft_name": "mars express",
    "StartTime": "2007-07-12T00:00:30",
    "StopTime": "2007-07-12T00:10:30Z",
    "Sampling": "PT2M",
}
_POINTS = "0 5000000 20000000", "0 0 0", "0 1000000 0"


def _filled(operation: Operation, given: dict[str, Any], style: str, namespace: str) -> str:
    """Write a request as clients of one kind do: qualified, mixed or unqualified."""

    def write(record: Record, values: dict[str, Any]) -> str:
        text = ""
        for parameter in record.members:
            if parameter.spread and isinstance(parameter.type, Record):
                inside = write(parameter.type, values)
                text += element(parameter, inside) if inside else ""
            elif parameter.name in values:
                text += one(parameter, values[parameter.name])
        return text

    def one(parameter: Parameter, value: Any) -> str:
        if isinstance(value, list):
            return "".join(one(parameter, item) for item in value)
        if isinstance(value, dict) and isinstance(parameter.type, Record):
            return element(parameter, write(parameter.type, value))
        return element(parameter, str(value))

    def element(parameter: Parameter, inside: str) -> str:
        qualified = style == "qualified" or (style == "mixed" and parameter.ref)
        prefix = "d:" if qualified else ""
        return f"<{prefix}{parameter.name}>{inside}</{prefix}{parameter.name}>"

    tag = operation.element if style == "bare" else f"d:{operation.element}"
    return f'<{tag} xmlns:d="{namespace}">{write(operation.request, given)}</{tag}>'


def _asker(context: Context, wrap: Wrap, dialect: Dialect, parity: Parity | None = None) -> Ask:
    service = SoapService(dialect, Operations(context, parity).handlers())

    def ask(name: str, style: str = "mixed", **given: Any) -> str:
        (operation,) = (o for o in dialect.operations if o.name == name)
        content = wrap(_filled(operation, given, style, dialect.namespace))
        answer = etree.fromstring(service.answer(content, "", operation.action))
        (body,) = answer.iterchildren("{*}Body")
        (reply,) = body
        assert etree.QName(reply).localname == operation.reply.element
        return (reply.text or "").strip() or etree.tostring(reply, encoding="unicode")

    return ask


@pytest.fixture
def fmi(flow: Context, wrap: Wrap) -> Ask:
    return _asker(flow, wrap, FMI)


@pytest.fixture
def latmos_service(flow: Context, wrap: Wrap) -> Ask:
    return _asker(flow, wrap, LATMOS)


def _stored(ask: Ask, **columns: tuple[str, str]) -> str:
    return ask(
        "getVOTableURL",
        Fields=[
            {"data": data, "name": name, "unit": unit} for name, (data, unit) in columns.items()
        ],
    )


@pytest.fixture
def points(fmi: Ask) -> str:
    """URL of a table of three points, the last outside."""
    return _stored(fmi, **{a: (data, "m") for a, data in zip("XYZ", _POINTS, strict=True)})


def _read(context: Context, url: str) -> Table:
    name = context.results.own(url)
    assert name is not None
    path = context.results.path(name)
    assert path is not None
    with path.open("rb") as file:
        return concatenate(list(plugins.format_named(path.suffix).read(file, context.budget())))


def _names(table: Table) -> list[str]:
    return [parameter.name for parameter in table.header.parameters]


_STYLES = ("qualified", "mixed", "bare")


def _requests(points: str) -> dict[str, dict[str, Any]]:
    return {
        "getDataPointValue": {"url_XYZ": points, "Variable": "Bx, Density"},
        "getDataPointValueSpacecraft": {**_FLIGHT, "Variable": "Density"},
        "getDataPointValue_Spacecraft": {**_FLIGHT, "OutputFileType": "netcdf"},
        "getDataPointSpectra": {
            "ResourceID": SPECTRA,
            "url_XYZ": points,
            "EnergyChannel": "Ch1",
        },
        "getDataPointSpectraSpacecraft": {**_FLIGHT, "ResourceID": SPECTRA},
        "getDataPointSpectra_Spacecraft": {**_FLIGHT, "ResourceID": SPECTRA},
        "getSurface": {"PlanePoint": "0 0 0", "PlaneNormalVector": "0 0 1", "Resolution": "5e6"},
        "getFieldLine": {"url_XYZ": points, "Variable": "Btot", "Direction": "both"},
        "getFileURL": {"StartTime": "2007-07-12", "StopTime": "2007-07-13"},
    }


@pytest.mark.parametrize("dialect", [FMI, LATMOS], ids=lambda d: d.name)
def test_every_operation_answers_each_qualification_alike(
    flow: Context, wrap: Wrap, points: str, fmi: Ask, dialect: Dialect
) -> None:
    ask = _asker(flow, wrap, dialect)
    particles = _particles(fmi)
    requests = {
        **_requests(points),
        "getParticleTrajectory": {"url_XYZ": particles, "MaxSteps": 3},
        "getMostRelevantRun": {
            "ResourceID": None,
            "Object": "Mars",
            "SW_parameters": {"SW_Density": {"value": "4e6"}},
        },
        "getVOTableURL": {"Fields": [{"data": "1 2", "name": "X"}]},
        "isAlive": {},
    }
    for operation in dialect.operations:
        given = {"ResourceID": OUTPUT, **requests[operation.name]}
        answers = [ask(operation.name, style, **given) for style in _STYLES]
        assert len(set(answers)) == 1, operation.name
        if operation.reply.element in ("anyURI", "url_Param"):
            assert answers[0].startswith("http://node.test/results/")


def _particles(ask: Ask, **changes: tuple[str, str]) -> str:
    columns = {
        **dict.fromkeys("XYZ", ("0 0", "m")),
        "Ux": ("0 -400000", "m/s"),
        "Uy": ("0 0", "m/s"),
        "Uz": ("0 0", "m/s"),
        "Mass": ("1.67262192369e-27 1.67262192369e-27", "kg"),
        "Charge": ("1.602176634e-19 1.602176634e-19", "C"),
    }
    return _stored(ask, **(columns | changes))


def test_numbers_along_an_orbit(fmi: Ask, flow: Context) -> None:
    url = fmi("getDataPointValueSpacecraft", ResourceID=RUN, Variable="Density", **_FLIGHT)
    table = _read(flow, url)
    assert _names(table) == ["Time", "X", "Y", "Z", "Density"]
    times = START + np.arange(6) * np.timedelta64(2, "m") + np.timedelta64(30, "s")
    assert list(table.column("Time")) == print_times(times)
    exact = orbit_at(times)
    np.testing.assert_allclose(np.column_stack([table.column(a) for a in "XYZ"]), exact, rtol=1e-12)
    np.testing.assert_allclose(table.column("Density"), density(exact), rtol=1e-12)


@pytest.mark.parametrize("name", ["MEX", "mex", "Mars-Express", "MARS EXPRESS", "marsexpress"])
def test_spellings_of_a_spacecraft(fmi: Ask, name: str) -> None:
    same = fmi("getDataPointValueSpacecraft", ResourceID=OUTPUT, **_FLIGHT)
    other = fmi(
        "getDataPointValueSpacecraft", ResourceID=OUTPUT, **{**_FLIGHT, "Spacecraft_name": name}
    )
    assert other == same


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        (
            {"Spacecraft_name": "Sputnik"},
            UnknownResource,
            "no orbit here; there are orbits of: MEX",
        ),
        ({"Spacecraft_name": "VEX"}, UnknownResource, "Spacecraft_name 'VEX' has no orbit"),
        ({"StopTime": "2007-07-11"}, BadArgument, "StartTime .* must lie before StopTime"),
        ({"StopTime": "2007-07-12"}, BadArgument, "StartTime .* must lie before StopTime"),
        ({"StartTime": "yesterday"}, BadArgument, "StartTime must be an ISO 8601 time"),
        ({"StartTime": "2007-02-30"}, BadArgument, "not a date of the calendar"),
        ({"Sampling": "P1M"}, BadArgument, "years or months, whose length varies"),
        ({"Sampling": "0"}, BadArgument, "Sampling must be more than zero"),
        ({"Sampling": "PT0S"}, BadArgument, "Sampling must be more than zero"),
        ({"Sampling": "-PT1S"}, BadArgument, "is no duration"),
        ({"Sampling": "PT"}, BadArgument, "is no duration"),
        ({"Sampling": "P"}, BadArgument, "is no duration"),
        ({"Sampling": "1e9"}, BadArgument, "Sampling must be an ISO 8601 duration"),
        ({"Sampling": "PT0.000000001S"}, TooMuch, "600000000001 points asked for.* 1000 points"),
        (
            {"StartTime": "2008-01-01", "StopTime": "2008-01-01T01:00:00"},
            BadArgument,
            "known from 2007-07-12T00:00:00.000Z to 2007-07-12T01:00:00.000Z",
        ),
    ],
)
def test_refused_flights(
    fmi: Ask, changes: dict[str, str], kind: type[Refusal], words: str
) -> None:
    with pytest.raises(kind, match=words):
        fmi("getDataPointValueSpacecraft", ResourceID=OUTPUT, **{**_FLIGHT, **changes})


@pytest.mark.parametrize("sampling", ["PT2M", "PT120S", "120", "120.0", "PT1M60.000S", "P0DT2M"])
def test_spellings_of_a_duration(fmi: Ask, sampling: str) -> None:
    same = fmi("getDataPointValueSpacecraft", ResourceID=OUTPUT, **_FLIGHT)
    flight = {**_FLIGHT, "Sampling": sampling}
    assert fmi("getDataPointValueSpacecraft", ResourceID=OUTPUT, **flight) == same


def test_spectra(fmi: Ask, flow: Context, points: str) -> None:
    url = fmi("getDataPointSpectra", ResourceID=SPECTRA, url_XYZ=points, EnergyChannel="ch2 Ch0")
    table = _read(flow, url)
    assert _names(table) == ["X", "Y", "Z", "ParticleFlux"]
    np.testing.assert_allclose(
        table.column("ParticleFlux"), [[1e6, 3e6], [1e6, 3e6], [math.nan, math.nan]]
    )
    edges = {c.parameter.name: c.value for c in table.header.constants}
    assert str(edges["EnergyLow"]) in ("1.0 4.0", "('1.0', '4.0')")
    assert ("points outside the domain", "1") in table.notes
    with pytest.raises(BadArgument, match="'Ch3' is no channel; there are Ch0 to Ch2"):
        fmi("getDataPointSpectra", ResourceID=SPECTRA, url_XYZ=points, EnergyChannel="Ch3")


def test_outputs_without_spectra(fmi: Ask, points: str) -> None:
    with pytest.raises(UnknownParameter, match="has no energy spectra"):
        fmi("getDataPointSpectra", ResourceID=OUTPUT, url_XYZ=points)


@pytest.mark.parametrize(
    ("normal", "free"), [("3.7e6 0 0", "YZ"), ("0 -2 0", "XZ"), ("0 0 1e-9", "XY")]
)
def test_surfaces_begin_at_the_corner_first_axis_outermost(
    fmi: Ask, flow: Context, normal: str, free: str
) -> None:
    url = fmi(
        "getSurface",
        ResourceID=OUTPUT,
        Variable="Density",
        PlanePoint="1e6,2e6,3e6",
        PlaneNormalVector=normal,
        Resolution="5e6",
    )
    table = _read(flow, url)
    assert _names(table) == ["X", "Y", "Z", "Density"]
    steps = np.arange(-1e7, 1.1e7, 5e6)
    outer, inner = (table.column(axis) for axis in free)
    np.testing.assert_allclose(outer, np.repeat(steps, 5))
    np.testing.assert_allclose(inner, np.tile(steps, 5))
    (fixed,) = set("XYZ") - set(free)
    np.testing.assert_allclose(table.column(fixed), {"X": 1e6, "Y": 2e6, "Z": 3e6}[fixed])
    np.testing.assert_allclose(table.column("Density"), 1e6 + table.column("Y"))


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"PlaneNormalVector": "0 0 0"}, BadArgument, "PlaneNormalVector has no length"),
        ({"PlaneNormalVector": "0 1"}, BadArgument, "PlaneNormalVector wants 3 numbers, got 2"),
        ({"Resolution": "0"}, BadArgument, "Resolution must be more than zero"),
        ({"Resolution": "-1"}, BadArgument, "Resolution must be more than zero"),
        ({"Resolution": "1"}, TooMuch, "more than 1000 points"),
        ({"Resolution": "1e-300"}, TooMuch, "more than 1000 points"),
        ({"PlanePoint": "0 0 2e7"}, BadArgument, "does not meet the simulated domain"),
        ({"PlanePoint": "0 0 1e308"}, BadArgument, "does not meet the simulated domain"),
        ({"Variable": "Foo"}, UnknownParameter, "'Foo' is not a parameter"),
    ],
)
def test_refused_surfaces(
    fmi: Ask, changes: dict[str, str], kind: type[Refusal], words: str
) -> None:
    given = {"PlanePoint": "0 0 0", "PlaneNormalVector": "0 0 1", "Resolution": "1e6", **changes}
    with pytest.raises(kind, match=words):
        fmi("getSurface", ResourceID=OUTPUT, **given)


def test_a_general_plane_goes_through_its_point(fmi: Ask, flow: Context) -> None:
    url = fmi(
        "getSurface", ResourceID=OUTPUT, PlanePoint="1e6 0 0", PlaneNormalVector="1 1 0",
        Resolution="3e6",
    )  # fmt: skip
    table = _read(flow, url)
    np.testing.assert_allclose(table.column("X") + table.column("Y"), 1e6, atol=1e-3)


def test_particles_drift_with_the_wind(fmi: Ask, flow: Context) -> None:
    url = fmi("getParticleTrajectory", ResourceID=OUTPUT, url_XYZ=_particles(fmi), Direction="Both")
    table = _read(flow, url)
    assert _names(table) == ["X", "Y", "Z", "Seconds", "Particle_no"]
    x, seconds, number = (np.asarray(table.column(n)) for n in ("X", "Seconds", "Particle_no"))
    # What moves with the wind feels no force; what rests is picked up and drifts at its speed.
    np.testing.assert_allclose(x[number == 2], SPEED * seconds[number == 2], atol=1e-3)
    gyration = 2.0 * np.pi * 1.67262192369e-27 / (1.602176634e-19 * FIELD[1])
    picked = (number == 1) & (seconds >= 0.0)
    turns = seconds[picked] / gyration
    exact = SPEED * gyration / (2.0 * np.pi) * (2.0 * np.pi * turns - np.sin(2.0 * np.pi * turns))
    np.testing.assert_allclose(x[picked], exact, atol=0.02 * abs(SPEED) * gyration)
    assert (seconds < 0.0).any()


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"Mass": ("0 1", "kg")}, BadTable, "Mass of url_XYZ must be more than zero"),
        ({"Mass": ("1 1", "T")}, WrongUnit, "cannot become 'kg'"),
        ({"Charge": ("1 NaN", "C")}, BadTable, "no finite number"),
        ({"Ux": ("1 1", "furlong")}, WrongUnit, "furlong"),
        ({"Ux": ("3e8 1", "m/s")}, BadArgument, "below that of light"),
        ({"X": ("3e7 3e7", "m")}, BadArgument, "all starting points lie outside"),
    ],
)
def test_refused_particles(
    fmi: Ask, changes: dict[str, tuple[str, str]], kind: type[Refusal], words: str
) -> None:
    with pytest.raises(kind, match=words):
        fmi("getParticleTrajectory", ResourceID=OUTPUT, url_XYZ=_particles(fmi, **changes))


def test_particles_take_the_method_that_is_named(fmi: Ask, flow: Context) -> None:
    given = {"ResourceID": OUTPUT, "url_XYZ": _particles(fmi), "MaxSteps": "2"}
    url = fmi("getParticleTrajectory", **given, InterpolationMethod="nearestgridpoint")
    assert "Interpolation: nearest" in _read(flow, url).header.description


def test_particles_need_their_columns_and_fields(
    fmi: Ask, points: str, context: Context, wrap: Wrap
) -> None:
    with pytest.raises(BadTable, match="no column Ux, Uy, Uz; particles need Ux, Uy, Uz, Mass"):
        fmi("getParticleTrajectory", ResourceID=OUTPUT, url_XYZ=points)
    with pytest.raises(BadArgument, match="StepSize must be more than zero"):
        fmi("getParticleTrajectory", ResourceID=OUTPUT, url_XYZ=_particles(fmi), StepSize="0")
    with pytest.raises(BadArgument, match="a particle at rest has no step of a length"):
        fmi("getParticleTrajectory", ResourceID=OUTPUT, url_XYZ=_particles(fmi), StepSize="1e3")


def test_files_of_a_run(latmos_service: Ask) -> None:
    given = {"StartTime": "2007-07-12T00:10:00", "StopTime": "2008-01-01"}
    document = etree.fromstring(latmos_service("getFileURL", ResourceID=RUN, **given))
    assert document.tag == "{http://www.ivoa.net/xml/VOTable/v1.2}VOTABLE"
    assert document.findall(".//{*}RESOURCE")[0].get("name") == "LatHySGranules"
    assert document.findall(".//{*}TABLE")[0].get("name") == "FileURLs"
    fields = document.findall(".//{*}FIELD")
    for field in fields:
        assert field.get("ID") == field.get("name")
        assert (field.get("datatype"), field.get("arraysize")) == ("char", "*")
        assert field.get("xtype") == ("dateTime" if "Time" in str(field.get("ID")) else None)
    assert [(f.get("name"), f.get("ucd")) for f in fields] == [
        ("ResourceID", "meta.id"),
        ("StartTime", "time.epoch;time.start"),
        ("StopTime", "time.epoch;time.stop"),
        ("URL", "meta.ref.url"),
        ("ParentID", "meta.id.parent"),
    ]
    cells, _ = [[cell.text or "" for cell in row] for row in document.iter("{*}TR")]
    assert cells[0] == "spase://MyLab/Granule/Flow/MEX"
    assert cells[1].startswith("2007-07-12T00:10:00")
    assert cells[2].startswith("2007-07-12T01:00:00")
    assert cells[3].startswith("http://node.test/results/")
    assert cells[4] == OUTPUT


def test_no_files_in_another_year(latmos_service: Ask) -> None:
    given = {"StartTime": "2010-01-01", "StopTime": "2011-01-01"}
    assert "<TR>" not in latmos_service("getFileURL", ResourceID=OUTPUT, **given)
    with pytest.raises(BadArgument, match="start time must lie before the stop time"):
        latmos_service(
            "getFileURL", ResourceID=OUTPUT, StartTime="2011-01-01", StopTime="2010-01-01"
        )


def test_a_clock_angle_turns_trajectory_and_vectors(
    latmos_service: Ask, flow: Context, points: str
) -> None:
    """The run's field points along y, a clock angle of 90 degrees; at 0 it points along z."""
    given = {"ResourceID": OUTPUT, "url_XYZ": points, "Variable": "Bz Density"}
    plain = _read(flow, latmos_service("getDataPointValue", **given, IMFClockAngle="90"))
    np.testing.assert_allclose(plain.column("Bz")[:2], 0.0, atol=1e-20)
    turned = _read(flow, latmos_service("getDataPointValue", **given, IMFClockAngle="0"))
    assert _names(turned) == ["X", "Y", "Z", "Bz", "Density"]
    np.testing.assert_allclose(turned.column("Bz")[:2], FIELD[1])
    # What grew along y now grows along z.
    np.testing.assert_allclose(turned.column("Density")[:2], [1e6, 2e6])
    np.testing.assert_allclose(turned.column("Z")[:2], [0.0, 1e6])


def test_status_and_error_are_added_where_asked_for(
    fmi: Ask, latmos_service: Ask, flow: Context, points: str
) -> None:
    given = {"ResourceID": OUTPUT, "url_XYZ": points, "Variable": "Bz Density"}
    plain = _read(flow, fmi("getDataPointValue", **given))
    table = _read(flow, fmi("getDataPointValue", **given, Additions="status, Error"))
    names = ["X", "Y", "Z", "Bz", "Density", "Bz_error", "Density_error", "Status"]
    assert _names(plain) == names[:5]
    assert _names(table) == names
    for name in names[:5]:
        np.testing.assert_array_equal(table.column(name), plain.column(name))
    np.testing.assert_allclose(table.column("Density_error"), table.column("Density") / 1000.0)
    assert np.array_equal(
        table.column("Status") > Status.TOUCHES_BODY, np.isnan(table.column("Bz"))
    )
    (status,) = _names(_read(flow, fmi("getDataPointValue", **given, Additions="Status")))[5:]
    assert status == "Status"
    turned = latmos_service(
        "getDataPointValue", **given, Additions="Error Status", IMFClockAngle="0"
    )
    assert _names(_read(flow, turned)) == names
    np.testing.assert_allclose(_read(flow, turned).column("Bz_error")[:2], FIELD[1] / 1000.0)
    with pytest.raises(BadArgument, match=r"Additions .* is not one of Status, Error"):
        fmi("getDataPointValue", **given, Additions="Weights")


@pytest.mark.parametrize("degrees", [-90.0, 0.0, 30.0, 90.0, 135.0, 180.0, 270.0, 400.0])
@pytest.mark.parametrize("field", [(1.0, 3.0, 0.0), (0.0, -2.0, 1.0), (5.0, 0.0, -4.0)])
def test_a_turn_brings_the_runs_field_to_the_angle(
    degrees: float, field: tuple[float, float, float]
) -> None:
    """The run's own field comes to the angle, in one turn by which x and all lengths stay."""
    run = Resource(RUN, Kind.RUN, "A run", conditions=(Conditions(magnetic_field=field),))
    turn = Turn.to(degrees, run)
    y, z = turn.vectors(np.array([field[1]]), np.array([field[2]]))
    aside = math.degrees(math.atan2(y[0], z[0])) - degrees
    assert math.cos(math.radians(aside)) == pytest.approx(1.0, abs=1e-12)
    assert math.hypot(y[0], z[0]) == pytest.approx(math.hypot(*field[1:]))
    points = np.random.default_rng(1).normal(size=(5, 3))
    back = turn.back(points)
    np.testing.assert_array_equal(back[:, 0], points[:, 0])
    again = np.column_stack(turn.vectors(back[:, 1], back[:, 2]))
    np.testing.assert_allclose(again, points[:, 1:], rtol=1e-12)


def test_a_clock_angle_needs_to_know_the_field(context: Context, wrap: Wrap) -> None:
    ask = _asker(context, wrap, LATMOS)
    given = {
        "ResourceID": "spase://MyLab/NumericalOutput/Dipole",
        "PlanePoint": "0 0 0",
        "PlaneNormalVector": "0 0 1",
        "IMFClockAngle": "10",
    }
    with pytest.raises(BadArgument, match="IMFClockAngle needs the run's magnetic field"):
        ask("getSurface", **given)


def test_most_relevant_run(fmi: Ask) -> None:
    answer = json.loads(
        fmi(
            "getMostRelevantRun",
            Object="mars",
            RunCount="5",
            SW_parameters={
                "SW_Density": {"value": "8e6", "weight": "2"},
                "SW_Function": {"value": "0.5", "scale": "1", "function": "abs(SW_By/SW_Btot)"},
            },
        )
    )
    (run,) = answer["runs"]
    assert run["ResourceID"] == RUN
    assert run["ResourceName"] == "A run"
    assert run["NumericalOutput"] == [OUTPUT, SPECTRA]
    assert run["S_diff_n"] == {"SW_Density": "2", "SW_Function": "0.25"}
    assert run["S_diff"] == "2.25"
    assert run["Param_values"]["SW_Btot"] == "1e-08"
    assert answer["input"]["SW_parameters"]["SW_Function"]["function"] == "abs(SW_By/SW_Btot)"
    assert re.findall(r"spase://MyLab/NumericalOutput/[^\"]+", json.dumps(answer)) == [
        OUTPUT,
        SPECTRA,
    ]


def test_runs_of_other_bodies_are_not_relevant(fmi: Ask) -> None:
    for body in ("Venus", "Nibiru", "Earth.Magnetosphere"):
        wanted = {"SW_density": {"value": "1"}, "SW_Density": {"value": "1"}}
        del wanted["SW_density"]
        answer = json.loads(fmi("getMostRelevantRun", Object=body, SW_parameters=wanted))
        assert answer["runs"] == []


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "SW_parameters holds no parameter"),
        ({"SW_Density": {"value": "1", "scale": "0"}}, "SW_Density: the scale must not be zero"),
        (
            {"SW_Density": {"value": "1", "weight": "-1"}},
            "SW_Density: the weight must not be below",
        ),
        ({"Solar_F10.7": {"value": "1"}}, "Solar_F10.7: no scale is given"),
        ({"SW_Function": {"value": "1"}}, "SW_Function: no scale is given"),
        ({"SW_Function": {"value": "1", "scale": "1"}}, "SW_Function: no expression is given"),
        (
            {"SW_Function": {"value": "1", "scale": "1", "function": "SW_Bx.__class__"}},
            "^SW_Function: the expression has '.' at character 6, where nothing fits",
        ),
        (
            {"SW_Function": {"value": "1", "scale": "1", "function": "**".join("9" * 10)}},
            "SW_Function: the expression has no finite value",
        ),
        (
            {"SW_Function": {"value": "1", "scale": "1", "function": "sqrt(-SW_Density)"}},
            "SW_Function: the expression has no finite value",
        ),
    ],
)
def test_refused_rankings(fmi: Ask, parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        fmi("getMostRelevantRun", Object="Mars", SW_parameters=parameters)


def test_parity(flow: Context, wrap: Wrap, points: str) -> None:
    ask = _asker(flow, wrap, FMI, Parity(-999.0, "corner-averaged", "1.2"))
    url = ask("getDataPointValue", ResourceID=OUTPUT, url_XYZ=points, Variable="Density")
    name = flow.results.own(url)
    assert name is not None
    path = flow.results.path(name)
    assert path is not None
    assert b"http://www.ivoa.net/xml/VOTable/v1.2" in path.read_bytes()
    table = _read(flow, url)
    np.testing.assert_allclose(table.column("Density"), [1e6, 1e6, -999.0])
    assert "Interpolation: corner-averaged" in table.header.description
    for kind in ("VOTable", "netCDF"):
        given = {"ResourceID": SPECTRA, "url_XYZ": points, "OutputFileType": kind}
        table = _read(flow, ask("getDataPointSpectra", **given))
        np.testing.assert_allclose(table.column("ParticleFlux")[2], [-999.0] * 3)


class _Leaving(StandIn):
    """An orbit of which a part lies outside."""

    def orbit(self, resource: Resource, interval: TimeInterval | None) -> Trajectory:
        way = super().orbit(resource, interval)
        assert way.times is not None
        return timed(way.times, way.positions + np.array([5.3e6, 0.0, 0.0]), way.frame)


class _Known(StandIn):
    """An orbit that is known at any time, but has no positions of its own."""

    orbit = None  # type: ignore[assignment]

    def positions(self, resource: Resource, times: Times, budget: Budget) -> Points:
        return orbit_at(times)


_DAY = {"StartTime": "2007-07-12", "StopTime": "2007-07-13"}


def _granules(answer: str) -> list[list[str]]:
    return [[c.text or "" for c in row] for row in etree.fromstring(answer).iter("{*}TR")]


def test_parity_of_granules(flow: Context, wrap: Wrap) -> None:
    flow.registry = Registry([_Leaving()])
    ask = _asker(flow, wrap, LATMOS, Parity(-999.0))
    (row,) = _granules(ask("getFileURL", ResourceID=OUTPUT, **_DAY))
    table = _read(flow, row[3])
    outside = table.column("X") > 1e7
    assert 0 < outside.sum() < MINUTES
    np.testing.assert_array_equal(table.column("Density")[outside], -999.0)
    assert (table.column("Density")[~outside] > 0.0).all()


def test_orbits_in_other_frames_have_files_where_they_can_be_turned(
    flow: Context, wrap: Wrap
) -> None:
    for frame, run, count in (("GSE", "GSM", 2), ("MSO", "GSM", 0)):
        flow.registry = Registry([StandIn(frame=frame, run=run)])
        rows = _granules(_asker(flow, wrap, LATMOS)("getFileURL", ResourceID=RUN, **_DAY))
        assert len(rows) == count
    flow.registry = Registry([StandIn(frame="GSE", run="GSM")])
    row, _ = _granules(_asker(flow, wrap, LATMOS)("getFileURL", ResourceID=RUN, **_DAY))
    assert "Coordinate system: GSE" in _read(flow, row[3]).header.description


def test_orbits_known_at_any_time_have_files(flow: Context, wrap: Wrap) -> None:
    flow.registry = Registry([_Known()])
    ask = _asker(flow, wrap, LATMOS)
    span = {"StartTime": "2007-07-12T00:00:00", "StopTime": "2007-07-12T00:30:00"}
    (row,) = _granules(ask("getFileURL", ResourceID=OUTPUT, **span))
    assert row[1].startswith("2007-07-12T00:00:00")
    assert row[2].startswith("2007-07-12T00:29:00")
    table = _read(flow, row[3])
    places = np.column_stack([table.column(axis) for axis in "XYZ"])
    np.testing.assert_allclose(table.column("Density"), density(places))


def test_files_are_those_of_outputs_and_runs(latmos_service: Ask) -> None:
    for id, words in (
        ("spase://MyLab/SimulationModel/Flow", "is of the kind model"),
        ("spase://MyLab/NumericalData/MEX/Orbit", "is of the kind orbit"),
        (f"{OUTPUT}?20070712_000000", "does not change in time"),
        (f"{OUTPUT}?2007", "names no time"),
    ):
        with pytest.raises((BadArgument, UnknownResource), match=words):
            latmos_service("getFileURL", ResourceID=id, **_DAY)


def test_a_run_goes_by_its_older_name_too(flow: Context, wrap: Wrap) -> None:
    service = SoapService(LATMOS, Operations(flow).handlers())
    told = "".join(f"<{name}>{value}</{name}>" for name, value in _DAY.items())
    answer = service.answer(wrap(f"<getFileURL><RunID>{RUN}</RunID>{told}</getFileURL>"), "", "")
    assert answer.count(b"<TR>") == 2


def test_another_dialect_is_a_table(flow: Context, wrap: Wrap) -> None:
    ask = _asker(flow, wrap, SINP)
    assert ask("isAlive") == "true"


def test_an_orbit_in_another_frame_of_earth(context: Context, wrap: Wrap) -> None:
    context.registry = Registry([StandIn(frame="GSE", run="GSM")])
    ask = _asker(context, wrap, FMI)
    url = ask("getDataPointValueSpacecraft", ResourceID=OUTPUT, Variable="Density", **_FLIGHT)
    table = _read(context, url)
    times = START + np.arange(6) * np.timedelta64(2, "m") + np.timedelta64(30, "s")
    there = transform(orbit_at(times), Frame("GSE"), Frame("GSM"), argument="x", times=times)
    np.testing.assert_allclose(table.column("Density"), density(there), rtol=1e-12)
    np.testing.assert_allclose(table.column("X"), orbit_at(times)[:, 0])


def _framed(ask: Ask, frame: str, *, timed: bool = True) -> str:
    """Store a client's table of three positions in a frame, and give its URL."""
    fields = [
        {"data": data, "name": axis, "unit": "m", "description": f"Position in {frame}"}
        for axis, data in zip("XYZ", _POINTS, strict=True)
    ]
    times = {"data": "2007-07-12T00:00:00 2007-07-12T06:00:00 2007-07-12T12:00:00", "name": "Time"}
    return ask("getVOTableURL", Fields=[times, *fields] if timed else fields)


def test_a_clients_table_in_another_frame(context: Context, wrap: Wrap) -> None:
    """Positions are turned into the run's frame, the client's own columns stay as they were."""
    context.registry = Registry([StandIn(run="GSM")])
    ask = _asker(context, wrap, FMI)
    url = _framed(ask, "GSE")
    table = _read(
        context, ask("getDataPointValue", ResourceID=OUTPUT, url_XYZ=url, Variable="Density")
    )
    given = np.array([[float(value) for value in data.split()] for data in _POINTS]).T
    hours = np.datetime64("2007-07-12", "ns") + np.arange(0, 18, 6) * np.timedelta64(1, "h")
    there = transform(given, Frame("GSE"), Frame("GSM"), argument="a", times=hours)
    assert np.abs(there - given)[1].max() > 1e4
    np.testing.assert_allclose(table.column("Density")[:2], density(there)[:2], rtol=1e-12)
    np.testing.assert_array_equal(np.column_stack([table.column(a) for a in "XYZ"]), given)


@pytest.mark.parametrize("operation", ["getDataPointValue", "getFieldLine"])
def test_a_clients_table_in_a_frame_that_cannot_be_turned(
    context: Context, wrap: Wrap, operation: str
) -> None:
    context.registry = Registry([StandIn(run="GSM")])
    ask = _asker(context, wrap, FMI)
    for frame, with_times, words in (
        ("VSO", True, "in frame VSO, the run is in GSM; no exact"),
        ("GSE", False, "in frame GSE, the run is in GSM; between these it takes the time"),
    ):
        url = _framed(ask, frame, timed=with_times)
        with pytest.raises(WrongFrame, match=words):
            ask(operation, ResourceID=OUTPUT, url_XYZ=url)


def test_an_orbit_in_a_frame_that_cannot_be_turned(context: Context, wrap: Wrap) -> None:
    context.registry = Registry([StandIn(frame="VSO")])
    ask = _asker(context, wrap, FMI)
    with pytest.raises(WrongFrame, match="in frame VSO, the run is in MSO; no exact"):
        ask("getDataPointValueSpacecraft", ResourceID=OUTPUT, **_FLIGHT)
