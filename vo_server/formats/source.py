"""A client's bytes: taken within the budget, and told apart by how they begin."""

import codecs
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from typing import BinaryIO

from vo_server.budget import Budget
from vo_server.errors import BadTable, TooMuch
from vo_server.model.parameter import REAL, TEXT, Parameter
from vo_server.model.table import Constant

CHUNK = 65_536  # bytes asked of a stream at a time
_FRAME_KEYS = ("frame", "coordinate system")
MAX_COLUMNS = 1_000
ROWS = 4_096  # rows of a block, about
MAX_LINE = 1_048_576  # characters

_BEGINNINGS = (
    (b"\x1f\x8b", "gzip; send it unpacked"),
    (b"BZh", "bzip2; send it unpacked"),
    (b"\xfd7zXZ", "xz; send it unpacked"),
    (b"PK\x03\x04", "a ZIP archive; send it unpacked"),
    (b"\x89HDF\r\n\x1a\n", "HDF5 or netCDF-4"),
    (b"CDF\x01", "netCDF classic"),
    (b"CDF\x02", "netCDF classic"),
    (b"\xcd\xf3\x00\x01", "CDF"),
    (b"\xcd\xf2\x60\x02", "CDF"),
    (b"SIMPLE  =", "FITS"),
    (b"PAR1", "Parquet"),
    (b"%PDF", "PDF"),
    (b"{", "JSON"),
    (b"<!doctype html", "HTML"),
    (b"<html", "HTML"),
    (b"<?xml", "XML"),
    (b"<votable", "XML"),
)


def recognise(head: bytes) -> str | None:
    """Name what a document is by its first bytes, None where they tell nothing."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    for beginning, name in _BEGINNINGS:
        if head.startswith(beginning) or text.startswith(beginning):
            return name
    return None


def chunks(stream: BinaryIO, budget: Budget) -> Iterator[bytes]:
    """Give the bytes of a stream in pieces; raises TooMuch beyond the budget's bytes or time."""
    total = 0
    budget.spend()
    while chunk := stream.read(CHUNK):
        total += len(chunk)
        if total > budget.bytes:
            raise TooMuch(f"the table is larger than this node's limit of {budget.bytes} bytes")
        yield chunk
        budget.spend()


def whole(stream: BinaryIO, budget: Budget) -> bytes:
    """Give all bytes of a stream; raises TooMuch as `chunks` does."""
    return b"".join(chunks(stream, budget))


def check_rows(rows: int, budget: Budget) -> None:
    """Raise TooMuch where a table has more rows than the budget has points."""
    if rows > budget.points:
        raise TooMuch(f"the table has more rows than this node's limit of {budget.points}")


def check_columns(count: int) -> None:
    """Raise BadTable where a table has too many columns."""
    if count > MAX_COLUMNS:
        raise BadTable(f"the table has more than {MAX_COLUMNS} columns")


def check_size(rows: int, row_size: int, budget: Budget) -> None:
    """Raise TooMuch where rows of this many bytes in columns are more than the budget's bytes.

    Empty cells take more room in a column than in a document.
    """
    if rows * row_size > budget.bytes:
        raise TooMuch(f"the values take more than this node's limit of {budget.bytes} bytes")


def text_of(stream: BinaryIO, budget: Budget, wanted: str) -> bytes:
    """Give a document that is text in UTF-8, without byte order mark.

    Raises BadTable saying what it is instead, TooMuch as `chunks` does.
    """
    data = whole(stream, budget)
    known = recognise(data[:64])
    if known is not None:
        raise BadTable(f"this is {known}, not {wanted}")
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data) + 1, CHUNK):
        first = start - len(decoder.getstate()[0])
        piece = data[start : start + CHUNK]
        try:
            decoder.decode(piece, final=len(piece) < CHUNK)
        except UnicodeDecodeError as err:
            line = data.count(b"\n", 0, first + err.start) + 1
            raise BadTable(f"line {line} is no text in UTF-8") from err
    return data.removeprefix(codecs.BOM_UTF8)


def lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Give the lines of a text and their numbers; raises BadTable for one of more than 1 MB."""
    text = TextIOWrapper(BytesIO(data), "utf-8", newline="")
    number = 0
    while line := text.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise BadTable(f"line {number} has more than 1 MB")
        yield number, line


def tells_frame(key: str) -> bool:
    """Tell whether a key beside a table is one under which its coordinate frame is told."""
    return key.strip().lower().replace("_", " ") in _FRAME_KEYS


def frame_statement(name: str) -> Constant:
    """Give the constant that tells a table's coordinate frame."""
    return Constant(Parameter("COOSYS", TEXT, ucd="pos.frame"), name)


def tells_place(constant: Constant) -> bool:
    """Tell whether a constant tells the coordinate frame of a table's positions."""
    words = (constant.parameter.ucd or "").lower().split(";")
    return words[0].strip() == "pos.frame"


def timescale_statement(name: str) -> Constant:
    """Give the constant that tells in which scale a table's times are: UTC, TT, TDB, ..."""
    return Constant(Parameter("timescale", TEXT, ucd="time.scale"), name)


def timeorigin_statement(julian_date: float) -> Constant:
    """Give the constant that tells the zero of a table's times as a Julian date."""
    return Constant(Parameter("timeorigin", REAL, "d", ucd="time.epoch"), julian_date)
