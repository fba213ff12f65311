"""Temporal: when a time series has records, and the records of measured ones."""

from spase.element import each, element, told
from spase.header import House
from spase.quantity import measured, names_of, parameters
from spase.record import Node
from vo_server.errors import BadArgument
from vo_server.model.resource import Resource
from vo_server.model.series import Series
from vo_server.model.time import print_duration, print_time


def description(series: Series) -> Node:
    """Give the TemporalDescription of a series."""
    cadence = None if series.cadence is None else print_duration(series.cadence)
    return element(
        "TemporalDescription",
        element(
            "TimeSpan",
            element("StartDate", print_time(series.coverage.start)),
            element("StopDate", print_time(series.coverage.stop)),
        ),
        told("Cadence", cadence),
    )


def series_record(house: House, resource: Resource) -> Node:
    """Give the NumericalData of a time series that was measured.

    Raises BadArgument where nothing serves it, or where it is not told what was measured.
    """
    series = resource.series
    services = [link for link in house.links(resource) if link.role == "service"]
    if series is None or not services:
        raise BadArgument("no front of the node serves it", argument=resource.id)
    measures = _words("MeasurementType", series.measures) or measured(resource.parameters)
    if not measures:
        raise BadArgument(
            "it is not told what is measured; give measures in dataset.toml", argument=resource.id
        )
    text = "\n".join(filter(None, (series.description, series.citation))) or resource.title
    return element(
        "NumericalData",
        element("ResourceID", resource.id),
        house.header(resource.title, house.released(resource), text),
        *house.access(services),
        *each("MeasurementType", measures),
        description(series),
        *each("ObservedRegion", _words("Region", series.region)),
        told("Caveats", "\n".join(series.warnings)),
        *parameters(resource.parameters),
    )


def _words(enumeration: str, given: tuple[str, ...]) -> list[str]:
    """Give words of an enumeration; raises BadArgument where it has one of them not."""
    known = names_of(enumeration)
    for word in given:
        if word.casefold() not in known:
            raise BadArgument(f"SPASE has no {enumeration} '{word[:40]}'", argument=enumeration)
    return [known[word.casefold()] for word in given]
