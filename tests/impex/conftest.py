"""Envelopes in the shapes that clients send, and a second dialect as a table."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from impex.dialect import Dialect, Operation, Parameter, Record, Reply
from impex.envelope import Element, read_body
from schemas.impex import RESOURCE_ID
from schemas.simple_type import ANY_URI, BOOLEAN
from tests.impex.stand_in import StandIn
from vo_server.context import Context
from vo_server.registry import Registry
from vo_server.settings import Settings, load

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
LATMOS = "http://impex.latmos.ipsl.fr"

Wrap = Callable[[str], bytes]
Body = Callable[[str], list[Element]]


@pytest.fixture
def wrap() -> Wrap:
    """Put the content of a SOAP body into an envelope."""
    return lambda content: (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Header/><s:Body>{content}</s:Body></s:Envelope>'.encode()
    )


@pytest.fixture
def body(wrap: Wrap) -> Body:
    """Give the elements of a SOAP body."""
    return lambda content: read_body(wrap(content))


@pytest.fixture
def latmos() -> Dialect:
    """Another dialect: other names, an empty SOAPAction, two operations with one body element."""
    url = Reply("Generic_Response", "url_Param", ANY_URI, part="url_Param")
    spectra = Record(
        "DataPointSpectra_Spacecraft",
        (Parameter("ResourceID", RESOURCE_ID, aliases=("RunID",)),),
    )
    operations = (
        Operation(
            name="getDataPointSpectraSpacecraft",
            element="getDataPointSpectraSpacecraft",
            action="DataPointSpectraSpacecraft",
            message="DataPointSpectraSpacecraft_Request",
            reply=url,
            request=spectra,
        ),
        Operation(
            name="getDataPointSpectra_Spacecraft",
            element="getDataPointSpectraSpacecraft",
            action="DataPointSpectra_Spacecraft",
            message="DataPointSpectra_Spacecraft_Request",
            reply=url,
            request=spectra,
            aliases=("getSpectra",),
        ),
        Operation(
            name="isAlive",
            element="emptyAlive",
            action="",
            message="isAlive",
            reply=Reply("isAliveResponse", "alive", BOOLEAN),
        ),
    )
    return Dialect(
        name="latmos",
        title="LATMOS",
        namespace=LATMOS,
        definitions="LATMOS_HYB_methods",
        service="Methods_LATMOS",
        port="Methods_LATMOSPort",
        port_type="Methods_LATMOS",
        binding="Methods_LATMOSSoapBinding",
        actor="LATMOS",
        operations=operations,
    )


_NODE = """
[node]
authority = "MyLab"
base_url = "http://node.test"
[[providers]]
use = "analytic"
id = "spase://MyLab/NumericalOutput/Dipole"
run = "spase://MyLab/SimulationRun/Dipole"
model = "spase://MyLab/SimulationModel/Dipole"
title = "A dipole"
body = "Mars"
body_radius = "3390 km"
frame = "MSO"
half_width = "20000 km"
field = { kind = "dipole", strength = "50 nT" }
[[fronts]]
use = "impex"
[limits]
points = 1000
steps = 500
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give the settings of a node that serves a dipole and nothing else."""
    config = tmp_path / "node.toml"
    config.write_text(_NODE, encoding="utf-8")
    return load(config)


@pytest.fixture
def context(settings: Settings) -> Iterator[Context]:
    """Give the context of that node."""
    context = Context(settings, Event())
    yield context
    context.close()


@pytest.fixture
def flow(context: Context) -> Context:
    """Give a node that serves a uniform wind around Mars and an orbit through it."""
    context.registry = Registry([StandIn()])
    return context
