"""Describe: one dataset as the documents of every version.

A document is made in full first; `_SINCE` says from which version on a key may be in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hapi import status
from hapi.version import MOUNTS, V2_0, V2_1, V3_0, V3_1, V3_2, V3_3, Version
from hapi.wire import Wire, wire
from vo_server.model.parameter import Bins, Parameter
from vo_server.model.resource import Resource
from vo_server.model.series import Metadata, Series
from vo_server.model.time import print_duration, stamps

Document = dict[str, Any]

_LONGEST_TITLE = 40
_SINCE: Mapping[str, Version] = {
    "label": V2_1,
    "unitsSchema": V3_0, "citation": V3_0, "definitions": V3_0,
    "coordinateSystemSchema": V3_1, "coordinateSystemName": V3_1, "vectorComponents": V3_1,
    "additionalMetadata": V3_1, "maxRequestDuration": V3_1,
    "stringType": V3_2,
    "location": V3_3, "geoLocation": V3_3, "datasetCitation": V3_3, "licenseURL": V3_3,
    "provenance": V3_3, "warning": V3_3, "note": V3_3, "serverCitation": V3_3,
}  # fmt: skip


def wires(resource: Resource, names: Iterable[str]) -> list[Wire]:
    """Give the named columns as they go on the wire; the first column is the time."""
    digits = _series(resource).digits
    known = {p.name: (p, i == 0) for i, p in enumerate(resource.parameters)}
    return [wire(known[name][0], digits, primary=known[name][1]) for name in names]


def answer(version: Version, content: Document | None = None, code: int = status.OK) -> Document:
    """Give a document: version and status first, then what it holds."""
    told = {"code": code, "message": status.message(code)}
    return {"HAPI": str(version), "status": told, **(content or {})}


def error(version: Version, code: int, told: str) -> Document:
    """Give the document of an error."""
    return {
        "HAPI": str(version),
        "status": {"code": code, "message": status.message(code, told)},
    }


def capabilities(version: Version, formats: Sequence[str], base_url: str) -> Document:
    """Say which formats are given, and where the other versions are."""
    content: Document = {"outputFormats": list(formats)}
    if version >= V3_2:
        content["catalogDepthOptions"] = ["dataset", "all"]
    content["x_otherVersions"] = [
        {"HAPI": str(mount.version), "url": f"{base_url}{mount.path}"} for mount in MOUNTS
    ]
    return answer(version, content)


def catalog(version: Version, resources: Iterable[Resource]) -> list[Document]:
    """Give the list of datasets, grouped by mission and instrument in keys of our own."""
    return [{"id": _series(r).name, "title": short_title(r.title), **_groups(r)} for r in resources]


def info(
    version: Version,
    resource: Resource,
    names: Sequence[str],
    *,
    resolve: bool = True,
    cap: int | None = None,
    page: str = "",
) -> Document:
    """Describe a dataset with the named columns, without version and status.

    resolve: give what is referred to in its place, not in `definitions`; cap: most records of a
    request, which gives `maxRequestDuration`; page: URL for people, where the dataset names none.
    """
    series = _series(resource)
    known = {parameter.name: parameter for parameter in resource.parameters}
    definitions: Document = {}
    described = []
    for made in wires(resource, names):
        parameter = known[made.name]
        described.append(_parameter(version, parameter, made))
    if not resolve and version >= V3_0:
        definitions = _define_bins(described)
    content: Document = {
        "startDate": _time(series.coverage.start, series.digits),
        "stopDate": _time(series.coverage.stop, series.digits),
        "timeStampLocation": series.stamp.upper() if version == V2_0 else series.stamp,
        **_optional(series, cap, page),
        **_groups(resource),
        **_where(version, series, definitions, resolve=resolve),
        **_citation(version, series),
        "additionalMetadata": [_metadata(item) for item in series.metadata] or None,
        "definitions": definitions or None,
        "parameters": described,
    }
    return _allowed(version, content)


def short_title(text: str) -> str:
    """Give a title of at most the length that the standard suggests."""
    return text if len(text) <= _LONGEST_TITLE else f"{text[: _LONGEST_TITLE - 3].rstrip()}..."


def _series(resource: Resource) -> Series:
    assert resource.series is not None, resource.id
    return resource.series


def _allowed(version: Version, content: Document) -> Document:
    """Leave out what the version does not know, and what is not told."""
    return {
        key: value
        for key, value in content.items()
        if value is not None and version >= _SINCE.get(key, V2_0)
    }


def _time(moment: np.datetime64, digits: int) -> str:
    return bytes(stamps(np.array([moment], "datetime64[ns]"), digits)[0]).decode()


def _optional(series: Series, cap: int | None, page: str) -> Document:
    sample = series.sample
    longest = None
    if cap is not None and series.cadence is not None:
        longest = cap * series.cadence
    return {
        "cadence": None if series.cadence is None else print_duration(series.cadence),
        "sampleStartDate": None if sample is None else _time(sample.start, series.digits),
        "sampleStopDate": None if sample is None else _time(sample.stop, series.digits),
        "maxRequestDuration": None if longest is None else print_duration(longest),
        "description": series.description or None,
        "resourceURL": series.resource_url or page or None,
        "resourceID": series.resource_id or None,
        "creationDate": None if series.created is None else _time(series.created, 0),
        "modificationDate": None if series.modified is None else _time(series.modified, 0),
        "contact": series.contact or None,
        "contactID": series.contact_id or None,
        "unitsSchema": series.unit_schema or None,
        "coordinateSystemSchema": series.frame_schema or None,
        "licenseURL": series.license_url or None,
        "provenance": series.provenance or None,
        "warning": _one_or_all(series.warnings),
        "note": _one_or_all(series.notes),
    }


def _one_or_all(texts: Sequence[str]) -> str | list[str] | None:
    if not texts:
        return None
    return texts[0] if len(texts) == 1 else list(texts)


def _groups(resource: Resource) -> Document:
    """Tell mission and instrument, by which clients may group the datasets."""
    series = _series(resource)
    groups = {"x_mission": series.mission, "x_instrument": series.instrument}
    return {key: value for key, value in groups.items() if value}


def _citation(version: Version, series: Series) -> Document:
    key = "datasetCitation" if version >= V3_3 else "citation"
    return {key: series.citation or None}


def _where(version: Version, series: Series, definitions: Document, *, resolve: bool) -> Document:
    """Tell where the measurements were made.

    The text of 3.3 lets `location` name the columns that hold a position that moves; its JSON
    schema takes a fixed point or a reference only. So the columns are told under a key of our
    own, and under the standard's where it is a reference.
    """
    if series.place is not None:
        place = series.place
        location = {
            "point": list(place.point),
            "vectorComponents": list(place.components),
            "units": place.unit,
            "coordinateSystemName": place.frame,
        }
        return {"location": location}
    if series.geo:
        return {"geoLocation": list(series.geo)}
    if not series.location:
        return {}
    moving = {"parameters": [list(names) for names in series.location]}
    if version >= V3_3 and not resolve:
        definitions["location"] = moving
        return {"location": {"$ref": "#/definitions/location"}}
    return {"x_location": moving}


def _metadata(item: Metadata) -> Document:
    told = {
        "name": item.name,
        "content": item.content,
        "contentURL": "" if item.content else item.url,
        "schemaURL": item.schema_url,
        "aboutURL": item.about_url,
    }
    return {key: value for key, value in told.items() if value}


def _parameter(version: Version, parameter: Parameter, made: Wire) -> Document:
    content: Document = {"name": made.name, "type": made.type}
    if made.length is not None:
        content["length"] = made.length
    if made.size:
        content["size"] = list(made.size)
    content["units"] = _units(version, parameter, made)
    content["fill"] = made.fill
    shown: Document = {
        "description": parameter.description or None,
        "label": _labels(parameter),
        "stringType": _string_type(parameter),
        "coordinateSystemName": parameter.frame,
        "vectorComponents": _components(version, parameter),
        "bins": _bins(version, parameter.bins),
    }
    return content | _allowed(version, shown)


def _units(version: Version, parameter: Parameter, made: Wire) -> Any:
    if made.type == "isotime":
        return "UTC"
    if not parameter.units:
        return parameter.unit
    if version >= V2_1:
        return np.array(parameter.units, object).reshape(parameter.shape).tolist()
    return ", ".join(dict.fromkeys(unit or "1" for unit in parameter.units))


def _labels(parameter: Parameter) -> Any:
    if parameter.labels:
        return np.array(parameter.labels, object).reshape(parameter.shape).tolist()
    return parameter.label or None


def _string_type(parameter: Parameter) -> Any:
    if parameter.media_type is None:
        return None
    return {"uri": {"mediaType": parameter.media_type}} if parameter.media_type else "uri"


def _components(version: Version, parameter: Parameter) -> Any:
    names = parameter.components
    if not names or (version < V3_3 and "altitude" in names):
        return None
    return list(names) if parameter.shape else names[0]


def _bins(version: Version, bins: Sequence[Bins]) -> list[Document] | None:
    """Give the bins; 2.x has no way to say that they move, and its schema none for no bins."""
    if not bins:
        return None
    for item in bins:
        unbound = item.centers is None and item.ranges is None
        moves = isinstance(item.centers, str) or isinstance(item.ranges, str)
        if version < V3_0 and (moves or unbound):
            return None
    return [_dimension(version, item) for item in bins]


def _dimension(version: Version, item: Bins) -> Document:
    content: Document = {"name": item.name, "units": item.unit or "dimensionless"}
    if item.ranges is None or item.centers is not None:
        content["centers"] = list(item.centers) if isinstance(item.centers, tuple) else item.centers
    if item.ranges is not None:
        moves = isinstance(item.ranges, str)
        content["ranges"] = item.ranges if moves else [list(pair) for pair in item.ranges]
    return content | _allowed(
        version, {"label": item.label or None, "description": item.description or None}
    )


def _define_bins(described: Sequence[Document]) -> Document:
    """Move bins that several parameters share into definitions."""
    definitions: Document = {}
    shared: dict[str, list[Document]] = {}
    for parameter in described:
        if "bins" in parameter:
            shared.setdefault(repr(parameter["bins"]), []).append(parameter)
    for users in shared.values():
        if len(users) > 1:
            name = f"bins_{len(definitions) + 1}"
            definitions[name] = users[0]["bins"]
            for parameter in users:
                parameter["bins"] = {"$ref": f"#/definitions/{name}"}
    return definitions
