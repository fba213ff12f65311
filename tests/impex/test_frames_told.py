"""Results say in which frame their positions are, and in which their vectors."""

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from astropy.io import votable
from netCDF4 import Dataset

from impex.dialect import Dialect
from impex.fmi import FMI
from impex.latmos import LATMOS
from impex.node import NODE, RANK, rank_outputs
from impex.operations import Operations
from impex.rest import from_query, request_of
from impex.soap import SoapService
from tests.impex.stand_in import OUTPUT, SPECTRA, StandIn
from vo_server import plugins
from vo_server.context import Context
from vo_server.model.table import Table, concatenate
from vo_server.registry import Registry
from vo_server.roles import trajectory

Wrap = Callable[[str], bytes]


class Result(NamedTuple):
    """A result and its URL."""

    url: str
    content: bytes


_FLIGHT = {
    "Spacecraft_name": "MEX",
    "StartTime": "2007-07-12T00:00:00",
    "StopTime": "2007-07-12T00:10:00",
    "Sampling": "PT2M",
}
_KINDS = [
    (FMI, "VOTable"),
    (FMI, "netCDF"),
    (FMI, "ASCII"),
    (LATMOS, "VOTable"),
    (LATMOS, "netCDF"),
]
each_kind = pytest.mark.parametrize(
    ("dialect", "kind"), _KINDS, ids=[f"{dialect.name}-{kind}" for dialect, kind in _KINDS]
)


@pytest.fixture
def turned(context: Context) -> Context:
    """Give a node whose orbit is in GSE and whose run is in GSM."""
    context.registry = Registry([StandIn(frame="GSE", run="GSM")])
    return context


def _ask(context: Context, wrap: Wrap, dialect: Dialect, name: str, **given: Any) -> "Result":
    """Call an operation and give its result."""
    service = SoapService(dialect, Operations(context).handlers())
    content = "".join(f"<{key}>{value}</{key}>" for key, value in given.items())
    answer = service.answer(wrap(f"<{name}>{content}</{name}>"), "", "").decode()
    url = answer.partition("http://node.test/results/")[2].partition("<")[0]
    path = context.results.path(url)
    assert path is not None
    return Result(context.results.url(url), path.read_bytes())


def _table(context: Context, kind: str, result: Result) -> Table:
    format = plugins.format_named(kind.lower())
    return concatenate(list(format.read(io.BytesIO(result.content), context.budget())))


@each_kind
@pytest.mark.parametrize("angle", [None, "30"])
def test_a_result_fed_back_gives_the_same_numbers(
    turned: Context, wrap: Wrap, dialect: Dialect, kind: str, angle: str | None
) -> None:
    told = {"ResourceID": OUTPUT, "OutputFileType": kind}
    if dialect is LATMOS and angle:
        told["IMFClockAngle"] = angle
    first = _ask(turned, wrap, dialect, "getDataPointValueSpacecraft", **told, **_FLIGHT)
    again = _ask(turned, wrap, dialect, "getDataPointValue", **told, url_XYZ=first.url)
    one, other = (_table(turned, kind, result) for result in (first, again))
    for table in (one, other):
        read = trajectory([table], body="Mars", radius=None, argument="x")
        assert str(read.frame) == "GSE"
        frames = {p.name: p.frame for p in table.header.parameters}
        assert frames["By"] == frames["Uz"] == "GSM"
        assert frames["Density"] is None
        description = table.header.description.replace("_", " ")
        assert "Vectors in: GSM" in description
    fresh = "Density_run" if kind == "VOTable" else "Density"
    np.testing.assert_array_equal(other.column(fresh), one.column("Density"))
    assert np.ptp(one.column("Density")) > 0.0


@each_kind
def test_spectra_fed_back_give_the_same_numbers(
    turned: Context, wrap: Wrap, dialect: Dialect, kind: str
) -> None:
    told = {"ResourceID": SPECTRA, "OutputFileType": kind}
    if dialect is LATMOS:
        told["IMFClockAngle"] = "30"
    first = _ask(turned, wrap, dialect, "getDataPointSpectraSpacecraft", **told, **_FLIGHT)
    again = _ask(turned, wrap, dialect, "getDataPointSpectra", **told, url_XYZ=first.url)
    one, other = (_table(turned, kind, result) for result in (first, again))
    names = [p.name for p in other.header.parameters]
    if kind != "VOTable":
        assert names[:3] == ["x", "y", "z"]
    flux = "ParticleFlux" + ("_1" if kind == "ASCII" else "")
    np.testing.assert_array_equal(other.columns[names.index(flux)], one.column(flux))
    assert str(trajectory([one], body="Mars", radius=None, argument="x").frame) == "GSE"


def test_lines_are_in_the_frame_of_the_run(turned: Context, wrap: Wrap) -> None:
    told = {"ResourceID": OUTPUT, "Variable": "Bx"}
    orbit = _ask(turned, wrap, FMI, "getDataPointValueSpacecraft", ResourceID=OUTPUT, **_FLIGHT)
    lines = _ask(turned, wrap, FMI, "getFieldLine", **told, url_XYZ=orbit.url)
    read = trajectory([_table(turned, "VOTable", lines)], body="", radius=None, argument="x")
    assert str(read.frame) == "GSM"


