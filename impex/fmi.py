"""FMI's dialect: the service of the Finnish Meteorological Institute's simulation databases."""

from dataclasses import replace

from impex.dialect import KIB, Dialect, Operation, Parameter, Record, Reply
from impex.elements import (
    PLANE,
    POINTS,
    RESOLUTION,
    RESOURCE,
    TIMES,
    additions,
    channels,
    enumerated,
    extra,
    listed,
    local,
    optional,
    spacecraft,
    variable,
)
from schemas.impex import DATA_TYPE, REGION, UCD
from schemas.simple_type import (
    ANY_URI,
    BOOLEAN,
    DOUBLE,
    FLOAT,
    ID,
    POSITIVE_INTEGER,
    STRING,
    TOKEN,
)
from vo_server.formats.source import MAX_COLUMNS

NAMESPACE = "http://impex-fp7.fmi.fi"

_SPACECRAFT = spacecraft(
    NAMESPACE,
    (
        *("VEX", "MEX", "MGS", "MAVEN", "MESSENGER"),
        *("CLUSTER1", "CLUSTER2", "CLUSTER3", "CLUSTER4", "GEOTAIL", "IMP-8", "POLAR"),
    ),
)
_VARIABLE = variable(NAMESPACE)
_INTERPOLATION = Parameter(
    "InterpolationMethod",
    enumerated(NAMESPACE, "enumInterpolation", "NearestGridPoint", "Linear"),
    least=0,
    declared="Linear",
    fallback="Linear",
)
_SPECTRA_INTERPOLATION = replace(
    _INTERPOLATION,
    fallback="NearestGridPoint",
    note="Spectra are those of the nearest cell when left out, as FMI's service gave them.",
)
_OUTPUT = Parameter(
    "OutputFileType",
    enumerated(NAMESPACE, "OutputFormat", "netCDF", "VOTable", "ASCII"),
    least=0,
    declared="netCDF",
    fallback="VOTable",
    note="Format of the result. VOTable when left out or empty.",
)
_DIRECTION = Parameter(
    "Direction",
    enumerated(NAMESPACE, "enumDirection", "Both", "Forward", "Backward"),
    least=0,
    declared="Forward",
    fallback="Forward",
)
_STEP = optional("StepSize", DOUBLE, "Metres; a quarter of the smallest grid step when left out.")
_STEPS = optional("MaxSteps", POSITIVE_INTEGER, "Steps a line; 100 when left out.", "100")
_TRACK_STEP = optional(
    "StepSize",
    DOUBLE,
    "Metres that a particle goes in a step at its first speed; chosen from gyration and grid when "
    "left out.",
)
_TRACK_STEPS = optional("MaxSteps", POSITIVE_INTEGER, "Steps a track; 200 when left out.", "200")
_RADIUS = optional(
    "StopCondition_Radius",
    DOUBLE,
    "Metres from the centre of the body; lines end below it, and at the run's inner boundary. "
    "None when left out, 0 or below.",
    fallback="0",
)
_REGION = Parameter(
    "StopCondition_Region",
    listed(NAMESPACE, "Region", FLOAT),
    least=0,
    count=6,
    note="Metres: xmin xmax ymin ymax zmin zmax; lines end outside it.",
)
_FIELD = Record(
    "VOTable_field",
    (
        Parameter("data", listed(NAMESPACE, "listOfValues", STRING), ref=False, hollow=True),
        Parameter("name", TOKEN, ref=False),
        local("ID", ID),
        local("unit", TOKEN),
        local("datatype", DATA_TYPE),
        local("xtype", TOKEN),
        local("ucd", UCD),
        local("utype", STRING),
        local("description", STRING),
        local("arraysize", STRING),
    ),
)
_PARTICLES = replace(
    POINTS,
    note="URL of a table with the columns X, Y, Z, Ux, Uy, Uz, Mass and Charge, each with its "
    "unit, in the frame of the run.",
)
_SW_PARAMETER = Record(
    "SW_parameter",
    (
        Parameter("value", DOUBLE, ref=False),
        Parameter("weight", DOUBLE, least=0, ref=False, declared="1.0", fallback="1.0"),
        local("scale", DOUBLE, "What differences are divided by; FMI's for the body if left out."),
        local("function", STRING, "For SW_Function: an expression of the other names."),
    ),
)
_WIND = Record(
    "SW_parameter_list",
    tuple(
        Parameter(name, _SW_PARAMETER, least=0, ref=False)
        for name in (
            *("SW_Density", "SW_Utot", "SW_Temperature", "SW_Btot", "SW_Bx", "SW_By", "SW_Bz"),
            *("Solar_F10.7", "SW_Function"),
        )
    ),
)
_URL = Reply("Generic_Response", "anyURI", ANY_URI)


