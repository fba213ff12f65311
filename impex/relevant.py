"""Relevant runs: the solar wind of a request, and the ranked runs as the JSON that clients know."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from vo_server.errors import BadArgument
from vo_server.model.resource import Kind, Resource
from vo_server.model.snapshot import snapshot_id
from vo_server.ranking import Criterion, Ranked, criterion, rank
from vo_server.registry import Registry
from vo_server.snapshots import named_at, nearest_snapshot

_PREFIX = "SW_"
_MOST = 1000  # runs of one answer


def relevant_runs(given: Mapping[str, Any], registry: Registry) -> str:
    """Give the JSON of the runs that come nearest.

    Raises BadArgument naming the parameter that makes no sense, or that no value is given.
    """
    body = given["Object"].partition(".")[0]
    wanted = _wanted(given)
    criteria = [_criterion(name, body, values) for name, values in wanted.items()]
    runs = [
        _within(run, registry.children(run.id))
        for run in registry.all(Kind.RUN)
        if run.body is not None and run.body.name.casefold() == body.casefold()
    ]
    ranked = rank(runs, criteria, min(given["RunCount"], _MOST))
    answer = {
        "input": {
            "Object": given["Object"],
            "RunCount": given["RunCount"],
            "SW_parameters": {
                name: {k: v for k, v in values.items() if v is not None}
                for name, values in wanted.items()
            },
        },
        "runs": [_run(found, registry.children(found.run.id)) for found in ranked],
    }
    return orjson.dumps(answer).decode()


def _wanted(given: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Give what was sent of each solar wind parameter."""
    (parameters,) = given["SW_parameters"]
    wanted = {name: values[0] for name, values in parameters.items() if values}
    if not wanted:
        raise BadArgument("SW_parameters holds no parameter", argument="SW_parameters")
    return wanted


def _criterion(name: str, body: str, values: Mapping[str, Any]) -> Criterion:
    try:
        return criterion(
            name.removeprefix(_PREFIX),
            body,
            values["value"],
            weight=values["weight"],
            scale=values["scale"],
            formula=values["function"],
        )
    except BadArgument as err:
        raise BadArgument(f"{name}: {err.message}", argument=name) from err


def _within(run: Resource, children: list[Resource]) -> Resource:
    """Leave out of a run's wind that changes what was before or after all its snapshots."""
    spans = [child.span for child in children if child.span is not None]
    if not spans:
        return run
    first, last = min(span.start for span in spans), max(span.stop for span in spans)
    return replace(
        run,
        conditions=tuple(w for w in run.conditions if w.time is None or first <= w.time <= last),
    )


def _id(found: Ranked, outputs: list[Resource]) -> str:
    """Give the id of a run, at the time of a snapshot where it changes."""
    changing = next((output for output in outputs if output.snapshots), None)
    if found.time is None or changing is None:
        return found.run.id
    time = nearest_snapshot(changing, found.time).time
    assert time is not None
    return snapshot_id(found.run.id, time)


def _run(found: Ranked, children: list[Resource]) -> dict[str, Any]:
    outputs = [child for child in children if child.kind is Kind.OUTPUT]
    return {
        "ResourceID": _id(found, outputs),
        "ResourceName": found.run.title,
        "NumericalOutput": [named_at(output, found.time) for output in outputs],
        "S_diff": _text(found.distance),
        "S_diff_n": _named(found.terms),
        "Param_values": _named(found.values),
    }


def _named(values: Mapping[str, float]) -> dict[str, str]:
    return {
        name if "." in name else f"{_PREFIX}{name}": _text(value) for name, value in values.items()
    }


def _text(number: float) -> str:
    """Give a number as text, as clients of this answer expect it."""
    return f"{number:.15g}"
