"""Cells of text: strict numbers, and columns of objects."""

import re
from collections.abc import Callable, Sequence
from typing import NoReturn

import numpy as np
import orjson
from numpy.typing import NDArray

from vo_server.model.parameter import TEXT

_NUMBER_LETTERS = b"0123456789eE+-., "
_MINUS_ZERO = re.compile(r"-0(?![\d.eE])")  # an integer of JSON, which has no sign then


class NotANumber(ValueError):
    """A cell that is no number of the wanted kind; `index` tells which."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


def objects(cells: Sequence[object]) -> NDArray[np.object_]:
    """Give a column (n,) of text, or of True, False and None."""
    column = np.empty(len(cells), TEXT)
    column[:] = cells
    return column


def reals(cells: Sequence[str]) -> NDArray[np.float64]:
    """Read floats (n,); blank is NaN; NaN, Inf, +Inf and -Inf in any case. Raises NotANumber."""
    numbers = _decimals(cells)
    if numbers is not None:
        return numbers
    if _plain(cells):
        try:
            return np.fromiter(map(float, _filled(cells, "nan")), np.float64, len(cells))
        except ValueError:
            pass
    _raise_first(cells, float)


def integers(cells: Sequence[str], null: int) -> NDArray[np.int64]:
    """Read decimal integers (n,) of 64 bits; blank is `null`. Raises NotANumber."""
    if _plain(cells):
        try:
            return np.fromiter(map(int, _filled(cells, str(null))), np.int64, len(cells))
        except (ValueError, OverflowError):
            pass
    _raise_first(cells, lambda cell: np.int64(int(cell)))


def _decimals(cells: Sequence[str]) -> NDArray[np.float64] | None:
    """Read cells that are all numbers as JSON spells them, some times faster than `float` does.

    With nothing but digits, signs and commas in it, a text has one number for each cell where it
    has as many: a blank cell is an error of JSON, and a comma within a cell makes one too many.
    """
    text = ",".join(cells)
    if not text.isascii() or text.encode().translate(None, _NUMBER_LETTERS):
        return None
    try:
        numbers = orjson.loads(f"[{text}]")
    except orjson.JSONDecodeError:
        return None
    values = np.array(numbers, np.float64)
    if len(values) != len(cells) or (not values.all() and _MINUS_ZERO.search(text)):
        return None
    return values


def _plain(cells: Sequence[str]) -> bool:
    """Tell whether no cell has what Python takes in a number and tables do not: 1_000 or ١."""
    joined = "".join(cells)
    return joined.isascii() and "_" not in joined


def _filled(cells: Sequence[str], word: str) -> Sequence[str]:
    """Give the cells with blank ones replaced."""
    if not any(cell.isspace() or not cell for cell in cells):
        return cells
    return [word if cell.isspace() or not cell else cell for cell in cells]


def _raise_first(cells: Sequence[str], read: Callable[[str], object]) -> NoReturn:
    """Raise NotANumber for the first cell that cannot be read."""
    for index, cell in enumerate(_filled(cells, "0")):
        try:
            read(cell)
        except (ValueError, OverflowError) as err:
            raise NotANumber(index) from err
        if not _plain((cell,)):
            raise NotANumber(index)
    raise AssertionError("every cell is a number")
