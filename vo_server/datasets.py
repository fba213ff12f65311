"""Datasets: every time series of the node by its short name, whoever reads it."""

from dataclasses import dataclass

from vo_server.errors import UnknownResource
from vo_server.model.resource import Kind, Resource
from vo_server.ports import SeriesSource
from vo_server.registry import Registry


@dataclass(frozen=True, slots=True)
class Dataset:
    """A time series and what reads it."""

    resource: Resource
    source: SeriesSource


class Datasets:
    """The look-up of time series by name; of two with one name the first by id is served."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def all(self) -> list[Resource]:
        """Give every time series in the order of their names."""
        found = self._current()
        return [found[name].resource for name in sorted(found)]

    def get(self, name: str, *, argument: str = "dataset") -> Dataset:
        """Give the series of a name; raises UnknownResource, which does not repeat the name."""
        found = self._current().get(name)
        if found is None:
            raise UnknownResource("no dataset of this name is served", argument=argument)
        return found

    def _current(self) -> dict[str, Dataset]:
        found: dict[str, Dataset] = {}
        for resource in self._registry.all(Kind.SERIES):
            provider = self._registry.get(resource.id).provider
            if resource.series is not None and isinstance(provider, SeriesSource):
                found.setdefault(resource.series.name, Dataset(resource, provider))
        return found
