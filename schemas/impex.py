"""Types that IMPEx services borrow: from the IMPEx data model 1.0.2 and from VOTable 1.2."""

from schemas.simple_type import FLOAT, NMTOKEN, STRING, TOKEN, SimpleType

IMPEX = "http://impex-fp7.oeaw.ac.at"
VOTABLE = "http://www.ivoa.net/xml/VOTable/v1.2"

# Prefixes under which service descriptions refer to them.
PREFIXES = {"idm": IMPEX, "vot": VOTABLE}

RESOURCE_ID = SimpleType("ResourceID", IMPEX, base=STRING)
PARAMETER_KEY = SimpleType("ParameterKey", IMPEX, base=STRING)
BAND_NAME = SimpleType("BandName", IMPEX, base=STRING)
PLANE_POINT = SimpleType("PlanePoint", IMPEX, items=FLOAT)
PLANE_NORMAL = SimpleType("PlaneNormalVector", IMPEX, items=FLOAT)

# Regions, each with those inside it; the published type lists them all.
_MAGNETOSPHERE = ("", ".Magnetosphere")
_REGIONS = {
    "Asteroid": ("",),
    "Callisto": ("",),
    "Comet": ("",),
    "Earth": (
        *("", ".Magnetosheath"),
        *(
            f".Magnetosphere{part}"
            for part in ("", ".Magnetotail", ".Main", ".Polar", ".RadiationBelt")
        ),
        *(
            f".NearSurface{part}"
            for part in (
                *("", ".Atmosphere", ".AuroralRegion", ".EquatorialRegion", ".Ionosphere"),
                *(f".Ionosphere.{part}" for part in ("DRegion", "ERegion", "FRegion", "Topside")),
                *(".Mesosphere", ".Plasmasphere", ".PolarCap", ".SouthAtlanticAnomalyRegion"),
                *(".Stratosphere", ".Thermosphere", ".Troposphere"),
            )
        ),
        ".Surface",
    ),
    **dict.fromkeys(("Enceladus", "Europa", "Ganymede"), ("",)),
    "Heliosphere": ("", ".Heliosheath", ".Inner", ".NearEarth", ".Outer", ".Remote1AU"),
    **dict.fromkeys(("Interstellar", "Io"), ("",)),
    "Jupiter": _MAGNETOSPHERE,
    "Mars": ("",),
    "Mercury": _MAGNETOSPHERE,
    "Neptune": ("",),
    "Planet": _MAGNETOSPHERE,
    **dict.fromkeys(("Pluto", "Rhea"), ("",)),
    "Saturn": _MAGNETOSPHERE,
    "Sun": ("", ".Chromosphere", ".Corona", ".Interior", ".Photosphere", ".TransitionRegion"),
    **dict.fromkeys(("Titan", "Uranus", "Venus"), ("",)),
}
REGION = SimpleType(
    "enumRegion",
    IMPEX,
    base=STRING,
    values=tuple(f"{body}{part}" for body, parts in _REGIONS.items() for part in parts),
)

DATA_TYPE = SimpleType(
    "dataType",
    VOTABLE,
    base=NMTOKEN,
    values=(
        "boolean",
        "bit",
        "unsignedByte",
        "short",
        "int",
        "long",
        "char",
        "unicodeChar",
        "float",
        "double",
        "floatComplex",
        "doubleComplex",
    ),
)
UCD = SimpleType("ucdType", VOTABLE, base=TOKEN, pattern=r"[A-Za-z0-9_.:;\-]*")
