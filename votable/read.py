"""Reader of VOTable 1.0 to 1.5: streaming, bounded, for documents that nobody vouches for.

Source: IVOA VOTable 1.5. Expat finds the tags; this module knows which may stand where. There is
no way from a document to a file, an address or an unpacker: DOCTYPE, STREAM href, FITS and PARQUET
are refused, and no count that a document states is believed.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

import numpy as np

from vo_server.budget import Budget
from vo_server.errors import BadTable, excerpt
from vo_server.formats.source import ROWS, check_rows, check_size, chunks, recognise
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Column, Header, Table
from votable.binary import BinaryData
from votable.metadata import Attributes, Metadata
from votable.tabledata import MAX_TEXT, TableData

_MAX_DEPTH = 32
_MAX_ELEMENTS = 100_000  # outside the rows
_BLOCK_CELLS = 262_144
_LF, _CR = b"\n\r"
_ENCODINGS = ("utf-8", "utf-16", "us-ascii", "iso-8859-1")
_UTF_16 = re.compile(rb"\xff\xfe|\xfe\xff|\0|.\0", re.DOTALL)  # how a document in it begins
_ROW_END = re.compile(rb"</(?:[^\s<>/]{1,60}:)?TR>")

# Where the elements that hold data may stand.
_PARENTS = {
    "TABLE": ("RESOURCE",),
    "FIELD": ("TABLE",),
    "DATA": ("TABLE",),
    "TABLEDATA": ("DATA",),
    "BINARY": ("DATA",),
    "BINARY2": ("DATA",),
    "STREAM": ("BINARY", "BINARY2"),
    "FITS": (),
    "PARQUET": (),
    "TR": (),  # in TABLEDATA only, which has handlers of its own
    "TD": (),
}


def read(
    stream: BinaryIO, budget: Budget, *, doctype: bool = False, nulls: bool = False
) -> Iterator[Table]:
    """Give the blocks of the one TABLE with data, some 4,096 rows each; one block at least.

    Numbers keep their type; text is str, '' where null; booleans and bits are objects: True,
    False, None; arrays of variable length are objects too; missing floats are NaN, missing
    integers `Parameter.null`. nulls: columns are masked arrays instead, which tell null from NaN
    where the serialisation does. doctype: a DOCTYPE without declarations of its own is passed
    over; what it names is not opened. A COOSYS that a FIELD refers to becomes a constant with UCD
    pos.frame, a TIMESYS constants `timescale` and `timeorigin`; PARAMs of the TABLE are constants,
    its INFOs notes of the last block. Raises BadTable for what cannot be read, TooMuch beyond the
    budget's bytes, points or seconds; blocks before the fault have been given then.
    """
    return _blocks(_Document(doctype=doctype, nulls=nulls), stream, budget)


def read_all(
    stream: BinaryIO, budget: Budget, *, doctype: bool = False, nulls: bool = False
) -> Iterator[Table]:
    """Give the blocks of every TABLE, one at least of each; a new header object begins the next.

    Otherwise as `read`; the budget is for all of them together.
    """
    return _blocks(_Document(doctype=doctype, nulls=nulls, several=True), stream, budget)


def _blocks(document: "_Document", stream: BinaryIO, budget: Budget) -> Iterator[Table]:
    for chunk in chunks(stream, budget):
        document.feed(chunk)
        document.check(budget)
        yield from document.finished()
        if document.rows >= document.block_rows:
            yield document.take()
    document.close()
    document.check(budget)
    yield from document.finished()


class _Document:
    """A document that arrives in pieces."""

    def __init__(
        self, *, doctype: bool = False, nulls: bool = False, several: bool = False
    ) -> None:
        self._nulls = nulls
        self._several = several
        self._met = False  # a table that has ended
        self._given = False  # a block of the present table
        self._done: list[Table] = []
        self._size = 0  # of the tables before the present one, in bytes
        self._before = 0  # rows of those
        self._pieces: list[str] = []
        self._metadata = Metadata()
        self._stack: list[str] = []
        self._elements = 0
        self._prefix = ""
        self._head = b""
        self._fed = 0  # bytes that the parser has taken
        self._lines = 0  # that it has not
        self._stride = 0  # bytes for the parser before rows are looked for again
        self._in_cdata = False
        self._data: TableData | BinaryData | None = None
        self._streaming = False
        self._ended = False
        self._taken = 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.buffer_size = 65_536
        self._parser.XmlDeclHandler = _check_encoding
        self._parser.StartDoctypeDeclHandler = _check_doctype if doctype else _refuse_doctype
        self._parser.SkippedEntityHandler = _refuse_entity
        self._parser.StartCdataSectionHandler = lambda: self._set_cdata(inside=True)
        self._parser.EndCdataSectionHandler = lambda: self._set_cdata(inside=False)
        self._parser.CharacterDataHandler = self._pieces.append
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    @property
    def rows(self) -> int:
        """Rows that wait to be taken."""
        return 0 if self._data is None else self._data.rows

    @property
    def block_rows(self) -> int:
        """Rows that make a block."""
        cells = sum(field.length or 1 for field in self._metadata.fields)
        return max(1, min(ROWS, _BLOCK_CELLS // max(1, cells)))

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """What was noted by the end of the document."""
        return tuple(self._metadata.notes) if self._ended else ()

    @property
    def _row_size(self) -> int:
        return sum(field.size for field in self._metadata.fields)

    @property
    def _pending(self) -> int:
        """Bytes of a tag or comment whose end the parser waits for."""
        return self._fed - self._parser.CurrentByteIndex

    def check(self, budget: Budget) -> None:
        """Raise TooMuch where there are more rows, or larger ones, than the budget allows."""
        rows = self._taken + self.rows
        check_rows(self._before + rows, budget)
        check_size(1, self._size + rows * self._row_size, budget)

    def finished(self) -> Iterator[Table]:
        """Give the blocks that ended a table, and after the document what waits."""
        done, self._done = self._done, []
        yield from done
        if (
            self._ended
            and self._metadata.header is not None
            and (self.rows or self.notes or not self._given)
        ):
            yield self.take()

    def take(self) -> Table:
        """Give the rows that wait as a block."""
        self._given = True
        self._taken += self.rows
        assert self._metadata.header is not None
        if self._data is not None and self._data.rows:
            columns = self._data.take()
        else:
            columns = _no_rows(self._metadata.header)
        return Table(self._metadata.header, columns, self.notes)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; raises BadTable for what cannot be read."""
        self._head = (self._head + chunk[:64])[:64]
        self._parse(chunk)

    def close(self) -> None:
        """Take the end of the document; raises BadTable where it comes too early."""
        if not self._head:
            raise BadTable("the document is empty")
        self._parse(b"", final=True)
        if self._metadata.header is None:
            if not self._met:
                raise BadTable("the document has no TABLE with FIELDs")
            return
        self._ended = True

    def _parse(self, data: bytes, *, final: bool = False) -> None:
        try:
            self._take_bytes(data)
            if final:
                self._parser.Parse(b"", final)
            self._check_text()
        except expat.ExpatError as err:
            raise self._malformed(err, final=final) from err
        except BadTable as err:
            line = self._parser.CurrentLineNumber + self._lines
            raise BadTable(f"line {line}: {err.message}") from err

    def _take_bytes(self, data: bytes) -> None:
        """Take plain rows of a table at once, and give the parser what is between them.

        Where there are none, more and more is parsed before they are looked for again, so that
        the parser is not called for every few bytes.
        """
        place = 0
        while place < len(data):
            begun, place = place, self._take_plain(data, place)
            if place > begun:
                self._stride = 0
            match = _ROW_END.search(data, place + max(self._stride, self._pending))
            end = match.end() if match else len(data)
            self._give_parser(data[place:end])
            place, self._stride = end, min(2 * self._stride + 64, len(data) // 4)

    def _take_plain(self, data: bytes, place: int) -> int:
        """Take the plain rows at a place, if they can be there, and give where they end."""
        table = self._data
        if (
            not isinstance(table, TableData)
            or not table.between_rows()
            or self._pending
            or self._in_cdata
            or _UTF_16.match(self._head)
        ):
            return place
        end = table.take_plain(data, place)
        if end > place:
            self._lines += _line_ends(data, place, end)
            self._pieces.clear()
        return end

    def _give_parser(self, data: bytes) -> None:
        self._fed += len(data)
        self._parser.Parse(data)

    def _set_cdata(self, *, inside: bool) -> None:
        self._in_cdata = inside

    def _malformed(self, err: expat.ExpatError, *, final: bool) -> BadTable:
        line = err.lineno + self._lines
        if final and self._elements:
            return BadTable(f"line {line}: the document ends too early")
        known = recognise(self._head)
        if not self._elements and known not in (None, "XML"):
            return BadTable(f"this is {known}, not a VOTable")
        return BadTable(f"line {line}: this is no well-formed XML ({expat.ErrorString(err.code)})")

    def _check_text(self) -> None:
        """Refuse text and tags too long to be meant, and hand on what came of a STREAM."""
        # An unfinished tag is kept and scanned again with each piece of the document.
        if self._pending > MAX_TEXT:
            raise BadTable("a tag or comment has more than 1 MB")
        if self._streaming and isinstance(self._data, BinaryData):
            self._data.feed("".join(self._pieces))
            self._pieces.clear()
        elif isinstance(self._data, TableData):
            self._data.check()
        if sum(map(len, self._pieces)) > MAX_TEXT:
            raise BadTable("a piece of text has more than 1 MB")

    def _start(self, raw: str, attributes: Attributes) -> None:
        """Take a start tag outside the rows."""
        self._elements += 1
        if self._elements > _MAX_ELEMENTS:
            raise BadTable(f"the document has more than {_MAX_ELEMENTS} elements beside its rows")
        if len(self._stack) >= _MAX_DEPTH:
            raise BadTable(f"elements are nested deeper than {_MAX_DEPTH}")
        self._prefix, name = _split(raw)
        parent = self._stack[-1] if self._stack else ""
        self._stack.append(name)
        if "DESCRIPTION" in self._stack[:-1]:
            return  # markup in a text
        self._pieces.clear()
        if not parent:
            _check_root(name)
        elif self._streaming:
            raise BadTable(f"element {excerpt(name)} has no place in a STREAM")
        _check_place(name, parent)
        self._metadata.start(name, attributes, parent)
        if name in ("TABLEDATA", "BINARY", "BINARY2"):
            self._begin_data(name)
        elif name == "STREAM":
            self._begin_stream(attributes)

    def _end(self, raw: str) -> None:
        """Take an end tag outside the rows."""
        name = self._stack.pop()
        parent = self._stack[-1] if self._stack else ""
        if name == "TABLEDATA":
            self._parser.StartElementHandler = self._start
            self._parser.EndElementHandler = self._end
        elif name == "STREAM" and isinstance(self._data, BinaryData):
            self._streaming = False
            self._data.feed("".join(self._pieces))
            self._data.finish()
        if "DESCRIPTION" not in self._stack:
            self._metadata.end(name, "".join(self._pieces), parent)
            self._pieces.clear()
            if name == "TABLE" and self._several and self._metadata.header is not None:
                self._end_table()

    def _end_table(self) -> None:
        """Put the last block of a table aside and make room for another one."""
        data = self._data
        columns = data.take() if data is not None and data.rows else ()
        header = self._metadata.header
        assert header is not None
        notes = tuple(self._metadata.notes)
        rows = len(columns[0]) if columns else 0
        if rows or notes or not self._given:
            self._done.append(Table(header, columns or _no_rows(header), notes))
        self._before += self._taken + rows
        self._size += (self._taken + rows) * self._row_size
        self._data, self._taken, self._given, self._met = None, 0, False, True
        self._metadata.forget()

    def _begin_data(self, name: str) -> None:
        if self._data is not None:
            raise BadTable("the document has more than one TABLE with data; send one")
        self._metadata.declare(gaps=name != "BINARY")
        if name != "TABLEDATA":
            masked = name == "BINARY2"
            self._data = BinaryData(self._metadata.fields, masked=masked, nulls=self._nulls)
            return
        data = TableData(
            self._metadata.fields, self._prefix, self._pieces, self._end, nulls=self._nulls
        )
        self._data = data
        self._parser.StartElementHandler = data.start
        self._parser.EndElementHandler = data.end

    def _begin_stream(self, attributes: Attributes) -> None:
        if "href" in attributes:
            raise BadTable("the STREAM is at another address, which is not opened; send it inline")
        encoding = attributes.get("encoding", "")
        if encoding.strip().lower() != "base64":
            raise BadTable(f"the STREAM has the encoding {excerpt(encoding)}; only base64 is read")
        self._streaming = True


def _line_ends(data: bytes, start: int, end: int) -> int:
    """Count the ends of lines between two places, the latter not amid one."""
    letters = np.frombuffer(data, np.uint8, end - start, start)
    count = np.count_nonzero(letters == _LF)
    if data.find(b"\r", start, end) >= 0:
        count += np.count_nonzero((letters[:-1] == _CR) & (letters[1:] != _LF))
    return int(count)


def _split(raw: str) -> tuple[str, str]:
    """Give the prefix of an element, with its colon, and its name."""
    prefix, colon, name = raw.rpartition(":")
    return prefix + colon, name


def _check_root(name: str) -> None:
    if name.lower() == "html":
        raise BadTable("this is HTML, not a VOTable")
    if name != "VOTABLE":
        raise BadTable(f"the document is {excerpt(name)}, not a VOTABLE")


def _check_place(name: str, parent: str) -> None:
    if name in ("FITS", "PARQUET"):
        raise BadTable(f"data in {name} are not read; send TABLEDATA, BINARY or BINARY2")
    if name in _PARENTS and parent not in _PARENTS[name]:
        raise BadTable(f"element {name} has no place in {excerpt(parent)}")


def _check_encoding(version: str, encoding: str | None, standalone: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise BadTable(f"the encoding {excerpt(encoding)} is not read; send UTF-8")


def _refuse_doctype(name: str, system: str | None, public: str | None, has_subset: bool) -> None:
    if name.lower() == "html":
        raise BadTable("this is HTML, not a VOTable")
    raise BadTable("the document has a DOCTYPE, which is not read; take that line out")


def _check_doctype(name: str, system: str | None, public: str | None, has_subset: bool) -> None:
    if name.lower() == "html" or has_subset:
        _refuse_doctype(name, system, public, has_subset)


def _refuse_entity(name: str, is_parameter: bool) -> None:
    raise BadTable(f"the entity {excerpt(name)} is not resolved")


def _no_rows(header: Header) -> tuple[Column, ...]:
    return tuple(_empty(parameter) for parameter in header.parameters)


def _empty(parameter: Parameter) -> Column:
    if any(size < 0 for size in parameter.shape):
        return np.empty(0, TEXT)  # of arrays whose lengths differ
    dtype = TEXT if parameter.dtype.kind == "b" else parameter.dtype
    return np.empty((0, *parameter.shape), dtype)
