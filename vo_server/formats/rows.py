"""Rows of text from columns, a block at a time, for every format that writes text.

Numbers are the shortest text that gives the same bits back: float64 and float32 each their own,
through orjson's dump of a whole array.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from vo_server.model.parameter import Parameter
from vo_server.model.table import Column, Header, Table
from vo_server.model.time import print_times

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
            block = np.column_stack([column for _, column in members])
            numbers = _numbers(block, np.dtype(plain), spelling.separator, spelling, between="\n")
            parts.append(numbers.split("\n"))
    if len(parts) == 1:
        return parts[0]
    return [spelling.separator.join(row) for row in zip(*parts, strict=True)]


def text(table: Table, spelling: Spelling, between: str) -> str:
    """Give the rows of a block with a word between them; faster where all are of one type."""
    pairs = zip(table.header.parameters, table.columns, strict=True)
    plain = {_plain(parameter, column) for parameter, column in pairs}
    if len(plain) != 1 or "" in plain:
        return between.join(rows(table, spelling))
    block = np.column_stack(table.columns)
    return _numbers(block, np.dtype(plain.pop()), spelling.separator, spelling, between=between)


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


def gathered(texts: Iterable[str]) -> Iterator[bytes]:
    """Join texts to UTF-8 pieces of 64 kB or more."""
    waiting: list[str] = []
    length = 0
    for text in texts:
        waiting.append(text)
        length += len(text)
        if length >= _PIECE:
            yield "".join(waiting).encode()
            waiting, length = [], 0
    if waiting:
        yield "".join(waiting).encode()


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
    return _numbers(block, native(block.dtype), spelling.within, spelling, null).split("\n")


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


def _numbers(
    values: NDArray[np.generic],
    dtype: np.dtype[np.generic],
    separator: str,
    spelling: Spelling,
    null: int | None = None,
    between: str = "\n",
) -> str:
    """Give the rows of a block of numbers (n, k), with a word between them."""
    if not values.size:
        return between.join([""] * len(values))
    block: NDArray[Any] = np.ascontiguousarray(
        values.astype(dtype, casting="same_kind", copy=False)
    )
    text = orjson.dumps(block, option=orjson.OPT_SERIALIZE_NUMPY).decode()[2:-2]
    odd: list[tuple[NDArray[np.bool_], str]] = []
    if null is not None:
        odd = [(block == null, spelling.null or "")]
    elif dtype.kind == "f" and not np.isfinite(block).all():
        odd = [
            (np.isposinf(block), spelling.infinite[0]),
            (np.isneginf(block), spelling.infinite[1]),
        ]
        text = text.replace("null", spelling.nan)
    if any(mask.any() for mask, _ in odd):
        return between.join(_replaced(text, odd, block.shape[1], separator))
    lines = text.replace("],[", "\n")
    if separator != ",":
        lines = lines.replace(",", separator)
    return lines if between == "\n" else lines.replace("\n", between)


def _replaced(
    text: str, odd: Sequence[tuple[NDArray[np.bool_], str]], width: int, separator: str
) -> list[str]:
    """Give rows of numbers in which the marked ones are spelled with a word."""
    cells = text.replace("],[", ",").split(",")
    for mask, word in odd:
        for i in np.flatnonzero(mask):
            cells[i] = word
    return [separator.join(cells[i : i + width]) for i in range(0, len(cells), width)]
