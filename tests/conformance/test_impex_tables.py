"""Broken tables behind url_XYZ: each a clean fault, nothing left over, and the node goes on."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest
from lxml import etree

if TYPE_CHECKING:
    from tests.conformance.conftest import MarsNode

pytestmark = pytest.mark.conformance

_OUTPUT = "spase://VOSERVER/NumericalOutput/HYB/Mars/RunB-coarse/H+netcdf"
_CALL = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
<getDataPointValue xmlns="http://impex-fp7.fmi.fi"><ResourceID>{resource}</ResourceID>
<Variable>Bx</Variable>{url}</getDataPointValue></s:Body></s:Envelope>"""
_ROW = "<TR><TD>5e6</TD><TD>0</TD><TD>0</TD></TR>"
_UCDS = "".join(
    f'<FIELD name="{a}" datatype="double" unit="m" ucd="pos.cartesian.{a.lower()}"/>' for a in "XYZ"
)


def _votable(
    fields: str = _UCDS, data: str = f"<TABLEDATA>{_ROW}</TABLEDATA>", prolog: str = ""
) -> bytes:
    return (
        f'{prolog}<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE>'
        f"<TABLE>{fields}<DATA>{data}</DATA></TABLE></RESOURCE></VOTABLE>"
    ).encode()


_STREAM = '<BINARY><STREAM href="file:///etc/passwd" encoding="base64"/></BINARY>'
_ENTITY = '<!DOCTYPE VOTABLE [<!ENTITY x SYSTEM "file:///etc/passwd">]>'

_TABLES: dict[str, tuple[bytes, str]] = {
    "html.vot": (b"<!DOCTYPE html><html><body>Not found</body></html>", "error: "),
    "page.vot": (b"<html><body>Not found</body></html>", "HTML"),
    "empty.vot": (b"", "error: "),
    "truncated.vot": (_votable()[:-60], "error: "),
    "doctype.vot": (_votable(prolog=_ENTITY), "DOCTYPE"),
    "href.vot": (_votable(data=_STREAM), "STREAM"),
    "no_z.vot": (_votable(_UCDS.replace("cartesian.z", "other").replace('"Z"', '"Q"')), "z"),
    "no_unit.vot": (_votable(_UCDS.replace('unit="m" ', "")), "no unit"),
    "furlong.vot": (_votable(_UCDS.replace('"m"', '"furlong"')), "furlong"),
    "earth.vot": (_votable(_UCDS.replace('"m"', '"Re"')), "radius of Earth"),
    "frame.vot": (
        _votable(_UCDS.replace("/>", "><DESCRIPTION>Position in GSE</DESCRIPTION></FIELD>")),
        "frame GSE, the run is in MSO",
    ),
    "rows.vot": (_votable(data="<TABLEDATA></TABLEDATA>"), "no rows"),
    "lying.vot": (
        _votable().replace(b"<TABLE>", b'<TABLE nrows="2000000000">')[:-60], "error: "
    ),
    "many.vot": (_votable(data=f"<TABLEDATA>{_ROW * 150_001}</TABLEDATA>"), "150000"),
    "words.vot": (_votable(data=f"<TABLEDATA>{_ROW.replace('5e6', 'x')}</TABLEDATA>"), "error: "),
    "file.vot.gz": (gzip.compress(_votable()), "gzip"),
    "large.csv": (b"X [m],Y [m],Z [m]\n" + b"1,2,3\n" * 3_400_000, "20000000 bytes"),
    "ragged.csv": (b"X [m],Y [m],Z [m]\n1,2\n", "error: "),
    "unitless.txt": (b"# x y z\n1 2 3\n", "no unit"),
    "hdf.nc": (b"\x89HDF\r\n\x1a\n" + b"\0" * 500, "netCDF"),
    "lying.nc": (b"CDF\x01" + b"\xff" * 500, "error: "),
    "words.bin": (b"hello world", "known format"),
}  # fmt: skip


