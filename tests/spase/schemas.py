"""Schemas: every published schema that answers of OAI-PMH are valid against, as one."""

from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

_XS = "http://www.w3.org/2001/XMLSchema"
_IVOA = (
    ("http://www.openarchives.org/OAI/2.0/", "OAI-PMH.xsd"),
    ("http://www.openarchives.org/OAI/2.0/oai_dc/", "oai_dc.xsd"),
    ("http://www.ivoa.net/xml/RegistryInterface/v1.0", "RegistryInterface-v1.0.xsd"),
    ("http://www.ivoa.net/xml/VOResource/v1.0", "VOResource-v1.1.xsd"),
    ("http://www.ivoa.net/xml/VODataService/v1.1", "VODataService-v1.2.xsd"),
    ("http://www.ivoa.net/xml/VORegistry/v1.0", "VORegistry-v1.1.xsd"),
)
_OTHERS = (
    ("http://www.spase-group.org/data/schema", "spase/xsd/spase-2_7_1.xsd"),
    ("http://impex-fp7.oeaw.ac.at", "impex/xsd/impex-1_0_2.xsd"),
)


@cache
def schema(shared: Path) -> etree.XMLSchema:
    """Give the schema of OAI-PMH with all that may be in its answers."""
    standards = shared / "standards"
    places = [(space, standards / "ivoa" / name) for space, name in _IVOA]
    places += [(space, standards / name) for space, name in _OTHERS]
    root = etree.Element(f"{{{_XS}}}schema")
    for space, place in places:
        etree.SubElement(root, f"{{{_XS}}}import", namespace=space, schemaLocation=place.as_uri())
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Offline(standards / "ivoa"))
    return etree.XMLSchema(etree.fromstring(etree.tostring(root), parser))


class _Offline(etree.Resolver):
    """Finds schemas in a folder by its catalogue, and never in the network."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        catalogue = etree.parse(folder / "catalog.xml").getroot()
        self._names = {
            str(entry.get("systemId")): str(entry.get("uri"))
            for entry in catalogue.iter("{*}system")
        }

    def resolve(self, url: str, public_id: str, context: Any) -> Any:  # type: ignore[override]
        if url.startswith("file:"):
            return None
        name = self._names.get(url, url.rpartition("/")[2])
        found: Any = self
        return found.resolve_filename(str(self._folder / name), context)


def errors(shared: Path, content: bytes) -> list[str]:
    """Give what is wrong with a document, none where it is valid."""
    checker = schema(shared)
    checker.validate(etree.fromstring(content))
    log: Any = checker.error_log
    return [f"{error.line}: {error.message}" for error in log]
