"""What stands before the rows: the header of a table as elements."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vo_server.formats.rows import Spelling, rows
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Constant, Header, Table
from vo_server.units import spelled
from votable.field import word
from votable.markup import Markup
from votable.words import Group, Serialisation, TimeSys, Version, Words

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_OWN = re.compile(r"(?:param|frame|time|note|info)\d+|group\d+param\d+|table")
_NUMBERED = re.compile(r"col\d+_*")
_UCD = re.compile(r"[A-Za-z0-9_.:;\-]*")  # what the schemas allow
_CARTESIAN = "pos.cartesian."


@dataclass(frozen=True, slots=True)
class Layout:
    """How the columns of a table go out.

    datatypes: VOTable's words; identities: IDs, None where none is needed; systems: of column
    names, the ID of the COOSYS or TIMESYS that they refer to.
    """

    header: Header
    datatypes: tuple[str, ...]
    identities: tuple[str | None, ...]
    words: Words
    systems: Mapping[str, str]


def layout(header: Header, version: Version, serialisation: Serialisation, words: Words) -> Layout:
    """Decide how a table goes out; raises ValueError for a type or column that is not there."""
    datatypes = tuple(_datatype(parameter, serialisation) for parameter in header.parameters)
    words = _completed(header, version, words)
    systems = {name: f"frame{n}" for n, f in enumerate(words.frames, 1) for name in f.columns}
    systems |= {name: f"time{n}" for n, t in enumerate(words.times, 1) for name in t.columns}
    referred = {name for group in words.groups for name in group.columns}
    known = {parameter.name for parameter in header.parameters}
    for name in (referred | set(systems)) - known:
        raise ValueError(f"a group or system refers to a column {name} that is not there")
    return Layout(header, datatypes, _identities(header, referred), words, systems)


def _datatype(parameter: Parameter, serialisation: Serialisation) -> str:
    """Give the datatype of a column.

    Text that may be more than ASCII is unicodeChar where it goes out as bytes, since char is
    ASCII up to VOTable 1.5. In TABLEDATA the encoding of the document serves both, and what
    older readers know is char; a column of NumPy strings is unicodeChar there too.
    """
    free = parameter.dtype == TEXT and not parameter.xtype
    return "unicodeChar" if free and serialisation != "tabledata" else word(parameter.dtype)


def describe(xml: Markup, plan: Layout) -> None:
    """Write the elements between TABLE and DATA."""
    header = plan.header
    xml.text("DESCRIPTION", header.description)
    grouped = {id(constant) for group in plan.words.groups for constant in group.constants}
    for number, constant in enumerate(header.constants, 1):
        if id(constant) not in grouped:
            _param(xml, constant, f"param{number}")
    for parameter, kind, identity in zip(
        header.parameters, plan.datatypes, plan.identities, strict=True
    ):
        reference = plan.systems.get(parameter.name)
        size = _size(parameter, kind)
        xml.begin("FIELD", ID=identity, ref=reference, **_words(parameter, kind, size))
        xml.text("DESCRIPTION", parameter.description)
        if parameter.null is not None and parameter.dtype.kind in "iu":
            xml.element("VALUES", null=str(parameter.null))
        xml.end("FIELD")
    for number, group in enumerate(plan.words.groups, 1):
        _group(xml, group, plan, number)
    for link in plan.words.links:
        xml.element(
            "LINK",
            content_role=link.role,
            content_type=link.media_type,
            title=link.title,
            href=link.href,
        )


def systems(xml: Markup, words: Words) -> None:
    """Write COOSYS and TIMESYS, which stand in RESOURCE."""
    for number, frame in enumerate(words.frames, 1):
        xml.element(
            "COOSYS",
            ID=f"frame{number}",
            system=frame.system,
            equinox=frame.equinox,
            epoch=frame.epoch,
            refposition=frame.refposition,
        )
    for number, time in enumerate(words.times, 1):
        xml.element(
            "TIMESYS",
            ID=f"time{number}",
            timescale=time.timescale,
            refposition=time.refposition,
            timeorigin=None if time.timeorigin is None else repr(time.timeorigin),
        )


def _completed(header: Header, version: Version, words: Words) -> Words:
    """Add what the header tells: the frame of its positions, and that calendar times are UTC."""
    groups, times = list(words.groups), list(words.times)
    positions = tuple(
        p.name for p in header.parameters if (p.ucd or "").lower().startswith(_CARTESIAN)
    )
    frames = tuple(c for c in header.constants if c.parameter.ucd == "pos.frame")
    if frames and positions:
        groups.insert(0, Group("position", positions, frames, ucd="pos"))
    for frame, names in _elsewhere(header, positions).items():
        statement = Constant(Parameter("frame", TEXT, ucd="pos.frame"), frame)
        groups.append(Group("vectors", tuple(names), (statement,), ucd="phys"))
    told = {name for time in times for name in time.columns}
    calendar = [p.name for p in header.parameters if p.dtype.kind == "M" and p.name not in told]
    if calendar and version.timesys:
        times.append(TimeSys(columns=tuple(calendar)))
    return replace(words, times=tuple(times), groups=tuple(groups))


def _elsewhere(header: Header, positions: Sequence[str]) -> dict[str, list[str]]:
    """Give the columns other than positions that tell their frame, by the frame."""
    found: dict[str, list[str]] = {}
    for parameter in header.parameters:
        if parameter.frame and parameter.name not in positions:
            found.setdefault(parameter.frame, []).append(parameter.name)
    return found


def _identities(header: Header, referred: set[str]) -> tuple[str | None, ...]:
    """Give IDs: those wanted, as far as each is a name of its own, else as few as will do.

    astropy calls a column by its ID, so a good name stands alone or is the ID too.
    """
    names = [parameter.name for parameter in header.parameters]
    told = [parameter.id for parameter in header.parameters]
    wanted = {id for id in told if id and is_id(id) and told.count(id) == 1 and not _taken(id)}
    found: list[str | None] = []
    for number, (name, own) in enumerate(zip(names, told, strict=True), 1):
        if own in wanted:
            found.append(own)
        elif is_id(name) and names.count(name) == 1 and name not in wanted:
            free = not _taken(name) and not _NUMBERED.fullmatch(name)
            found.append(name if name in referred and free else None)
        else:
            spare = f"col{number}"
            while spare in wanted:
                spare += "_"
            found.append(spare)
    return tuple(found)


def is_id(text: str) -> bool:
    """Tell whether a text can be an ID."""
    return _PLAIN.fullmatch(text) is not None


def _taken(name: str) -> bool:
    """Tell whether an ID is one of those that other elements have here."""
    return _OWN.fullmatch(name) is not None


def _group(xml: Markup, group: Group, plan: Layout, number: int) -> None:
    xml.begin("GROUP", name=group.name, ucd=group.ucd, utype=group.utype)
    xml.text("DESCRIPTION", group.description)
    for inner, constant in enumerate(group.constants, 1):
        _param(xml, constant, f"group{number}param{inner}")
    pairs = zip(plan.header.parameters, plan.identities, strict=True)
    known = {parameter.name: identity for parameter, identity in pairs}
    for name in group.columns:
        if known[name] is not None:
            xml.element("FIELDref", ref=known[name])
    xml.end("GROUP")


def _param(xml: Markup, constant: Constant, identity: str) -> None:
    value = constant_text(constant)
    kind = word(constant.parameter.dtype)
    if kind == "char" and not value.isascii():
        kind = "unicodeChar"
    size = "*" if kind in ("char", "unicodeChar") else ""
    if isinstance(constant.value, tuple) and not size:
        size = str(len(constant.value))
    # FMI's client looks for a parameter by the attribute that comes first.
    words = _words(constant.parameter, kind, size)
    xml.begin("PARAM", name=words.pop("name"), ID=identity, **words, value=value)
    xml.text("DESCRIPTION", constant.parameter.description)
    xml.end("PARAM")


def _size(parameter: Parameter, kind: str) -> str:
    if kind in ("char", "unicodeChar"):
        return "*"
    return "x".join("*" if size < 0 else str(size) for size in reversed(parameter.shape))


def _words(parameter: Parameter, kind: str, size: str) -> dict[str, str | None]:
    """Give the attributes that FIELD and PARAM share."""
    xtype = parameter.xtype or ("timestamp" if parameter.dtype.kind == "M" else None)
    ucd = parameter.ucd if parameter.ucd and _UCD.fullmatch(parameter.ucd) else None
    return {
        "name": parameter.name,
        "datatype": kind,
        "arraysize": size or None,
        "unit": spelled(parameter.unit) if parameter.unit else None,
        "ucd": ucd,
        "utype": parameter.utype or None,
        "xtype": xtype,
    }


_NUMBERS = Spelling(
    " ", " ", "NaN", ("+Inf", "-Inf"), None, {True: "T", False: "F", None: "?"}, lambda cells: cells
)


def constant_text(constant: Constant) -> str:
    """Give a constant as text."""
    value, dtype = constant.value, constant.parameter.dtype
    if isinstance(value, tuple):
        return " ".join(value)
    if isinstance(value, str) or dtype == TEXT or dtype.kind not in "iufb":
        return str(value)
    with np.errstate(over="ignore"):
        column = np.array([value], dtype)
    return rows(Table(Header((Parameter("", dtype),)), (column,)), _NUMBERS)[0]
