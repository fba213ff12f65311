"""Types that IMPEx services borrow: from the IMPEx data model 1.0.2 and from VOTable 1.2."""

from schemas.simple_type import NMTOKEN, STRING, TOKEN, SimpleType

IMPEX = "http://impex-fp7.oeaw.ac.at"
VOTABLE = "http://www.ivoa.net/xml/VOTable/v1.2"

# Prefixes under which service descriptions refer to them.
PREFIXES = {"idm": IMPEX, "vot": VOTABLE}

RESOURCE_ID = SimpleType("ResourceID", IMPEX, base=STRING)
PARAMETER_KEY = SimpleType("ParameterKey", IMPEX, base=STRING)

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
