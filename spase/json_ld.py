"""JSON-LD: a record in the words of schema.org, as search engines for data read them."""

from datetime import UTC, datetime
from typing import Any

from spase.record import Record
from vo_server.model.time import print_time
from vo_server.record_address import page_url
from vo_server.row import Row

# Types of schema.org by kinds of resources; data is a Dataset.
_TYPES = {
    "Person": "Person",
    **dict.fromkeys(("Software", "Model", "SimulationModel"), "SoftwareApplication"),
    **dict.fromkeys(("Service", "Registry"), "WebAPI"),
    "Document": "CreativeWork",
    "Repository": "Organization",
    **dict.fromkeys(("Observatory", "Instrument"), "Thing"),
}
_FREE = {"Open": True, "Restricted": False, "PartiallyRestricted": False}
_PUBLICATION = "ResourceHeader/PublicationInfo"
_NOT_OF_THINGS = ("Person", "Organization", "Thing")
_OF_ALL = ("@context", "@type", "@id", "url", "name", "alternateName", "description", "identifier")


def described(row: Row, record: Record, base_url: str) -> dict[str, Any]:
    """Describe a record; only what it says itself is said."""
    kind = _TYPES.get(row.kind, "Dataset")
    resource, lists = record.resource, row.facets
    header = resource.get
    changed = datetime.fromtimestamp(row.datestamp, UTC)
    content: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": kind,
        "@id": row.id,
        "url": page_url(base_url, row.id),
        "name": row.title,
        "alternateName": _one(lists.get("AlternateName", ())),
        "description": row.description,
        "identifier": [row.id, *lists.get("DOI", ())] if lists.get("DOI") else row.id,
        "sdDatePublished": changed.date().isoformat(),
        "keywords": list(lists.get("Keyword", ())),
        "dateModified": header("ResourceHeader/ReleaseDate")[:10],
        "datePublished": header(f"{_PUBLICATION}/PublicationDate")[:10],
        "creditText": header("ResourceHeader/Acknowledgement"),
        "creator": _named("Person", header(f"{_PUBLICATION}/Authors")),
        "publisher": _named("Organization", header(f"{_PUBLICATION}/PublishedBy")),
        "funder": [_named("Organization", node.text.strip())
                   for node in resource.all("ResourceHeader/Funding/Agency")],
        "license": header("AccessInformation/RightsList/Rights/RightsURI"),
        "temporalCoverage": _coverage(row),
        "spatialCoverage": [_named("Place", word) for word in lists.get("ObservedRegion", ())],
        "measurementTechnique": list(lists.get("MeasurementType", ())),
        "variableMeasured": _variables(record),
        "distribution": _distribution(record),
        "isAccessibleForFree": _FREE.get(header("AccessInformation/AccessRights")),
    }  # fmt: skip
    if kind in _NOT_OF_THINGS:
        content = {key: value for key, value in content.items() if key in _OF_ALL}
    elif kind != "Dataset":
        for key in ("measurementTechnique", "variableMeasured", "distribution"):
            del content[key]
    return {key: value for key, value in content.items() if value not in (None, "", [])}


def _one(words: tuple[str, ...]) -> Any:
    return words[0] if len(words) == 1 else list(words)


def _named(kind: str, name: str) -> dict[str, str] | None:
    return {"@type": kind, "name": name} if name else None


def _coverage(row: Row) -> str | None:
    if row.start is None:
        return None
    return f"{print_time(row.start)}/{'..' if row.stop is None else print_time(row.stop)}"


def _variables(record: Record) -> list[dict[str, str]]:
    found = []
    for parameter in record.resource.all("Parameter"):
        variable = {
            "@type": "PropertyValue",
            "name": parameter.get("ParameterKey") or parameter.get("Name"),
            "alternateName": parameter.get("Name"),
            "unitText": parameter.get("Units"),
            "description": parameter.get("Description"),
        }
        found.append({key: value for key, value in variable.items() if value})
    return found


def _distribution(record: Record) -> list[dict[str, Any]]:
    found = []
    for access in record.resource.all("AccessInformation"):
        form = access.get("Format")
        for place in access.all("AccessURL"):
            url = place.get("URL")
            if url.startswith(("https://", "http://")):
                known = {"@type": "DataDownload", "contentUrl": url, "encodingFormat": form,
                         "name": place.get("Name")}  # fmt: skip
                found.append({key: value for key, value in known.items() if value})
    return found