def _ask(name: str, note: str, *members: Parameter) -> Operation:
    """Give an operation get<name> that answers the URL of its result."""
    return Operation(
        name=f"get{name}",
        element=f"get{name}",
        action=name,
        message=f"{name}_Request",
        reply=_URL,
        request=Record(name, members),
        note=note,
    )


_VALUE_EXTRA = extra("getDataPointValue", _INTERPOLATION, _OUTPUT, additions(NAMESPACE))
_SPECTRA_EXTRA = extra("getDataPointSpectra", _SPECTRA_INTERPOLATION, _OUTPUT, channels(NAMESPACE))

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
        _ask(
            "DataPointValue",
            "Samples a simulation at the points of a table and answers the URL of the result.",
            *(RESOURCE, _VARIABLE, POINTS, _VALUE_EXTRA),
        ),
        replace(
            _ask(
                "DataPointValueSpacecraft",
                "Samples a simulation along a spacecraft's orbit and answers the result's URL.",
                *(RESOURCE, _VARIABLE, _SPACECRAFT, *TIMES, _VALUE_EXTRA),
            ),
            aliases=("getDataPointValue_Spacecraft",),
        ),
        _ask(
            "DataPointSpectra",
            "Gives energy spectra at the points of a table.",
            *(RESOURCE, POINTS, _SPECTRA_EXTRA),
        ),
        _ask(
            "Surface",
            "Samples a simulation on a plane and answers the URL of the result.",
            *(RESOURCE, _VARIABLE, *PLANE),
            extra("getSurface", RESOLUTION, _OUTPUT, _INTERPOLATION),
        ),
        replace(
            _ask(
                "DataPointSpectraSpacecraft",
                "Gives energy spectra along a spacecraft's orbit.",
                *(RESOURCE, _SPACECRAFT, *TIMES, _SPECTRA_EXTRA),
            ),
            aliases=("getDataPointSpectra_Spacecraft",),
        ),
        _ask(
            "FieldLine",
            "Traces magnetic lines (Variable Bx, By, Bz or Btot) or flow lines (Ux, Uy, Uz or "
            "Utot) from the points of a table and answers the URL of the result.",
            *(RESOURCE, _VARIABLE, POINTS),
            extra("getFieldLine", _DIRECTION, _STEP, _STEPS, _RADIUS, _REGION, _OUTPUT),
        ),
        _ask(
            "ParticleTrajectory",
            "Follows charged particles through the fields of a simulation and answers the URL of "
            "their tracks.",
            *(RESOURCE, _PARTICLES),
            extra(
                "getParticleTrajectory",
                *(_DIRECTION, _TRACK_STEP, _TRACK_STEPS, _RADIUS, _REGION),
                *(_INTERPOLATION, _OUTPUT),
            ),
        ),
        Operation(
            name="getMostRelevantRun",
            element="getMostRelevantRun",
            action="MostRelevantRun",
            message="MostRelevantRun_Request",
            reply=Reply("MostRelevantRun_Response", "json_string", STRING),
            request=Record(
                "MostRelevantRun",
                (
                    Parameter("Object", REGION, open=True, note="The body of the runs."),
                    Parameter(
                        "RunCount",
                        POSITIVE_INTEGER,
                        least=0,
                        declared="1",
                        fallback="1",
                        note="Runs to give, the best first.",
                    ),
                    Parameter("SW_parameters", _WIND, ref=False, note="The solar wind, in SI."),
                ),
            ),
            note="Ranks the runs of a body by how near their solar wind comes to that given.",
        ),
        replace(
            _ask(
                "VOTableURL",
                "Stores columns as a VOTable and answers its URL, which serves as url_XYZ.",
                local("Table_name", STRING),
                local("Description", STRING),
                Parameter("Fields", _FIELD, most=None, ref=False, limit=MAX_COLUMNS),
            ),
            limit=4096 * KIB,
        ),
        Operation(
            name="isAlive",
            element="emptyElement",
            action="Alive",
            message="isAlive_Request",
            reply=Reply("isAlive_Response", "boolean", BOOLEAN),
            note="Answers true.",
            quick=True,
        ),
    ),
)
