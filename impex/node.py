"""Node: what this project offers over REST beyond the published services, as a table of its own."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from impex.dialect import Dialect, Operation, Record, Reply
from impex.elements import POINTS, optional, variable
from impex.message import Request
from schemas.impex import REGION
from schemas.simple_type import STRING
from vo_server.context import Context
from vo_server.errors import UnknownResource
from vo_server.misfit import Misfit, misfits, ranked
from vo_server.model.resource import Kind
from vo_server.ports import FieldSource
from vo_server.registry import Entry
from vo_server.roles import trajectory
from votable.write import write

_NAMESPACE = "urn:vo-server"

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
    operations=(RANK,),
)


def rank_outputs(request: Request, context: Context) -> list[dict[str, Any]]:
    """Give the outputs that have the variables by misfit, with what there is to tell of each.

    Raises UnknownResource where no output has them, and what `misfits` raises.
    """
    budget = context.budget()
    values: Mapping[str, Any] = request.values
    names, body = values["Variable"], str(values.get("Object", "")).casefold()
    outputs = [e for e in _outputs(context) if _has(e, names, body)]
    if not outputs:
        raise UnknownResource(f"no output has {', '.join(names)[:200]}", argument="Variable")
    url = values["url_XYZ"]
    known = outputs[0].resource.body
    with context.table(url, budget, argument="url_XYZ") as points:
        observed = trajectory(
            points.tables,
            body=known.name if known else "",
            radius=known.radius if known else None,
            argument="url_XYZ",
        )
        digest = points.digest
    found = ranked(list(misfits(observed, names, outputs, budget)))
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


def _outputs(context: Context) -> list[Entry]:
    registry = context.registry
    return [registry.get(resource.id) for resource in registry.all(Kind.OUTPUT)]


def _has(entry: Entry, names: tuple[str, ...], body: str) -> bool:
    resource = entry.resource
    known = resource.body.name.casefold() if resource.body else ""
    return (
        isinstance(entry.provider, FieldSource)
        and set(names) <= {parameter.name for parameter in resource.parameters}
        and body in ("", known)
    )
