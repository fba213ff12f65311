"""Elements: parameters and records that the tables of several dialects are made of.

Only what the published services spell alike stands here; types of a dialect's own namespace are
made by its table.
"""

from collections.abc import Sequence

from impex.dialect import Parameter, Record
from schemas.impex import BAND_NAME, PARAMETER_KEY, PLANE_NORMAL, PLANE_POINT, RESOURCE_ID
from schemas.simple_type import ANY_URI, DATE_TIME, DOUBLE, DURATION, STRING, SimpleType

RESOURCE = Parameter(
    "ResourceID",
    RESOURCE_ID,
    note="A NumericalOutput, or a SimulationRun of which exactly one output fits.",
)
POINTS = Parameter(
    "url_XYZ",
    ANY_URI,
    note="URL of a VOTable, netCDF or ASCII table with the columns X, Y, Z, each with its unit, "
    "in the frame of the run. Further columns are carried through.",
)
TIMES = (
    Parameter("StartTime", DATE_TIME, note="First time, ISO 8601, UTC."),
    Parameter("StopTime", DATE_TIME, note="Time up to which positions are taken."),
    Parameter(
        "Sampling",
        DURATION,
        note="Time between positions: a duration such as PT60S, or seconds; no months or years, "
        "whose length varies.",
    ),
)
PLANE = (
    Parameter("PlanePoint", PLANE_POINT, count=3, note="A point of the plane: x y z, metres."),
    Parameter(
        "PlaneNormalVector",
        PLANE_NORMAL,
        count=3,
        aliases=("NormalVectorPlane",),
        note="Direction across the plane: x y z, of any length but zero.",
    ),
)
RESOLUTION = Parameter(
    "Resolution",
    DOUBLE,
    least=0,
    note="Metres between the points; the smallest grid step when left out.",
)


def optional(name: str, kind: SimpleType, note: str = "", fallback: str = "") -> Parameter:
    """Give a global element that may be left out."""
    return Parameter(name, kind, least=0, note=note, fallback=fallback)


def local(name: str, kind: SimpleType, note: str = "") -> Parameter:
    """Give a local element that may be left out."""
    return Parameter(name, kind, least=0, ref=False, note=note)


def extra(operation: str, *members: Parameter) -> Parameter:
    """Give the element of an operation's further parameters."""
    return Parameter(
        "extraParams",
        Record(f"extraParams_{operation}", members),
        least=0,
        ref=False,
        spread=True,
        note="Further parameters; they are understood outside this element too.",
    )


def enumerated(namespace: str, name: str, *values: str) -> SimpleType:
    """Give a type of a dialect that enumerates words."""
    return SimpleType(name, namespace, base=STRING, values=values)


def listed(namespace: str, name: str, items: SimpleType) -> SimpleType:
    """Give a type of a dialect that is a list."""
    return SimpleType(name, namespace, items=items)


def variable(namespace: str) -> Parameter:
    """Give the parameter that names an output's parameters."""
    return optional(
        "Variable",
        listed(namespace, "Variable", PARAMETER_KEY),
        "Parameters of the output, separated by blanks or commas; all of them when left out.",
    )


def additions(namespace: str) -> Parameter:
    """Give the parameter that asks for columns beside the values."""
    return Parameter(
        "Additions",
        listed(namespace, "Additions", enumerated(namespace, "Addition", "Status", "Error")),
        least=0,
        own=True,
        note="Columns beside the values, none when left out: Status, a number that tells why there "
        "is no value, and Error, an estimate of how far off each value is. This node's own.",
    )


def channels(namespace: str) -> Parameter:
    """Give the parameter that chooses energies."""
    return optional(
        "EnergyChannel",
        listed(namespace, "EnergyChannel", BAND_NAME),
        "Channels Ch0, Ch1, ... separated by blanks or commas; all of them when left out.",
    )


def spacecraft(namespace: str, names: Sequence[str]) -> Parameter:
    """Give the parameter that names a spacecraft; those that are served here count as well."""
    return Parameter(
        "Spacecraft_name",
        enumerated(namespace, "Spacecraft", *names),
        open=True,
        note="A spacecraft whose orbit is served here, in any common spelling of its name.",
    )
