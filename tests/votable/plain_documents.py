"""Documents with plain rows of TABLEDATA, odd and hostile ones too, and what is read of them."""

import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from vo_server.budget import Budget
from vo_server.errors import BadTable, TooMuch
from votable import read as reader

FIELDS = (
    '<FIELD name="x" datatype="double"/>',
    '<FIELD name="n" datatype="int"><VALUES null="-9"/></FIELD>',
    '<FIELD name="t" datatype="char" arraysize="*"/>',
    '<FIELD name="f" datatype="float"><VALUES null="-1"/></FIELD>',
    '<FIELD name="l" datatype="long"/>',
    '<FIELD name="a" datatype="double" arraysize="2"/>',
    '<FIELD name="b" datatype="boolean"/>',
    '<FIELD name="u" datatype="unsignedByte"/>',
    '<FIELD name="s" datatype="short"/>',
    '<FIELD name="y" datatype="double"><VALUES null="-1"/></FIELD>',
    '<FIELD name="d" datatype="char" arraysize="24"/>',
)
NUMERIC = [*FIELDS[:5], *FIELDS[7:]]  # those that a compiled kernel takes
NUMBERS = (b"1", b"-9", b"0", b"-0", b"-1", b"7", b" 12\t", b"1\n", b"99999", b"")
REALS = (
    *(*NUMBERS, b"1.5e3", b"-0.25", b"NaN", b"+.5", b"-nan", b"\tINF", b"-infinity ", b"5e-324"),
    *(b"0.1234567890123456", b"-1234567890.1234567890", b"1.7976931348623157e308", b"1e39"),
)
WORDS = (
    *(b"", b" ", b"NaN", b"-Inf", b"+.5", b"1.", b"0x1F", b"1e999", b"1 2", b"T", b"?", b"a b"),
    *(
        b"'\"]",
        b"9" * 30,
        *(b"256", b"-1", b"32768", b"2147483648", b"9" * 18, b"9" * 19, b"-9223372036854775808"),
        *(b"1e-400", b"9007199254740993", b"9007199254740993.0", b"1" * 20, b"0" * 40 + b".5"),
        b"1_0",
        b"1,2",
        b"one",
        b"[1]",
        b"\x7f",
        b"\t\n",
        b"2e5\r\n",
        b"7\r",
        b"\r8",
        b"x\r\ny",
    ),
)
PLAIN = (REALS, NUMBERS, (b"a", b"2010-01-01T00:00:00Z", b""), REALS, NUMBERS, (b"1 2", b"3. -4"),
         (b"T", b"f"), (b"0", b"255", b" 7"), (b"-32768", b"32767", b"-1"), REALS,
         (b"2010-01-01T00:00:00.000Z", b"\t"))  # fmt: skip
ROWS = {0: (b'<TR ID="r">', b"<TR >", b"<tr>", b""), 1: (b"</TR >", b"</tr>", b"")}
MARKUP = (
    *(b"&#49;", b"&lt;", b"&x;", b"&", b"<!--5-->6", b"<![CDATA[7]]>", b"<?p q?>8", b"<b/>", b"<"),
    *(b"]]>", b"]]", b">", "é".encode(), b"\xe9", b"\xff", b"\0", b"\x01", b"<TD>1</TD>"),
)
CELLS = (
    *(b"<TD/>", b"<TD />", b'<TD a="1">1</TD>', b"<TD >2</TD >", b'<TD encoding="x">1</TD>'),
    *(b"<td>1</td>", b"<TD>1", b"1</TD>", b"", b"<TD>1</TD><TD>2</TD>", b"<TH>1</TH>", b"<TR/>"),
)
BETWEEN = (
    *(b"<!-- <TR><TD>1</TD></TR> -->", b"<![CDATA[<TR><TD>1</TD></TR>]]>", b"<?p </TR>?>", b"text"),
    *(b"]", b"]]", b"]]>", b"&amp;", b"&#10;", b"&x;", "ü".encode(), b"\xff", b"\0", b"<TR/>"),
    *(b"<TR></TR>", b"</TABLEDATA>", b"<TABLEDATA>", b"<TD>1</TD>", b"</TR>", b"<TR>", b"<X/>"),
    *(b"\r", b"\r\n", b" " * 100, b"\n" * 9, b"<INFO name='a' value='b'/>", b"<", b"<TR"),
)
KINDS = ("cell", "text", "row", "between", "blank")
BLANKS = (b"", b"", b"\n", b"  ", b"\r\n", b"\t", b"\r")
HEADS = (
    *(b"", b"", b"<?xml version='1.0'?>\n", b"<?xml version='1.0' encoding='UTF-8'?>"),
    *(b"<?xml version='1.0' encoding='us-ascii'?>", b"\xef\xbb\xbf", b"\n"),
    b"<?xml version='1.0' encoding='ISO-8859-1'?>",
)


