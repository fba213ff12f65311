"""Comment lines `# key: value` around a table of text: name, description, frame, constants."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vo_server.errors import BadTable
from vo_server.formats.source import frame_statement, tells_frame
from vo_server.model.parameter import REAL, TEXT, Parameter
from vo_server.model.table import Constant, Header

_LONGEST_KEY = 100
_NAME = re.compile(r"(.*\S)\s+\[([^\[\]]*)\]", re.DOTALL)

MAX_COMMENTS = 10_000

Note = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Remarks:
    """What comment lines tell of a table."""

    name: str
    description: str
    constants: tuple[Constant, ...]


def describe(header: Header) -> Iterable[str]:
    """Give the comment lines of a table, without its columns."""
    if header.name:
        yield comment("name", header.name)
    for line in header.description.splitlines():
        yield comment("description", line)
    for constant in header.constants:
        parameter, value = constant.parameter, constant.value
        if parameter.ucd == "pos.frame":
            yield comment("frame", str(value))
        else:
            text = " ".join(value) if isinstance(value, tuple) else str(value)
            yield comment(bracketed(parameter), text)


def comment(key: str, value: str) -> str:
    """Give one comment line; what would break it becomes a blank."""
    return f"# {one_line(key).replace(':', ' ')}: {one_line(value)}\n"


def one_line(text: str) -> str:
    """Give text on one line, runs of white space as one blank."""
    return " ".join(text.split())


def bracketed(parameter: Parameter) -> str:
    """Give `name [unit]`; a name that looks so itself gets empty brackets."""
    if parameter.unit or _NAME.fullmatch(parameter.name):
        return f"{parameter.name} [{parameter.unit or ''}]"
    return parameter.name


def name_and_unit(text: str) -> tuple[str, str | None]:
    """Split `name [unit]`; the unit is None where there is none."""
    match = _NAME.fullmatch(text.strip()) if "[" in text[-_LONGEST_KEY:] else None
    if match is None:
        return text.strip(), None
    return match[1], match[2].strip() or None


def keep(comments: list[str], line: str) -> None:
    """Keep a comment line; raises BadTable where there are too many."""
    if len(comments) == MAX_COMMENTS:
        raise BadTable(f"the table has more than {MAX_COMMENTS} comment lines")
    comments.append(line)


def statement(line: str) -> Note | None:
    """Split a comment line `key: value`; None where it is none."""
    key, colon, value = line.strip().partition(":")
    key = key.strip()
    if not colon or not 0 < len(key) <= _LONGEST_KEY or not key[0].isalpha() or " - " in key:
        return None
    return None if value and not value[0].isspace() else (key, value.strip())


def remarks(lines: Sequence[str]) -> Remarks:
    """Understand the comment lines before a table, without their `#`."""
    name = ""
    description: list[str] = []
    constants: list[Constant] = []
    for line in lines:
        key, value = statement(line) or ("description", line.strip())
        word = key.lower().replace("_", " ")
        if word == "name":
            name = value
        elif word == "description":
            description.append(value)
        elif tells_frame(word) and value:
            constants.append(frame_statement(value))
        else:
            constants.append(_constant(key, value))
    return Remarks(name, "\n".join(description).strip(), tuple(constants))


def _constant(key: str, value: str) -> Constant:
    name, unit = name_and_unit(key)
    for dtype, read in ((np.dtype(np.int64), int), (REAL, float)):
        try:
            number = read(value.replace("_", " "))  # Python alone takes 1_000
        except ValueError:
            continue
        if dtype == REAL or abs(number) < 2**63:
            return Constant(Parameter(name, dtype, unit), number)
    return Constant(Parameter(name, TEXT, unit), value)
