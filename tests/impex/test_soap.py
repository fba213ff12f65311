import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impex.dialect import Dialect
from impex.envelope import read_body
from impex.fmi import FMI
from impex.message import read_request
from impex.soap import SoapService
from vo_server.errors import BadArgument, Refusal, TooMuch

Wrap = Callable[[str], bytes]

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_URL = "http://127.0.0.1/results/0.vot"


class Recorder:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.given: Mapping[str, Any] = {}

    def __call__(self, given: Mapping[str, Any]) -> object:
        self.given = given
        return _URL


def _service(handler: Callable[[Mapping[str, Any]], object]) -> SoapService:
    names = [operation.name for operation in FMI.operations if operation.name != "isAlive"]
    return SoapService(FMI, {**dict.fromkeys(names, handler), "isAlive": lambda given: True})


def test_reply_has_the_literal_element_that_matlab_clients_search(wrap: Wrap) -> None:
    content = wrap("<getDataPointValue><ResourceID>a</ResourceID><url_XYZ>u</url_XYZ>"
                   "</getDataPointValue>")  # fmt: skip
    reply = _service(Recorder()).answer(content, "", "").decode()
    assert f"<ns1:anyURI>{_URL}</ns1:anyURI>" in reply
    head = reply[reply.index("<SOAP-ENV:Envelope") : reply.index("<SOAP-ENV:Body")]
    assert 'xmlns:ns1="http://impex-fp7.fmi.fi"' in head
    assert reply.count("\n") == 1  # behind the XML declaration


def test_is_alive(wrap: Wrap) -> None:
    reply = _service(Recorder()).answer(wrap("<emptyElement/>"), "", '"Alive"')
    assert b"<ns1:boolean>true</ns1:boolean>" in reply


def test_values_have_their_types(wrap: Wrap) -> None:
    recorder = Recorder()
    content = wrap("""<getFieldLine><ResourceID>a</ResourceID><url_XYZ>http://h/?a=1&amp;b</url_XYZ>
      <Variable>Bx,By</Variable><StepSize>1e3</StepSize><MaxSteps>7</MaxSteps>
      <StopCondition_Region>0 1 0 1 0 2e300</StopCondition_Region></getFieldLine>""")
    _service(recorder).answer(content, "", "")
    assert recorder.given == {
        "ResourceID": "a",
        "Variable": ("Bx", "By"),
        "url_XYZ": "http://h/?a=1&b",
        "Direction": "Forward",
        "StepSize": 1000.0,
        "MaxSteps": 7,
        "StopCondition_Radius": 0.0,
        "StopCondition_Region": (0.0, 1.0, 0.0, 1.0, 0.0, 2e300),
        "OutputFileType": "VOTable",
    }


def test_records_and_what_is_absent(wrap: Wrap) -> None:
    recorder = Recorder()
    content = (
        "<Fields><name>X</name><data>1 2</data></Fields><Fields><name>Y</name><data/></Fields>"
    )
    _service(recorder).answer(wrap(f"<getVOTableURL>{content}</getVOTableURL>"), "", "")
    assert recorder.given["Table_name"] is None
    first, second = recorder.given["Fields"]
    assert (first["name"], first["data"], first["unit"]) == ("X", ("1", "2"), None)
    assert (second["name"], second["data"]) == ("Y", ())


@pytest.mark.parametrize("error", [BadArgument("no"), ZeroDivisionError("oh")])
def test_what_a_handler_raises_comes_out_unlogged(
    wrap: Wrap, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(given: Mapping[str, Any]) -> object:
        raise error

    content = wrap("<getVOTableURL><Fields><name>X</name><data/></Fields></getVOTableURL>")
    service = _service(fail)
    caplog.clear()
    with caplog.at_level(logging.DEBUG, "spyne"), pytest.raises(type(error)) as caught:
        service.answer(content, "", "")
    assert caught.value is error
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


def test_only_get_votable_url_may_be_large(wrap: Wrap) -> None:
    data = "1 " * 200_000
    fields = f"<Fields><name>X</name><data>{data}</data></Fields>"
    recorder = Recorder()
    service = _service(recorder)
    service.answer(wrap(f"<getVOTableURL>{fields}</getVOTableURL>"), "", "")
    assert len(recorder.given["Fields"][0]["data"]) == 200_000
    with pytest.raises(TooMuch, match="the limit of isAlive is 262144 bytes"):
        service.answer(wrap(f"<!-- {data} --><emptyElement/>"), "", "")


def test_another_dialect_is_served_from_its_table(wrap: Wrap, latmos: Dialect) -> None:
    recorder = Recorder()
    handlers = dict.fromkeys([o.name for o in latmos.operations], recorder)
    service = SoapService(latmos, {**handlers, "isAlive": lambda given: True})
    reply = service.answer(wrap("<emptyAlive xmlns='http://impex.latmos.ipsl.fr'/>"), "", '""')
    assert b"<ns1:alive>true</ns1:alive>" in reply
    content = "<getDataPointSpectraSpacecraft><RunID>a</RunID></getDataPointSpectraSpacecraft>"
    reply = service.answer(wrap(content), "", "DataPointSpectra_Spacecraft")
    assert f"<ns1:url_Param>{_URL}</ns1:url_Param>".encode() in reply
    assert recorder.given == {"ResourceID": "a"}


def test_requests_at_the_same_time_keep_apart(wrap: Wrap) -> None:
    service = _service(lambda given: f"http://h/{given['ResourceID']}")

    def ask(number: int) -> bool:
        given = f"<ResourceID>{number}</ResourceID><url_XYZ>u</url_XYZ>"
        reply = service.answer(wrap(f"<getFieldLine>{given}</getFieldLine>"), "", "")
        return f"<ns1:anyURI>http://h/{number}</ns1:anyURI>".encode() in reply

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(400)))


def test_a_handler_that_is_missing_is_found_at_once() -> None:
    with pytest.raises(KeyError):
        SoapService(FMI, {})


_TEXT = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters="<&"),
    max_size=12,
)
_NUMBER = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(["INF", "-INF", "NaN", "1.", ".5", "+1e+9", "007"]),
)


_RECORDER = Recorder()
_SERVICE = _service(_RECORDER)


@given(
    id=_TEXT,
    step=st.one_of(_NUMBER, _TEXT),
    steps=st.one_of(_NUMBER, _TEXT),
    region=st.lists(_NUMBER, min_size=6, max_size=6),
)
def test_spyne_takes_whatever_the_table_takes(
    id: str, step: str, steps: str, region: list[str]
) -> None:
    content = f"""<s:Envelope xmlns:s="{_SOAP}"><s:Body><getFieldLine>
      <ResourceID>{id}</ResourceID><url_XYZ>u</url_XYZ><StepSize>{step}</StepSize>
      <MaxSteps>{steps}</MaxSteps><StopCondition_Region>{" ".join(region)}</StopCondition_Region>
      </getFieldLine></s:Body></s:Envelope>""".encode()
    try:
        read_request(FMI, read_body(content), "")
    except Refusal:
        return
    _SERVICE.answer(content, "", "")
    assert _RECORDER.given["ResourceID"] == id.strip()
    assert _RECORDER.given["MaxSteps"] >= 1
    assert len(_RECORDER.given["StopCondition_Region"]) == 6
