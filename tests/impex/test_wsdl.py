"""The descriptions; that FMI's means what the published one means is tests/conformance."""

from typing import Any

import pytest
from lxml import etree

from impex.dialect import Dialect
from impex.fmi import FMI
from impex.page import page
from impex.wsdl import SOAP_BINDING, WSDL, wsdl

_XS = "{http://www.w3.org/2001/XMLSchema}"
_ADDRESS = "http://127.0.0.1:8000/impex/fmi"


@pytest.fixture(params=["fmi", "latmos"])
def dialect(request: pytest.FixtureRequest, latmos: Dialect) -> Dialect:
    return FMI if request.param == "fmi" else latmos


def _read(dialect: Dialect) -> Any:
    return etree.fromstring(wsdl(dialect, _ADDRESS))


def test_nothing_is_imported_from_elsewhere(dialect: Dialect) -> None:
    root = _read(dialect)
    assert not list(root.iter(f"{{{WSDL}}}import", f"{_XS}include"))
    schemas = {schema.get("targetNamespace") for schema in root.iter(f"{_XS}schema")}
    for element in root.iter(f"{_XS}import"):
        assert element.get("schemaLocation") is None
        assert element.get("namespace") in schemas


def test_every_name_has_a_declared_prefix(dialect: Dialect) -> None:
    attributes = ("type", "ref", "base", "itemType", "element", "message", "binding")
    for element in _read(dialect).iter():
        for name in attributes:
            value = element.get(name)
            if value is not None:
                prefix, colon, _ = value.partition(":")
                assert colon
                assert prefix in element.nsmap


def test_parts_are_elements_of_the_schema(dialect: Dialect) -> None:
    root = _read(dialect)
    own = [s for s in root.iter(f"{_XS}schema") if s.get("targetNamespace") == dialect.namespace]
    elements = {f"tns:{element.get('name')}" for element in own[0].iterchildren(f"{_XS}element")}
    parts = list(root.iter(f"{{{WSDL}}}part"))
    assert parts
    assert {part.get("element") for part in parts} <= elements
    assert all(part.get("type") is None for part in parts)


def test_schemas_are_schemas(dialect: Dialect) -> None:
    """libxml2 compiles each; those of other namespaces are given to it as imports."""
    root = _read(dialect)
    schemas = list(root.iter(f"{_XS}schema"))
    assert all(len(schema) for schema in schemas)
    for schema in schemas[:-1]:
        etree.XMLSchema(schema)


def test_every_request_type_takes_any_attribute(dialect: Dialect) -> None:
    root = _read(dialect)
    kinds = {kind.get("name"): kind for kind in root.iter(f"{_XS}complexType")}
    for operation in dialect.operations:
        if operation.request.members:
            (attribute,) = kinds[operation.request.name].findall(f"{_XS}anyAttribute")
            assert attribute.get("processContents") == "lax"


def test_another_dialect(latmos: Dialect) -> None:
    root = _read(latmos)
    assert root.get("name") == "LATMOS_HYB_methods"
    binding = root.find(f"{{{WSDL}}}binding")
    assert binding.get("name") == "Methods_LATMOSSoapBinding"
    actions = [e.get("soapAction") for e in binding.iter(f"{{{SOAP_BINDING}}}operation")]
    assert actions == ["DataPointSpectraSpacecraft", "DataPointSpectra_Spacecraft", ""]
    parts = {m.get("name"): m[0].attrib for m in root.findall(f"{{{WSDL}}}message")}
    assert parts["isAlive"] == {"name": "parameters", "element": "tns:emptyAlive"}
    assert parts["isAliveResponse"] == {"name": "parameters", "element": "tns:alive"}
    assert parts["Generic_Response"] == {"name": "url_Param", "element": "tns:url_Param"}


def test_address(dialect: Dialect) -> None:
    (address,) = _read(dialect).iter(f"{{{SOAP_BINDING}}}address")
    assert address.get("location") == _ADDRESS


def test_page_names_every_operation_and_parameter() -> None:
    text = page(FMI, _ADDRESS).decode()
    for operation in FMI.operations:
        assert f"<h2>{operation.name}</h2>" in text
        for parameter in operation.request.walk():
            assert f"<code>{parameter.name}</code>" in text
    assert f'href="{_ADDRESS}.wsdl"' in text
    assert "&lt;emptyElement xmlns=" in text
