"""Own: the records of everything that the node itself serves, in SPASE 2.7.1.

They are made of the registry, and are the same bytes as long as that is the same.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from schemas.model import model
from spase.element import element, told
from spase.header import House, released
from spase.quantity import NEWEST, measured
from spase.record import Node, Record
from spase.simulation import (
    flight_record,
    granule_record,
    method,
    model_record,
    output_record,
    run_record,
    snapshot_records,
)
from spase.temporal import series_record
from vo_server.check import Finding
from vo_server.context import Context
from vo_server.errors import BadArgument
from vo_server.model.resource import Kind, Resource
from vo_server.ports import Link
from vo_server.settings import Node as NodeSettings

_HEADER = (Node("Version", "2.7.1"),)
_START = np.datetime64("1970-01-01", "ns")


def records(context: Context) -> Iterator[Record]:
    """Give the record of each resource that the node serves, and of the node."""
    return (found for found in told_by(context) if isinstance(found, Record))


def told_by(context: Context) -> Iterator[Record | Finding]:
    """Give the records, and why there is none of a resource."""
    resources = {r.id: r for r in (*context.registry.all(), *context.datasets.all())}
    served = list(resources.values())
    yield from described(context.settings.node, served, context.links, newest(served))


def newest(resources: Iterable[Resource]) -> np.datetime64:
    """Give when the newest simulation of some resources was published."""
    dates = (released(resource) for resource in resources if resource.series is None)
    return max((date for date in dates if date is not None), default=_START)


def described(
    node: NodeSettings,
    resources: Sequence[Resource],
    links: Callable[[Resource], Sequence[Link]],
    now: np.datetime64,
) -> Iterator[Record | Finding]:
    """Give the records of resources; now: date of what tells none of its own."""
    house = House(node, links, now)
    yield _record(_repository(house))
    if house.person.startswith(f"spase://{node.authority}/"):
        yield _record(_person(house))
    known = {resource.id: resource for resource in resources}
    for resource in resources:
        if resource.series is not None and resource.series.of:
            continue
        try:
            for made in _records(house, resource, known):
                yield _record(made)
        except BadArgument as err:
            yield Finding("own", f"{resource.id} has no record: {err.message}", level="warning")


def has_record(resource: Resource) -> bool:
    """Tell whether a resource that is served has a record."""
    match resource.kind:
        case Kind.SERIES:
            series = resource.series
            measures = series is not None and (series.measures or measured(resource.parameters))
            return series is not None and not series.of and bool(resource.parent or measures)
        case Kind.MODEL:
            return method(resource) is not None
    return resource.kind is not Kind.ORBIT


def _records(house: House, resource: Resource, known: dict[str, Resource]) -> Iterable[Node]:
    """Give what there is to tell of one resource; raises BadArgument for why there is nothing."""
    match resource.kind:
        case Kind.MODEL:
            yield model_record(house, resource)
        case Kind.RUN if resource.body is not None:
            outputs = [
                r for r in known.values() if r.kind is Kind.OUTPUT and r.parent == resource.id
            ]
            above = known.get(resource.parent or "")
            yield run_record(house, resource, outputs, above if above and method(above) else None)
        case Kind.OUTPUT:
            yield output_record(house, resource)
            yield from snapshot_records(house, resource)
        case Kind.SERIES:
            output = known.get(resource.parent or "")
            if output is None:
                yield series_record(house, resource)
                return
            yield flight_record(house, resource, output)
            granule = granule_record(house, resource, output)
            if granule is not None:
                yield granule


def _record(node: Node) -> Record:
    return Record(node, _HEADER, model(NEWEST).namespace, NEWEST)


def _repository(house: House) -> Node:
    node = house.node
    return element(
        "Repository",
        element("ResourceID", house.repository),
        house.header(node.title, house.now, node.title, "GeneralContact"),
        element("AccessURL", element("URL", node.base_url)),
    )


def _person(house: House) -> Node:
    contact = house.node.contact
    return element(
        "Person",
        element("ResourceID", house.person),
        told("PersonName", contact.name),
        element("OrganizationName", house.node.title),
        told("Email", contact.email),
    )
