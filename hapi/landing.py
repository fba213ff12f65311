"""Landing: the pages for people, of the server and of each dataset, with JSON-LD in them."""

from urllib.parse import quote

import orjson
from lxml import html
from lxml.html import builder as E

from hapi.operations import STARTED, Page, modified
from hapi.query import FORMATS
from hapi.version import MOUNTS, Mount
from vo_server import jsonld
from vo_server.context import Context
from vo_server.model.resource import Resource
from vo_server.model.time import print_time

_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } th, td { text-align: left; padding: .2rem 1rem .2rem 0 }
code { font-size: .9rem } .quiet { color: #555 }
"""
_MEDIA = {"csv": "text/csv", "binary": "application/octet-stream", "json": "application/json"}


def landing_page(context: Context, mount: Mount) -> Page:
    """Give the page of the server: its endpoints, its versions, its datasets."""
    node = context.settings.node
    resources = context.datasets.all()
    base = context.url(mount.path)
    rows = []
    for resource in resources:
        assert resource.series is not None
        name = resource.series.name
        rows.append(
            E.TR(
                E.TD(E.A(E.CODE(_plain(name)), href=dataset_url(context, mount, name))),
                E.TD(_plain(resource.title)),
                E.TD(print_time(resource.series.coverage.start)),
                E.TD(print_time(resource.series.coverage.stop)),
            )
        )
    body = [
        E.H1(f"{node.title}: HAPI {mount.version}"),
        E.P("Time series over the ", E.A("HAPI", href="https://hapi-server.org/"), " interface."),
        E.UL(*(E.LI(E.A(f"{base}/{name}", href=f"{base}/{name}")) for name in
               ("capabilities", "catalog"))),
        E.H2("Datasets"),
        E.TABLE(E.TR(*(E.TH(word) for word in ("id", "title", "from", "to"))), *rows),
        E.H2("Versions"),
        E.UL(*(E.LI(E.A(f"HAPI {m.version}", href=context.url(m.path)), f" {m.path}")
               for m in MOUNTS)),
    ]  # fmt: skip
    newest = max((modified(resource) for resource in resources), default=STARTED)
    return Page(_render(node.title, body, None), newest, "text/html")


def dataset_page(context: Context, mount: Mount, name: str) -> Page:
    """Give the page of one dataset; raises UnknownResource."""
    resource = context.datasets.get(name).resource
    series = resource.series
    assert series is not None
    downloads = {_MEDIA[form]: _download(context, resource, form) for form in FORMATS}
    described = jsonld.dataset(
        resource, context.settings.node, dataset_url(context, mount, name), downloads
    )
    rows = [
        E.TR(E.TD(E.CODE(_plain(p.name))), E.TD(_plain(p.unit or "")), E.TD(_plain(p.description)))
        for p in resource.parameters
    ]
    info = f"{context.url(MOUNTS[-1].path)}/info?dataset={quote(name, safe='')}"
    span = f"{print_time(series.coverage.start)} to {print_time(series.coverage.stop)}"
    body = [
        E.H1(_plain(resource.title)),
        E.P(E.CODE(_plain(name)), E.BR(), E.SPAN(E.CLASS("quiet"), f"{resource.id}; {span}")),
        E.P(_plain(series.description)),
        E.TABLE(E.TR(E.TH("parameter"), E.TH("unit"), E.TH("")), *rows),
        E.P(E.A("description", href=info), " ",
            *(E.A(f"sample as {form} ", href=url) for form, url in downloads.items())),
        *(E.P(_plain(f"{item.name}: "), E.A(item.url, href=item.url)) for item in series.metadata
          if item.url),
    ]  # fmt: skip
    return Page(_render(resource.title, body, described), modified(resource), "text/html")


def dataset_url(context: Context, mount: Mount, name: str) -> str:
    """Give the public URL of a dataset's page."""
    return context.url(f"{mount.path}/x_dataset/{quote(name)}")


def _download(context: Context, resource: Resource, form: str) -> str:
    assert resource.series is not None
    chosen = resource.series.sample or resource.series.coverage
    return (
        f"{context.url(MOUNTS[-1].path)}/data?dataset={quote(resource.series.name, safe='')}"
        f"&start={chosen.start}Z&stop={chosen.stop}Z&format={form}"
    )


def _plain(text: str) -> str:
    """Give a text without control characters, which XML and HTML cannot hold."""
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)


def _render(title: str, body: list[html.HtmlElement], described: object) -> bytes:
    head = [
        E.META(charset="utf-8"),
        E.META(name="viewport", content="width=device-width, initial-scale=1"),
        E.TITLE(_plain(title)),
        E.STYLE(_STYLE),
    ]
    if described is not None:
        text = orjson.dumps(described).decode().replace("<", "\\u003c")
        head.append(E.SCRIPT(text, type="application/ld+json"))
    page = E.HTML(E.HEAD(*head), E.BODY(*body), lang="en")
    return bytes(html.tostring(page, doctype="<!DOCTYPE html>", encoding="utf-8"))
