"""Documents made to do harm, and the sentence that each of them is refused with."""

import base64
import gzip
import io
import struct
import tracemalloc

import pytest

from vo_server.budget import Budget
from vo_server.errors import BadTable
from votable.read import read

pytestmark = pytest.mark.usefixtures("working_engine")


def field(datatype: str, arraysize: str = "", name: str = "x") -> str:
    """Give a FIELD."""
    return f'<FIELD name="{name}" datatype="{datatype}" arraysize="{arraysize}"/>'


def table(fields: str, data: str, head: str = "") -> bytes:
    """Give a document with this content of TABLE and DATA."""
    return (
        f"<VOTABLE><RESOURCE>{head}<TABLE>{fields}<DATA>{data}</DATA></TABLE></RESOURCE></VOTABLE>"
    ).encode()


def cells(*row: str, count: int = 1) -> str:
    """Give rows of TABLEDATA."""
    body = "".join(f"<TD>{cell}</TD>" for cell in row)
    return f"<TABLEDATA>{f'<TR>{body}</TR>' * count}</TABLEDATA>"


def stream(content: str, attributes: str = 'encoding="base64"') -> str:
    """Give BINARY data."""
    return f"<BINARY><STREAM {attributes}>{content}</STREAM></BINARY>"


def packed(raw: bytes) -> str:
    """Give BINARY data of these bytes."""
    return stream(base64.b64encode(raw).decode())


X, T = field("double"), field("char", "*")
ONE = table(X, cells("1"))
BOMB = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10 if i else "lol"}">' for i in range(10))
LONG = "x" * 9_000_000
TWO = ONE.replace(b"</TABLE>", f"</TABLE><TABLE>{X}<DATA>{cells('2')}</DATA></TABLE>".encode())
MORE = ONE.replace(b"</TABLE>", b"<DATA><TABLEDATA/></DATA></TABLE>")
MANY = " ".join(f"a{i}='1'" for i in range(300_000))
ENTITY = b'<!DOCTYPE V [<!ENTITY f SYSTEM "file:///etc/passwd">]><V>&f;</V>'
ERROR = '<INFO name="QUERY_STATUS" value="ERROR">no such run</INFO>'
BASE64 = '<TD encoding="base64">'
PRIVATE = 'href="file:///etc/passwd" encoding="base64"'

