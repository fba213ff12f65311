"""Rows of text from columns, a block at a time, for every format that writes text."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_server.formats.spelled import spelled
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Column, Header, Table
from vo_server.model.time import print_times, stamps

_PIECE = 65_536  # smallest piece that is handed on, in characters
_CELL = 24  # what a cell takes at most as a rule, in characters

Logical = dict[bool | None, str]


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a format spells cells.

    separator: between cells; within: between the elements of an array cell; nan, infinite:
    floats (plus, minus); null: an integer that is missing, None where the number itself is
    written; logical: words for True, False and None; text: escapes a column of text.
    """

    separator: str
    within: str
    nan: str
    infinite: tuple[str, str]
    null: str | None
    logical: Logical
    text: Callable[[list[str]], list[str]]


def rows(table: Table, spelling: Spelling) -> list[str]:
    """Give one text for each row of a block."""
    pairs = zip(table.header.parameters, table.columns, strict=True)
    parts: list[list[str]] = []
    for plain, members in groupby(pairs, key=lambda pair: _plain(*pair)):
        if not plain:
            parts += [_cells(parameter, column, spelling) for parameter, column in members]
        else:
            block = _block([column for _, column in members], plain)
            parts.append(_lines(block, spelling.separator, spelling))
    if len(parts) == 1:
        return parts[0]
    return [spelling.separator.join(row) for row in zip(*parts, strict=True)]


def text(table: Table, spelling: Spelling, between: str = "\n", blank: str = "") -> bytes:
    """Give the rows of a block in UTF-8 with a word between; blank: for a row without a letter.

    Faster where all columns are numbers of one type, but for a first one of words of one length.
    """
    pairs = list(zip(table.header.parameters, table.columns, strict=True))
    lead = _words(*pairs[0], spelling) if len(pairs) > 1 else None
    numbers = pairs[lead is not None :]
    plain = {_plain(parameter, column) for parameter, column in numbers}
    if len(plain) != 1 or "" in plain:
        return between.join([row or blank for row in rows(table, spelling)]).encode()
    block = _block([column for _, column in numbers], plain.pop())
    return _numbers(block, spelling.separator, spelling, between, lead=lead)


def begun(tables: Iterable[Table]) -> tuple[Header, Iterator[Table]]:
    """Give the header of a stream of blocks, and the stream with its first block."""
    stream = iter(tables)
    first = next(stream, None)
    if first is None:
        raise ValueError("a table has one block at least")
    return first.header, chain((first,), stream)


