"""Dublin Core: what everybody understands of a record."""

from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

from vo_server.leaf import plain
from vo_server.model.time import print_time
from vo_server.record_address import page_url
from vo_server.row import Row

_DC = "http://purl.org/dc/elements/1.1/"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
# DCMI types by kinds of resources.
_TYPES = {
    **dict.fromkeys(
        ("NumericalData", "NumericalOutput", "Granule", "Catalog", "Annotation"), "Dataset"
    ),
    **dict.fromkeys(("DisplayData", "DisplayOutput"), "Image"),
    **dict.fromkeys(("ModelRun", "SimulationRun", "Collection"), "Collection"),
    **dict.fromkeys(("Software", "Model", "SimulationModel"), "Software"),
    **dict.fromkeys(("Service", "Registry"), "Service"),
    "Document": "Text",
}
# Elements by the lists of a row whose words they hold.
_ELEMENTS = (
    ("creator", ("Authors",)),
    ("subject", ("Keyword", "ObservedRegion", "MeasurementType", "PhenomenonType")),
    ("publisher", ("PublishedBy",)),
    ("contributor", ("PersonID",)),
    ("format", ("Format",)),
    ("identifier", ("DOI",)),
    ("relation", ("InstrumentID", "ModelID", "RepositoryID")),
    ("rights", ("AccessRights",)),
)


class DublinCore:
    """The form `oai_dc`, which every record has."""

    namespace = "http://www.openarchives.org/OAI/2.0/oai_dc/"
    schema = "http://www.openarchives.org/OAI/2.0/oai_dc.xsd"
    sets: Mapping[str, str] = {}
    lasting = False

    def __init__(self, context: Any) -> None:
        self._base_url = context.settings.node.base_url

    def identifier(self, row: Row) -> str:
        """Give the id."""
        return row.id

    def write(self, row: Row) -> bytes | None:
        """Give what Dublin Core has of a record."""
        spaces: Any = {"oai_dc": self.namespace, "dc": _DC, "xsi": _XSI}
        root = etree.Element(f"{{{self.namespace}}}dc", nsmap=spaces)
        root.set(f"{{{_XSI}}}schemaLocation", f"{self.namespace} {self.schema}")
        for name, text in (*_told(row, self._base_url), *_listed(row)):
            etree.SubElement(root, f"{{{_DC}}}{name}").text = plain(text)
        return etree.tostring(root)


def _told(row: Row, base_url: str) -> Iterator[tuple[str, str]]:
    yield "title", row.title
    yield "identifier", row.id
    if (address := page_url(base_url, row.id)) is not None:
        yield "identifier", address
    if row.description:
        yield "description", row.description
    if row.kind in _TYPES:
        yield "type", _TYPES[row.kind]
    yield "type", row.kind
    if row.start is not None:
        stop = "" if row.stop is None else print_time(row.stop)
        yield "coverage", f"{print_time(row.start)}/{stop}"
    if row.parent:
        yield "relation", row.parent


def _listed(row: Row) -> Iterator[tuple[str, str]]:
    for element, lists in _ELEMENTS:
        for name in lists:
            for word in row.facets.get(name, ()):
                yield element, word
    for region in row.facets.get("ObservedRegion", ()):
        yield "coverage", region
