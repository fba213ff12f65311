"""The page itself: what is served and how to call it, as HTML."""

from collections.abc import Iterable, Sequence
from importlib.resources import files

from lxml import html
from lxml.html import builder as E

from vo_server.model.resource import Kind, Resource
from vo_server.model.time import print_time
from vo_server.ports import Service
from vo_server.settings import Node

_KINDS = (
    (Kind.OUTPUT, "Simulations"),
    (Kind.ORBIT, "Orbits"),
    (Kind.SERIES, "Time series"),
)


def render(node: Node, services: Sequence[Service], resources: Sequence[Resource]) -> bytes:
    """Give the page as UTF-8 HTML; nothing of a request is in it."""
    body = [
        E.H1(node.title),
        E.P(E.CLASS("quiet"), f"A Virtual Observatory node, authority {node.authority}."),
        *_notes(node),
        E.H2("Services"),
        _services(services),
        *_examples(services),
    ]
    for kind, title in _KINDS:
        chosen = [resource for resource in resources if resource.kind is kind]
        if chosen:
            body += [E.H2(title), *(part for r in chosen for part in _resource(r))]
    page = E.HTML(
        E.HEAD(
            E.META(charset="utf-8"),
            E.META(name="viewport", content="width=device-width, initial-scale=1"),
            E.TITLE(node.title),
            E.STYLE(files(__package__).joinpath("page.css").read_text(encoding="utf-8")),
        ),
        E.BODY(*body),
        lang="en",
    )
    return bytes(html.tostring(page, doctype="<!DOCTYPE html>", encoding="utf-8"))


def _notes(node: Node) -> Iterable[html.HtmlElement]:
    if node.acknowledgement:
        yield E.P(node.acknowledgement)
    if node.license:
        yield E.P(E.CLASS("quiet"), f"Licence: {node.license}")
    if node.contact.name or node.contact.email:
        yield E.P(E.CLASS("quiet"), f"Contact: {node.contact.name} {node.contact.email}".strip())


def _services(services: Sequence[Service]) -> html.HtmlElement:
    if not services:
        return E.P("No service is switched on.")
    rows = []
    for service in services:
        described = service.description_url
        rows.append(
            E.TR(
                E.TD(service.title),
                E.TD(E.A(E.CODE(service.url), href=service.url)),
                E.TD(E.A("description", href=described) if described else ""),
            )
        )
    return E.TABLE(E.TR(E.TH("what"), E.TH("where"), E.TH("")), *rows)


def _examples(services: Sequence[Service]) -> Iterable[html.HtmlElement]:
    for service in services:
        if service.example:
            yield E.P(f"{service.title}, from Python:")
            yield E.PRE(service.example)


def _resource(resource: Resource) -> Iterable[html.HtmlElement]:
    yield E.H3(resource.title)
    yield E.P(E.CODE(resource.id), E.BR(), E.SPAN(E.CLASS("quiet"), _place(resource)))
    rows = [
        E.TR(E.TD(E.CODE(p.name)), E.TD(p.unit or ""), E.TD(p.description))
        for p in resource.parameters
    ]
    yield E.TABLE(E.TR(E.TH("parameter"), E.TH("unit"), E.TH("")), *rows)


def _place(resource: Resource) -> str:
    """Say in which frame and box a resource lies, and when."""
    words = [] if resource.frame is None else [f"frame {resource.frame}"]
    if resource.series is not None:
        coverage = resource.series.coverage
        words.append(f"{print_time(coverage.start)} to {print_time(coverage.stop)}")
    box, body = resource.domain, resource.body
    if box is not None:
        unit, name = (body.radius, f"{body.name} radii") if body is not None else (1e3, "km")
        ranges = [
            f"{axis} {low / unit:.2f} to {high / unit:.2f}"
            for axis, low, high in zip("xyz", box.lower, box.upper, strict=True)
        ]
        words.append(f"{', '.join(ranges)} {name}")
    if resource.release_date:
        words.append(f"released {resource.release_date}")
    return "; ".join(words)
