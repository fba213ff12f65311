"""Operations: what the methods of IMPEx do, over the kernel; free of any dialect's wire."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from impex import fields
from impex.columns import positions_first
from impex.convert import FORMATS, METHODS, line_quantity, line_request, resource_id
from impex.soap import Handler
from vo_server.budget import Budget
from vo_server.context import Context, Given
from vo_server.lines import follow
from vo_server.model.request import SampleRequest
from vo_server.model.resource import Kind, Resource
from vo_server.model.table import Table
from vo_server.model.trajectory import Trajectory
from vo_server.plugins import format_named
from vo_server.registry import Entry
from vo_server.roles import trajectory
from vo_server.sampling import find_output, fly, parameter_names, source_of

_POINTS = "url_XYZ"
_RESOURCE = "ResourceID"


class Operations:
    """The methods of one node; each takes the values of a request and gives its answer.

    An answer's URL is named by what was asked of which version of what; asked again, the result
    that is still there is the answer.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._version = version("vo-server")

    def handlers(self) -> dict[str, Handler]:
        """Give the methods by their names in every dialect."""
        return {
            "getDataPointValue": self.data_point_value,
            "getFieldLine": self.field_line,
            "getVOTableURL": self.votable_url,
            "isAlive": self.is_alive,
        }

    def is_alive(self, given: Mapping[str, Any]) -> bool:
        """Answer that the node is there."""
        return True

    def data_point_value(self, given: Mapping[str, Any]) -> str:
        """Sample an output at the points of a table and give the URL of the result."""
        budget = self._context.budget()
        wanted = given["Variable"]
        entry = self._output(given, wanted)
        names = parameter_names(entry.resource, wanted, argument="Variable")
        source = source_of(entry, _RESOURCE)
        method = METHODS[given["InterpolationMethod"]]
        kind = FORMATS[given["OutputFileType"]]
        with self._context.table(given[_POINTS], budget, argument=_POINTS) as points:

            def tables() -> Iterable[Table]:
                flight = _trajectory(points, entry.resource)
                request = SampleRequest(entry.resource, names, flight, method)
                flown = fly(request, source, budget, argument=_POINTS)
                return flown if kind == "votable" else positions_first(flown, flight)

            asked = ("getDataPointValue", entry.resource.id, entry.resource.version)
            key = self._key(*asked, points.digest, method, *names)
            return self._result(key, kind, tables, budget)

    def field_line(self, given: Mapping[str, Any]) -> str:
        """Trace lines from the points of a table and give the URL of the result."""
        budget = self._context.budget()
        quantity = line_quantity(given["Variable"]) or self._quantity(given)
        entry = self._output(given, [f"{quantity}{axis}" for axis in "xyz"])
        source = source_of(entry, _RESOURCE)
        budget.allow("steps", given["MaxSteps"], argument="MaxSteps")
        kind = FORMATS[given["OutputFileType"]]
        with self._context.table(given[_POINTS], budget, argument=_POINTS) as points:

            def tables() -> Iterable[Table]:
                seeds = _trajectory(points, entry.resource)
                request = line_request(given, entry.resource, quantity, seeds)
                return follow(request, source, budget, argument=_POINTS)

            conditions = [f"{k}={v!r}" for k, v in given.items() if k not in (_POINTS, _RESOURCE)]
            asked = ("getFieldLine", entry.resource.id, entry.resource.version)
            key = self._key(*asked, points.digest, quantity, *conditions)
            return self._result(key, kind, tables, budget)

    def votable_url(self, given: Mapping[str, Any]) -> str:
        """Store columns as a VOTable and give its URL."""
        budget = self._context.budget()
        key = self._key("getVOTableURL", repr(given))

        def tables() -> Iterable[Table]:
            table = fields.table(given)
            budget.allow("points", len(table), argument="Fields")
            return (table,)

        return self._result(key, "votable", tables, budget)

    def _output(self, given: Mapping[str, Any], wanted: Sequence[str]) -> Entry:
        """Find the output that a ResourceID stands for."""
        id = resource_id(given[_RESOURCE])
        return find_output(self._context.registry, id, wanted, argument=_RESOURCE)

    def _quantity(self, given: Mapping[str, Any]) -> str:
        """Give the vector to follow where none is named: the magnetic field where there is one."""
        registry = self._context.registry
        id = resource_id(given[_RESOURCE])
        resource = registry.get(id, argument=_RESOURCE).resource
        outputs = [resource] if resource.kind is Kind.OUTPUT else registry.children(id)
        magnetic = any(p.name == "Bx" for output in outputs for p in output.parameters)
        return "B" if magnetic else "U"

    def _key(self, *parts: str) -> str:
        return self._context.results.key(self._version, *parts)

    def _result(
        self, key: str, kind: str, tables: Callable[[], Iterable[Table]], budget: Budget
    ) -> str:
        """Give the URL of a result, which is made where it is not there yet."""
        results, format = self._context.results, format_named(kind)
        extension = format.extensions[0]
        name = results.find(key, extension)
        if name is None:
            name = results.put(key, extension, format.write(tables()), budget)
        return results.url(name)


def _trajectory(points: Given, resource: Resource) -> Trajectory:
    """Read a client's table as positions."""
    body = resource.body
    return trajectory(
        points.tables,
        body=body.name if body else "",
        radius=body.radius if body else None,
        argument=_POINTS,
    )
