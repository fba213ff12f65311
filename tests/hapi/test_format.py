"""Records of a HAPI server as a table: by its own front, by hand, and what is broken."""

import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hapi.format import HapiFormat
from vo_server import plugins
from vo_server.budget import Budget
from vo_server.errors import BadArgument, BadTable, TooMuch
from vo_server.model.table import Table, concatenate

if TYPE_CHECKING:
    from tests.hapi.conftest import Server

_INFO = {
    "HAPI": "3.0", "status": {"code": 1200, "message": "OK"},
    "startDate": "2026-01-01Z", "stopDate": "2026-01-02Z",
    "parameters": [
        {"name": "Time", "type": "isotime", "length": 20, "units": "UTC", "fill": None},
        {"name": "V", "type": "double", "units": "km/s", "fill": "-1e31"},
    ],
}  # fmt: skip
_ROWS = b"2026-01-01T00:00:00Z,400\n2026-01-01T01:00:00Z,-1e31\n"


def _document(info: object, rows: bytes, indent: int | None = None) -> bytes:
    text = json.dumps(info, indent=indent)
    return "".join(f"#{line}\n" for line in text.splitlines()).encode() + rows


def _read(content: bytes, budget: Budget | None = None) -> Table:
    return concatenate(list(HapiFormat().read(io.BytesIO(content), budget or Budget())))


@pytest.mark.parametrize("indent", [None, 1])
def test_records_with_their_header(indent: int | None) -> None:
    table = _read(_document(_INFO, _ROWS, indent))
    assert [(p.name, p.unit) for p in table.header.parameters] == [("Time", None), ("V", "km/s")]
    assert table.column("V")[0] == 400.0
    assert np.isnan(table.column("V")[1])
    assert len(_read(_document(_INFO, b""))) == 0


def test_what_this_nodes_own_front_says(server: "Server") -> None:
    url = HapiFormat().address("/v2.0/hapi/data?id=mixed&time.min=2026-01-01Z&time.max=2026-01-02Z")
    answer = server.ask(url)
    assert answer.status == 200
    table = _read(answer.content)
    assert len(table) == 1440
    assert table.column("Position")[1].tolist() == [0.1, -1 / 3, 1e300]


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("https://a.org/hapi/data?id=x/y&time.min=2026Z&format=binary",
         "https://a.org/hapi/data?id=x/y&time.min=2026Z&format=csv&include=header"),
        ("https://a.org/s/hapi/data?id=a%26b&include=header",
         "https://a.org/s/hapi/data?id=a%26b&format=csv&include=header"),
        ("https://a.org/hapi/info?id=x", "https://a.org/hapi/info?id=x"),
        ("https://a.org/x.vot?a=1", "https://a.org/x.vot?a=1"),
    ],
)  # fmt: skip
def test_addresses(given: str, asked: str) -> None:
    assert plugins.address(given) == asked


@pytest.mark.parametrize(
    "content",
    [
        b"", b"#{\n", b"#[]\n1\n", b"#{}\n", _document("x", b""),
        _document({**_INFO, "parameters": 1}, b""), b"\xff\xfe#\x00",
        _document(_INFO, b"2026-01-01T00:00:00Z\n"), _document(_INFO, b"yesterday,1\n"),
        _document(_INFO, b"2026-01-01T00:00:00Z,x\n"), _document(_INFO, b"\xff,\xff\n"),
    ],
)  # fmt: skip
def test_broken_ones_are_refused(content: bytes) -> None:
    with pytest.raises(BadTable):
        _read(content)


def test_bounds() -> None:
    content = _document(_INFO, b"2026-01-01T00:00:00Z,400\n" * 100)
    for budget in (Budget(points=99), Budget(bytes=100)):
        with pytest.raises(TooMuch):
            _read(content, budget)


def test_nothing_is_written() -> None:
    with pytest.raises(BadArgument):
        HapiFormat().write([])
