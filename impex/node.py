"""Node: what this project offers over REST beyond the published services, as a table of its own."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from impex.dialect import Dialect, Operation, Parameter, Record, Reply
from impex.elements import POINTS, listed, optional, variable
from impex.message import Request
from schemas.impex import REGION
from schemas.simple_type import ANY_URI, DATE_TIME, POSITIVE_INTEGER, STRING
from vo_server.context import Context
from vo_server.errors import BadArgument, excerpt
from vo_server.misfit import Misfit, ranked
from vo_server.model.resource import Resource
from vo_server.model.time import parse_time
from vo_server.model.trajectory import Trajectory
from vo_server.observation import comparable, compared
from vo_server.ranking import body_of
from vo_server.roles import trajectory
from vo_server.wind import columns_of, nearest_runs, observe
from votable.write import write

_NAMESPACE = "urn:vo-server"
_MOST, _DIGITS = 1000, 10  # runs of one answer, digits of a number of them

RANK = Operation(
    name="rank",
    element="rank",
    action="rank",
    message="rank",
    reply=Reply("rank_Response", "json_string", STRING),
    request=Record(
        "rank",
        (
            replace(
                POINTS,
                note="URL of a table of what a spacecraft observed: X, Y, Z and the variables, "
                "each with its unit.",
            ),
            replace(variable(_NAMESPACE), least=1, note="Parameters to compare."),
            replace(optional("Object", REGION, "Body of the runs; any when left out."), open=True),
        ),
    ),
    note="Flies every output along what was observed and gives them by misfit, the least first, "
    "each with the URL of its series.",
)
RANK_WIND = Operation(
    name="rankWind",
    element="rankWind",
    action="rankWind",
    message="rankWind",
    reply=Reply("rankWind_Response", "json_string", STRING),
    request=Record(
        "rankWind",
        (
            Parameter(
                "url",
                ANY_URI,
                note="URL of a table of an observed solar wind, or of data of a HAPI server, each "
                "column with its unit.",
            ),
            replace(optional("Object", REGION, "Body of the runs."), least=1, open=True),
            optional("StartTime", DATE_TIME, "First time of the interval; all when left out."),
            optional("StopTime", DATE_TIME, "Time at which the interval ends."),
            replace(
                variable(_NAMESPACE),
                note="Quantities to compare, such as Density Utot Btot; those of Density, Utot, "
                "Temperature and Btot that there are when left out.",
            ),
            optional(
                "Columns",
                listed(_NAMESPACE, "Columns", STRING),
                "Where a quantity is in the table: NAME=COLUMN, separated by blanks or commas.",
            ),
            optional("RunCount", POSITIVE_INTEGER, "How many runs.", fallback="10"),
        ),
    ),
    note="Gives the runs whose solar wind comes nearest to the medians of an observed interval, "
    "differences in observed spreads.",
)
NODE = Dialect(
    name="node",
    title="Beyond the published services",
    namespace=_NAMESPACE,
    definitions="Node",
    service="Node",
    port="Node",
    port_type="Node",
    binding="Node",
    actor="Node",
    operations=(RANK, RANK_WIND),
)


def rank_outputs(request: Request, context: Context) -> list[dict[str, Any]]:
    """Give the outputs that have the variables by misfit, with what there is to tell of each.

    Raises what `comparable` and `compared` raise.
    """
    budget = context.budget()
    values: Mapping[str, Any] = request.values
    names = values["Variable"]
    outputs = comparable(context.registry, names, str(values.get("Object", "")))
    with context.table(values["url_XYZ"], budget, argument="url_XYZ") as points:
        tables, digest = list(points.tables), points.digest

    def read(resource: Resource) -> Trajectory:
        body = resource.body
        return trajectory(
            tables,
            body=body.name if body else "",
            radius=body.radius if body else None,
            argument="url_XYZ",
        )

    found = ranked(list(compared(read, names, outputs, budget)))
    versions = {entry.resource.id: entry.resource.version for entry in outputs}

    def kept(misfit: Misfit) -> str | None:
        if misfit.flown is None:
            return None
        told = ("rank", misfit.output, versions[misfit.output], digest, *names)
        key = context.results.key(*told)
        name = context.results.find(key, "vot")
        name = name or context.results.put(key, "vot", write((misfit.flown,)), budget)
        return context.results.url(name)

    return [
        {
            "ResourceID": misfit.output,
            "misfit": None if math.isnan(misfit.value) else misfit.value,
            "points": misfit.points,
            "rms": misfit.terms,
            "url": kept(misfit),
            "why": misfit.why or None,
        }
        for misfit in found
    ]


def rank_winds(request: Request, context: Context) -> dict[str, Any]:
    """Give what was observed, and the runs by how near their solar wind comes to it.

    Raises what `observe` and `nearest_runs` raise.
    """
    values: Mapping[str, Any] = request.values
    start, stop = (
        parse_time(values[name], argument=name) if values.get(name) else None
        for name in ("StartTime", "StopTime")
    )
    columns = columns_of(values.get("Columns") or ())
    with context.table(values["url"], context.budget(), argument="url") as given:
        seen = observe(given.tables, values["Variable"], (start, stop), columns, argument="url")
    body, count = body_of(values["Object"]), _count(str(values["RunCount"]))
    return {
        "observed": {
            one.name: {"median": one.median, "spread": one.spread, "count": one.count}
            for one in seen
        },
        "runs": [
            {
                "ResourceID": run.id,
                "NumericalOutput": run.outputs,
                "distance": run.ranked.distance,
                "terms": run.ranked.terms,
                "values": run.ranked.values,
            }
            for run in nearest_runs(context.registry, body, seen, count)
        ],
    }


def _count(text: str) -> int:
    """Read how many runs are wanted."""
    if not (text.isdecimal() and 0 < len(text) < _DIGITS and int(text) > 0):
        raise BadArgument(f"RunCount {excerpt(text)} is no number of runs", argument="RunCount")
    return min(int(text), _MOST)


# What the operations of this table do.
METHODS: Mapping[str, Callable[[Request, Context], Any]] = {
    RANK.name: rank_outputs,
    RANK_WIND.name: rank_winds,
}