class Pieces(io.RawIOBase):
    """A document that arrives in pieces of these sizes, over and over."""

    def __init__(self, document: bytes, sizes: list[int]) -> None:
        self._pieces = iter(self._cut(document, sizes))

    @staticmethod
    def _cut(document: bytes, sizes: list[int]) -> Iterator[bytes]:
        place = index = 0
        while place < len(document):
            size = sizes[index % len(sizes)]
            yield document[place : place + size]
            place, index = place + size, index + 1

    def read(self, size: int = -1) -> bytes:
        return next(self._pieces, b"")


def table(rows: bytes, fields: tuple[str, ...] = FIELDS[:1], head: bytes = b"") -> bytes:
    """Give a document with these rows."""
    start = f"<VOTABLE><RESOURCE><TABLE>{''.join(fields)}<DATA><TABLEDATA>".encode()
    return head + start + rows + b"</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>\n"


def bits(column: NDArray[Any]) -> bytes | str:
    """Give the bits of numbers; objects as they print."""
    return repr(column.tolist()) if column.dtype == object else column.tobytes()


def outcome(document: bytes, sizes: list[int], *, nulls: bool = False, points: int = 99) -> Any:
    """Give what a reader gives: cells by column, and the sentence that it ends with."""
    cells: list[Any] = []
    stream, budget = Pieces(document, sizes), Budget(points=points, seconds=600)
    try:
        for block in reader.read_all(stream, budget, nulls=nulls):  # type: ignore[arg-type]
            masks = [np.ma.getmaskarray(column).tolist() for column in block.columns]
            kinds = [column.dtype for column in block.columns]
            data = [bits(np.ma.getdata(column)) for column in block.columns]
            cells.append((block.header, kinds, data, masks, block.notes))
    except (BadTable, TooMuch) as err:
        return cells, type(err), err.message
    return cells


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Draw rows that are plain but for three things in them at most."""

    def pick(choice: tuple[bytes, ...]) -> bytes:
        return draw(st.sampled_from(choice))

    choice = st.sampled_from(FIELDS) if draw(st.integers(0, 4)) == 4 else st.sampled_from(NUMERIC)
    fields = draw(st.lists(choice, min_size=1, max_size=4))
    count = draw(st.integers(1, 12))
    parts = []  # a start tag, cells, an end tag, what follows; of each row
    for _ in range(count):
        cells = [PLAIN[FIELDS.index(field)] for field in fields]
        parts += [b"<TR>", *(b"<TD>" + pick(choice) + b"</TD>" for choice in cells)]
        parts += [b"</TR>", pick(BLANKS)]
    width = len(fields) + 3
    for kind in draw(st.lists(st.sampled_from(KINDS), max_size=3)):
        row = draw(st.integers(0, count - 1)) * width
        place = row + draw(st.integers(1, len(fields)))
        if kind == "cell":
            parts[place] = pick(CELLS)
        elif kind == "text":
            parts[place] = parts[place].replace(b"</TD>", pick(WORDS + MARKUP) + b"</TD>")
        elif kind == "row":
            odd = draw(st.sampled_from(sorted(ROWS)))
            parts[row + odd * (width - 2)] = pick(ROWS[odd])
        else:
            parts[row + width - 1 if kind == "between" else place] += pick(
                BETWEEN if kind == "between" else BLANKS
            )
    document = table(b"".join(parts), tuple(fields), pick(HEADS))
    prefix = pick((b"", b"", b"v:", b"v.w-1:", "é:".encode()))
    document = re.sub(rb"(</?)(?=[A-Za-z])", rb"\1" + prefix, document)
    if draw(st.integers(0, 9)) == 9:
        document = document[: draw(st.integers(0, len(document)))]
    if document.isascii() and draw(st.integers(0, 9)) == 9:
        document = document.decode().encode(draw(st.sampled_from(["utf-16", "utf-16-be"])))
    return document


SIZES = st.just([65_536]) | st.lists(st.integers(1, 600), min_size=1, max_size=5)


def row(cells: int, text: str = "1.5") -> bytes:
    """Give a plain row."""
    return f"\r\n<TR>\n {f'<TD>{text}</TD> ' * cells}</TR>".encode()


PLAIN_ROW = b"<TR><TD>1</TD></TR>"


def disguised(encoding: str) -> bytes:
    """Give a document in UTF-16 with other characters whose bytes look like plain rows."""
    text = (b".</TR>" + PLAIN_ROW * 2).decode(encoding)
    return table(PLAIN_ROW + b"@" + PLAIN_ROW).decode().replace("@", text).encode(encoding)


DESCRIPTION = b"<DESCRIPTION><TABLEDATA>" + PLAIN_ROW * 3 + b"</TABLEDATA></DESCRIPTION>"
SECOND = b"".join((b"<TABLE>", *(f.encode() for f in FIELDS[:2]), b"<DATA><TABLEDATA>", row(2) * 9))
ODD = {
    "other characters": disguised("utf-16-be"),
    "other characters behind a mark": b"\xff\xfe" + disguised("utf-16-le"),
    "in a comment": table(PLAIN_ROW * 2 + b"<!-- " + b"</TR>" + PLAIN_ROW * 9 + b"-->"),
    "in a text": table(PLAIN_ROW * 2 + b"<![CDATA[ " + b"</TR>" + PLAIN_ROW * 9 + b"]]>"),
    "in a description": table(PLAIN_ROW * 5).replace(b"<DATA>", DESCRIPTION + b"<DATA>"),
    "in a description behind": table(PLAIN_ROW).replace(b"</DATA>", b"</DATA>" + DESCRIPTION),
    "in another table": table(PLAIN_ROW * 3).replace(
        b"</TABLE>", b"</TABLE>" + SECOND + b"</TABLEDATA></DATA></TABLE>"
    ),
    "behind the rows": table(PLAIN_ROW * 3 + b"</TABLEDATA>" + PLAIN_ROW * 3 + b"<TABLEDATA>"),
    "many lines": table(row(1) * 90 + b"\n\r\r\n<TR><TD></TR>"),
    "many lines, a word": table(row(1) * 90 + b"<TR><TD>one</TD></TR>"),
    "a short row": table(row(1) * 90 + row(2)),
    "bytes that are no UTF-8": table(row(1) * 9 + b"\xff" + row(1) * 9),
    "a brace": table(PLAIN_ROW * 3 + b"<TR><TD>1]]></TD></TR>"),
    "a brace between": table(PLAIN_ROW * 3 + b"]]" + PLAIN_ROW + b"]]>" + PLAIN_ROW),
    "a root behind": table(PLAIN_ROW * 3) + PLAIN_ROW,
    "Latin 1 prefix": re.sub(
        rb"(</?)(?=[A-Z])",
        b"\\1\xe9:",
        table(PLAIN_ROW * 3, head=b"<?xml version='1.0' encoding='iso-8859-1'?>"),
    ),
    "another prefix": re.sub(
        rb"(</?)(?=[A-Z])", b"\\1\xe9:", table(PLAIN_ROW * 2 + b"@@" + PLAIN_ROW)
    ).replace(b"\xe9", "é".encode()),
    "line ends in texts": table(row(1, "a") + row(1, "a\rb") + row(1, "a\r\nb"), FIELDS[2:3]),
    "no ASCII": table(PLAIN_ROW * 3 + row(1, "é"), FIELDS[2:3]),
}

HOSTILE = {
    "every other row": (PLAIN_ROW + b"<TR><TD/></TR>") * 30_000,
    "every row": b"<TR><TD>&#49;</TD></TR>" * 45_000,
    "rows cut short": b"<TR><TD>1</TD>" * 70_000,
    "no end": b"<TR>" * 250_000,
    "blanks": b"\n" * 1_000_000,
    "blanks in rows": (b"<TR>" + b" " * 60_000 + b"<TD>1</TD>" + b"\t" * 60_000) * 8,
    "a comment of rows": b"<!--" + b"</TR>" * 200_000 + b"-->",
    "a text of rows": b"<![CDATA[" + b"</TR>" * 200_000 + b"]]>",
    "text between": (PLAIN_ROW + b"x") * 50_000,
    "end tags": b"</" * 500_000,
    "long prefixes": (b"</" + b"a" * 55) * 18_000,
    "long cells": (b"<TR><TD>" + b"1 " * 30_000 + b"</TD>") * 16,
}
