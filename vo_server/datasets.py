"""Datasets: every time series of the node by its short name, whoever reads it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vo_server.availability import Availability
from vo_server.errors import UnknownResource
from vo_server.flights import Flight, flights
from vo_server.identifiers import identifier, is_identifier
from vo_server.model.resource import Kind, Resource
from vo_server.ports import SeriesSource
from vo_server.registry import Entry, Registry
from vo_server.settings import Flights


@dataclass(frozen=True, slots=True)
class Dataset:
    """A time series and what reads it."""

    resource: Resource
    source: SeriesSource


class Datasets:
    """The look-up of time series by name: of the providers, virtual spacecraft, availabilities.

    Of two with one name the first is served. What is made of the registry's entries is kept until
    one of them changes.
    """

    def __init__(self, registry: Registry, settings: Flights) -> None:
        self._registry = registry
        self._settings = settings
        self._entries: Mapping[str, Entry] = {}
        self._key: tuple[tuple[str, str], ...] | None = None
        self._datasets: dict[str, Dataset] = {}

    def all(self) -> list[Resource]:
        """Give every time series in the order of their names."""
        return [dataset.resource for dataset in self._current().values()]

    def get(self, name: str, *, argument: str = "dataset") -> Dataset:
        """Give the series of a name; raises UnknownResource, which does not repeat the name."""
        found = self._current().get(name)
        if found is None:
            raise UnknownResource("no dataset of this name is served", argument=argument)
        return found

    def _current(self) -> dict[str, Dataset]:
        entries = self._registry.entries()
        if entries is not self._entries:
            key = tuple((id, entry.resource.version) for id, entry in entries.items())
            if key != self._key:
                found = _named((*_provided(entries), *_flown(entries, self._settings)))
                self._datasets = dict(sorted(found.items()))
            self._entries, self._key = entries, key
        return self._datasets


def _provided(entries: Mapping[str, Entry]) -> Iterable[Dataset]:
    for id in sorted(entries):
        resource, provider = entries[id].resource, entries[id].provider
        if resource.kind is Kind.SERIES and isinstance(provider, SeriesSource):
            yield Dataset(resource, provider)


def _flown(entries: Mapping[str, Entry], settings: Flights) -> Iterable[Dataset]:
    for flight in flights(entries, settings):
        yield Dataset(flight.resource, flight)


def _named(datasets: Iterable[Dataset]) -> dict[str, Dataset]:
    """Give the datasets by name, each with the companion that tells where it has records."""
    found: dict[str, Dataset] = {}
    for dataset in datasets:
        series = dataset.resource.series
        if series is not None:
            found.setdefault(series.name, dataset)
    for name, dataset in tuple(found.items()):
        if not (isinstance(dataset.source, Flight) and dataset.source.error):
            given = f"av_{name}"
            companion_name = given if is_identifier(given) else identifier(given)
            companion = Availability(dataset.resource, dataset.source, companion_name)
            found.setdefault(companion_name, Dataset(companion.resource, companion))
    return found
