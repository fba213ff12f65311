"""The plug-in contract as callable checks: each gives findings, none when the word is kept."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from interpolation.status import Status
from vo_server.budget import Budget
from vo_server.errors import BadArgument, BadFile, Refusal
from vo_server.model.request import SeriesRequest
from vo_server.model.resource import Kind, Resource
from vo_server.ports import Ephemeris, FieldSource, OrbitSource, Provider, SeriesSource, Site
from vo_server.series import read

_LONG_AGO = "1700-01-01"  # a time that no orbit covers
_REFUSALS = (BadArgument("a test refusal", argument="test"), BadFile("a test failure"))


def check_provider(plugin: type[Any], options: Mapping[str, Any], site: Site) -> list[str]:
    """Construct a provider and check resources, fields and orbits; gives findings as sentences."""
    findings = list(_options(plugin))
    if findings:
        return findings
    provider = plugin(plugin.Options(**options), site)
    if not isinstance(provider, Provider):
        return ["it lacks resources() or refused()"]
    resources = list(provider.resources())
    if list(provider.resources()) != resources:
        findings.append("resources() changes although nothing did")
    if not isinstance(list(provider.refused()), list):
        findings.append("refused() gives no sequence")
    ids = [resource.id for resource in resources]
    findings += [f"{id} is given twice" for id in sorted({i for i in ids if ids.count(i) > 1})]
    for resource in resources:
        findings += _resource(resource, site)
        if resource.kind is Kind.OUTPUT and isinstance(provider, FieldSource):
            findings += _snapshots(resource)
            for one in resource.snapshots or (resource,):
                findings += _field(provider, one)
        if resource.kind is Kind.ORBIT:
            findings += _positions(provider, resource)
        if resource.kind is Kind.SERIES:
            findings += _series(provider, resource)
    return findings


def check_front(plugin: type[Any], options: Mapping[str, Any], context: Any) -> list[str]:
    """Construct a front and check prefix, routes and refusals; gives findings as sentences."""
    findings = list(_options(plugin))
    if findings:
        return findings
    front = plugin(plugin.Options(**options))
    if front.prefix and not (front.prefix.startswith("/") and not front.prefix.endswith("/")):
        findings.append(f"prefix '{front.prefix}' must be empty or start, and not end, with '/'")
    for route in front.routes(context):
        if not route.path.startswith("/") and route.path:
            findings.append(f"route '{route.path}' must start with '/'")
        if not inspect.iscoroutinefunction(route.endpoint):
            findings.append(f"the endpoint of '{route.path}' is not async")
    for refusal in _REFUSALS:
        answer = front.refuse(None, refusal)
        if getattr(answer, "status_code", 0) < 400:
            findings.append(f"refuse() answers {type(refusal).__name__} with no error status")
        if refusal.message.encode() not in getattr(answer, "body", b""):
            findings.append(f"refuse() does not tell what {type(refusal).__name__} says")
    return findings


def _options(plugin: type[Any]) -> Iterator[str]:
    options = getattr(plugin, "Options", None)
    config = getattr(options, "model_config", None)
    if config is None:
        yield "it has no Options class derived from pydantic's BaseModel"
    elif config.get("extra") != "forbid":
        yield "its Options do not forbid unknown keys"


def _resource(resource: Resource, site: Site) -> Iterator[str]:
    if not resource.id.startswith(f"spase://{site.authority}/"):
        yield f"{resource.id} lies outside the authority {site.authority}"
    if resource.kind is Kind.OUTPUT:
        for what in ("frame", "body", "domain", "parent", "model", "version", "parameters"):
            if not getattr(resource, what):
                yield f"{resource.id} has no {what}"
        for parameter in resource.parameters:
            if parameter.unit is None:
                yield f"{parameter.name} of {resource.id} has no unit"


def _snapshots(resource: Resource) -> Iterator[str]:
    """Check that snapshots have times that ascend, and are of one kind."""
    moments = [snapshot.time for snapshot in resource.snapshots]
    if None in moments or moments != sorted(set(moments), key=str):
        yield f"{resource.id}: the times of its snapshots do not ascend"
    for snapshot in resource.snapshots:
        for what in ("frame", "body", "domain"):
            if getattr(snapshot, what) != getattr(resource, what):
                yield f"{snapshot.id} has another {what} than {resource.id}"


def _field(provider: FieldSource, resource: Resource) -> Iterator[str]:
    """Sample the middle of the domain, far outside it, and a position that is no number."""
    if resource.domain is None:
        return
    lower, upper = np.asarray(resource.domain.lower), np.asarray(resource.domain.upper)
    inside = lower + (upper - lower) * 0.37
    points = np.array([inside, upper + 10.0 * (upper - lower), [np.nan, 0.0, 0.0]])
    names = [parameter.name for parameter in resource.parameters]
    try:
        with provider.field(resource, names) as field:
            values, status = field.sample(points, names, "linear")
    except Refusal as err:
        yield f"{resource.id} cannot be sampled: {err.message}"
        return
    if values.shape != (len(names), 3) or values.dtype != np.float64:
        found = f"{values.dtype} {values.shape}"
        yield f"{resource.id}: values are {found}, not float64 (names, points)"
    elif not np.isnan(values[:, 1:]).all():
        yield f"{resource.id}: values outside the domain, or at no position, are not NaN"
    if list(status[1:]) != [Status.OUTSIDE, Status.BAD_INPUT]:
        yield f"{resource.id}: status outside and at no position is {list(status[1:])}"


def _series(provider: Provider, resource: Resource) -> Iterator[str]:
    """Read the sample interval, or all there is."""
    if resource.series is None or not isinstance(provider, SeriesSource):
        yield f"{resource.id} cannot be read: it lacks `series`, or its provider read()"
        return
    interval = resource.series.sample or resource.series.coverage
    names = tuple(parameter.name for parameter in resource.parameters)
    try:
        blocks = list(read(SeriesRequest(resource, interval, names), provider, Budget()))
    except Refusal as err:
        yield f"{resource.id} cannot be read: {err.message}"
        return
    except KeyError as err:
        yield f"{resource.id}: its blocks have no column {err}"
        return
    if not blocks:
        yield f"{resource.id} has no records in its sample interval"
    if resource.parameters[0].dtype.kind != "M":
        yield f"{resource.id}: the first parameter is no time"


def _positions(provider: Provider, resource: Resource) -> Iterator[str]:
    """Check an orbit in each way in which its provider gives it."""
    if isinstance(provider, OrbitSource):
        yield from _orbit(provider, resource)
    if isinstance(provider, Ephemeris):
        yield from _ephemeris(provider, resource)
    elif not isinstance(provider, OrbitSource):
        yield f"{resource.id} has no positions: its provider lacks orbit() and positions()"


def _ephemeris(provider: Ephemeris, resource: Resource) -> Iterator[str]:
    """Ask for positions long ago, at no time, and where the orbit starts if it can be had whole."""
    whole = provider.orbit(resource, None).times if isinstance(provider, OrbitSource) else None
    known = whole[:1] if whole is not None else ()
    times = np.array([_LONG_AGO, "NaT", *known], "datetime64[ns]")
    try:
        points = provider.positions(resource, times, Budget())
    except Refusal as err:
        yield f"{resource.id}: its positions at some times cannot be had: {err.message}"
        return
    if points.shape != (len(times), 3) or points.dtype != np.float64:
        found = f"{points.dtype} {points.shape}"
        yield f"{resource.id}: positions at times are {found}, not float64 (times, 3)"
    elif not np.isnan(points[:2]).all():
        yield f"{resource.id}: positions at times that it does not cover are not NaN"
    elif not np.isfinite(points[2:]).all():
        yield f"{resource.id}: there is no position where the orbit starts"


def _orbit(provider: OrbitSource, resource: Resource) -> Iterator[str]:
    trajectory = provider.orbit(resource, None)
    if trajectory.positions.shape != (len(trajectory.table), 3):
        yield f"{resource.id}: positions are {trajectory.positions.shape}"
    if trajectory.frame is None:
        yield f"{resource.id}: the orbit has no frame"
