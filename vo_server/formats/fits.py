"""FITS: one binary table (FITS 4.0, section 7.3) in the first extension.

TUNIT is a column's unit; its UCD, utype, xtype and description stand in TUCD, TUTYP, TXTYP and
TCOMM, the name of the table in EXTNAME, its frame in FRAME, further words in COMMENT. Logicals
are L (0 where unknown), integers with a null have TNULL, text is ASCII as wide as the longest,
times ISO 8601 text. Missing floats are NaN.

Reading takes the first binary table, whose header is kept small and whose rows must be there;
columns of variable length (P, Q) are not read, since a few bytes of them can stand for any number.
"""

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vo_server.budget import Budget
from vo_server.errors import BadTable, TooMuch, excerpt
from vo_server.formats.cells import objects
from vo_server.formats.rows import begun, native
from vo_server.formats.scalars import no_arrays_of_differing_length
from vo_server.formats.source import (
    check_columns,
    check_rows,
    check_size,
    frame_statement,
    whole,
)
from vo_server.formats.statements import header_words, words_of
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Column, Constant, Header, Table, concatenate
from vo_server.model.time import print_times

_BLOCK, _CARD = 2880, 80
_MAX_HEADER = 2880 * 600  # bytes
_TEXT_BYTES = 268_435_456  # padded text of one column
_FORM = re.compile(r"\s*(\d{0,9})([LBIJKAEDCM])\s*")
_DIM = re.compile(r"\(\s*(\d{1,9}(?:\s*,\s*\d{1,9})*)\s*\)")
_TYPES: dict[str, np.dtype[Any]] = {
    "L": np.dtype("u1"), "B": np.dtype("u1"), "I": np.dtype(">i2"), "J": np.dtype(">i4"),
    "K": np.dtype(">i8"), "E": np.dtype(">f4"), "D": np.dtype(">f8"), "C": np.dtype(">c8"),
    "M": np.dtype(">c16"),
}  # fmt: skip
# Letter and TZERO of each type; unsigned ones are kept as signed ones that are shifted.
_LETTERS: dict[str, tuple[str, int]] = {
    "f4": ("E", 0), "f8": ("D", 0), "c8": ("C", 0), "c16": ("M", 0), "u1": ("B", 0),
    "i1": ("B", -128), "i2": ("I", 0), "i4": ("J", 0), "i8": ("K", 0), "u2": ("I", 2**15),
    "u4": ("J", 2**31), "u8": ("K", 2**63),
}  # fmt: skip
_SHIFTED = {(letter, zero): np.dtype(name) for name, (letter, zero) in _LETTERS.items() if zero}
_KEYS = {"unit": "TUNIT", "ucd": "TUCD", "utype": "TUTYP", "xtype": "TXTYP", "description": "TCOMM"}


class FitsFormat:
    """FITS binary tables."""

    name = "fits"
    extensions = ("fits", "fit", "fts")
    media_type = "application/fits"

    def write(self, tables: Iterable[Table]) -> Iterator[bytes]:
        """Write a table once all of it is known: the format has its size in front.

        Raises BadTable for text that is not ASCII and arrays of differing length, TooMuch where
        padded text would be huge, ValueError where there is no block.
        """
        first, blocks = begun(tables)
        no_arrays_of_differing_length(first)
        yield from _written(concatenate(list(blocks)))

    def read(self, stream: BinaryIO, budget: Budget) -> Iterator[Table]:
        """Read the first binary table as one block; raises BadTable, TooMuch."""
        data = whole(stream, budget)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what astropy remarks of strange cards
            yield _read(data, budget)