ATTACKS: dict[str, tuple[bytes, str]] = {
    # entities and other ways out of the document
    "external DTD": (b'<!DOCTYPE V SYSTEM "http://127.0.0.1/"><VOTABLE/>', "DOCTYPE"),
    "entity bomb": (f"<!DOCTYPE V [{BOMB}]><VOTABLE>&a9;</VOTABLE>".encode(), "DOCTYPE"),
    "entity of a file": (ENTITY, "DOCTYPE"),
    "unknown entity": (table(T, cells("&f;")), "undefined entity"),
    "FITS at an address": (table(X, '<FITS><STREAM href="http://x/"/></FITS>'), "FITS"),
    "Parquet at an address": (table(X, '<PARQUET><STREAM href="x"/></PARQUET>'), "PARQUET"),
    "stream at an address": (table(X, stream("", 'href="http://127.0.0.1/"')), "another address"),
    "stream in a file": (table(X, stream("", PRIVATE)), "another address"),
    "packed stream": (table(X, stream("", 'encoding="gzip"')), "only base64"),
    "stream without encoding": (table(X, stream("AAAA", 'type="locator"')), "only base64"),
    # no VOTable at all
    "HTML 5": (b"<!DOCTYPE html><html><p>Not found<br></html>", "this is HTML, not a VOTable"),
    "HTML": (b"<html><body>500<br></body></html>", "this is HTML, not a VOTable"),
    "HTML in capitals": (b"\n\n<HTML><body><p>500</HTML>", "this is HTML, not a VOTable"),
    "broken HTML": (b"<html lang=en>", "this is HTML, not a VOTable"),
    "error text": (b"Fatal error: Uncaught exception in /var/www", "no well-formed XML"),
    "other XML": (b"<Envelope><Body/></Envelope>", "'Envelope', not a VOTABLE"),
    "empty": (b"", "the document is empty"),
    "blank": (b"  \n ", "no well-formed XML"),
    "gzip": (gzip.compress(ONE), "this is gzip; send it unpacked"),
    "gzip bomb": (gzip.compress(bytes(10_000_000)), "this is gzip"),
    "ZIP": (b"PK\x03\x04" + bytes(99), "this is a ZIP archive"),
    "FITS": (b"SIMPLE  =                    T", "this is FITS"),
    "JSON": (b'{"error": "not found"}', "this is JSON"),
    "netCDF": (b"CDF\x01" + bytes(40), "this is netCDF"),
    "error of a service": (table(X, cells(), ERROR), "reports the error of a service"),
    # bytes
    "no base64": (table(X, stream("#!$%")), "no base64"),
    "padding inside": (table(X, stream("AA==AAAA")), "no base64"),
    "other letters": (table(X, stream("ééé=")), "no base64"),
    "half a letter": (table(X, stream("AAA")), "ends within row 1"),
    "half a row": (table(X, packed(bytes(12))), "ends within row 2"),
    "huge text": (table(T, packed(struct.pack(">I", 2**31))), "row 1 has a cell of more than 1 MB"),
    "negative text": (table(T, packed(struct.pack(">i", -1))), "more than 1 MB"),
    "short text": (table(T, packed(struct.pack(">i", 9) + b"abc")), "ends within row 1"),
    "huge count": (table(field("int", "*"), packed(struct.pack(">I", 2**31))), "more than 1 MB"),
    "pairs that lack one": (table(field("int", "2x*"), cells("1 2 3")), "is no array of int"),
    "half a pair": (
        table(field("int", "2x*"), packed(struct.pack(">Iiii", 3, 1, 2, 3))),
        "is not whole",
    ),
    "bad boolean": (table(field("boolean"), packed(b"x")), "byte 120 is no boolean"),
    "element in a stream": (table(X, stream("<TD/>")), "no place in a STREAM"),
    # broken structure
    "cut off": (ONE[:-40], "ends too early"),
    "cut off in a tag": (ONE[:-1], "ends too early"),
    "cut off in the head": (ONE[:30], "ends too early"),
    "two documents": (ONE + b"<VOTABLE/>", "no well-formed XML"),
    "more cells": (table(X, cells("1", "2")), "row 1 has 2 cells, but the table 1 FIELDs"),
    "endless row": (table(X, cells(*[""] * 300_000)), "row 1 has"),
    "fewer cells": (table(X + T, cells("1")), "row 1 has 1 cells, but the table 2 FIELDs"),
    "no table": (b"<VOTABLE><RESOURCE/></VOTABLE>", "no TABLE with FIELDs"),
    "no field": (table("", cells("1")), "no FIELD"),
    "two tables": (TWO, "more than one TABLE with data; send one"),
    "two DATA": (MORE, "more than one TABLE with data"),
    "table in a table": (b"<VOTABLE><RESOURCE><TABLE><TABLE/>", "element TABLE has no place"),
    "field behind the data": (table(X, cells("1") + X), "element FIELD has no place"),
    "cell outside a row": (table(X, "<TABLEDATA><TD>1</TD></TABLEDATA>"), "'TD' has no place"),
    "cell in a cell": (table(X, cells("<TD>1</TD>")), "'TD' has no place"),
    "row in a row": (table(X, "<TABLEDATA><TR><TR/></TR></TABLEDATA>"), "'TR' has no place"),
    "markup in a cell": (table(T, cells("<b>1</b>")), "'b' has no place"),
    "row without TABLEDATA": (table(X, "<TR><TD>1</TD></TR>"), "TR has no place in 'DATA'"),
    "encoded cell": (table(X, cells("1").replace("<TD>", BASE64)), "an encoding of their own"),
    # too much of anything
    "deep": (b"<VOTABLE>" + b"<RESOURCE>" * 40, "nested deeper than 32"),
    "very deep": (b"<VOTABLE>" + b"<GROUP>" * 1_000_000, "nested deeper than 32"),
    "many fields": (table(X * 1001, ""), "more than 1000 FIELDs"),
    "many elements": (b"<VOTABLE>" + b"<INFO/>" * 200_000, "more than 100000 elements"),
    "long cell": (table(T, cells("x" * 1_100_000)), "more than 1 MB"),
    "endless cell": (table(T, cells(LONG)), "more than 1 MB"),
    "endless blanks": (table(X, f"<TABLEDATA>{' ' * 9_000_000}</TABLEDATA>"), "more than 1 MB"),
    "endless text": (table(f"<DESCRIPTION>{LONG}</DESCRIPTION>{X}", ""), "more than 1 MB"),
    "endless attribute": (table(field("int", name=LONG), ""), "a tag or comment has more"),
    "endless comment": (table(X, f"<!--{LONG}-->"), "a tag or comment has more"),
    "endless element name": (f"<VOTABLE><{LONG}/></VOTABLE>".encode(), "a tag or comment has"),
    "many attributes": (table(f"<FIELD {MANY}/>", ""), "a tag or comment has more"),
    "long name": (table(field("int", name="n" * 9000), cells("1")), "a name of more than 300"),
    "huge array": (table(field("int", "2000000000"), cells("")), "'2000000000'"),
    "huge product of an array": (table(field("int", "99999x99999"), cells("")), "'99999x99999'"),
    # encodings
    "codec": (b'<?xml version="1.0" encoding="zip"?><VOTABLE/>', "encoding 'zip' is not read"),
    "UTF-7": (b'<?xml version="1.0" encoding="utf-7"?><VOTABLE/>', "encoding 'utf-7'"),
    "false UTF-16": (b'<?xml version="1.0" encoding="utf-16"?><VOTABLE/>', "no well-formed XML"),
    "broken UTF-8": (table(T, cells("x")).replace(b">x<", b">\xff\xfe<"), "no well-formed XML"),
    "NUL": (table(T, cells("&#0;")), "no well-formed XML"),
    # cells and types
    "no datatype": (table('<FIELD name="x"/>', cells("1")), "no known datatype"),
    "odd datatype": (table(field("pickle"), cells("1")), "'pickle'"),
    "no array": (table(field("int", "0"), cells("")), "'0'"),
    "odd array": (table(field("int", "-1"), cells("")), "'-1'"),
    "variable array": (
        table(field("bit", "*"), cells("1 2")),
        "bits of variable length",
    ),
    "word": (table(X, cells("one")), "row 1, column 'x': 'one' is no double"),
    "long word": (table(X, cells("one" * 1000)), "oneoneo...' is no double"),
    "underscore": (table(X, cells("1_000")), "'1_000' is no double"),
    "other digits": (table(X, cells("١٢")), "is no double"),
    "smuggled comma": (table(X, cells("1,2")), "'1,2' is no double"),
    "smuggled list": (table(X, cells("[1]")), "'[1]' is no double"),
    "endless digits": (table(field("long"), cells("9" * 100_000)), "is no long"),
    "number out of range": (table(field("short"), cells("40000")), "'40000' is no short"),
    "short array": (table(field("int", "3"), cells("1 2")), "'1 2' is no array of 3 int"),
    "odd logical": (table(field("boolean"), cells("maybe")), "'maybe' is no boolean"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused(name: str) -> None:
    text, reason = ATTACKS[name]
    tracemalloc.start()
    try:
        with pytest.raises(BadTable) as refused:
            list(read(io.BytesIO(text), Budget(seconds=30)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reason in refused.value.message
    assert len(refused.value.message) < 200
    assert refused.value.message.isprintable()
    assert peak < 50_000_000
