"""Wire: what a column is in HAPI, and its cells as they go out, alike in every format.

Where there is no value the declared fill stands, in every format the same.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadFile
from vo_server.model.parameter import Parameter
from vo_server.model.table import Column
from vo_server.model.time import parse_restricted, stamp_length, stamps

Type = Literal["isotime", "double", "integer", "string"]

_INT = np.iinfo(np.int32)
_TEXT_LENGTH = 64  # bytes of a text whose length nobody told

# Fills where the dataset declares none: ISTP's for reals, the smallest for integers.
_FILLS: dict[Type, str] = {
    "double": "-1e+31", "integer": str(_INT.min), "string": "N/A",
    "isotime": "9999-12-31T23:59:59.999999999Z",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wire:
    """One parameter on the wire.

    size: shape of a record's cell, () for a scalar; length: bytes of a text or time; fill: as
    declared, None for the dataset's time.
    """

    name: str
    type: Type
    size: tuple[int, ...]
    length: int | None
    fill: str | None
    null: int | None = None
    digits: int = 3

    @property
    def is_nan(self) -> bool:
        """Whether the fill of a real is no number."""
        return self.fill is not None and math.isnan(float(self.fill))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a cell in binary records: little endian."""
        kinds = {"double": "<f8", "integer": "<i4"}
        return np.dtype((kinds.get(self.type, f"S{self.length}"), self.size))

    def cells(self, column: Column) -> NDArray[Any]:
        """Give a column (n, *size) as float64, int32 or bytes, with the fill where it belongs.

        Raises BadFile where an integer or a text does not fit.
        """
        if self.type == "double":
            return self._reals(column)
        if self.type == "integer":
            return self._integers(column)
        if self.type == "isotime":
            return self._times(column)
        return self._texts(column)

    def _reals(self, column: Column) -> NDArray[Any]:
        values = np.ascontiguousarray(column, np.float64)
        if self.null is not None and column.dtype.kind in "iu":
            values = np.where(column == self.null, np.nan, values)
        finite = np.isfinite(values)
        return values if finite.all() else np.where(finite, values, float(self.fill or "nan"))

    def _integers(self, column: Column) -> NDArray[Any]:
        if column.dtype == object:
            column = np.array(
                [_INT.min if cell is None else int(cell) for cell in column.ravel()], np.int64
            ).reshape(column.shape)
            missing = column == _INT.min
        else:
            missing = np.zeros(column.shape, bool) if self.null is None else column == self.null
        values = column
        if missing.any():
            values = np.where(missing, int(self.fill or 0), column.astype(np.int64))
        if values.min(initial=0) < _INT.min or values.max(initial=0) > _INT.max:
            raise BadFile(f"an integer of {self.name} needs more than 32 bits")
        return np.ascontiguousarray(values, np.int32)

    def _times(self, column: Column) -> NDArray[Any]:
        missing = np.isnat(column)
        if not missing.any():
            return stamps(column.reshape(-1), self.digits).reshape(column.shape)
        known = np.where(missing, np.datetime64(0, "ns"), column)
        return np.where(missing, (self.fill or "").encode(), self._times(known))

    def _texts(self, column: Column) -> NDArray[Any]:
        fill = (self.fill or "").encode()
        cells = [
            str(cell).encode(errors="replace") if cell is not None and cell != "" else fill
            for cell in column.reshape(-1).tolist()
        ]
        if max(map(len, cells), default=0) > (self.length or 0):
            raise BadFile(f"a text of {self.name} has more than {self.length} bytes")
        return np.array(cells, f"S{self.length}").reshape(column.shape)


def wire(parameter: Parameter, digits: int, *, primary: bool = False) -> Wire:
    """Give a parameter as HAPI has it; digits: of the fraction of a second; primary: the time.

    Raises BadFile where its declared fill is none of its type.
    """
    kind = _type(parameter)
    length = fill = None
    if kind == "isotime":
        length = stamp_length(digits)
        fill = parameter.fill or _FILLS[kind][: length - 1] + "Z"
    else:
        fill = parameter.fill if parameter.fill is not None else _FILLS[kind]
    if kind == "string":
        length = max(parameter.length or _text_length(parameter), len(fill.encode()))
    made = Wire(
        parameter.name,
        kind,
        parameter.shape,
        length,
        None if primary else fill,
        parameter.null,
        digits,
    )
    if not primary:
        _check_fill(made, fill)
    return made


def _type(parameter: Parameter) -> Type:
    kind, size = parameter.dtype.kind, parameter.dtype.itemsize
    if kind == "M":
        return "isotime"
    if kind == "f" or (kind == "u" and size >= 4):
        return "double"
    return "integer" if kind in "iub" else "string"


def _text_length(parameter: Parameter) -> int:
    if parameter.dtype.kind in "SU":
        return parameter.dtype.itemsize
    return _TEXT_LENGTH


def _check_fill(made: Wire, fill: str) -> None:
    wrong = BadFile(f"the fill of {made.name} is no {made.type}")
    try:
        if made.type == "double" and math.isinf(float(fill)):
            raise wrong
        if made.type == "integer" and not _INT.min <= int(fill) <= _INT.max:
            raise wrong
        if made.type == "isotime":
            parse_restricted(fill, argument="fill")
            if len(fill) != made.length:
                raise wrong
    except ValueError as err:
        raise wrong from err
