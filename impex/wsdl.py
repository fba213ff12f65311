"""WSDL: the service description of a dialect, made from its table."""

from typing import Any

from lxml import etree

from impex.dialect import Dialect
from impex.schema import add, add_schemas, prefixes

WSDL = "http://schemas.xmlsoap.org/wsdl/"
SOAP_BINDING = "http://schemas.xmlsoap.org/wsdl/soap/"
_HTTP = "http://schemas.xmlsoap.org/soap/http"


def wsdl(dialect: Dialect, address: str) -> bytes:
    """Give the description of a dialect that is served at `address`."""
    dialect = dialect.published()
    nsmap = {"wsdl": WSDL, "soap": SOAP_BINDING, **prefixes(dialect)}
    root: Any = etree.Element(f"{{{WSDL}}}definitions", nsmap=nsmap)
    root.set("name", dialect.definitions)
    root.set("targetNamespace", dialect.namespace)
    add_schemas(add(root, WSDL, "types"), dialect)
    for name, (part, element) in _messages(dialect).items():
        message = add(root, WSDL, "message", name=name)
        add(message, WSDL, "part", name=part, element=element)
    _add_port_type(root, dialect)
    _add_binding(root, dialect)
    service = add(root, WSDL, "service", name=dialect.service)
    port = add(service, WSDL, "port", name=dialect.port, binding=f"tns:{dialect.binding}")
    add(port, SOAP_BINDING, "address", location=address)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _messages(dialect: Dialect) -> dict[str, tuple[str, str]]:
    """Give every message by name: its part, and the part's element."""
    messages: dict[str, tuple[str, str]] = {}
    for operation in dialect.operations:
        reply = operation.reply
        messages[operation.message] = (operation.part, f"tns:{operation.element}")
        prefix = "tns" if reply.type is not None else "vot"
        messages[reply.message] = (reply.part, f"{prefix}:{reply.element}")
    return messages


def _add_port_type(root: Any, dialect: Dialect) -> None:
    port_type = add(root, WSDL, "portType", name=dialect.port_type)
    for operation in dialect.operations:
        element = add(port_type, WSDL, "operation", name=operation.name)
        if operation.note:
            add(element, WSDL, "documentation").text = operation.note
        add(element, WSDL, "input", message=f"tns:{operation.message}")
        add(element, WSDL, "output", message=f"tns:{operation.reply.message}")


def _add_binding(root: Any, dialect: Dialect) -> None:
    binding = add(root, WSDL, "binding", name=dialect.binding, type=f"tns:{dialect.port_type}")
    add(binding, SOAP_BINDING, "binding", style="document", transport=_HTTP)
    for operation in dialect.operations:
        element = add(binding, WSDL, "operation", name=operation.name)
        add(element, SOAP_BINDING, "operation", soapAction=operation.action)
        for direction in ("input", "output"):
            add(add(element, WSDL, direction), SOAP_BINDING, "body", use="literal")
