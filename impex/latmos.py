"""LATMOS's dialect: the service of the hybrid simulations of the LatHyS group."""

from dataclasses import replace

from impex.dialect import Dialect, Operation, Parameter, Record, Reply
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
    optional,
    spacecraft,
    variable,
)
from schemas.simple_type import ANY_URI, BOOLEAN, DOUBLE

NAMESPACE = "http://impex.latmos.ipsl.fr"

_SPACECRAFT = spacecraft(
    NAMESPACE,
    (
        *("MEX", "MGS", "VEX", "MAVEN", "MESSENGER"),
        *("MMO", "MPO", "JUICE", "Galileo"),
    ),
)
_VARIABLE = variable(NAMESPACE)
_CLOCK_ANGLE = optional(
    "IMFClockAngle",
    DOUBLE,
    "Degrees of the clock angle, atan2(By, Bz), that the solar wind's field is to have: the run is "
    "turned about its x axis, trajectory and vectors with it.",
)
_OUTPUT = Parameter(
    "OutputFileType",
    enumerated(NAMESPACE, "OutputFormat", "netCDF", "VOTable"),
    least=0,
    fallback="VOTable",
    note="Format of the result. VOTable when left out or empty.",
)
_DIRECTION = Parameter(
    "Direction",
    enumerated(NAMESPACE, "enumDirection", "Both", "Forward", "Backward"),
    least=0,
    declared="Both",
    fallback="Both",
)
_STEP = optional("StepSize", DOUBLE, "Metres; a quarter of the smallest grid step when left out.")
_URL = Reply("Generic_Response", "url_Param", ANY_URI, part="url_Param")


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


_VALUE_EXTRA = extra("getDataPointValue", _CLOCK_ANGLE, _OUTPUT, additions(NAMESPACE))
_SPECTRA_EXTRA = extra("getDataPointSpectra", _CLOCK_ANGLE, _OUTPUT, channels(NAMESPACE))

_VALUE_FLIGHT = _ask(
    "DataPointValueSpacecraft",
    "Samples a simulation along a spacecraft's orbit and answers the URL of the result.",
    *(RESOURCE, _VARIABLE, _SPACECRAFT, *TIMES, _VALUE_EXTRA),
)
_SPECTRA_FLIGHT = _ask(
    "DataPointSpectraSpacecraft",
    "Gives energy spectra along a spacecraft's orbit.",
    *(RESOURCE, _SPACECRAFT, *TIMES, _SPECTRA_EXTRA),
)


def _older(operation: Operation) -> Operation:
    """Give an operation under its older name, with a line before the word Spacecraft."""
    name = operation.action.replace("Spacecraft", "_Spacecraft")
    return replace(
        operation,
        name=f"get{name}",
        element=f"get{name}",
        action=name,
        message=f"{name}_Request",
        request=Record(name, operation.request.members),
        method=operation.name,
    )


LATMOS = Dialect(
    name="latmos",
    title="IMPEx services in the dialect of LATMOS",
    namespace=NAMESPACE,
    definitions="LATMOS_HYB_methods",
    service="Methods_LATMOS",
    port="Methods_LATMOSPort",
    port_type="Methods_LATMOS",
    binding="Methods_LATMOSSoapBinding",
    actor="LATMOS",
    operations=(
        _ask(
            "DataPointValue",
            "Samples a simulation at the points of a table and answers the URL of the result.",
            *(RESOURCE, _VARIABLE, POINTS, _VALUE_EXTRA),
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
            extra("getSurface", RESOLUTION, _CLOCK_ANGLE, _OUTPUT),
        ),
        _VALUE_FLIGHT,
        _older(_VALUE_FLIGHT),
        _SPECTRA_FLIGHT,
        # The published message names the element of the newer spelling.
        replace(
            _older(_SPECTRA_FLIGHT),
            element=_SPECTRA_FLIGHT.element,
            request=_SPECTRA_FLIGHT.request,
        ),
        replace(
            _ask(
                "FileURL",
                "Lists what is served of a resource in an interval of time, as a VOTable.",
                *(replace(RESOURCE, aliases=("RunID",)), *TIMES[:2]),
            ),
            reply=Reply("FileURL_Response", "VOTABLE", None),
        ),
        _ask(
            "FieldLine",
            "Traces magnetic lines (Variable Bx, By, Bz or Btot) or flow lines (Ux, Uy, Uz or "
            "Utot) from the points of a table and answers the URL of the result.",
            *(RESOURCE, _VARIABLE, POINTS),
            extra("getFieldLine", _DIRECTION, _STEP, _OUTPUT),
        ),
        Operation(
            name="isAlive",
            element="emptyAlive",
            action="",
            message="isAlive",
            reply=Reply("isAliveResponse", "alive", BOOLEAN),
            note="Answers true.",
            quick=True,
        ),
    ),
)
