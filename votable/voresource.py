"""VOResource: what registries of the IVOA harvest of this node, in VOResource 1.1.

Told of are the node's registry and naming authority, its services, and each data product of its
own. Sources: VOResource 1.1, VODataService 1.2, VORegistry 1.1, Registry Interfaces 1.1.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from lxml import etree
from lxml.etree import _Element as Element

from vo_server.leaf import plain
from vo_server.ports import Service
from vo_server.record_address import page_url
from vo_server.row import OWN, Row

_RI = "http://www.ivoa.net/xml/RegistryInterface/v1.0"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SPACES = {
    "ri": _RI,
    "vr": "http://www.ivoa.net/xml/VOResource/v1.0",
    "vs": "http://www.ivoa.net/xml/VODataService/v1.1",
    "vg": "http://www.ivoa.net/xml/VORegistry/v1.0",
    "xsi": _XSI,
}
_SCHEMAS = " ".join(f"{_SPACES[prefix]} {_SPACES[prefix]}" for prefix in ("ri", "vr", "vs", "vg"))
# Kinds of records that are data products.
_PRODUCTS = ("NumericalData", "NumericalOutput", "DisplayData", "DisplayOutput", "Catalog")
_NO_KEY = re.compile(r"[^\w\-.!~*'()+=/]")
_SHORTEST = 3  # letters of an authority
_MAX_RECORDS = 100
_MJD = np.datetime64("1858-11-17", "s")
_DAY = 86_400.0


class VoResource:
    """The form `ivo_vor`."""

    namespace = _RI
    schema = _RI
    sets = {"ivo_managed": "What this node publishes to the registries of the IVOA"}  # noqa: RUF012
    lasting = False
    source = "ivoa"

    def __init__(self, context: Any) -> None:
        self._context = context
        self._node = context.settings.node
        self._authority = ivo_authority(self._node.authority)
        self.about = f"ivo://{self._authority}/registry"

    def identifier(self, row: Row) -> str:
        """Give the IVOA identifier, in lower case as they are compared."""
        if row.id.startswith("ivo://"):
            return row.id
        own, _, key = row.id.partition("://")[2].partition("/")
        clean = _NO_KEY.sub("_", key)
        if clean != key or "//" in key:
            clean = f"{clean.replace('//', '/')}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        return f"ivo://{ivo_authority(own)}/{clean}".lower()

    def rows(self) -> Iterator[Row]:
        """Give the rows of the registry, the authority and each service."""
        title = self._node.title
        for id, kind, name, told, root in (
            (self.about, "VoRegistry", f"{title}: registry", "Records of what this node serves.",
             self._registry()),
            (f"ivo://{self._authority}", "VoAuthority", f"{title}: naming authority",
             f"The naming authority {self._node.authority}.", self._managing()),
            *self._services(),
        ):  # fmt: skip
            yield Row(
                id, kind, etree.tostring(root), self.source, _RI, title=name, description=told
            )

    def write(self, row: Row) -> bytes | None:
        """Give the VOResource of a row, None for what is no product of this node."""
        if row.source == self.source:
            kept = etree.fromstring(row.content)
            root = _root(str(kept.get(f"{{{_XSI}}}type")))
            self._common(root, row, self._context.url("/"), ("registry",))
            root.extend(list(kept))
        elif row.source == OWN and row.kind in _PRODUCTS:
            root = _root("vs:CatalogResource")
            subjects = [
                word
                for name in ("ObservedRegion", "MeasurementType", "Keyword")
                for word in row.facets.get(name, ())
            ]
            page = page_url(self._node.base_url, row.id)
            assert page is not None
            self._common(root, row, page, subjects or ["space plasma"])
            self._product(root, row)
        else:
            return None
        return etree.tostring(root)

    def _common(self, root: Element, row: Row, page: str, subjects: Any) -> None:
        """Write what every resource has."""
        root.set("created", _stamp(row.created))
        root.set("updated", _stamp(row.datestamp))
        root.set("status", "active")
        node, contact = self._node, self._node.contact
        _add(root, "title", row.title)
        _add(root, "identifier", self.identifier(row))
        if not row.id.startswith("ivo://"):
            _add(root, "altIdentifier", row.id)
        curation = _add(root, "curation")
        _add(curation, "publisher", node.title)
        for name in row.facets.get("Authors", ()):
            _add(_add(curation, "creator"), "name", name)
        person = _add(curation, "contact")
        _add(person, "name", contact.name or node.title)
        if contact.email:
            _add(person, "email", contact.email)
        content = _add(root, "content")
        for subject in subjects:
            _add(content, "subject", subject)
        _add(content, "description", row.description or row.title)
        _add(content, "referenceURL", page)

    def _product(self, root: Element, row: Row) -> None:
        if self._node.license:
            _add(root, "rights", self._node.license)
        for name in row.facets.get("InstrumentID", ()):
            _add(root, "instrument", name.rpartition("/")[2])
        if row.start is not None and row.stop is not None:
            days = " ".join(f"{(time - _MJD) / np.timedelta64(1, 's') / _DAY:.9f}"
                            for time in (row.start, row.stop))  # fmt: skip
            _add(_add(root, "coverage"), "temporal", days)

    def _registry(self) -> Element:
        root = _root("vg:Registry")
        harvest = _add(
            root, "capability", type="vg:Harvest", standardID="ivo://ivoa.net/std/Registry"
        )
        place = _add(harvest, "interface", type="vg:OAIHTTP", role="std", version="1.0")
        _add(place, "accessURL", self._context.url("/oai"))
        _add(harvest, "maxRecords", str(_MAX_RECORDS))
        _add(root, "full", "false")
        _add(root, "managedAuthority", self._authority)
        return root

    def _managing(self) -> Element:
        root = _root("vg:Authority")
        _add(root, "managingOrg", self._node.title)
        return root

    def _services(self) -> Iterator[tuple[str, str, str, str, Element]]:
        """Give each service once, by the path of its URL."""
        base = urlsplit(self._node.base_url).path
        seen: set[str] = set()
        for service in self._context.services():
            path = _NO_KEY.sub("_", urlsplit(service.url).path.removeprefix(base).strip("/"))
            id = f"ivo://{self._authority}/service/{path or 'node'}".lower()
            if id not in seen:
                seen.add(id)
                yield id, "VoService", service.title, service.title, _service(service)


def ivo_authority(authority: str) -> str:
    """Give a naming authority of SPASE as one of the IVOA, which has three letters at least."""
    clean = _NO_KEY.sub("_", authority.lower()).replace("/", "_")
    return clean if len(clean) >= _SHORTEST and clean[0].isalnum() else f"spase-{clean}"


def _service(service: Service) -> Element:
    root = _root("vr:Service")
    described = service.description_url or ""
    soap = described.endswith(".wsdl")
    place = _add(
        _add(root, "capability"), "interface", type="vr:WebService" if soap else "vs:ParamHTTP"
    )
    _add(place, "accessURL", service.url)
    if soap:
        _add(place, "wsdlURL", described)
    return root


def _root(kind: str) -> Element:
    spaces: Any = _SPACES
    root = etree.Element(f"{{{_RI}}}Resource", nsmap=spaces)
    root.set(f"{{{_XSI}}}type", kind)
    root.set(f"{{{_XSI}}}schemaLocation", _SCHEMAS)
    return root


def _add(
    parent: Element, name: str, text: str = "", type: str | None = None, **attributes: str
) -> Element:
    """Add an element, which in VOResource has no namespace; type: its xsi:type."""
    made = etree.SubElement(parent, name)
    if type is not None:
        made.set(f"{{{_XSI}}}type", type)
    for key, value in attributes.items():
        made.set(key, value)
    made.text = plain(text) or None
    return made


def _stamp(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"
