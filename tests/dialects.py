"""Dialects of the tests' own: further services, as tables."""

from impex.dialect import Dialect, Operation, Parameter, Record, Reply
from impex.elements import RESOURCE, TIMES, local
from schemas.simple_type import ANY_URI, BOOLEAN, FLOAT, STRING

SINP = Dialect(
    name="sinp",
    title="SINP",
    namespace="http://smdc.sinp.msu.ru",
    definitions="SINP_methods",
    service="Methods_SINP",
    port="Methods_SINP",
    port_type="Methods_SINP",
    binding="Methods_SINPSoapBinding",
    actor="SINP",
    operations=(
        Operation(
            name="isAlive",
            element="emptyElement",
            action="Alive",
            message="isAlive_Request",
            reply=Reply("isAlive_Response", "boolean", BOOLEAN),
        ),
    ),
)

# Its namespace is LATMOS's; the published service has no isAlive.
LESIA = Dialect(
    name="lesia",
    title="LESIA",
    namespace="http://impex.latmos.ipsl.fr",
    definitions="LESIA_MAG_methods",
    service="Methods_LESIA_MAG",
    port="Methods_LESIA_MAG_Port",
    port_type="Methods_LESIA_MAG_Port",
    binding="Methods_LESIA_MAG_SoapBinding",
    actor="LESIA",
    operations=(
        Operation(
            name="getFileURL",
            element="getFileURL",
            action="FileURL",
            message="FileURL_Request",
            reply=Reply("FileURL_Response", "VOTABLE", None),
            request=Record("FileURL", (RESOURCE, *TIMES[:2])),
        ),
        Operation(
            name="isAlive",
            element="emptyAlive",
            action="",
            message="isAlive",
            reply=Reply("isAliveResponse", "alive", BOOLEAN),
        ),
    ),
)

_SUCCESS = local("success", BOOLEAN)
_GET_PARAMETER = Operation(
    name="getParameter",
    element="getParameter",
    action="",
    message="getParameter",
    reply=Reply(
        "getParameterResponse",
        "getParameterResponse",
        Record(
            "getParameterResponse",
            (_SUCCESS, Parameter("dataFileURLs", ANY_URI, least=0, most=None, ref=False)),
        ),
    ),
    request=Record(
        "getParameter",
        (
            *(Parameter(n, STRING, ref=False) for n in ("startTime", "stopTime", "parameterID")),
            local("sampling", FLOAT),
        ),
    ),
)


def _tree(*members: Parameter) -> Operation:
    """Give the operation for a centre's tree, whose answer holds some members."""
    return Operation(
        name="getObsDataTree",
        element="emptyElement",
        action="",
        message="getObsDataTree",
        reply=Reply(
            "getObsDataTreeResponse",
            "getObsDataTreeResponse",
            Record("getObsDataTreeResponse", (_SUCCESS, *members)),
        ),
    )


_WORKSPACE = Record(
    "WorkSpace",
    (local("LocalDataBaseParameters", ANY_URI), local("RemoteDataBaseParameters", ANY_URI)),
)
AMDA = Dialect(
    name="amda",
    title="AMDA",
    namespace="http://cdpp-irap/IMPEX/v0.1",
    definitions="Methods_AMDA",
    service="Methods_AMDA",
    port="Methods_AMDAPort",
    port_type="Methods_AMDA",
    binding="Methods_AMDASoapBinding",
    actor="AMDA",
    operations=(
        Operation(
            name="isAlive",
            element="emptyAlive",
            action="",
            message="isAlive",
            reply=Reply("isAliveResponse", "alive", BOOLEAN),
        ),
        _tree(Parameter("WorkSpace", _WORKSPACE, ref=False)),
        _GET_PARAMETER,
    ),
)

# The published service has no isAlive.
CLWEB = Dialect(
    name="clweb",
    title="CLWEB",
    namespace="http://clweb.cesr.fr",
    definitions="Methods_CLWEB",
    service="Methods_CLWEB",
    port="Methods_CLWEBPort",
    port_type="Methods_CLWEB",
    binding="Methods_CLWEBSoapBinding",
    actor="CLWEB",
    operations=(
        _tree(Parameter("Tree", ANY_URI, ref=False)),
        _GET_PARAMETER,
    ),
)
