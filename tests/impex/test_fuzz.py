"""Envelopes of every kind of wrong: each ends in an answer or a refusal, none in anything else."""

import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from impex.dialect import Dialect, Operation, Parameter, Record
from impex.fmi import FMI
from impex.latmos import LATMOS
from impex.operations import Operations
from impex.soap import SoapService
from schemas.simple_type import SimpleType
from tests.impex.stand_in import ORBIT, OUTPUT, RUN, SPECTRA
from vo_server.context import Context
from vo_server.errors import Failure, Refusal

_VALUES = (
    *(OUTPUT, RUN, ORBIT, "MEX", "Mars", "2007-07-12T00:00:00", "2007-07-12T01:00:00", "PT1M"),
    *("0 0 0", "0 0 1", "1e6", "-1", "NaN", "1e400", "", " ", "Bx,By", "Density", "Both", "P1M"),
    *("http://127.0.0.1/x.vot", "abs(SW_Bx)", "9**9**9", "SW_Bx.__class__", "x" * 999),
    "\N{BULLET}",
    *(", ,", "<item/><item/><item/>", "<item>1</item>"),
    *("VOTable", "netCDF", "Linear", "Ch0", "5", "true", "&lt;a/&gt;", "<a/>", "<![CDATA[x]]>"),
)  # fmt: skip
_TAILS = ("", ' xsi:nil="true"', ' href="#a"', ' id="a"', ' xmlns="urn:x"')


def _element(parameter: Parameter, pick: random.Random) -> str:
    kind = parameter.type
    if isinstance(kind, Record):
        inside = _members(kind, pick)
    elif kind.values and pick.random() < 0.5:
        inside = pick.choice(kind.values)
    else:
        inside = pick.choice(_VALUES)
    name = pick.choice((parameter.name, parameter.name, parameter.name.lower(), "Foo"))
    prefix = pick.choice(("", "d:"))
    return f"<{prefix}{name}{pick.choice(_TAILS)}>{inside}</{prefix}{name}>"


def _members(record: Record, pick: random.Random) -> str:
    chosen = [m for m in record.members if pick.random() < (0.9 if m.least else 0.4)]
    if pick.random() < 0.1:
        pick.shuffle(chosen)
    return "".join(_element(m, pick) for m in chosen for _ in range(pick.choice((1, 1, 1, 2))))


def _envelope(dialect: Dialect, operation: Operation, pick: random.Random) -> bytes:
    name = pick.choice((operation.element, operation.element, operation.name, "Bar"))
    body = f"<d:{name}>{_members(operation.request, pick)}</d:{name}>"
    if pick.random() < 0.05:
        body *= 2
    content = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xmlns:d="{dialect.namespace}"><s:Body>{body}</s:Body></s:Envelope>'
    ).encode()
    if pick.random() < 0.1:
        place = pick.randrange(len(content))
        content = content[:place] + bytes([pick.randrange(256)]) + content[place + 1 :]
    return content


@pytest.fixture
def services(flow: Context) -> list[tuple[Dialect, SoapService]]:
    return [(d, SoapService(d, Operations(flow).handlers())) for d in (FMI, LATMOS)]


def _ends_well(service: SoapService, content: bytes, action: str) -> bool:
    """Ask, and tell whether there was an answer; whatever else than a refusal is raised."""
    try:
        answer = service.answer(content, "", action)
    except Refusal as refusal:
        told = refusal.message
    else:
        told = ""
    assert len(told) < 2000
    if told:
        return False
    return etree.fromstring(answer).tag.endswith("}Envelope")


@pytest.mark.slow
def test_ten_thousand_envelopes(services: list[tuple[Dialect, SoapService]]) -> None:
    pick = random.Random(20_150_809)
    answered = 0
    for _ in range(10_000):
        dialect, service = pick.choice(services)
        operation = pick.choice(dialect.operations)
        action = pick.choice((operation.action, "", '"nonsense"'))
        answered += _ends_well(service, _envelope(dialect, operation, pick), action)
    assert answered > 500


