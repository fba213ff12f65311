"""FMI's dialect: the service of the Finnish Meteorological Institute's simulation databases."""

from impex.dialect import KIB, Dialect, Operation, Parameter, Record, Reply
from schemas.impex import DATA_TYPE, PARAMETER_KEY, RESOURCE_ID, UCD
from schemas.simple_type import (
    ANY_URI,
    BOOLEAN,
    DOUBLE,
    FLOAT,
    ID,
    POSITIVE_INTEGER,
    STRING,
    TOKEN,
    SimpleType,
)

NAMESPACE = "http://impex-fp7.fmi.fi"


def _type(name: str, *values: str) -> SimpleType:
    return SimpleType(name, NAMESPACE, base=STRING, values=values)


def _list(name: str, items: SimpleType) -> SimpleType:
    return SimpleType(name, NAMESPACE, items=items)


def _optional(name: str, kind: SimpleType, note: str = "", fallback: str = "") -> Parameter:
    return Parameter(name, kind, least=0, note=note, fallback=fallback)


def _local(name: str, kind: SimpleType, note: str = "") -> Parameter:
    return Parameter(name, kind, least=0, ref=False, note=note)


def _extra(operation: str, *members: Parameter) -> Parameter:
    return Parameter(
        "extraParams",
        Record(f"extraParams_{operation}", members),
        least=0,
        ref=False,
        spread=True,
        note="Further parameters; they are understood outside this element too.",
    )


_RESOURCE = Parameter(
    "ResourceID",
    RESOURCE_ID,
    note="A NumericalOutput, or a SimulationRun of which exactly one output fits.",
)
_VARIABLE = _optional(
    "Variable",
    _list("Variable", PARAMETER_KEY),
    "Parameters of the output, separated by blanks or commas; all of them when left out.",
)
_POINTS = Parameter(
    "url_XYZ",
    ANY_URI,
    note="URL of a VOTable, netCDF or ASCII table with the columns X, Y, Z, each with its unit, "
    "in the frame of the run. Further columns are carried through.",
)
_INTERPOLATION = Parameter(
    "InterpolationMethod",
    _type("enumInterpolation", "NearestGridPoint", "Linear"),
    least=0,
    declared="Linear",
    fallback="Linear",
)
_OUTPUT = Parameter(
    "OutputFileType",
    _type("OutputFormat", "netCDF", "VOTable", "ASCII"),
    least=0,
    declared="netCDF",
    fallback="VOTable",
    note="Format of the result. VOTable when left out or empty.",
)
_DIRECTION = Parameter(
    "Direction",
    _type("enumDirection", "Both", "Forward", "Backward"),
    least=0,
    declared="Forward",
    fallback="Forward",
)
_STEP = _optional("StepSize", DOUBLE, "Metres; a quarter of the smallest grid step when left out.")
_STEPS = _optional("MaxSteps", POSITIVE_INTEGER, "Steps a line; 100 when left out.", "100")
_RADIUS = _optional(
    "StopCondition_Radius",
    DOUBLE,
    "Metres from the centre of the body; lines end below it, and at the run's inner boundary. "
    "None when left out or 0.",
    fallback="0",
)
_REGION = Parameter(
    "StopCondition_Region",
    _list("Region", FLOAT),
    least=0,
    count=6,
    note="Metres: xmin xmax ymin ymax zmin zmax; lines end outside it.",
)
_FIELD = Record(
    "VOTable_field",
    (
        Parameter("data", _list("listOfValues", STRING), ref=False),
        Parameter("name", TOKEN, ref=False),
        _local("ID", ID),
        _local("unit", TOKEN),
        _local("datatype", DATA_TYPE),
        _local("xtype", TOKEN),
        _local("ucd", UCD),
        _local("utype", STRING),
        _local("description", STRING),
        _local("arraysize", STRING),
    ),
)
_URL = Reply("Generic_Response", "anyURI", ANY_URI)

FMI = Dialect(
    name="fmi",
    title="IMPEx services in the dialect of FMI",
    namespace=NAMESPACE,
    definitions="Methods_FMI",
    service="Methods_FMI",
    port="Methods_FMI",
    port_type="Methods_FMI",
    binding="Methods_FMISoapBinding",
    actor="FMI",
    operations=(
        Operation(
            name="getDataPointValue",
            element="getDataPointValue",
            action="DataPointValue",
            message="DataPointValue_Request",
            reply=_URL,
            request=Record(
                "DataPointValue",
                (
                    _RESOURCE,
                    _VARIABLE,
                    _POINTS,
                    _extra("getDataPointValue", _INTERPOLATION, _OUTPUT),
                ),
            ),
            note="Samples a simulation at the points of a table and answers the URL of the result.",
        ),
        Operation(
            name="getFieldLine",
            element="getFieldLine",
            action="FieldLine",
            message="FieldLine_Request",
            reply=_URL,
            request=Record(
                "FieldLine",
                (
                    _RESOURCE,
                    _VARIABLE,
                    _POINTS,
                    _extra("getFieldLine", _DIRECTION, _STEP, _STEPS, _RADIUS, _REGION, _OUTPUT),
                ),
            ),
            note="Traces magnetic lines (Variable Bx, By, Bz or Btot) or flow lines (Ux, Uy, Uz "
            "or Utot) from the points of a table and answers the URL of the result.",
        ),
        Operation(
            name="getVOTableURL",
            element="getVOTableURL",
            action="VOTableURL",
            message="VOTableURL_Request",
            reply=_URL,
            request=Record(
                "VOTableURL",
                (
                    _local("Table_name", STRING),
                    _local("Description", STRING),
                    Parameter("Fields", _FIELD, most=None, ref=False),
                ),
            ),
            limit=4096 * KIB,
            note="Stores columns as a VOTable and answers its URL, which serves as url_XYZ.",
        ),
        Operation(
            name="isAlive",
            element="emptyElement",
            action="Alive",
            message="isAlive_Request",
            reply=Reply("isAlive_Response", "boolean", BOOLEAN),
            note="Answers true.",
        ),
    ),
)
