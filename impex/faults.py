"""Faults: a refusal as the SOAP 1.1 fault that IMPEx clients know."""

from lxml import etree

from impex.envelope import SOAP
from vo_server.errors import Failure, Refusal

STATUS = 500  # of every fault, whoever is to blame: SOAP 1.1, section 6.2

# Who must act, by class of refusal; the first that fits.
_CODES: tuple[tuple[type[Refusal], str], ...] = ((Failure, "Server"), (Refusal, "Client"))
_PREFIX = "SOAP-ENV"

# What the dialects call an argument of the kernel.
_PARAMETERS = {
    "OBSERVED": "url_XYZ",
    "column": "Columns",
    "normal": "PlaneNormalVector",
    "point": "PlanePoint",
    "resolution": "Resolution",
    "start": "StartTime",
    "step": "StepSize",
    "stop": "StopTime",
    "variable": "Variable",
}
_LONGEST = 1000


def fault(refusal: Refusal, actor: str) -> bytes:
    """Give the envelope of a fault; its text begins with `error: `, by which clients know it."""
    code = next(code for kind, code in _CODES if isinstance(refusal, kind))
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={_PREFIX: SOAP})
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    element = etree.SubElement(body, f"{{{SOAP}}}Fault")
    for name, text in (
        ("faultcode", f"{_PREFIX}:{code}"),
        ("faultstring", _clean(f"error: {_told(refusal)}")),
        ("faultactor", actor),
    ):
        etree.SubElement(element, name).text = text
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def parameter_of(refusal: Refusal) -> str | None:
    """Give the parameter that a refusal is about, None where it is about none."""
    return _PARAMETERS.get(refusal.argument or "", refusal.argument)


def _told(refusal: Refusal) -> str:
    """Give the sentence of a refusal; it names the parameter even where the kernel did not."""
    argument = parameter_of(refusal)
    if argument is None or argument in refusal.message:
        return refusal.message
    return f"{argument}: {refusal.message}"


def _clean(text: str) -> str:
    """Keep what XML can carry, on one line and of bounded length."""
    line = " ".join(text.split())
    printable = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line
    )
    return printable if len(printable) <= _LONGEST else f"{printable[:_LONGEST]}..."