def batches(table: Table, cell: int = _CELL) -> Iterator[Table]:
    """Cut a block so that a piece goes out as some 100 kB; the pieces share its memory.

    cell: what an element takes, in characters or bytes.
    """
    elements = sum(abs(int(np.prod(p.shape, dtype=int))) for p in table.header.parameters)
    size = max(1, 2 * _PIECE // (cell * max(1, elements)))
    for start in range(0, len(table), size):
        yield Table(table.header, tuple(c[start : start + size] for c in table.columns))


def gathered(texts: Iterable[str | bytes]) -> Iterator[bytes]:
    """Join texts, as UTF-8, to pieces of 64 kB or more."""
    waiting: list[bytes] = []
    length = 0
    for text in texts:
        waiting.append(text if isinstance(text, bytes) else text.encode())
        length += len(waiting[-1])
        if length >= _PIECE:
            yield b"".join(waiting)
            waiting, length = [], 0
    if waiting:
        yield b"".join(waiting)


def _plain(parameter: Parameter, column: Column) -> str:
    """Give the type of a column of numbers that its neighbours can be joined with, else "".

    By its name: a float64 type itself is equal to None.
    """
    if parameter.dtype.kind not in "fiu" or parameter.shape or parameter.null is not None:
        return ""
    if isinstance(column, np.ma.MaskedArray):
        return ""
    return native(parameter.dtype).str


def native(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """Give the type that a number is written as: half precision as float32, all in native order."""
    return np.dtype(np.float32) if dtype.char == "e" else dtype.newbyteorder("=")


def _cells(parameter: Parameter, column: Column, spelling: Spelling) -> list[str]:
    """Give one text for each cell of a column."""
    if isinstance(column, np.ma.MaskedArray):
        return _masked(parameter, column, spelling)
    kind = parameter.dtype.kind
    if any(size < 0 for size in parameter.shape):
        return [_array(parameter, cell, spelling) for cell in column]
    if kind == "b":
        return _logicals(column, spelling)
    if kind == "M":
        return spelling.text(print_times(column.astype("datetime64[ns]")))
    if kind not in "fiuc":
        return spelling.text(["" if cell is None else str(cell) for cell in column.tolist()])
    values = np.asarray(column, parameter.dtype)
    if kind == "c":
        values = np.ascontiguousarray(values)[..., np.newaxis].view(values.real.dtype)
    block = values.reshape(len(values), -1)
    if not block.size:
        return [""] * len(values)
    null = None if kind in "fc" or spelling.null is None else parameter.null
    block = block.astype(native(block.dtype), copy=False)
    return _lines(block, spelling.within, spelling, null)


def _masked(parameter: Parameter, column: Column, spelling: Spelling) -> list[str]:
    """Give a column whose masked cells are null."""
    cells = _cells(parameter, np.ma.getdata(column), spelling)
    nulls = np.ma.getmaskarray(column).reshape(len(column), -1).all(axis=1)
    word = spelling.logical[None] if parameter.dtype.kind == "b" else spelling.null or ""
    for index in np.flatnonzero(nulls).tolist():
        cells[index] = word
    return cells


def _array(parameter: Parameter, cell: Any, spelling: Spelling) -> str:
    """Give one array of a column in which their lengths differ."""
    values = np.asarray([] if cell is None else cell, parameter.dtype).reshape(1, -1)
    flat = replace(parameter, shape=values.shape[1:], null=None)
    return _cells(flat, values, spelling)[0] if values.size else ""


def _logicals(column: Column, spelling: Spelling) -> list[str]:
    words = {None: spelling.logical[None], True: spelling.logical[True]}
    words[False] = spelling.logical[False]
    block = column.reshape(len(column), -1).tolist()
    return [
        spelling.within.join([words[None if cell is None else bool(cell)] for cell in row])
        for row in block
    ]


def _block(columns: Sequence[Column], dtype: str) -> NDArray[Any]:
    """Lay columns of numbers side by side, as one type."""
    return np.column_stack(columns).astype(np.dtype(dtype), casting="same_kind", copy=False)


def _words(parameter: Parameter, column: Column, spelling: Spelling) -> NDArray[np.uint8] | None:
    """Give times or texts as ASCII bytes (n, length) where all are of one length."""
    if isinstance(column, np.ma.MaskedArray) or parameter.shape or not len(column):
        return None
    if parameter.dtype.kind == "M":
        whole = column.astype("datetime64[ms]")
        if np.isnat(column).any() or (whole != column).any():
            return None
        return stamps(column, 3).view(np.uint8).reshape(len(column), -1)
    if parameter.dtype != TEXT:
        return None
    cells = spelling.text(["" if cell is None else str(cell) for cell in column.tolist()])
    joined, length = "".join(cells), len(cells[0])
    if not joined.isascii() or not length or set(map(len, cells)) != {length}:
        return None
    return np.frombuffer(joined.encode(), np.uint8).reshape(len(cells), length)


def _lines(
    block: NDArray[Any], separator: str, spelling: Spelling, null: int | None = None
) -> list[str]:
    """Give one text for each row of a block of numbers."""
    return _numbers(block, separator, spelling, null=null).decode().split("\n")


def _numbers(
    block: NDArray[Any],
    separator: str,
    spelling: Spelling,
    between: str = "\n",
    null: int | None = None,
    lead: NDArray[np.uint8] | None = None,
) -> bytes:
    """Give the rows of a block of numbers (n, k), with a word between them; lead: as `spelled`."""
    if not block.size:
        return between.join([""] * len(block)).encode()
    odd: list[tuple[NDArray[np.bool_], bytes]] = []
    if null is not None:
        odd = [(block == null, (spelling.null or "").encode())]
    elif block.dtype.kind == "f" and not np.isfinite(block).all():
        words = (spelling.nan, *spelling.infinite)
        masks = (np.isnan(block), np.isposinf(block), np.isneginf(block))
        odd = [(mask, word.encode()) for mask, word in zip(masks, words, strict=True)]
    return spelled(block, separator.encode(), between.encode(), odd, lead)
