"""Statements: what a header says beside its columns, as plain words that most formats can keep."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from vo_server.errors import excerpt
from vo_server.formats.source import frame_statement, tells_frame
from vo_server.model.parameter import REAL, TEXT, Parameter
from vo_server.model.table import Constant, Header

_KEYS = ("unit", "ucd", "utype", "xtype", "description")
_LONGEST = 10_000
_MAX_CONSTANTS = 1_000


def words_of(parameter: Parameter) -> dict[str, str]:
    """Give the words of a column that are told."""
    words = {key: getattr(parameter, key) for key in _KEYS}
    if parameter.dtype.kind == "M":
        words["xtype"] = words["xtype"] or "timestamp"
    return {key: word for key, word in words.items() if word}


def header_words(header: Header) -> dict[str, Any]:
    """Give name, description and constants of a table; a constant with a unit is a pair."""
    words: dict[str, Any] = {}
    if header.name:
        words["name"] = header.name
    if header.description:
        words["description"] = header.description
    for constant in header.constants:
        parameter, value = constant.parameter, constant.value
        name = "frame" if parameter.ucd == "pos.frame" else parameter.name
        told = " ".join(value) if isinstance(value, tuple) else value
        words.setdefault(name, [told, parameter.unit] if parameter.unit else told)
    return words


def said_of(words: Mapping[Any, Any], parameters: tuple[Parameter, ...]) -> Header:
    """Understand the words of `header_words`, and those of others as far as they are plain."""
    constants = []
    for key, value in list(words.items())[:_MAX_CONSTANTS]:
        if key in ("name", "description"):
            continue
        constant = _constant(str(key)[:_LONGEST], value)
        if constant is not None:
            constants.append(constant)
    name, description = words.get("name"), words.get("description")
    return Header(
        parameters,
        name if isinstance(name, str) else "",
        description if isinstance(description, str) else "",
        tuple(constants),
    )


def _constant(name: str, value: Any) -> Constant | None:
    """Give a constant, None where the value is none that has a place here."""
    unit = None
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], str):
        value, unit = value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if tells_frame(name) and isinstance(value, str) and value.strip():
        return frame_statement(value.strip())
    if isinstance(value, int) and abs(value) >= 2**63:
        value = excerpt(str(value))
    dtype = {str: TEXT, int: np.dtype(np.int64), float: REAL}[type(value)]
    return Constant(Parameter(name, dtype, unit), value)
