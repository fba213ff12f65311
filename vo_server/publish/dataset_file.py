"""Dataset file: `dataset.toml` of the files of one time series, written once, then people's."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tomlkit

from vo_server.errors import BadArgument
from vo_server.model.parameter import Parameter, default_ucd
from vo_server.ports import Look
from vo_server.publish import doubt
from vo_server.publish.doubt import Answers, Doubt
from vo_server.publish.run_file import Origin, entry, word

_AXES = ("x", "y", "z")
_FRAMES = (
    *("GSE", "GSM", "SM", "GEO", "GEI", "J2000", "MSO", "MSE", "MESO", "VSO", "VSE", "JSO"),
    *("KSO", "KSM", "CSO", "RTN", "HAE", "HEE", "HEEQ", "HCI"),
)
_DATES = (
    (re.compile(r"(?:19|20)\d\d-[01]\d-[0-3]\d"), "%Y-%m-%d"),
    (re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d"), "%Y%m%d"),
)


def dataset_text(
    looks: Mapping[str, Look], answers: Answers, origin: Origin
) -> tuple[str, list[str]]:
    """Give the text of a dataset file of these files, and remarks on what was taken for known.

    looks: by file name. Raises BadArgument where no pattern fits these names.
    """
    document = tomlkit.document()
    dataset: Any = tomlkit.table()
    document["dataset"] = dataset
    look = next(iter(looks.values()))
    columns = look.parameters
    vectors = list(_vectors(columns))
    id = answers.given.get("id") or _id(answers, origin)
    if id:
        dataset["id"] = id
    for key in ("title", "mission", "instrument"):
        if answers.given.get(key):
            dataset[key] = answers.given[key]
    dataset["files"] = answers.given.get("pattern") or pattern(sorted(looks))
    remarks = [f"its times are those of the column {look.time}"]
    place = next((name for name, _ in vectors if name == "Position"), "")
    frame = look.frame or ""
    whole = {column.name: _framed(column) for column in columns if _is_vector(column)}
    untold = [name for name, _ in vectors] + [name for name, told in whole.items() if not told]
    if untold and not frame:
        what = f"the vector {', '.join(untold)}"
        frame = answers.to(doubt.frame(answers.given.get("body", ""), what))
    remarks += [f"{name}: by its name it is in {told}" for name, told in whole.items() if told]
    if place:
        dataset["location"] = [[place]]
    tables = [_vector(name, parts, frame) for name, parts in vectors]
    tables += [_whole(name, told or frame) for name, told in whole.items() if told or frame]
    if tables:
        dataset["parameters"] = tomlkit.aot()
    for table in tables:
        dataset["parameters"].append(table)
    bare = [p.name for p in columns if not p.unit and p.dtype.kind == "f"]
    if bare:
        remarks.append(f"no unit is told of {', '.join(bare)}; give one under parameters")
    return tomlkit.dumps(document), remarks


def pattern(names: Sequence[str]) -> str:
    """Give the pattern of file names; a date in them becomes the fields of one."""
    if len(names) == 1:
        return names[0]
    for date, fields in _DATES:
        found = {date.sub(fields, name, count=1) for name in names}
        if len(found) == 1 and fields in next(iter(found)):
            return found.pop()
    raise BadArgument(
        f"no pattern is seen in {', '.join(names)[:200]}; give one with --pattern",
        argument="pattern",
    )


def _id(answers: Answers, origin: Origin) -> str:
    given = answers.given
    told = [word(given[key]) for key in ("mission", "instrument") if given.get(key)]
    if not told:
        mission = answers.to(
            Doubt("mission", "which spacecraft or station is it of?", "It is part of the id.")
        )
        if not mission:
            return ""
        told = [word(mission)]
    return f"spase://{origin.authority}/NumericalData/{'/'.join(told)}/{word(origin.folder)}"


def _vectors(columns: Sequence[Parameter]) -> Iterator[tuple[str, list[Parameter]]]:
    """Give the names of vectors with the scalar columns that are their components."""
    known = {parameter.name: parameter for parameter in columns if not parameter.shape}
    for parameter in columns:
        name, axis = parameter.name[:-1], parameter.name[-1:]
        if axis.lower() != "x":
            continue
        parts = [f"{name}{letter if axis == 'x' else letter.upper()}" for letter in _AXES]
        if set(parts) <= known.keys() and len({known[part].unit for part in parts}) == 1:
            yield name.rstrip("_") or "Position", [known[part] for part in parts]


def _is_vector(column: Parameter) -> bool:
    """Tell whether a column of three numbers is a vector whose frame nothing tells yet."""
    if column.shape != (3,) or column.dtype.kind != "f" or column.frame:
        return False
    first = re.split(r"[_. ]", column.name)[0]
    return bool(_framed(column) or column.components or default_ucd(first))


def _framed(column: Parameter) -> str:
    """Give the frame that stands in a column's name, '' where none does."""
    words = re.split(r"[_. ]", column.name.upper())[1:]
    return next((word for word in words if word in _FRAMES), "")


def _whole(name: str, frame: str) -> Any:
    table = entry()
    table["name"] = name
    table["frame"] = frame
    table["components"] = list(_AXES)
    return table


def _vector(name: str, parts: Sequence[Parameter], frame: str) -> Any:
    table = entry()
    table["name"] = name
    table["sources"] = [part.name for part in parts]
    if frame:
        table["frame"] = frame
    table["components"] = list(_AXES)
    ucd = "pos.cartesian" if name == "Position" else default_ucd(name)
    if ucd:
        table["ucd"] = ucd
    return table
