"""JSON-LD: a resource in the words of schema.org, as search engines for data read them."""

from typing import Any

from vo_server.model.resource import Resource
from vo_server.model.time import print_time
from vo_server.settings import Node


def dataset(resource: Resource, node: Node, url: str, downloads: dict[str, str]) -> dict[str, Any]:
    """Describe a time series as a schema.org Dataset; downloads: URL by media type."""
    series = resource.series
    content: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": url,
        "url": url,
        "name": resource.title,
        "description": (series.description if series else "") or resource.title,
        "identifier": resource.id,
        "license": node.license or None,
        "creditText": (series.citation if series else "") or node.acknowledgement or None,
        "isAccessibleForFree": True,
        "publisher": {"@type": "Organization", "name": node.authority, "url": node.base_url},
        "variableMeasured": [
            {
                "@type": "PropertyValue",
                "name": parameter.name,
                **({"unitText": parameter.unit} if parameter.unit else {}),
                **({"description": parameter.description} if parameter.description else {}),
            }
            for parameter in resource.parameters
        ],
        "distribution": [
            {"@type": "DataDownload", "encodingFormat": form, "contentUrl": address}
            for form, address in downloads.items()
        ],
    }
    if series is not None:
        start, stop = print_time(series.coverage.start), print_time(series.coverage.stop)
        content["temporalCoverage"] = f"{start}/{stop}"
        content["dateModified"] = None if series.modified is None else print_time(series.modified)
    return {key: value for key, value in content.items() if value is not None}
