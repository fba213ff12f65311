"""Rules that the elements of a VOTable keep beside the schema's; each yields what is wrong.

Source: IVOA VOTable 1.5, VOUnits 1.1, DALI 1.1, and the vocabularies timescale, refposition and
refframe.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from lxml.etree import _Element as Element

from votable import ucd
from votable.field import DTYPES, constant_fits, null_fits
from votable.words import REFFRAMES

Found = Iterator[tuple[str, str]]  # rule, message

_SIZE = re.compile(r"(?:\d+x)*(?:\d+|\d*\*)")
_TIMESCALES = ("TAI", "TT", "UT", "UT1", "UTC", "GPS", "TCG", "TCB", "TDB", "UNKNOWN")
_REFPOSITIONS = (
    *("TOPOCENTER", "GEOCENTER", "BARYCENTER", "HELIOCENTER", "EMBARYCENTER", "UNKNOWN"),
)
_EQUINOX = ("FK4", "FK5", "EQUATORIAL", "ECLIPTIC", "ECL_FK4", "ECL_FK5", "EQ_FK4", "EQ_FK5")
_ORIGINS = ("MJD-ORIGIN", "JD-ORIGIN")
_TARGETS = {"FIELDref": ("FIELD",), "PARAMref": ("PARAM",), "TABLE": ("TABLE",)}
_INTEGERS = ("unsignedByte", "short", "int", "long")


def tag(element: Element) -> str:
    """Give the name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def ucds(element: Element, known: Mapping[str, Element]) -> Found:
    """Check the UCD of an element."""
    told = element.get("ucd")
    mistake = ucd.wrong(told.strip()) if told else None
    if mistake is not None:
        yield mistake


def columns(element: Element, known: Mapping[str, Element]) -> Found:
    """Check what FIELD and PARAM share: unit, datatype and arraysize, xtype."""
    unit = element.get("unit")
    if unit and not is_unit(unit.strip()):
        yield "unit", f"'{unit[:40]}' is no unit of VOUnits 1.1"
    datatype, size = element.get("datatype", ""), element.get("arraysize")
    if datatype and datatype not in DTYPES:
        yield "datatype", f"'{datatype[:40]}' is no datatype"
    if size is not None and not _SIZE.fullmatch(size.strip()):
        yield "arraysize", f"'{size[:40]}' is no arraysize"
    elif size is not None and size.strip() == "1":
        yield "arraysize", "arraysize 1 makes an array of one element; leave it out"
    yield from _xtype(element.get("xtype") or "", datatype, (size or "").strip())


def _xtype(xtype: str, datatype: str, size: str) -> Found:
    if xtype == "timestamp" and datatype not in ("char", "unicodeChar"):
        yield "xtype", f"a timestamp is char, not {datatype}"
    if xtype == "interval" and (size.split("x")[0] != "2" or datatype == "char"):
        yield "xtype", "an interval is an array of two numbers"


@lru_cache(maxsize=1024)
def is_unit(text: str) -> bool:
    """Tell whether a unit is one of VOUnits, as astropy reads them; '' is none at all."""
    from astropy import units

    if not text.isprintable() or len(text) > 200:
        return False
    try:
        units.Unit(text, format="vounit")
    except (ValueError, TypeError):
        return False
    return True


def values(element: Element, known: Mapping[str, Element]) -> Found:
    """Check that the null of VALUES is a value of the column."""
    parent, null = element.getparent(), element.get("null")
    if parent is None or null is None:
        return
    datatype = parent.get("datatype", "")
    if datatype in _INTEGERS and not null_fits(null, datatype):
        yield "null", f"the null '{null[:40]}' is no {datatype}"


def param(element: Element, known: Mapping[str, Element]) -> Found:
    """Check that the value of a PARAM is one of its datatype."""
    if not constant_fits({str(k): str(v) for k, v in element.items()}):
        value, datatype = element.get("value", ""), element.get("datatype", "")
        yield "value", f"the value '{value[:40]}' is no {datatype[:40]}"


def references(element: Element, known: Mapping[str, Element]) -> Found:
    """Check that a ref names an element, and one of the right kind."""
    name = element.get("ref")
    if not name:
        return
    target = known.get(name)
    wanted = _TARGETS.get(tag(element))
    if target is None:
        yield "ref", f"the ref '{name[:40]}' names no ID of this document"
    elif wanted is not None and tag(target) not in wanted:
        yield "ref", f"the ref '{name[:40]}' names a {tag(target)}, not a {wanted[0]}"


def timesys(element: Element, known: Mapping[str, Element]) -> Found:
    """Check the words of TIMESYS."""
    scale, place = element.get("timescale", ""), element.get("refposition", "")
    origin = element.get("timeorigin")
    if scale not in _TIMESCALES:
        yield "timescale", f"'{scale[:40]}' is no time scale of the vocabulary"
    if place not in _REFPOSITIONS:
        yield "refposition", f"'{place[:40]}' is no reference position of the vocabulary"
    if origin is not None and origin.upper() not in _ORIGINS and not _is_number(origin):
        yield "timeorigin", f"'{origin[:40]}' is no Julian date"


def timed(element: Element, known: Mapping[str, Element]) -> Found:
    """Check that a column in a TIMESYS has an origin where it is of numbers, and only there."""
    target = known.get(element.get("ref", ""))
    if target is None or tag(target) != "TIMESYS":
        return
    text = element.get("datatype") in ("char", "unicodeChar")
    if text and target.get("timeorigin") is not None:
        yield "timeorigin", "calendar times refer to a TIMESYS that has a timeorigin"
    if not text and target.get("timeorigin") is None:
        yield "timeorigin", "numbers refer to a TIMESYS that has no timeorigin"


def coosys(element: Element, known: Mapping[str, Element]) -> Found:
    """Check the words of COOSYS."""
    system = element.get("system", "")
    if system.upper() not in {name.upper() for name in REFFRAMES}:
        yield (
            "coosys",
            f"'{system[:40]}' is no frame of the vocabulary refframe; tell frames of plasma "
            "physics by a PARAM with the UCD pos.frame",
        )
    elif element.get("equinox") is not None and system.upper() not in _EQUINOX:
        yield "equinox", f"{system} has no equinox"
    place = element.get("refposition")
    if place is not None and place not in _REFPOSITIONS:
        yield "refposition", f"'{place[:40]}' is no reference position of the vocabulary"


def tables(element: Element, known: Mapping[str, Element]) -> Found:
    """Check that no two columns of a table have one name."""
    names: set[str] = set()
    for child in element:
        name = child.get("name", "") if tag(child) == "FIELD" else ""
        if name and name in names:
            yield "name", f"two FIELDs are called '{name[:40]}'"
        names.add(name)


def streams(element: Element, known: Mapping[str, Element]) -> Found:
    """Check that the data are in the document."""
    if element.get("href") is not None:
        yield "href", "the STREAM is at another address; readers may refuse to open it"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


Rule = Callable[[Element, Mapping[str, Element]], Found]

RULES: dict[str, tuple[Rule, ...]] = {
    "FIELD": (ucds, columns, references, timed),
    "PARAM": (ucds, columns, references, param),
    "GROUP": (ucds, references),
    "FIELDref": (references,),
    "PARAMref": (references,),
    "VALUES": (values,),
    "TIMESYS": (timesys,),
    "COOSYS": (coosys,),
    "TABLE": (references, tables),
    "STREAM": (streams,),
}
