"""Roles of columns: positions, times, units and frames of tables as they come."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vo_server.budget import Budget
from vo_server.errors import BadTable, TooMuch, WrongUnit
from vo_server.formats.csv import CsvFormat
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.space import Frame
from vo_server.model.table import Constant, Header, Table
from vo_server.model.trajectory import Trajectory
from vo_server.roles import charges, masses, times, trajectory, velocities
from votable.read import read

X, Y, Z = (Parameter(name, unit="km") for name in "XYZ")


def find(
    parameters: Sequence[Parameter] = (X, Y, Z),
    description: str = "",
    frames: Sequence[str] = (),
    body: str = "Mars",
    radius: float | None = 3.39e6,
) -> Trajectory:
    """Find roles in one row of the cells 1, 2, 3 ... or 't' for text."""
    columns = []
    for number, parameter in enumerate(parameters, 1):
        cell = "t" if parameter.dtype == TEXT else number
        columns.append(np.array([cell], parameter.dtype))
    constants = tuple(Constant(Parameter("f", TEXT, ucd="pos.frame"), name) for name in frames)
    table = Table(Header(tuple(parameters), "", description, constants), tuple(columns))
    return trajectory([table], body=body, radius=radius, argument="url_XYZ")


def test_an_orbit_of_latmos(shared: Path) -> None:
    with (shared / "data/trajectories/latmos_orbite_60sec.xml").open("rb") as stream:
        orbit = trajectory(read(stream, Budget()), body="Mars", radius=None, argument="url_XYZ")
    assert len(orbit) == 1440
    assert orbit.frame == Frame("MSO")
    assert orbit.axes == (1, 2, 3)
    np.testing.assert_allclose(orbit.positions[0], [-4061770, -3891320, 4537050], rtol=1e-7)
    moments = times(orbit.table, argument="url_XYZ")
    assert moments is not None
    assert moments[-1] == np.datetime64("2005-01-01T23:59:00")
    assert orbit.table.header.parameters[0].name == "epoch"


def test_an_orbit_without_units(shared: Path) -> None:
    with (
        (shared / "data/trajectories/latmos_orbite_mex.xml").open("rb") as stream,
        pytest.raises(WrongUnit, match="column 'X' of url_XYZ has no unit") as refused,
    ):
        trajectory(read(stream, Budget()), body="Mars", radius=3.39e6, argument="url_XYZ")
    assert refused.value.argument == "url_XYZ"


@pytest.mark.parametrize(
    ("file", "frame", "body"),
    [
        ("fmi_hyb_orbite_60sec.xml", "MSO", "Mars"),
        ("sinp_orbite_600sec.xml", "GSM", "Earth"),
        ("points_calc_120points.xml", None, "Earth"),
        ("getDPV_LATMOS.xml", None, "Mars"),
        ("getDPS_FMI.xml", None, "Venus"),
        ("Field_line.xml", None, "Earth"),
    ],
)
def test_tables_of_other_nodes(shared: Path, file: str, frame: str | None, body: str) -> None:
    with (shared / "standards/impex/mocks" / file).open("rb") as stream:
        found = trajectory(read(stream, Budget()), body=body, radius=6e6, argument="url_XYZ")
    assert found.frame == (Frame(frame) if frame else None)
    assert np.isfinite(found.positions).all()
    moments = times(found.table, argument="url_XYZ")
    assert (moments is not None) == (found.table.header.parameters[0].dtype == TEXT)


def test_columns_by_ucd_utype_and_name() -> None:
    ucds = [replace(X, name=f"p{a}", ucd=f"Pos.Cartesian.{a};stat.mean") for a in "zyx"]
    assert find([X, Y, Z, *ucds]).axes == (5, 4, 3)
    errors = [replace(X, ucd=f"stat.error;pos.cartesian.{a}") for a in "xyz"]
    assert find([*ucds, *errors]).axes == (2, 1, 0)
    utype = "stc:AstroCoords.Position3D.Value3.C"
    utypes = [replace(X, name=f"p{n}", utype=f"{utype}{n}") for n in (1, 2, 3)]
    assert find([X, Y, Z, *utypes]).axes == (3, 4, 5)
    names = [replace(X, name=name) for name in ("PosZ", "pos_y", "x")]
    assert find(names).axes == (2, 1, 0)


def test_two_columns_for_one_role() -> None:
    two = [replace(X, name=name, ucd="pos.cartesian.x") for name in ("a", "b")]
    with pytest.raises(
        BadTable, match=r"columns 1 \('a'\) and 2 \('b'\) .* could both be x"
    ) as err:
        find([*two, Y, Z])
    assert err.value.argument == "url_XYZ"


def test_columns_that_are_missing_or_no_numbers() -> None:
    with pytest.raises(BadTable, match="no column for y and z; name columns X, Y and Z"):
        find([X, replace(Y, name="latitude")])
    with pytest.raises(BadTable, match="column 'Y' of url_XYZ is not numeric"):
        find([X, replace(Y, dtype=TEXT), Z])


def test_units_by_column() -> None:
    radii = [replace(X, unit="Rm"), replace(Y, unit="m"), replace(Z, unit="1.3x10-3km")]
    np.testing.assert_allclose(find(radii).positions, [[3.39e6, 2.0, 3.9]])
    with pytest.raises(WrongUnit, match="column 'X' of url_XYZ") as refused:
        find([replace(X, unit="Re"), Y, Z])
    assert refused.value.argument == "url_XYZ"
    for unit in ("", "furlongs", "nT", "km" + " " * 100 + "m"):
        with pytest.raises(WrongUnit, match="column 'X'"):
            find([replace(X, unit=unit), Y, Z])


def test_missing_positions_are_nan() -> None:
    header = Header((replace(X, dtype=np.dtype(np.int32), null=-1), Y, Z))
    columns = (np.array([5, -1], np.int32), np.array([np.inf, 1.0]), np.array([np.nan, 1.0]))
    found = trajectory([Table(header, columns)], body="Mars", radius=None, argument="orbit")
    np.testing.assert_array_equal(found.positions, [[5e3, np.inf, np.nan], [np.nan, 1e3, 1e3]])


@pytest.mark.parametrize(
    ("description", "frame"),
    [
        ("", None),
        ("Position in MSO", "MSO"),
        ("x in the GSE frame, in KM", "GSE"),
        ("given in the table, in AU, in UTC", None),
        ("Position in IAU_MARS", None),
        ("A line\nCoordinate system          : MSO\n", "MSO"),
        ("coordinate_system=vso", "VSO"),
        ("AMDA - Frame : MSO - 2012", "MSO"),
        ("Frame: none", None),
    ],
)
def test_frames_in_descriptions(description: str, frame: str | None) -> None:
    expected = Frame(frame) if frame else None
    assert find(description=description).frame == expected
    assert find([replace(X, description=description), Y, Z]).frame == expected


def test_frames_that_are_stated_twice() -> None:
    described = [replace(p, description="Position in MSO") for p in (X, Y, Z)]
    assert find(described, "Coordinate system: mso", ["MSO"]).frame == Frame("MSO")
    assert find(described, "Field in GSE along the orbit").frame == Frame("MSO")
    assert find(frames=["IAU_MARS"]).frame == Frame("IAU_MARS")
    for conflict in (
        {"description": "Coordinate system: VSO"},
        {"frames": ["VSO"]},
    ):
        with pytest.raises(BadTable, match=r"states two frames, (VSO and MSO|MSO and VSO)"):
            find(described, **conflict)
    with pytest.raises(BadTable, match="is no name of a frame"):
        find(frames=["<script>" * 100])


@pytest.mark.parametrize(
    ("parameter", "cell", "moment"),
    [
        (Parameter("t", TEXT, ucd="time.epoch;src"), " 2005-01-01T01:30 ", "2005-01-01T01:30"),
        (Parameter("t", TEXT, xtype="dateTime"), "2005-01-01", "2005-01-01"),
        (Parameter("Epoch", TEXT), "2005-01-01T01:00:00+01:00", "2005-01-01"),
        (Parameter("t", np.dtype("M8[ns]"), xtype="timestamp"), "2005-01-01", "2005-01-01"),
        (Parameter("time", TEXT), "2012-04-01T-9.14", None),
        (Parameter("time", unit="s"), 12.0, None),
        (Parameter("label", TEXT), "2005-01-01", None),
    ],
)  # fmt: skip
def test_times(parameter: Parameter, cell: object, moment: str | None) -> None:
    columns = (np.array([cell], parameter.dtype), *(np.ones(1) for _ in "XYZ"))
    table = Table(Header((parameter, X, Y, Z)), columns)
    found = trajectory([table], body="Mars", radius=None, argument="orbit")
    moments = times(found.table, argument="orbit")
    if moment is None:
        assert moments is None
    else:
        assert moments is not None
        assert moments.tolist() == [np.datetime64(moment, "ns").item()]
    assert found.table is table


def test_the_best_named_time_is_taken() -> None:
    date, time = (Parameter(name, TEXT) for name in ("date", "TIME"))
    assert times(find([X, Y, Z, date, time]).table, argument="orbit") is None
    two = [Parameter(name, TEXT, ucd="time.epoch") for name in "ab"]
    with pytest.raises(BadTable, match="could both be time"):
        times(find([X, Y, Z, *two]).table, argument="orbit")


def test_refusals_of_the_reader_name_the_argument() -> None:
    empty = Table(Header((X, Y, Z)), (np.empty(0), np.empty(0), np.empty(0)))
    with pytest.raises(BadTable, match="the table of seeds has no rows"):
        trajectory([empty], body="Mars", radius=None, argument="seeds")
    blocks = CsvFormat().read(io.BytesIO(b"X [km]\n1\n2\n"), Budget(points=1))
    with pytest.raises(TooMuch) as refused:
        trajectory(blocks, body="Mars", radius=None, argument="seeds")
    assert refused.value.argument == "seeds"


def row(*pairs: tuple[Parameter, object], constants: tuple[Constant, ...] = ()) -> Table:
    """Give a table of one row."""
    columns = tuple(np.array([cell], parameter.dtype) for parameter, cell in pairs)
    return Table(Header(tuple(parameter for parameter, _ in pairs), constants=constants), columns)


def test_positions_in_one_column() -> None:
    vector = Parameter("xyz_mso", unit="Rm", ucd="pos.cartesian", shape=(3,))
    table = Table(Header((Parameter("n"), vector)), (np.ones(2), np.arange(6.0).reshape(2, 3)))
    found = trajectory([table], body="Mars", radius=2.0, argument="orbit")
    np.testing.assert_array_equal(found.positions, [[0, 2, 4], [6, 8, 10]])
    assert found.axes == (1, 2, 3)
    assert [p.name for p in found.table.header.parameters] == ["n", "X", "Y", "Z"]
    two = Table(Header((vector, replace(vector, name="pos"))), (np.ones((1, 3)),) * 2)
    with pytest.raises(BadTable, match=r"'xyz_mso'\) and 2 \('pos'\) .* the position"):
        trajectory([two], body="Mars", radius=2.0, argument="orbit")


@pytest.mark.parametrize(
    "parameters",
    [
        [Parameter(f"V{a}", unit="km/s") for a in "xyz"],
        [Parameter(f"c{a}", unit="km/s", ucd=f"phys.veloc;pos.cartesian.{a}") for a in "xyz"],
        [Parameter(f"c{n}", unit="km/s", utype=f"stc:AstroCoords.Velocity3D.Value3.C{n}")
         for n in (1, 2, 3)],
        [Parameter(f"velocity_{a}", unit="km/s") for a in "xyz"],
    ],
)  # fmt: skip
def test_velocities(parameters: list[Parameter]) -> None:
    table = row(*((parameter, n) for n, parameter in enumerate(parameters)))
    np.testing.assert_array_equal(velocities(table, argument="seeds"), [[0, 1000, 2000]])


def test_velocities_that_are_in_doubt() -> None:
    assert velocities(row((X, 1)), argument="seeds") is None
    vx, vy, ux = (Parameter(name, unit="km/s") for name in ("Vx", "Vy", "Ux"))
    with pytest.raises(BadTable, match="has 'Vx', 'Vy', but no velocity along z"):
        velocities(row((vx, 1), (vy, 1)), argument="seeds")
    with pytest.raises(BadTable, match=r"columns 1 \('Vx'\) and 2 \('Ux'\) of seeds"):
        velocities(row((vx, 1), (ux, 1)), argument="seeds")
    three = [(Parameter(f"v{a}", unit="nT"), 1) for a in "xyz"]
    with pytest.raises(WrongUnit, match="'nT' of column 'vx' of seeds cannot become 'm/s'"):
        velocities(row(*three), argument="seeds")


@pytest.mark.parametrize(
    ("unit", "value", "kilograms"),
    [("kg", 2.0, 2.0), ("u", 1.0, 1.66053906892e-27), ("amu", 16.0, 16 * 1.66053906892e-27),
     ("m_p", 1.0, 1.67262192369e-27), ("m_e", 1.0, 9.1093837015e-31)],
)  # fmt: skip
def test_masses(unit: str, value: float, kilograms: float) -> None:
    for parameter in (Parameter("Mass", unit=unit), Parameter("c", unit=unit, ucd="phys.mass")):
        found = masses(row((parameter, value)), argument="seeds")
        assert found is not None
        np.testing.assert_allclose(found, [kilograms], rtol=1e-9)
    with pytest.raises(WrongUnit, match="has no unit"):
        masses(row((Parameter("mass"), 1)), argument="seeds")


def test_charges() -> None:
    for unit, value in (("C", 1.602176634e-19), ("e", 1.0), ("qe", 1.0)):
        table = row((Parameter("q", unit=unit), value))
        found = charges(table, argument="seeds")
        assert found is not None
        np.testing.assert_allclose(found, [1.602176634e-19], rtol=1e-15)
    assert charges(row((X, 1)), argument="seeds") is None
    two = [(Parameter(name, unit="C", ucd="phys.electCharge"), 1) for name in ("a", "b")]
    with pytest.raises(BadTable, match=r"\('a'\) and 2 \('b'\) of seeds could both be charge"):
        charges(row(*two), argument="seeds")


def _statement(name: str, value: str | float) -> Constant:
    return Constant(Parameter(name, TEXT if isinstance(value, str) else np.dtype(float)), value)


@pytest.mark.parametrize(
    ("parameter", "value", "constants", "moment"),
    [
        (Parameter("t", xtype="mjd"), 53371.5, {}, "2005-01-01T12:00"),
        (Parameter("Epoch", unit="JD"), 2453371.5, {}, "2005-01-01"),
        (Parameter("MJD"), 53371.25, {}, "2005-01-01T06:00"),
        (Parameter("time", unit="s"), 90, {"timeorigin": 2453371.5}, "2005-01-01T00:01:30"),
        (Parameter("time", unit="h"), 1, {"timeorigin": 2453371.5}, "2005-01-01T01:00"),
        (Parameter("MJD"), 53371.0, {"timescale": "TAI"}, "2004-12-31T23:59:28"),
        (Parameter("MJD"), 53371.0, {"timescale": "TT"}, "2004-12-31T23:58:55.816"),
        (Parameter("time", unit="s"), 90, {}, None),
    ],
)
def test_times_that_are_numbers(
    parameter: Parameter, value: float, constants: dict[str, str | float], moment: str | None
) -> None:
    told = tuple(_statement(name, said) for name, said in constants.items())
    found = times(row((parameter, value), constants=told), argument="orbit")
    if moment is None:
        assert found is None
    else:
        assert found is not None
        assert abs(found[0] - np.datetime64(moment, "ns")) < np.timedelta64(1, "us")


def test_a_time_scale_that_is_not_known() -> None:
    table = row((Parameter("MJD"), 1.0), constants=(_statement("timescale", "LST"),))
    with pytest.raises(BadTable, match="scale 'LST' is not known; known are UTC, TAI, TT, TDB"):
        times(table, argument="orbit")


def test_the_columns_of_positions_tell_their_frame() -> None:
    positions = tuple(Parameter(axis, unit="km", frame="gse") for axis in "XYZ")
    header = Header((*positions, Parameter("Bx", unit="nT", frame="GSM")))
    table = Table(header, tuple(np.zeros(1) for _ in header.parameters))
    assert trajectory([table], body="", radius=None, argument="x").frame == Frame("GSE")
