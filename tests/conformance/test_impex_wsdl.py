"""Descriptions made from the tables mean what the published ones mean."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from impex.dialect import Dialect
from impex.fmi import FMI
from impex.latmos import LATMOS
from impex.wsdl import wsdl
from schemas.impex import VOTABLE
from tests.dialects import SINP

pytestmark = pytest.mark.conformance

_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
_XS = "{http://www.w3.org/2001/XMLSchema}"
_ABSENT = "not there"
_OURS = "http://node.test/impex/fmi"

Meaning = dict[str, Any]


# What differs on purpose: path to (published, ours). Beside these stands one difference that no
# description tells: FMI's published text says that OutputFileType defaults to netCDF, as ours
# does, but absent or empty it means VOTable, as FMI's own server and document have it.
def _intended(dialect: Dialect, address: str) -> Meaning:
    tns = f"{{{dialect.namespace}}}"
    plain = ("list", f"{_XS}float")
    service = f"service/{dialect.service}/{dialect.port}/address"
    return {
        service: (address, _OURS),
        # Attributes that Axis 1 needs to see, lest it leave out the element around parameters.
        **{
            f"element/{tns}{operation.element}/any attribute": (_ABSENT, "lax")
            for operation in dialect.operations
            if operation.request.members
        },
        # A list that is restricted without a facet: zeep cannot load it, Axis 1 sends it wrongly.
        **{
            f"element/{tns}getSurface/{tns}{name}/type": ((plain, (), "restricted"), plain)
            for name in ("PlanePoint", "PlaneNormalVector")
        },
    }


_URL_PART = f"{_WSDL}output"
_ANY = f"{{{VOTABLE}}}VOTABLE"


def _latmos() -> Meaning:
    """LATMOS answers parts that have a type; ours have an element of the part's name."""
    tns = f"{{{LATMOS.namespace}}}"
    urls = [o for o in LATMOS.operations if o.reply.element == "url_Param"]
    typed = (f"{tns}Generic_Response", "url_Param", f"type {_XS}anyURI")
    ours = (f"{tns}Generic_Response", "url_Param", f"{tns}url_Param")
    return {
        **_intended(LATMOS, "http://impex.latmos.ipsl.fr/IMPExWS.php"),
        **{f"operation/{o.name}/{_URL_PART}": (typed, ours) for o in urls},
        f"element/{tns}url_Param/default": (_ABSENT, None),
        f"element/{tns}url_Param/type": (_ABSENT, f"{_XS}anyURI"),
    }


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
                    if part.get("element") is None:
                        kind = f"type {_name(part, part.get('type'))}"
                        yield f"{path}/{way.tag}", (message, part.get("name"), kind)
                        continue
                    element = _name(part, part.get("element"))
                    yield f"{path}/{way.tag}", (message, part.get("name"), element)
                    if element != _ANY:  # what is in a VOTable is not ours to say
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
        path: (published.get(path, _ABSENT), ours.get(path, _ABSENT))
        for path in {**published, **ours}
        if published.get(path, _ABSENT) != ours.get(path, _ABSENT)
    }


def _published(shared: Path, name: str, model: str) -> Meaning:
    """What a service published, with its imports at the reference copies."""
    folder = shared / "standards/impex"
    root = etree.parse(folder / "wsdl" / name).getroot()
    imported = [etree.parse(folder / "xsd" / name).getroot() for name in (model, "VOTable-1.2.xsd")]
    return Description(root, [*root.iter(f"{_XS}schema"), *imported]).meaning()


def _ours(dialect: Dialect) -> Meaning:
    root = etree.fromstring(wsdl(dialect, _OURS))
    return Description(root, list(root.iter(f"{_XS}schema"))).meaning()


def test_fmi_means_the_same_but_for_what_is_intended(shared: Path) -> None:
    published = _published(shared, "FMI/Methods_FMI.wsdl", "impex-1_0_2.xsd")
    address = "http://impex-fp7.fmi.fi/ws/Methods_FMI.php"
    assert _differences(published, _ours(FMI)) == _intended(FMI, address)


def test_latmos_means_the_same_but_for_what_is_intended(shared: Path) -> None:
    published = _published(shared, "LATMOS/Methods_LATMOS.wsdl", "impex-1_0_1.xsd")
    assert _differences(published, _ours(LATMOS)) == _latmos()


def test_another_service_is_a_table(shared: Path) -> None:
    published = _published(shared, "SINP/SINP_methods.wsdl", "impex-1_0_2.xsd")
    address = "http://smdc.sinp.msu.ru/impex/SINPWebServiceServer.php"
    differences = _differences(published, _ours(SINP))
    served = {
        path: pair
        for path, pair in differences.items()
        if pair[1] is not _ABSENT  # the operations that are in no table yet
    }
    assert served == {
        f"service/{SINP.service}/{SINP.port}/address": (address, _OURS),
    }


def test_output_file_type_is_declared_as_published_and_means_votable() -> None:
    (kind,) = {p for o in FMI.operations for p in o.request.walk() if p.name == "OutputFileType"}
    assert (kind.declared, kind.fallback) == ("netCDF", "VOTable")
