"""FMI's description made from the table means what the published one means."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from impex.dialect import Dialect, Operation, Parameter, Record, Reply
from impex.fmi import FMI
from impex.wsdl import wsdl
from schemas.impex import IMPEX
from schemas.simple_type import DOUBLE, FLOAT, POSITIVE_INTEGER, STRING, SimpleType

pytestmark = pytest.mark.conformance

_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
_XS = "{http://www.w3.org/2001/XMLSchema}"
_TNS = "{http://impex-fp7.fmi.fi}"
_OURS = "http://node.test/impex/fmi"

Meaning = dict[str, Any]

# What differs on purpose: path to (published, ours). Beside these stands one difference that no
# description tells: the published text says that OutputFileType defaults to netCDF, as ours does,
# but absent or empty it means VOTable, as FMI's own server and document have it.
_INTENDED: Meaning = {
    "service/Methods_FMI/Methods_FMI/address": (
        "http://impex-fp7.fmi.fi/ws/Methods_FMI.php",
        _OURS,
    ),
    **{
        f"element/{_TNS}{name}/any attribute": (None, "lax")
        for name in ("getDataPointValue", "getFieldLine", "getVOTableURL")
    },
}
_RELEVANT = ("getMostRelevantRun", "json_string")
_NOT_BUILT = (
    *_RELEVANT,
    "getDataPointSpectra",
    "getDataPointSpectraSpacecraft",
    "getDataPointValueSpacecraft",
    "getParticleTrajectory",
    "getSurface",
)


class Description:
    """A WSDL with all names resolved, as a flat mapping from path to what stands there."""

    def __init__(self, root: Any, schemas: list[Any]) -> None:
        self._root = root
        self._named = {
            (element.tag, f"{{{schema.get('targetNamespace')}}}{element.get('name')}"): element
            for schema in schemas
            for element in schema
            if element.get("name") is not None
        }

    def meaning(self) -> Meaning:
        """Give everything that a client can tell."""
        return dict(self._walk())

    def _walk(self) -> Iterator[tuple[str, object]]:
        root = self._root
        tns = f"{{{root.get('targetNamespace')}}}"
        messages = {f"{tns}{m.get('name')}": m for m in root.iter(f"{_WSDL}message")}
        for port_type in root.iter(f"{_WSDL}portType"):
            for operation in port_type:
                path = f"operation/{operation.get('name')}"
                yield f"{path}/port type", f"{tns}{port_type.get('name')}"
                for way in operation.iter(f"{_WSDL}input", f"{_WSDL}output"):
                    message = _name(way, way.get("message"))
                    (part,) = messages[message]
                    element = _name(part, part.get("element"))
                    yield f"{path}/{way.tag}", (message, part.get("name"), element)
                    yield from self._element(f"element/{element}", element)
        for binding in root.iter(f"{_WSDL}binding"):
            path = f"binding/{tns}{binding.get('name')}"
            yield f"{path}/type", _name(binding, binding.get("type"))
            (soap,) = binding.iter(f"{_SOAP}binding")
            yield f"{path}/soap", (soap.get("style"), soap.get("transport"))
            for operation in binding.iterchildren(f"{_WSDL}operation"):
                (action,) = operation.iter(f"{_SOAP}operation")
                uses = [
                    (body.getparent().tag, body.get("use"))
                    for body in operation.iter(f"{_SOAP}body")
                ]
                yield f"{path}/{operation.get('name')}", (action.get("soapAction"), tuple(uses))
        for service in root.iter(f"{_WSDL}service"):
            for port in service.iterchildren(f"{_WSDL}port"):
                path = f"service/{service.get('name')}/{port.get('name')}"
                yield f"{path}/binding", _name(port, port.get("binding"))
                yield f"{path}/address", port.find(f"{_SOAP}address").get("location")

    def _element(self, path: str, name: str) -> Iterator[tuple[str, object]]:
        yield from self._declared(path, self._named[f"{_XS}element", name])

    def _declared(self, path: str, element: Any) -> Iterator[tuple[str, object]]:
        yield f"{path}/default", element.get("default")
        kind = element.find(f"{_XS}complexType")
        if kind is None:
            name = _name(element, element.get("type"))
            kind = self._named.get((f"{_XS}complexType", name))
            if kind is None:
                yield f"{path}/type", self._simple(name)
                return
        for attribute in kind.iterchildren(f"{_XS}anyAttribute"):
            yield f"{path}/any attribute", attribute.get("processContents")
        members = list(kind.find(f"{_XS}sequence"))
        yield f"{path}/order", tuple(_member(member)[0] for member in members)
        for member in members:
            name, reference = _member(member)
            yield (
                f"{path}/{name}/occurs",
                (member.get("minOccurs", "1"), member.get("maxOccurs", "1")),
            )
            if reference:
                yield from self._element(f"{path}/{name}", name)
            else:
                yield from self._declared(f"{path}/{name}", member)

    def _simple(self, name: str) -> object:
        """Give a simple type down to what is built in, with all facets on the way."""
        kind = self._named.get((f"{_XS}simpleType", name))
        if kind is None:
            return name
        items = kind.find(f"{_XS}list")
        if items is not None:
            return ("list", self._simple(_name(items, items.get("itemType"))))
        restriction = kind.find(f"{_XS}restriction")
        facets = [(f.tag, f.get("value")) for f in restriction if f.get("value") is not None]
        base = self._simple(_name(restriction, restriction.get("base")))
        return (base, tuple(sorted(facets)), "restricted") if facets or _is_list(base) else base


def _is_list(kind: object) -> bool:
    return isinstance(kind, tuple) and kind[0] == "list"


def _name(element: Any, text: str) -> str:
    """Resolve a name with or without prefix; one without a namespace stays as it is."""
    prefix, colon, local = text.rpartition(":")
    return f"{{{element.nsmap[prefix if colon else None]}}}{local}"


def _member(element: Any) -> tuple[str, bool]:
    """Give the name of a member on the wire, and whether it refers to a global element."""
    reference = element.get("ref")
    return (element.get("name"), False) if reference is None else (_name(element, reference), True)


def _differences(published: Meaning, ours: Meaning) -> Meaning:
    return {
        path: (published.get(path), ours.get(path))
        for path in {**published, **ours}
        if published.get(path) != ours.get(path)
    }


@pytest.fixture(scope="module")
def published(shared: Path) -> Meaning:
    """What FMI published, with its imports at the reference copies."""
    folder = shared / "standards/impex"
    root = etree.parse(folder / "wsdl/FMI/Methods_FMI.wsdl").getroot()
    imported = [
        etree.parse(folder / "xsd" / name).getroot()
        for name in ("impex-1_0_2.xsd", "VOTable-1.2.xsd")
    ]
    return Description(root, [*root.iter(f"{_XS}schema"), *imported]).meaning()


def _ours(dialect: Dialect) -> Meaning:
    root = etree.fromstring(wsdl(dialect, _OURS))
    return Description(root, list(root.iter(f"{_XS}schema"))).meaning()


def _without(differences: Meaning, names: tuple[str, ...]) -> Meaning:
    """Leave out what belongs to operations that are not built; ours must not have it at all."""
    pattern = re.compile(rf"[/}}]({'|'.join(map(re.escape, names))})(/|$)")
    missing = {path for path in differences if pattern.search(path)}
    assert missing
    for path in missing:
        assert differences[path][1] is None
    return {path: pair for path, pair in differences.items() if path not in missing}


def test_same_meaning_but_for_what_is_intended(published: Meaning) -> None:
    assert _without(_differences(published, _ours(FMI)), _NOT_BUILT) == _INTENDED


def test_output_file_type_is_declared_as_published_and_means_votable() -> None:
    (kind,) = {p for o in FMI.operations for p in o.request.walk() if p.name == "OutputFileType"}
    assert (kind.declared, kind.fallback) == ("netCDF", "VOTable")


def test_the_table_carries_the_harder_operations_too(published: Meaning, shared: Path) -> None:
    """Planes, whose published type restricts a list, and records with defaults of their own."""
    dialect = replace(FMI, operations=(*FMI.operations, _surface(), _relevant(shared)))
    intended = dict(_INTENDED)
    for name in ("PlanePoint", "PlaneNormalVector"):
        path = f"element/{_TNS}getSurface/{_TNS}{name}/type"
        plain = ("list", f"{_XS}float")
        intended[path] = ((plain, (), "restricted"), plain)
    for name in ("getSurface", "getMostRelevantRun"):
        intended[f"element/{_TNS}{name}/any attribute"] = (None, "lax")
    left = tuple(name for name in _NOT_BUILT if name not in ("getSurface", *_RELEVANT))
    assert _without(_differences(published, _ours(dialect)), left) == intended


def _surface() -> Operation:
    lines = next(o for o in FMI.operations if o.name == "getFieldLine")
    values = next(o for o in FMI.operations if o.name == "getDataPointValue")
    resource, variable = lines.request.members[:2]
    interpolation, output = values.request.members[3].type.members  # type: ignore[union-attr]
    planes = [
        Parameter(name, SimpleType(name, IMPEX, items=FLOAT), count=3)
        for name in ("PlanePoint", "PlaneNormalVector")
    ]
    extra = (Parameter("Resolution", DOUBLE, least=0), output, interpolation)
    record = Record("extraParams_getSurface", extra)
    more = Parameter("extraParams", record, least=0, ref=False, spread=True)
    return replace(
        lines,
        name="getSurface",
        element="getSurface",
        action="Surface",
        message="Surface_Request",
        request=Record("Surface", (resource, variable, *planes, more)),
    )


def _relevant(shared: Path) -> Operation:
    schema = etree.parse(shared / "standards/impex/xsd/impex-1_0_2.xsd")
    regions = schema.find(f".//{_XS}simpleType[@name='enumRegion']")
    assert regions is not None
    values = tuple(str(value.get("value")) for value in regions.iter(f"{_XS}enumeration"))
    region = SimpleType("enumRegion", IMPEX, base=STRING, values=values)
    value = Record(
        "SW_parameter",
        (
            Parameter("value", DOUBLE, ref=False),
            Parameter("weight", DOUBLE, least=0, ref=False, declared="1.0"),
            Parameter("scale", DOUBLE, least=0, ref=False),
            Parameter("function", STRING, least=0, ref=False),
        ),
    )
    words = ("Density", "Utot", "Temperature", "Btot", "Bx", "By", "Bz")
    names = (*(f"SW_{word}" for word in words), "Solar_F10.7", "SW_Function")
    wind = Record(
        "SW_parameter_list", tuple(Parameter(n, value, least=0, ref=False) for n in names)
    )
    return Operation(
        name="getMostRelevantRun",
        element="getMostRelevantRun",
        action="MostRelevantRun",
        message="MostRelevantRun_Request",
        reply=Reply("MostRelevantRun_Response", "json_string", STRING),
        request=Record(
            "MostRelevantRun",
            (
                Parameter("Object", region),
                Parameter("RunCount", POSITIVE_INTEGER, least=0, declared="1"),
                Parameter("SW_parameters", wind, ref=False),
            ),
        ),
    )