def _written(table: Table) -> Iterator[bytes]:
    from astropy.io.fits import Header as Cards

    primary = Cards([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)])
    yield primary.tostring().encode("ascii")
    cards = Cards()
    arrays = []
    for number, (parameter, column) in enumerate(
        zip(table.header.parameters, table.columns, strict=True), 1
    ):
        form, told, array = _encoded(parameter, column)
        arrays.append(array)
        cards[f"TTYPE{number}"] = _ascii(parameter.name)
        cards[f"TFORM{number}"] = form
        if len(parameter.shape) > 1:
            cards[f"TDIM{number}"] = f"({','.join(map(str, reversed(parameter.shape)))})"
        for key, word in words_of(parameter).items():
            cards[f"{_KEYS[key]}{number}"] = _ascii(word)
        for key, value in told.items():
            cards[f"{key}{number}"] = value
    members = [(f"f{i}", a.dtype, a.shape[1:]) for i, a in enumerate(arrays)]
    records = np.empty(len(table), np.dtype(members))
    for index, array in enumerate(arrays):
        records[f"f{index}"] = array
    rows = records.tobytes()
    head = Cards(
        [("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2),
         ("NAXIS1", records.dtype.itemsize), ("NAXIS2", len(table)), ("PCOUNT", 0),
         ("GCOUNT", 1), ("TFIELDS", len(arrays))]
    )  # fmt: skip
    head.extend(cards, end=True)
    _remark(head, table)
    yield head.tostring().encode("ascii")
    yield rows
    yield b"\0" * (-len(rows) % _BLOCK)


def _remark(head: Any, table: Table) -> None:
    """Add name, frame and the other words of the table."""
    for key, value in header_words(table.header).items():
        text = " ".join(str(part) for part in value) if isinstance(value, list) else str(value)
        if key == "name":
            head["EXTNAME"] = _ascii(text)
        elif key == "frame":
            head["FRAME"] = _ascii(text)
        elif key == "description":
            for line in text.splitlines():
                head.add_comment(_ascii(line))
        else:
            head.add_comment(_ascii(f"{key}: {text}"))
    for key, value in table.notes:
        head.add_comment(_ascii(f"{key}: {value}"))


def _ascii(text: str) -> str:
    """Give text as a header holds it: printable ASCII."""
    return "".join(sign if " " <= sign <= "~" else "?" for sign in " ".join(text.split()))


def _encoded(
    parameter: Parameter, column: Column
) -> tuple[str, dict[str, int], NDArray[np.generic]]:
    """Give TFORM, further cards, and the cells as they lie in the file."""
    kind, repeat = parameter.dtype.kind, int(np.prod(parameter.shape, dtype=int))
    if isinstance(column, np.ma.MaskedArray) and kind in "fc":
        column = column.filled(np.nan)
    if kind == "b":
        flat = np.ma.getdata(column).reshape(-1).tolist()
        codes = [0 if cell is None else 84 if cell else 70 for cell in flat]
        return f"{repeat}L", {}, np.array(codes, np.uint8).reshape(column.shape)
    if kind in "fciu":
        dtype = native(parameter.dtype)
        letter, zero = _LETTERS[f"{dtype.kind}{dtype.itemsize}"]
        values = np.asarray(column, dtype)
        told = {} if parameter.null is None else {"TNULL": parameter.null - zero}
        if zero:
            told |= {"TZERO": zero, "TSCAL": 1}
            signed = _TYPES[letter].newbyteorder("=")
            bits = values.view(f"u{dtype.itemsize}") ^ (1 << (8 * dtype.itemsize - 1))
            values = bits.astype(f"u{dtype.itemsize}").view(signed)
        return f"{repeat}{letter}", told, values.astype(_TYPES[letter])
    texts = print_times(column) if kind == "M" else ["" if c is None else str(c) for c in column]
    try:
        raw = [text.encode("ascii") for text in texts]
    except UnicodeEncodeError as err:
        raise BadTable(
            f"column {excerpt(parameter.name)} has text beyond ASCII, which FITS cannot hold; "
            "ask for VOTable or CSV"
        ) from err
    longest = max(map(len, raw), default=0) or 1
    if longest * len(raw) > _TEXT_BYTES:
        raise TooMuch(
            f"column {excerpt(parameter.name)} has text too long for FITS, which pads every row"
        )
    return f"{longest}A", {}, np.array(raw, f"S{longest}")


def _read(data: bytes, budget: Budget) -> Table:
    if not data.startswith(b"SIMPLE  ="):
        raise BadTable("this is no FITS file")
    place = 0
    while place < len(data):
        cards, place = _cards(data, place)
        size = _size(cards)
        if str(cards.get("XTENSION", "")).strip() == "BINTABLE":
            return _table(cards, data[place : place + size], budget)
        place += size + -size % _BLOCK
        budget.spend()
    raise BadTable("the FITS file has no binary table")


def _cards(data: bytes, place: int) -> tuple[Any, int]:
    """Read a header of bounded length; gives where its data begin."""
    from astropy.io.fits import Header as Cards

    for start in range(place, min(len(data), place + _MAX_HEADER), _BLOCK):
        block = data[start : start + _BLOCK]
        if any(block[i : i + 8] == b"END     " for i in range(0, len(block), _CARD)):
            end = start + _BLOCK
            break
    else:
        raise BadTable("the FITS file has a header without end")
    try:
        return Cards.fromstring(data[place:end].decode("ascii")), end
    except (ValueError, TypeError, OSError) as err:
        raise BadTable("the FITS file has a broken header") from err


def _number(cards: Any, key: str, default: int = 0) -> int:
    try:
        value = cards.get(key, default)
    except Exception as err:  # astropy parses a card when it is asked for
        raise BadTable(f"the card {key} of the FITS file is broken") from err
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**48:
        raise BadTable(f"the card {key} of the FITS file is no count")
    return int(value)


def _size(cards: Any) -> int:
    """Give the bytes of data behind a header."""
    axes = _number(cards, "NAXIS")
    if not 0 <= axes <= 16:
        raise BadTable("the FITS file has too many axes")
    if axes == 0:
        return 0
    cells = 1
    for axis in range(1, axes + 1):
        cells = min(cells * _number(cards, f"NAXIS{axis}"), 2**60)
    width = abs(int(cards.get("BITPIX", 8))) // 8
    return width * _number(cards, "GCOUNT", 1) * (_number(cards, "PCOUNT") + cells)


def _table(cards: Any, rows: bytes, budget: Budget) -> Table:
    count, width = _number(cards, "NAXIS2"), _number(cards, "NAXIS1")
    fields = _number(cards, "TFIELDS")
    check_rows(count, budget)
    check_columns(fields)
    if not fields > 0 or not width > 0 or len(rows) < count * width:
        raise BadTable("the FITS file ends before its rows do")
    columns = [_Column(cards, number) for number in range(1, fields + 1)]
    if sum(column.raw.itemsize for column in columns) != width:
        raise BadTable("the columns of the FITS table do not fill its rows")
    check_size(count, sum(column.size for column in columns), budget)
    records = np.frombuffer(
        rows, np.dtype([(f"f{i}", column.raw) for i, column in enumerate(columns)]), count
    )
    pairs = [column.decoded(records[f"f{i}"]) for i, column in enumerate(columns)]
    header = Header(
        tuple(parameter for parameter, _ in pairs), _word(cards, "EXTNAME") or "",
        "\n".join(str(line) for line in cards.get("COMMENT", [])), _frames(cards),
    )  # fmt: skip
    return Table(header, tuple(values for _, values in pairs))


def _frames(cards: Any) -> tuple[Constant, ...]:
    frame = _word(cards, "FRAME")
    return (frame_statement(frame),) if frame else ()


def _word(cards: Any, key: str) -> str | None:
    try:
        value = cards.get(key)
    except Exception as err:  # astropy parses a card when it is asked for
        raise BadTable(f"the card {key} of the FITS file is broken") from err
    return str(value).strip() or None if value is not None else None


class _Column:
    """A column as its cards declare it; raw: type of a cell as it lies in the file."""

    def __init__(self, cards: Any, number: int) -> None:
        form = _word(cards, f"TFORM{number}") or ""
        self._name = _word(cards, f"TTYPE{number}") or f"col{number}"
        match = _FORM.match(form)
        if match is None or not match.end() == len(form):
            raise BadTable(f"column {excerpt(self._name)} has the form {excerpt(form)}, not read")
        self._repeat = int(match[1] or 1)
        self._letter = match[2]
        self._cards, self._number = cards, number
        if not 0 < self._repeat <= 1_000_000:
            raise BadTable(f"column {excerpt(self._name)} has cells of {self._repeat} elements")
        one = np.dtype("S1") if self._letter == "A" else _TYPES[self._letter]
        self.raw = np.dtype(f"S{self._repeat}" if self._letter == "A" else (one, (self._repeat,)))
        self.size = 8 * self._repeat

    def decoded(self, raw: NDArray[Any]) -> tuple[Parameter, Column]:
        """Give the column."""
        words = {key: _word(self._cards, f"{card}{self._number}") for key, card in _KEYS.items()}
        parameter = Parameter(
            self._name, TEXT, words["unit"], words["ucd"], words["utype"], words["xtype"],
            words["description"] or "",
        )  # fmt: skip
        if self._letter == "A":
            texts = [cell.decode("ascii", "replace").rstrip(" ") for cell in raw.tolist()]
            return parameter, objects(texts)
        shape = self._shape()
        values = raw.reshape(len(raw), *shape)
        if self._letter == "L":
            meant = {84: True, 70: False}
            flat = objects([meant.get(code) for code in values.reshape(-1).tolist()])
            return replace(parameter, dtype=np.dtype(np.bool_), shape=shape), flat.reshape(
                values.shape
            )
        values = values.astype(values.dtype.newbyteorder("="))
        return self._scaled(replace(parameter, shape=shape), values)

    def _shape(self) -> tuple[int, ...]:
        told = _DIM.fullmatch(_word(self._cards, f"TDIM{self._number}") or "")
        if told is not None:
            shape = tuple(int(size) for size in reversed(told[1].split(",")))
            if int(np.prod(shape, dtype=object)) == self._repeat:
                return shape
        return () if self._repeat == 1 else (self._repeat,)

    def _scaled(self, parameter: Parameter, values: NDArray[Any]) -> tuple[Parameter, Column]:
        """Apply TSCAL, TZERO and TNULL."""
        scale = self._factor("TSCAL", 1)
        zero = self._factor("TZERO", 0)
        null = self._factor("TNULL", None)
        shifted = _SHIFTED.get((self._letter, int(zero))) if scale == 1 and zero else None
        if shifted is not None:
            sign = np.array(1 << (8 * shifted.itemsize - 1), f"u{shifted.itemsize}")
            values = (values.view(sign.dtype) ^ sign).view(shifted)
        elif (scale, zero) != (1, 0):
            missing = values == null if null is not None else np.zeros(values.shape, bool)
            with np.errstate(over="ignore", invalid="ignore"):
                values = values * float(scale) + float(zero)
            values[missing] = np.nan
        if values.dtype.kind not in "iu" or null is None:
            return replace(parameter, dtype=values.dtype), values
        gap = int(null) + (int(zero) if shifted is not None else 0)
        return replace(parameter, dtype=values.dtype, null=gap), values

    def _factor(self, key: str, default: Any) -> Any:
        value = self._cards.get(f"{key}{self._number}", default)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise BadTable(f"the card {key}{self._number} of the FITS file is no number")
        return value
