"""Dialects of the tests' own: further services, as tables."""

from impex.dialect import Dialect, Operation, Reply
from schemas.simple_type import BOOLEAN

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
