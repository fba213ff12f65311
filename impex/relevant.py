"""Relevant runs: the solar wind of a request, and the ranked runs as the JSON that clients know."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson

from vo_server.errors import BadArgument
from vo_server.ranking import Criterion, Nearest, body_of, criterion, rank_runs, wire_name
from vo_server.registry import Registry

_PREFIX = "SW_"
_MOST = 1000  # runs of one answer


def relevant_runs(given: Mapping[str, Any], registry: Registry) -> str:
    """Give the JSON of the runs that come nearest.

    Raises BadArgument naming the parameter that makes no sense, or that no value is given.
    """
    body = body_of(given["Object"])
    wanted = _wanted(given)
    criteria = [_criterion(name, body, values) for name, values in wanted.items()]
    try:
        found = rank_runs(registry, body, criteria, min(given["RunCount"], _MOST))
    except BadArgument as err:
        raise _named_by(f"{_PREFIX}{err.argument}", err) from err
    answer = {
        "input": {
            "Object": given["Object"],
            "RunCount": given["RunCount"],
            "SW_parameters": {
                name: {k: v for k, v in values.items() if v is not None}
                for name, values in wanted.items()
            },
        },
        "runs": [_run(run) for run in found],
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
    with _naming(name):
        return criterion(
            name.removeprefix(_PREFIX),
            body,
            values["value"],
            weight=values["weight"],
            scale=values["scale"],
            formula=values["function"],
        )


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Name the parameter in a refusal of what it says."""
    try:
        yield
    except BadArgument as err:
        raise _named_by(name, err) from err


def _named_by(name: str, refusal: BadArgument) -> BadArgument:
    return BadArgument(f"{name}: {refusal.message}", argument=name)


def _run(found: Nearest) -> dict[str, Any]:
    return {
        "ResourceID": found.id,
        "ResourceName": found.ranked.run.title,
        "NumericalOutput": list(found.outputs),
        "S_diff": _text(found.ranked.distance),
        "S_diff_n": _named(found.ranked.terms),
        "Param_values": _named(found.ranked.values),
    }


def _named(values: Mapping[str, float]) -> dict[str, str]:
    return {wire_name(name): _text(value) for name, value in values.items()}


def _text(number: float) -> str:
    """Give a number as text, as clients of this answer expect it."""
    return f"{number:.15g}"
