"""The dictionary: which data model judges a record, and what its texts mean."""

import re

import numpy as np

from schemas.model import ElementType, Model, model
from schemas.simple_type import SimpleType
from vo_server.errors import BadArgument
from vo_server.model.time import parse_time

NAMESPACES = {
    "http://impex-fp7.oeaw.ac.at": "impex",
    "http://www.spase-group.org/data/schema": "spase",
}

Value = str | float | int | bool | np.datetime64 | tuple["Value", ...]

# What IMPEx and SPASE 2.6 and later call one thing; either name is right in an id.
SAME_KIND = {"SimulationModel": "Model", "SimulationRun": "ModelRun"}

# Elements of a document that stand before its resources.
HEADER = ("Version", "Status", "MetadataRightsList")

_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})")
_NEWEST = (2, 7, 1)
_MERGED = (2, 7, 0)  # from here on 2.7.1 is the nearest of the two versions of SPASE
_ZONE = r"(?:Z|[+-]\d\d:\d\d)?"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?"
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|-?INF|NaN"
# How texts of types built into XML Schema look.
_FORMS = {
    name: re.compile(form)
    for name, form in (
        ("dateTime", rf"-?\d{{4,}}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T{_CLOCK}{_ZONE}"),
        ("time", rf"{_CLOCK}{_ZONE}"),
        ("duration", r"-?P(?=.)(?:\d+Y)?(?:\d+M)?(?:\d+D)?"
         r"(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?"),
        ("double", _NUMBER),
        ("float", _NUMBER),
        ("integer", r"[+-]?\d+"),
        ("boolean", "true|false|1|0"),
    )
}  # fmt: skip
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def nearest(dialect: str, version: str) -> Model:
    """Give the model that judges records of a dialect ('impex' or 'spase') and version."""
    if dialect == "impex":
        return model("impex-1.0.2")
    match = _VERSION.fullmatch(version)
    old = match is not None and _numbers(match) < _MERGED
    return model("spase-2.6.1" if old else "spase-2.7.1")


def stated(source: Model) -> str:
    """Give what the Version element of documents of a model says."""
    top = source.type("Spase")
    assert isinstance(top, ElementType)
    kind = source.type(top.children["Version"].type)
    assert isinstance(kind, SimpleType)
    return kind.values[-1]


def title(source: Model) -> str:
    """Name a model for people, such as 'SPASE 2.7.1'."""
    family, _, version = source.name.partition("-")
    return f"{'IMPEx' if family == 'impex' else 'SPASE'} {version}"


def is_known(dialect: str, version: str) -> bool:
    """Tell whether a version can be one that was released, as far as is known here."""
    if dialect == "impex":
        return version == stated(model("impex-1.0.2"))
    match = _VERSION.fullmatch(version)
    return match is not None and (1, 0, 0) <= _numbers(match) <= _NEWEST


def kind_in_id(word: str) -> str:
    """Give a kind of resource by its name of SPASE 2.6 and later."""
    return SAME_KIND.get(word, word)


def value(text: str, kind: SimpleType) -> Value:
    """Give what a text means by its type: a time in UTC, a number, a truth, a list, or itself.

    Raises BadArgument where it is none of its type; durations stay text, as months have no length.
    """
    if kind.items is not None:
        items = kind.items
        return tuple(value(part, items) for part in text.split())
    clean = text.strip()
    try:
        match kind.root:
            case "dateTime":
                return parse_time(clean)
            case "double" | "float":
                return float(clean.replace("INF", "inf"))
            case "integer":
                return int(clean[:400])
            case "boolean":
                return _TRUTH[clean]
    except (ValueError, KeyError) as err:
        raise BadArgument(f"'{clean[:40]}' is no {kind.root}", argument="text") from err
    return clean


def fits(text: str, kind: SimpleType) -> bool:
    """Tell whether a text without outer blanks is one of a type."""
    if kind.union:
        return any(fits(text, member) for member in kind.union)
    if kind.items is not None:
        return all(fits(part, kind.items) for part in text.split())
    if kind.values:
        return text in kind.values
    if kind.pattern and re.fullmatch(kind.pattern, text) is None:
        return False
    if kind.base is not None:
        return fits(text, kind.base)
    form = _FORMS.get(kind.name)
    return form is None or form.fullmatch(text) is not None


def _numbers(match: re.Match[str]) -> tuple[int, int, int]:
    return int(match[1]), int(match[2]), int(match[3])
