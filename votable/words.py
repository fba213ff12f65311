"""Words of a VOTable beside its columns: COOSYS, TIMESYS, GROUP, LINK, INFO; and the versions.

Source: IVOA VOTable 1.2 to 1.5 and their schemas.
"""

from dataclasses import dataclass, field
from typing import Literal

from vo_server.model.table import Constant

Serialisation = Literal["tabledata", "binary", "binary2"]

# The COOSYS systems that the schemas before 1.5 list; 1.5 takes any word, meant is the IVOA
# vocabulary refframe, which has no frame of plasma physics either.
_OLD_SYSTEMS = (
    *("ICRS", "eq_FK4", "eq_FK5", "ecl_FK4", "ecl_FK5", "galactic", "supergalactic"),
    *("xy", "barycentric", "geo_app"),
)
REFFRAMES = (
    *("ICRS", "FK4", "FK5", "EQUATORIAL", "ECLIPTIC", "GALACTIC", "GALACTIC_I", "SUPER_GALACTIC"),
    *("AZ_EL", "BODY", "UNKNOWN", "ecl_FK4", "ecl_FK5", "eq_FK4", "eq_FK5", "galactic"),
    *("supergalactic", "xy", "barycentric", "geo_app"),
)


@dataclass(frozen=True, slots=True)
class Version:
    """What a version of VOTable has.

    systems, refposition: of COOSYS; media_types: of LINK.
    """

    namespace: str
    serialisations: tuple[Serialisation, ...]
    systems: tuple[str, ...] = _OLD_SYSTEMS
    timesys: bool = False
    refposition: bool = False
    media_types: bool = True


_ALL: tuple[Serialisation, ...] = ("tabledata", "binary", "binary2")
# The namespace has stayed that of 1.3 since then.
_SINCE_1_3 = "http://www.ivoa.net/xml/VOTable/v1.3"
VERSIONS = {
    "1.2": Version(
        "http://www.ivoa.net/xml/VOTable/v1.2", ("tabledata", "binary"), media_types=False
    ),
    "1.3": Version(_SINCE_1_3, _ALL),
    "1.4": Version(_SINCE_1_3, _ALL, timesys=True),
    "1.5": Version(_SINCE_1_3, _ALL, REFFRAMES, timesys=True, refposition=True),
}


@dataclass(frozen=True, slots=True)
class CooSys:
    """A frame of the sky; frames of plasma physics are told by the constant `pos.frame`.

    columns: names of those that are in it.
    """

    system: str
    columns: tuple[str, ...] = ()
    equinox: str | None = None
    epoch: str | None = None
    refposition: str | None = None


@dataclass(frozen=True, slots=True)
class TimeSys:
    """How numbers or texts tell time.

    timescale: UTC, TT, TDB, ...; timeorigin: Julian date of the zero, None for calendar times;
    columns: names of those that are in it.
    """

    timescale: str = "UTC"
    refposition: str = "UNKNOWN"
    timeorigin: float | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that belong together, with constants that hold for them."""

    name: str
    columns: tuple[str, ...] = ()
    constants: tuple[Constant, ...] = ()
    description: str = ""
    ucd: str | None = None
    utype: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An address that tells more."""

    href: str
    title: str | None = None
    role: str | None = None  # content-role, such as doc
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What a document says beside its header; name: of its RESOURCE."""

    infos: tuple[tuple[str, str], ...] = ()
    frames: tuple[CooSys, ...] = ()
    times: tuple[TimeSys, ...] = ()
    groups: tuple[Group, ...] = ()
    links: tuple[Link, ...] = field(default=())
    name: str | None = None


def check(version: str, serialisation: str, words: Words) -> Version:
    """Give what a version has; raises ValueError naming what it has not."""
    known = VERSIONS.get(version)
    if known is None:
        raise ValueError(f"VOTable {version} is not written; choose {' or '.join(VERSIONS)}")
    if serialisation not in known.serialisations:
        choice = " or ".join(known.serialisations)
        raise ValueError(f"VOTable {version} has no {serialisation}; choose {choice}")
    if words.times and not known.timesys:
        raise ValueError(f"VOTable {version} has no TIMESYS; choose 1.4 or 1.5")
    for frame in words.frames:
        if frame.system not in known.systems:
            raise ValueError(
                f"COOSYS of VOTable {version} has no system {frame.system}; frames of plasma "
                "physics are told by a constant with the UCD pos.frame"
            )
        if frame.refposition and not known.refposition:
            raise ValueError(f"COOSYS of VOTable {version} has no refposition; choose 1.5")
    if any(link.media_type for link in words.links) and not known.media_types:
        raise ValueError(f"LINK of VOTable {version} has no media type; choose 1.3 to 1.5")
    return known
