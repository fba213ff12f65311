"""Blocks of numbers as rows of text, from one dump of the whole block as JSON."""

from collections.abc import Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from vo_server.formats import engine

WIDTH = 32  # bytes that the compiled kernel copies at once; it takes no longer word

Odd = Sequence[tuple[NDArray[np.bool_], bytes]]


def spelled(
    block: NDArray[np.generic],
    separator: bytes,
    between: bytes,
    odd: Odd = (),
    lead: NDArray[np.uint8] | None = None,
) -> bytes:
    """Write numbers (n, k) as rows with a word between cells, and one between rows.

    Floats are the shortest text that gives the same bits back, float64 and float32 each their own.
    odd: cells (n, k) that are spelled by a word instead, as all that are not finite must be; lead
    (n, w): a cell of w bytes before each row.
    """
    dump = orjson.dumps(np.ascontiguousarray(block), option=orjson.OPT_SERIALIZE_NUMPY)
    odd = [(cells, word) for cells, word in odd if cells.any()]
    words = (separator, between, *(word for _, word in odd))
    width = 0 if lead is None else lead.shape[1]
    fast = engine.kernels()
    if fast is None or max(width, *map(len, words)) > WIDTH:
        return between.join(_rows(dump, separator, odd, block.shape[1], lead))
    marks = np.zeros(block.size if odd else 0, np.uint8)
    for mark, (cells, _) in enumerate(odd, 2):
        marks[cells.reshape(-1)] = mark
    lengths = np.array([len(word) for word in words])
    table = np.frombuffer(b"".join(word.ljust(WIDTH) for word in words), np.uint8)
    before = b"" if lead is None else lead.tobytes()
    most = len(dump) + len(before) + (2 * block.size + len(block)) * int(lengths.max())
    text = np.empty(most + WIDTH, np.uint8)
    length = fast.spell.spell(
        _padded(dump), table.reshape(-1, WIDTH), lengths, marks, _padded(before), width, text
    )
    return text[:length].tobytes()


def _padded(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(content + bytes(WIDTH), np.uint8)


def _rows(
    dump: bytes, separator: bytes, odd: Odd, count: int, lead: NDArray[np.uint8] | None
) -> list[bytes]:
    """Give the rows of a dump, each of `count` numbers."""
    text = dump[2:-2]
    if len(odd) == 1 and text.count(b"null") == np.count_nonzero(odd[0][0]):
        text, odd = text.replace(b"null", odd[0][1]), ()
    if odd:
        cells = text.replace(b"],[", b",").split(b",")
        for mask, word in odd:
            for i in np.flatnonzero(mask):
                cells[i] = word
        rows = [separator.join(cells[i : i + count]) for i in range(0, len(cells), count)]
    else:
        rows = text.split(b"],[")
        if separator != b",":
            rows = [row.replace(b",", separator) for row in rows]
    if lead is None:
        return rows
    first = [cell.tobytes() for cell in lead]
    return [cell + separator + row for cell, row in zip(first, rows, strict=True)]
