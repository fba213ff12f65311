"""Unpacking of netCDF numbers: missing and invalid values become NaN, packed ones are scaled.

The rules are those of netCDF4-python's automatic masking and scaling, so that a part read
around the library has the library's numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import netCDF4
import numpy as np

from vo_server.blocks import Array

_MASKING = ("_FillValue", "missing_value", "valid_min", "valid_max", "valid_range")
_LISTS = ("missing_value", "valid_range")
_SCALING = ("scale_factor", "add_offset")


@dataclass(frozen=True, slots=True)
class Unpacking:
    """How stored numbers are to be read.

    missing: numbers that stand for no value; lowest, highest: of the valid range; scale, offset:
    None where they change nothing; dtype: float32 for stored and computed float32, else float64.
    """

    missing: tuple[Any, ...]
    lowest: Any
    highest: Any
    scale: Any
    offset: Any
    dtype: np.dtype[Any]

    def __call__(self, stored: Array) -> Array:
        """Give values, NaN where there is none."""
        invalid = np.zeros(stored.shape, bool)
        for number in self.missing:
            invalid |= np.isnan(stored) if number != number else stored == number
        if self.lowest is not None:
            invalid |= stored < self.lowest
        if self.highest is not None:
            invalid |= stored > self.highest
        values = stored
        with np.errstate(over="ignore", invalid="ignore"):
            if self.scale is not None:
                values = values * self.scale
            if self.offset is not None:
                values = values + self.offset
            values = values.astype(self.dtype, copy=values is stored)
        values[invalid] = np.nan
        return values


def unpacking(variable: Any) -> Unpacking | None:
    """Give the rule of an open netCDF variable, None where it is one for the library alone."""
    stored = np.dtype(variable.dtype).newbyteorder("=")
    told = {name: variable.getncattr(name) for name in variable.ncattrs()}
    if stored.itemsize == 1 or "_Unsigned" in told:
        return None
    known = [name for name in (*_MASKING, *_SCALING) if name in told]
    if not all(isinstance(told[name], (np.number, np.ndarray)) for name in known):
        return None
    if not all(_same(told[name], stored) for name in known if name in _MASKING):
        return None
    if not all(np.ndim(told[name]) == 0 for name in known if name not in _LISTS):
        return None
    lowest, highest = told.get("valid_min"), told.get("valid_max")
    if np.size(told.get("valid_range", ())) == 2:
        lowest, highest = told["valid_range"]
    scale, offset = told.get("scale_factor"), told.get("add_offset")
    if scale == 1.0 and offset == 0.0 and scale is not None:
        return None  # the library then takes the type of the factor
    scale = None if scale == 1.0 and offset is None else scale
    offset = None if offset == 0.0 and scale is None else offset
    return Unpacking(
        _numbers(told, stored), _of(lowest, stored), _of(highest, stored), scale, offset,
        _dtype(stored, [factor for factor in (scale, offset) if factor is not None]),
    )  # fmt: skip


def _same(value: Any, stored: np.dtype[Any]) -> bool:
    """Tell whether numbers are the same in the type of the stored ones."""
    numbers = np.asarray(value)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = numbers.astype(stored)
    return bool(np.array_equal(cast, numbers, equal_nan=stored.kind == "f"))


def _numbers(told: dict[str, Any], stored: np.dtype[Any]) -> tuple[Any, ...]:
    """Give the numbers that stand for no value; netCDF has one for each type by default."""
    fill = told.get("_FillValue", netCDF4.default_fillvals[stored.str[1:]])
    numbers = [*np.atleast_1d(told.get("missing_value", ())), *np.atleast_1d(fill)]
    return tuple(_of(number, stored) for number in numbers)


def _of(number: Any, stored: np.dtype[Any]) -> Any:
    return None if number is None else np.asarray(number).astype(stored)[()]


def _dtype(stored: np.dtype[Any], factors: Sequence[Any]) -> np.dtype[Any]:
    values = np.zeros(1, stored)
    for factor in factors:
        values = values * factor
    return values.dtype if values.dtype == np.float32 else np.dtype(np.float64)
