"""Rows: records as the store keeps them, by the words, lists and times that they are found by."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from spase.dictionary import SAME_KIND, kind_in_id
from spase.glance import glance
from spase.read import alone
from spase.record import Node, Record
from spase.rules import broken
from spase.write import write
from vo_server.errors import BadArgument
from vo_server.model.time import parse_time
from vo_server.row import OWN, Facets, Row

# Lists by the elements whose texts are in them, wherever these stand in a record.
LISTS = {
    **dict.fromkeys(("ObservedRegion", "SimulatedRegion", "ModeledRegion"), "ObservedRegion"),
    **dict.fromkeys(
        ("InstrumentID", "SimulatedInstrumentID", "ModeledInstrumentID"), "InstrumentID"
    ),
    **dict.fromkeys(
        ("FieldQuantity", "ParticleQuantity", "WaveQuantity", "MixedQuantity", "SupportQuantity"),
        "Quantity",
    ),
    **dict.fromkeys(("ModelType", "SimulationType"), "ModelType"),
    **dict.fromkeys(("ModelProduct", "SimulationProduct"), "ModelProduct"),
    **{
        name: name
        for name in (
            *("AccessRights", "AlternateName", "ApplicationInterface", "Authors", "Cadence"),
            *("CodeLanguage", "DOI", "Format", "InputResourceID", "Keyword", "MeasurementType"),
            *("MemberID", "ModelID", "ObservatoryGroupID", "ObservatoryID", "ParameterKey"),
            *(
                "PersonID",
                "PhenomenonType",
                "PublishedBy",
                "RepositoryID",
                "SpectralRange",
                "Style",
            ),
        )
    },
}
PARAMETER = "Parameter"  # the list of the names of parameters
_MOST, _LONGEST = 300, 200  # texts of one list, and letters of each


def row(record: Record, source: str = OWN, content: bytes | None = None) -> Row:
    """Give what is kept of a record; content: the document it came in, where it was alone there."""
    resource = record.resource
    start, stop = _span(resource)
    findings = (*record.findings, *broken(glance(record)))
    return Row(
        record.id, record.kind, write(record) if content is None else content, source,
        record.namespace or "", record.version, record.judge, title(record),
        resource.get("ResourceHeader/Description") or resource.get("Description"),
        resource.get("ParentID"), start, stop, _facets(resource), findings,
    )  # fmt: skip


def record_of(kept: Row) -> Record:
    """Give the record that a row was made of, with what was found wrong with it then."""
    found = alone(kept.content, kept.judge)
    if found is None:
        raise BadArgument(f"{kept.id} has no record any more", argument="id")
    return replace(found, findings=kept.findings)


def title(record: Record) -> str:
    """Give what people call a record."""
    names = ("ResourceHeader/ResourceName", "PersonName", "OrganizationName")
    found = (record.resource.get(name) for name in names)
    return next(filter(None, found), record.id.rpartition("/")[2])


def kinds_named(word: str) -> tuple[str, ...]:
    """Give every name of a kind of resource, in IMPEx and SPASE, old and new."""
    new = kind_in_id(word)
    return (new, *(old for old, same in SAME_KIND.items() if same == new))


def ids_named(rest: str) -> tuple[str, ...]:
    """Give the ids that one stands for, here without its scheme: either name of a kind is right."""
    authority, _, path = rest.partition("/")
    word, _, end = path.partition("/")
    spelled = dict.fromkeys((word, *kinds_named(word)))
    return tuple(
        f"{scheme}://{authority}/{kind}/{end}" for scheme in ("spase", "impex") for kind in spelled
    )


def _span(resource: Node) -> tuple[np.datetime64 | None, np.datetime64 | None]:
    """Give the first and the last time that a resource covers, None where it goes on."""
    spans = [
        node for name in ("TemporalDescription/TimeSpan", "TimeSpan") for node in resource.all(name)
    ] or [resource]
    starts = [moment for span in spans if (moment := _time(span.get("StartDate"))) is not None]
    stops = [_time(span.get("StopDate")) for span in spans]
    known = [stop for stop in stops if stop is not None]
    ends = bool(known) and len(known) == len(stops)
    return min(starts, default=None), max(known) if ends else None


def _time(text: str) -> np.datetime64 | None:
    try:
        whole: np.datetime64 = parse_time(text).astype("datetime64[s]")
    except BadArgument:
        return None
    return whole


def _facets(resource: Node) -> Facets:
    found: dict[str, dict[str, None]] = {}
    for parent, node in _leaves(resource):
        name = PARAMETER if parent == PARAMETER and node.name == "Name" else LISTS.get(node.name)
        text = " ".join(node.text.split())
        if name and text and len(text) <= _LONGEST:
            words = found.setdefault(name, {})
            if len(words) < _MOST:
                words[text] = None
    return {name: tuple(words) for name, words in found.items()}


def _leaves(top: Node) -> Iterator[tuple[str, Node]]:
    """Give every element of text with the name of the one around it, in their order."""
    waiting = [("", top)]
    while waiting:
        around, node = waiting.pop()
        if node.children:
            waiting += [(node.name, child) for child in reversed(node.children)]
        elif node.namespace is None:
            yield around, node