def test_a_frame_told_by_a_description_alone_is_told_by_the_result(
    turned: Context, wrap: Wrap
) -> None:
    columns = {"Time": "2007-07-12 2007-07-12T01:00", "X": "1e6 1e6", "Y": "2e6 2e6", "Z": "3e6 0"}
    fields = "".join(
        f"<Fields><name>{n}</name><data>{d}</data></Fields>" for n, d in columns.items()
    )
    service = SoapService(FMI, Operations(turned).handlers())
    request = f"<getVOTableURL><Description>places in GSE</Description>{fields}</getVOTableURL>"
    answer = service.answer(wrap(request), "", "").decode()
    url = answer.partition("<ns1:anyURI>")[2].partition("<")[0]
    told = {"ResourceID": OUTPUT, "Variable": "Density"}
    first = _ask(turned, wrap, FMI, "getDataPointValue", **told, url_XYZ=url)
    again = _ask(turned, wrap, FMI, "getDataPointValue", **told, url_XYZ=first.url)
    one, other = (_table(turned, "VOTable", result) for result in (first, again))
    np.testing.assert_array_equal(other.column("Density_run"), one.column("Density"))
    assert one.column("Density")[0] != 1e6 + 2e6


def test_other_readers_find_both_frames(turned: Context, wrap: Wrap) -> None:
    contents = {
        kind: _ask(
            turned, wrap, FMI, "getDataPointValueSpacecraft",
            ResourceID=OUTPUT, OutputFileType=kind, **_FLIGHT,
        ).content
        for kind in ("VOTable", "netCDF", "ASCII")
    }  # fmt: skip
    table = votable.parse(io.BytesIO(contents["VOTable"]), verify="exception").get_first_table()
    groups = {
        g.ucd: (
            [e.value for e in g.entries if e.ucd == "pos.frame"],
            [e.ref for e in g.entries if hasattr(e, "ref") and e.ref],
        )
        for g in table.groups
    }
    assert groups == {
        "pos": (["GSE"], ["X", "Y", "Z"]),
        "phys": (["GSM"], ["Bx", "By", "Bz", "Ux", "Uy", "Uz"]),
    }
    with Dataset("result", memory=contents["netCDF"]) as dataset:
        assert dataset.Coordinate_system == "GSE"
        assert dataset["By"].frame == "GSM"
        assert list(dataset.variables)[:3] == ["x", "y", "z"]
    lines = contents["ASCII"].decode().splitlines()
    assert "# frame: GSE" in lines
    assert "# frames: - - - - GSM GSM GSM GSM GSM GSM -" in lines


def _rank(context: Context, url: str, names: str = "Bx,By,Bz") -> dict[str, Any]:
    asked = from_query(RANK, [("url_XYZ", url), ("Variable", names)])
    (found,) = rank_outputs(request_of(NODE, RANK, asked), context)
    return found


def test_vectors_are_ranked_in_the_frame_in_which_they_were_observed(
    turned: Context, wrap: Wrap
) -> None:
    """The run's field is 10 nT along y of GSM everywhere."""
    columns = {
        "Time": ("2012-01-31T12:00 2012-01-31T18:00", ""),
        "X": ("1e6 1e6", "m"),
        "Y": ("0 0", "m"),
        "Z": ("0 0", "m"),
        "Bx": ("0 0", "nT"),
        "By": ("10 10", "nT"),
        "Bz": ("0 0", "nT"),
    }
    fields = "".join(
        f"<Fields><name>{n}</name><data>{data}</data><unit>{unit}</unit></Fields>"
        for n, (data, unit) in columns.items()
    )
    urls = []
    for frame in ("GSM", "GSE"):
        service = SoapService(FMI, Operations(turned).handlers())
        told = f"<getVOTableURL><Description>in {frame}</Description>{fields}</getVOTableURL>"
        answer = service.answer(wrap(told), "", "").decode()
        urls.append(answer.partition("<ns1:anyURI>")[2].partition("<")[0])
    same, other = (_rank(turned, url) for url in urls)
    assert same["misfit"] == pytest.approx(0.0, abs=1e-9)
    assert other["rms"]["Bx"] == pytest.approx(0.0, abs=1e-15)
    assert other["rms"]["Bz"] > 1e-9
    part = _rank(turned, urls[1], "By")
    assert part["misfit"] is None
    assert "in frame GSE, the run is in GSM" in part["why"]


@each_kind
def test_a_result_is_ranked_by_the_frame_of_its_vectors(
    turned: Context, wrap: Wrap, dialect: Dialect, kind: str
) -> None:
    told = {"ResourceID": OUTPUT, "OutputFileType": kind}
    result = _ask(turned, wrap, dialect, "getDataPointValueSpacecraft", **told, **_FLIGHT)
    assert _rank(turned, result.url)["misfit"] == pytest.approx(0.0, abs=1e-9)
