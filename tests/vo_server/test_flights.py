"""Virtual spacecraft: which pairs fly, how they are called, and what they give."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from interpolation.status import Status
from vo_server import series
from vo_server.budget import Budget
from vo_server.flights import Flight, flights
from vo_server.identifiers import LONGEST
from vo_server.model.parameter import Parameter
from vo_server.model.request import Method, SampleRequest, SeriesRequest
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.space import Body, Box, Frame, Points
from vo_server.model.table import Header, Table, concatenate
from vo_server.model.time import TimeInterval
from vo_server.model.trajectory import Trajectory
from vo_server.registry import Entry
from vo_server.sampling import fly
from vo_server.settings import Flight as FlightSettings
from vo_server.settings import Flights

_EPOCH = np.datetime64("2026-01-01", "ns")
_MINUTE = np.timedelta64(60, "s")
_MSO = Frame("MSO")
_MARS = Body("Mars", 3.39e6)
_BOX = Box((-1e7, -1e7, -1e7), (1e7, 1e7, 1e7))


@dataclass(frozen=True)
class _Field:
    """x + 2 y everywhere in the box, twice of it for the error of those that tell one."""

    parameters: tuple[Parameter, ...] = (Parameter("n", unit="1/m3"), Parameter("Status", unit="K"))
    frame: Frame = _MSO
    domain: Box = _BOX

    def sample(
        self, points: Points, names: Sequence[str], method: Method
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        value = points[:, 0] + 2 * points[:, 1]
        status = np.where(self.domain.holds(points), Status.OK, Status.OUTSIDE).astype(np.uint8)
        values = np.array([value * len(name) for name in names]).reshape(-1, len(points))
        values[:, status != Status.OK] = np.nan
        return values, status


@dataclass(frozen=True)
class _FieldWithErrors(_Field):
    estimated: tuple[Method, ...] = ("linear",)

    def error(self, points: Points, names: Sequence[str], method: Method) -> NDArray[np.float64]:
        return 2.0 * self.sample(points, names, "linear")[0]


class _Outputs:
    """A provider of fields; counts how often one is opened."""

    def __init__(self, field: _Field) -> None:
        self._field = field
        self.opened = 0

    def resources(self) -> Sequence[Resource]:
        return ()

    def refused(self) -> Sequence[Refused]:
        return ()

    @contextmanager
    def field(self, resource: Resource, names: Sequence[str]) -> Iterator[_Field]:
        self.opened += bool(names)
        yield self._field


class _Orbits:
    """A provider of one orbit along x, a minute a step."""

    def __init__(self, count: int, width: float, *, timed: bool = True) -> None:
        x = np.linspace(-width, width, count)
        positions = np.column_stack([x, x / 2, np.zeros(count)])
        times = _EPOCH + np.arange(count) * _MINUTE
        header = Header(tuple(Parameter(name, unit="km") for name in "XYZ"))
        table = Table(header, tuple(positions.T / 1e3))
        self._way = Trajectory(positions, Frame("MSO"), table, (0, 1, 2), times if timed else None)

    def resources(self) -> Sequence[Resource]:
        return ()

    def refused(self) -> Sequence[Refused]:
        return ()

    def orbit(self, resource: Resource, interval: TimeInterval | None) -> Trajectory:
        way = self._way
        if interval is None:
            return way
        assert way.times is not None
        kept = interval.holds(way.times)
        table = Table(way.table.header, tuple(c[kept] for c in way.table.columns))
        return Trajectory(way.positions[kept], way.frame, table, way.axes, way.times[kept])


def _output(id: str = "HYB/Mars/RunB/H+", field: _Field | None = None, **other: object) -> Entry:
    field = field or _Field()
    resource = Resource(
        f"spase://L/NumericalOutput/{id}", Kind.OUTPUT, "Run B", field.parameters, Frame("MSO"),
        _MARS,
        _BOX, version="1",
    )  # fmt: skip
    return Entry(replace(resource, **other), _Outputs(field))  # type: ignore[arg-type]


def _orbit(orbits: _Orbits | None = None, **other: object) -> Entry:
    resource = Resource(
        "spase://L/NumericalData/MEX/Orbit", Kind.ORBIT, "MEX", frame=Frame("MSO"), body=_MARS,
        version="1",
    )  # fmt: skip
    return Entry(replace(resource, **other), orbits or _Orbits(200, 2e7))  # type: ignore[arg-type]


def _fly(*entries: Entry, settings: Flights | None = None) -> list[Flight]:
    return flights({entry.resource.id: entry for entry in entries}, settings or Flights())


def _read(flight: Flight, *names: str, interval: TimeInterval | None = None) -> Table:
    described = flight.resource.series
    assert described is not None
    wanted = names or tuple(p.name for p in flight.resource.parameters)
    request = SeriesRequest(flight.resource, interval or described.coverage, wanted)
    return concatenate(list(series.read(request, flight, Budget())))


def test_it_gives_what_sampling_gives() -> None:
    output, orbit = _output(), _orbit()
    (flight,) = _fly(output, orbit)
    names = [p.name for p in flight.resource.parameters]
    assert names == ["Time", "Position", "n", "Status_run", "Status"]
    table = _read(flight)
    way = orbit.provider.orbit(orbit.resource, None)  # type: ignore[attr-defined]
    request = SampleRequest(output.resource, ("n", "Status"), way)
    sampled = concatenate(list(fly(request, output.provider, Budget())))  # type: ignore[arg-type]
    assert np.array_equal(table.column("n"), sampled.column("n"), equal_nan=True)
    assert np.array_equal(table.column("Status_run"), sampled.column("Status"), equal_nan=True)
    assert (table.column("Position") == np.column_stack([sampled.column(a) for a in "XYZ"])).all()
    assert set(table.column("Status").tolist()) == {Status.OK, Status.OUTSIDE}
    assert (np.isnan(table.column("n")) == (table.column("Status") == Status.OUTSIDE)).all()


def test_a_part_and_a_subset_are_the_same() -> None:
    (flight,) = _fly(_output(), _orbit())
    whole = _read(flight)
    cut = TimeInterval(_EPOCH + 30 * _MINUTE, _EPOCH + 90 * _MINUTE)
    assert (
        _read(flight, "Time", "n", interval=cut).column("n") == whole.column("n")[30:90]
    ).sum() > 0
    for name in ("n", "Status_run", "Status", "Position"):
        part = _read(flight, "Time", name, interval=cut)
        assert np.array_equal(part.column(name), whole.column(name)[30:90], equal_nan=True)


def test_nothing_is_opened_before_records_are_asked_for() -> None:
    output = _output()
    (flight,) = _fly(output, _orbit())
    assert isinstance(output.provider, _Outputs)
    assert output.provider.opened == 0
    _read(flight, "Time", "Position")
    assert output.provider.opened == 0
    _read(flight, "Time", "n")
    assert output.provider.opened == 1


def test_the_description_says_where_and_when() -> None:
    (flight,) = _fly(_output(), _orbit())
    described = flight.resource.series
    assert described is not None
    assert described.name == "hyb_mars_run_b_h_at_mex"
    assert described.coverage == TimeInterval(
        _EPOCH, _EPOCH + 199 * _MINUTE + np.timedelta64(1, "ms")
    )
    assert described.cadence == _MINUTE
    assert described.location == (("Position",),)
    position = flight.resource.parameters[1]
    assert (position.unit, position.frame, position.components) == ("km", "MSO", ("x", "y", "z"))
    assert described.sample is not None
    assert np.isfinite(_read(flight, "Time", "n", interval=described.sample).column("n")).any()


@pytest.mark.parametrize(
    ("output", "orbit"),
    [
        (_output(), _orbit(body=Body("Venus", 6.05e6))),
        (_output(), _orbit(body=None)),
        (_output(), _orbit(body=None, around="Venus")),
        (_output(), _orbit(frame=Frame("VSO"))),
        (_output(), _orbit(frame=None)),
        (_output(), _orbit(_Orbits(200, 2e7, timed=False))),
        (_output(domain=Box((2e7, 2e7, 2e7), (3e7, 3e7, 3e7))), _orbit()),
    ],
)
def test_what_does_not_go_together_does_not_fly(output: Entry, orbit: Entry) -> None:
    assert _fly(output, orbit) == []


def test_the_name_of_the_body_is_enough() -> None:
    assert len(_fly(_output(), _orbit(body=None, around="mars"))) == 1


def test_errors_are_a_twin_where_the_field_tells_them() -> None:
    flight, twin = _fly(_output(field=_FieldWithErrors()), _orbit())
    described = twin.resource.series
    assert described is not None
    assert described.name == "hyb_mars_run_b_h_at_mex_err"
    assert [p.name for p in twin.resource.parameters] == ["Time", "n_error", "Status_run_error"]
    assert [p.unit for p in twin.resource.parameters] == [None, "1/m3", "K"]
    values, errors = _read(flight).column("n"), _read(twin).column("n_error")
    assert np.array_equal(errors, 2.0 * values, equal_nan=True)
    assert np.array_equal(_read(twin, "Time", "n_error").column("n_error"), errors, equal_nan=True)


def test_a_method_without_an_estimate_has_no_twin() -> None:
    settings = Flights(more=(FlightSettings(method="nearest"),))
    for estimated in (("linear", "nearest"), ("linear",), ()):
        field = _FieldWithErrors(estimated=estimated)
        found = _fly(_output(field=field), _orbit(), settings=settings)
        assert tuple(flight.method for flight in found if flight.error) == estimated


def test_other_cadences_and_methods_are_ids_of_their_own() -> None:
    more = (
        FlightSettings(cadence="20 s"),
        FlightSettings(method="nearest", orbit="*/MEX/*"),
        FlightSettings(cadence="2 min", name="mine"),
        FlightSettings(output="*/Venus/*"),
    )
    found = {
        flight.resource.series.name: flight
        for flight in _fly(_output(), _orbit(), settings=Flights(more=more))
        if flight.resource.series
    }
    assert set(found) == {
        "hyb_mars_run_b_h_at_mex", "mars_run_b_h_at_mex_pt20s", "mars_run_b_h_at_mex_nearest",
        "mine",
    }  # fmt: skip
    dense = _read(found["mars_run_b_h_at_mex_pt20s"])
    assert len(dense) == 199 * 3 + 1
    plain = _read(found["hyb_mars_run_b_h_at_mex"])
    assert dense.column("n")[::3] == pytest.approx(plain.column("n"), nan_ok=True)
    assert _fly(_output(), _orbit(), settings=Flights(serve=False)) == []


def test_names_are_short_and_told_apart() -> None:
    ids = [f"Model/Mars/{run * 12}/{species}" for run in ("A", "B") for species in ("H+", "H-")]
    found = _fly(*(_output(id) for id in ids), _orbit())
    names = [flight.resource.series.name for flight in found if flight.resource.series]
    assert len(set(names)) == 4
    assert all(len(name) + 4 <= LONGEST for name in names)