# A value for each parameter with which operations answer; RESULT is the URL of a table.
_GOOD = {
    "ResourceID": OUTPUT,
    "url_XYZ": "RESULT",
    "Spacecraft_name": "MEX",
    "StartTime": "2007-07-12T00:00:00",
    "StopTime": "2007-07-12T01:00:00",
    "Sampling": "PT10M",
    "PlanePoint": "9.9e6 9.9e6 9.9e6",
    "PlaneNormalVector": "1 1 1",
    "Object": "Mars",
    "SW_parameters": "<SW_Density><value>1</value></SW_Density>",
    "Fields": "<data>1 2</data><name>X</name>",
    "value": "1",
    "data": "1 2",
    "name": "X",
}
_EMPTY = ("", " ", "NIL")
_HOLLOW = (*_EMPTY, ",", ", ,", "<item/><item/><item/>", "<item>,</item>")  # of lists


_TABLE = "".join(
    f"<Fields><name>{name}</name><data>{data}</data>{unit}</Fields>"
    for name, data, unit in (
        *((name, "4e6 5e6", "") for name in ("X", "Y", "Z", "Ux", "Uy", "Uz", "Mass")),
        ("Charge", "1 1", "<unit>C</unit>"),
    )
)


def _body(values: dict[str, str]) -> str:
    return "".join(
        f"<{name} xsi:nil='true'/>" if value == "NIL" else f"<{name}>{value}</{name}>"
        for name, value in values.items()
    )


def _hollowed(record: Record) -> Iterator[tuple[Parameter, str]]:
    """Give bodies in which one parameter after the other has nothing in it."""
    good = {p.name: _GOOD[p.name] for p in record.flat() if p.least}
    for parameter in record.flat():
        kind = parameter.type
        for hollow in _HOLLOW if isinstance(kind, SimpleType) and kind.is_list else _EMPTY:
            yield parameter, _body({**good, parameter.name: hollow})
        if isinstance(kind, Record):
            for member, inside in _hollowed(kind):
                yield member, _body({**good, parameter.name: inside})


@pytest.mark.parametrize(
    ("dialect", "operation"),
    [
        pytest.param(d, o, id=f"{d.name}-{o.name}")
        for d in (FMI, LATMOS)
        for o in d.operations
        if o.request.members
    ],
)
def test_parameters_with_nothing_in_them(
    flow: Context, wrap: Callable[[str], bytes], dialect: Dialect, operation: Operation
) -> None:
    """One that must come is missing then, and named; no other fails."""
    service = SoapService(dialect, Operations(flow).handlers())
    made = SoapService(FMI, Operations(flow).handlers()).answer(
        wrap(f"<getVOTableURL>{_TABLE}</getVOTableURL>"), "", ""
    )
    url = etree.fromstring(made).findtext(".//{*}anyURI") or ""
    output = SPECTRA if "Spectra" in operation.name else OUTPUT

    def ask(body: str) -> Refusal | None:
        content = wrap(
            f'<{operation.element} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
            f"{body.replace('RESULT', url).replace(OUTPUT, output)}</{operation.element}>"
        )
        try:
            service.answer(content, "", operation.action)
        except Refusal as refusal:
            return refusal
        return None

    assert ask(_body({p.name: _GOOD[p.name] for p in operation.request.flat() if p.least})) is None
    for parameter, body in _hollowed(operation.request):
        refused = ask(body)
        assert not isinstance(refused, Failure)
        if parameter.least and not parameter.hollow:
            assert refused is not None, body
        if parameter.least and not isinstance(parameter.type, Record) and refused is not None:
            assert refused.argument == parameter.name, body


@given(
    content=st.binary(max_size=400)
    | st.text(alphabet="<>/&;!-[]'\"= xmlns:sBodyEnvelopd?CDATA", max_size=200).map(str.encode)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_bytes_that_are_no_envelope(
    services: list[tuple[Dialect, SoapService]], content: bytes
) -> None:
    for _, service in services:
        assert not _ends_well(service, content, "")


def test_a_large_request_costs_little(
    services: list[tuple[Dialect, SoapService]], wrap: Callable[[str], bytes]
) -> None:
    """What a quarter of a megabyte may hold is refused at its first excess."""
    _, service = services[0]
    many = " ".join(f"a{i}=''" for i in range(20_000))
    for content in (
        "<a>" * 80_000,
        "<a/>" * 60_000,
        f"<emptyElement {many}/>",
        f"<getDataPointValue><Variable>{'B ' * 120_000}</Variable></getDataPointValue>",
        f"<getSurface><PlanePoint>{'1 ' * 120_000}</PlanePoint></getSurface>",
    ):
        assert not _ends_well(service, wrap(content), "")