def _ask(node: "MarsNode", url: str) -> tuple[int, str]:
    """Give status and faultstring, or the answer's text."""
    given = f"<url_XYZ>{url}</url_XYZ>" if url else ""
    status, reply = node.post(_CALL.format(resource=_OUTPUT, url=given).encode())
    root = etree.fromstring(reply)
    assert len(reply) < 2000
    return status, str(root.findtext(".//faultstring") or root.xpath("string()"))


@pytest.mark.parametrize("name", sorted(_TABLES))
def test_broken_tables(mars_node: "MarsNode", name: str) -> None:
    content, words = _TABLES[name]
    (mars_node.tables / name).write_bytes(content)
    before = sorted(mars_node.results.glob("[!.]*"))
    status, text = _ask(mars_node, mars_node.table_url(name))
    assert status == 500
    assert text.startswith("error: ")
    assert words in text
    assert "root:" not in text
    assert sorted(mars_node.results.glob("[!.]*")) == before
    assert _ask(mars_node, mars_node.orbit)[0] == 200


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "url_XYZ is missing"),
        ("ftp://127.0.0.1/x.vot", "http://"),
        ("http://10.0.0.1/x.vot", "public internet"),
        ("http://[::1]/x.vot", "public internet"),
        ("http://nowhere.invalid/x.vot", "nowhere.invalid"),
        ("http://user:secret@127.0.0.1/x.vot", "user name or password"),
    ],
)
def test_urls_that_are_not_opened(mars_node: "MarsNode", url: str, words: str) -> None:
    status, text = _ask(mars_node, url)
    assert status == 500
    assert words in text
    assert "secret" not in text


def test_a_table_that_is_gone_from_the_results(mars_node: "MarsNode") -> None:
    status, text = _ask(mars_node, f"{mars_node.url}/results/{'0' * 32}.vot")
    assert status == 500
    assert "no longer kept" in text


def _serve(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve connections by a function until the test ends, and give the URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        talk(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x.vot"


@pytest.fixture
def silent() -> Iterator[str]:
    """Give the URL of a server that says nothing."""
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        over.wait(20)

    yield from _serve(talk)
    over.set()


@pytest.fixture
def endless() -> Iterator[str]:
    """Give the URL of a server whose table never ends."""

    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n")
        connection.sendall(_votable().partition(b"<TR>")[0])
        for _ in range(10_000):
            connection.sendall(_ROW.encode() * 1000)

    yield from _serve(talk)


@pytest.fixture
def bomb() -> Iterator[str]:
    """Give the URL of a server that encodes 200 MB of blanks into a little."""
    body = gzip.compress(b" " * 200_000_000, 6)

    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    yield from _serve(talk)


@pytest.mark.parametrize(
    ("site", "words"),
    [("silent", "did not deliver within 3 s"), ("endless", "20000000 bytes"),
     ("bomb", "20000000 bytes")],
)  # fmt: skip
def test_servers_that_mean_no_good(
    mars_node: "MarsNode", request: pytest.FixtureRequest, site: str, words: str
) -> None:
    status, text = _ask(mars_node, request.getfixturevalue(site))
    assert status == 500
    assert words in text
    assert _ask(mars_node, mars_node.orbit)[0] == 200


def test_positions_that_are_no_numbers_are_nan_and_counted(mars_node: "MarsNode") -> None:
    rows = _ROW + _ROW.replace("5e6", "NaN") + _ROW.replace("5e6", "")
    content = _votable(data=f"<TABLEDATA>{rows}</TABLEDATA>")
    (mars_node.tables / "nan.vot").write_bytes(content)
    status, url = _ask(mars_node, mars_node.table_url("nan.vot"))
    assert status == 200
    root = etree.fromstring(mars_node.get(url))
    notes = {e.get("name"): e.get("value") for e in root.iter("{*}INFO")}
    assert notes["points bad input"] == "2"
    cells = [row[-1].text for row in root.iter("{*}TR")]
    assert np.isnan([float(cell or "nan") for cell in cells]).tolist() == [False, True, True]
