"""Landing: the pages for people, of the server and of each dataset, with JSON-LD in them."""

from urllib.parse import quote

from lxml.html import builder as E

from hapi.operations import STARTED, Page, modified
from hapi.query import FORMATS
from hapi.version import MOUNTS, Mount
from vo_server import jsonld
from vo_server.context import Context
from vo_server.leaf import plain, render
from vo_server.model.resource import Resource
from vo_server.model.time import print_time

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
                E.TD(E.A(E.CODE(plain(name)), href=dataset_url(context, mount, name))),
                E.TD(plain(resource.title)),
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
    return Page(render(node.title, body), newest, "text/html")


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
        E.TR(E.TD(E.CODE(plain(p.name))), E.TD(plain(p.unit or "")), E.TD(plain(p.description)))
        for p in resource.parameters
    ]
    info = f"{context.url(MOUNTS[-1].path)}/info?dataset={quote(name, safe='')}"
    span = f"{print_time(series.coverage.start)} to {print_time(series.coverage.stop)}"
    body = [
        E.H1(plain(resource.title)),
        E.P(E.CODE(plain(name)), E.BR(), E.SPAN(E.CLASS("quiet"), f"{resource.id}; {span}")),
        E.P(plain(series.description)),
        E.TABLE(E.TR(E.TH("parameter"), E.TH("unit"), E.TH("")), *rows),
        E.P(E.A("description", href=info), " ",
            *(E.A(f"sample as {form} ", href=url) for form, url in downloads.items())),
        *(E.P(plain(f"{item.name}: "), E.A(item.url, href=item.url)) for item in series.metadata
          if item.url),
    ]  # fmt: skip
    return Page(render(resource.title, body, described), modified(resource), "text/html")


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
