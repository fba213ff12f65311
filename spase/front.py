"""Front: records as pages, XML and JSON, the registry's services, HDP's questions, OAI-PMH."""

import asyncio
import hashlib
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from itertools import chain, islice
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from spase.catalogue import Catalogue
from spase.hdp import Portal, documents, error_page
from spase.oai_answer import Provider
from spase.own import has_record
from spase.page import front_page, record_page
from spase.record_json import as_json
from spase.registry_services import (
    RESOLVER,
    SEARCH,
    STATUS,
    Answer,
    RegistryServices,
    arguments,
)
from spase.sitemap import MOST, index, sitemap
from vo_server.conditional import unchanged
from vo_server.context import Context
from vo_server.errors import Failure, Refusal, Stopping, TooMuch, UnknownResource, excerpt
from vo_server.leaf import SAFE
from vo_server.model.resource import Resource
from vo_server.ports import Link, Service
from vo_server.record_address import FORMS, page_url
from vo_server.row import Row

_XML = "text/xml"
# A record is in the encoding that it came in, and says so itself: text/xml would say another.
_MEDIA_TYPES = {"xml": "application/xml", "json": "application/json", "html": "text/html"}
_LONGEST_BODY = 65_536  # bytes of a form that asks by POST
_SECONDS = 30.0  # within which it must be here
_HDP = "/WS/hdp/1"

# HTTP status by class of refusal; the first that fits.
_STATUSES: tuple[tuple[type[Refusal], int], ...] = (
    (Stopping, 503),
    (Failure, 500),
    (TooMuch, 413),
    (UnknownResource, 404),
    (Refusal, 400),
)


class Gone(UnknownResource):
    """A record of this id was here and is deleted."""


class SpaseFront:
    """What is known of resources, for people, harvesters and clients of SPASE registries."""

    prefix = ""

    class Options(BaseModel):
        """What the node file may say: nothing yet."""

        model_config = ConfigDict(extra="forbid")

    def __init__(self, options: Options) -> None:
        pass

    def routes(self, context: Context) -> list[Route]:
        """Give the routes of every service."""
        catalogue = Catalogue(context)
        records, services = _Records(context, catalogue), _Services(context, catalogue)
        portal, oai = _Hdp(context, catalogue), _Oai(context, catalogue)
        return [
            Route("/spase/resolver", services.resolve, methods=["GET"]),
            Route("/spase/search", services.search, methods=["GET"]),
            Route("/spase/status", services.status, methods=["GET"]),
            Route("/spase/sitemap.xml", records.sitemap, methods=["GET"]),
            Route("/sitemap.xml", records.sitemap, methods=["GET"]),
            Route("/spase", records.front, methods=["GET"]),
            Route("/spase/", records.front, methods=["GET"]),
            Route("/spase/{path:path}", records.record, methods=["GET"]),
            Route(f"{_HDP}/Spase", portal.named, methods=["GET"]),
            Route(f"{_HDP}/Spase/{{path:path}}", portal.found, methods=["GET"]),
            Route("/oai", oai.answer, methods=["GET", "POST"]),
        ]

    def services(self, context: Context) -> list[Service]:
        """Give the services that people and programs ask."""
        base = context.settings.node.base_url
        return [
            Service("SPASE records", f"{base}/spase/", f"{base}/spase/sitemap.xml"),
            Service(
                "OAI-PMH 2.0, harvest of records", f"{base}/oai", f"{base}/oai?verb=Identify",
                f"from sickle import Sickle\n\n"
                f"Sickle('{base}/oai').ListRecords(metadataPrefix='spase')",
            ),
            Service(
                "Heliophysics Data Portal, search of records", f"{base}{_HDP}/", None,
                f"from hdpws.hdpws import HdpWs\n\n"
                f"HdpWs(endpoint='{base}{_HDP}/').get_observed_regions()",
            ),
        ]  # fmt: skip

    def links(self, context: Context, resource: Resource) -> list[Link]:
        """Give the record of a resource."""
        url = page_url(context.settings.node.base_url, resource.id, "xml")
        if url is None or not has_record(resource):
            return []
        return [Link("SPASE", url, "record", media_type=_MEDIA_TYPES["xml"])]

    def refuse(self, request: Request | None, refusal: Refusal) -> Response:
        """Say what was wrong, to clients of HDP in the page that they read."""
        status = next(status for kind, status in _STATUSES if isinstance(refusal, kind))
        if isinstance(refusal, Gone):
            status = 410
        if request is not None and request.url.path.startswith(_HDP):
            page = error_page(refusal.message, f"HTTP {status}")
            return Response(page, status, dict(SAFE), "application/xhtml+xml")
        return Response(f"{refusal.message}\n", status, dict(SAFE), "text/plain")


class _Records:
    """Pages of records."""

    def __init__(self, context: Context, catalogue: Catalogue) -> None:
        self._context = context
        self._catalogue = catalogue
        self._base_url = context.settings.node.base_url

    async def record(self, request: Request) -> Response:
        """Give one record in the form that its name ends with, or send on to that form."""
        path = request.path_params["path"]
        rest, _, form = path.rpartition(".")
        if form in FORMS:
            made = await self._context.look_up(partial(self._written, rest, form))
            return _whole(request, *made)
        row = await self._context.look_up(partial(self._catalogue.get, f"spase://{path}"))
        wanted = "html" if "text/html" in request.headers.get("accept", "") else "xml"
        where = page_url(self._base_url, row.id, wanted)
        if where is None:
            raise UnknownResource(f"{excerpt(path, 200)} is not known here")
        return Response(status_code=303, headers={"Location": where, "Vary": "Accept"})

    def _written(self, rest: str, form: str) -> tuple[bytes, int, str]:
        row = self._catalogue.get(f"spase://{rest}")
        if row.deleted:
            raise Gone(f"{row.id} was deleted")
        if form == "xml":
            content = row.content
        elif form == "json":
            content = as_json(row.content)
        else:
            content = record_page(row, self._base_url)
        return content, row.datestamp, _MEDIA_TYPES[form]

    async def front(self, request: Request) -> Response:
        """Give the page of the registry."""

        def page() -> bytes:
            records = self._catalogue.records
            title = self._context.settings.node.title
            return front_page(title, self._base_url, records.counts(), records.states())

        content = await self._context.look_up(page)
        return Response(content, headers=dict(SAFE), media_type="text/html")

    async def sitemap(self, request: Request) -> Response:
        """Give the pages of all records, or the list of sitemaps where one cannot hold them."""
        number = request.query_params.get("part", "")
        if number and not (number.isdecimal() and len(number) < 6):
            raise UnknownResource("there is no such part of the sitemap")

        def blocks() -> Iterator[bytes]:
            records = self._catalogue.records
            count = sum(1 for _ in records.identities())
            if count > MOST and not number:
                parts = range(math.ceil(count / MOST))
                urls = (self._context.url(f"/spase/sitemap.xml?part={part}") for part in parts)
                return index(urls, records.span()[1])
            start = int(number or 0) * MOST
            return sitemap(self._base_url, islice(records.identities(), start, start + MOST))

        return await self._context.stream(blocks, _XML)


class _Services:
    """Resolver, search and status."""

    def __init__(self, context: Context, catalogue: Catalogue) -> None:
        self._context = context
        self._services = RegistryServices(catalogue)

    async def resolve(self, request: Request) -> Response:
        given = arguments(request.query_params.multi_items(), RESOLVER)
        return await self._answer(partial(self._services.resolve, given))

    async def search(self, request: Request) -> Response:
        given = arguments(request.query_params.multi_items(), SEARCH)
        return await self._answer(partial(self._services.search, given))

    async def status(self, request: Request) -> Response:
        given = arguments(request.query_params.multi_items(), STATUS)
        return await self._answer(partial(self._services.status, given, datetime.now(UTC)))

    async def _answer(self, asked: Callable[[], Answer]) -> Response:
        answer = await self._context.work(asked)
        return Response(answer.content, headers=dict(SAFE), media_type=answer.media_type)


class _Hdp:
    """The questions of the Heliophysics Data Portal."""

    def __init__(self, context: Context, catalogue: Catalogue) -> None:
        self._context = context
        self._portal = Portal(catalogue)
        self._base_url = context.settings.node.base_url

    async def named(self, request: Request) -> Response:
        """Give the records of the ids asked for, as XML, as JSON or as a page."""
        ids = request.query_params.getlist("ResourceID")
        if not ids:
            raise UnknownResource("no ResourceID is asked for", argument="ResourceID")
        make = partial(self._named, ids, request.headers.get("accept", ""))
        return _whole(request, *await self._context.work(make))

    def _named(self, ids: list[str], accept: str) -> tuple[bytes, int, str]:
        rows = self._portal.named(ids)
        newest = max(row.datestamp for row in rows)
        if "text/html" in accept:
            return record_page(rows[0], self._base_url), newest, "text/html"
        content = b"".join(documents(iter(rows)))
        if "application/json" in accept:
            return as_json(content), newest, "application/json"
        return content, newest, "application/xml"

    async def found(self, request: Request) -> Response:
        """Give a list of words, or the records that are asked for by type and more."""
        path = request.path_params["path"]
        words = await self._context.work(partial(self._portal.vocabulary, path))
        if words is not None:
            return Response(words, headers=dict(SAFE), media_type="application/xml")
        pairs = request.query_params.multi_items()

        def blocks() -> Iterator[bytes]:
            rows = self._portal.found(path, pairs)
            first: list[Row] = list(islice(rows, 1))  # what is wrong with a question is told here
            return documents(chain(first, rows))

        return await self._context.stream(blocks, "application/xml")


class _Oai:
    """OAI-PMH."""

    def __init__(self, context: Context, catalogue: Catalogue) -> None:
        self._context = context
        self._catalogue = catalogue
        self._url = context.url("/oai")

    async def answer(self, request: Request) -> Response:
        """Answer a request, whose arguments are in the query or in a form."""
        pairs = request.query_params.multi_items()
        if request.method == "POST":
            pairs += await _form(request)
        content = await self._context.work(partial(self._answer, pairs))
        return Response(content, headers=dict(SAFE), media_type=_XML)

    def _answer(self, pairs: list[tuple[str, str]]) -> bytes:
        settings, formats = self._context.settings, self._context.record_formats
        provider = Provider(self._catalogue, settings.node, self._url, formats)
        return provider.answer(pairs, datetime.now(UTC))


async def _form(request: Request) -> list[tuple[str, str]]:
    """Read the arguments of a form; raises TooMuch for a body that is none."""
    body = b""
    async with asyncio.timeout(_SECONDS):
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LONGEST_BODY:
                raise TooMuch(f"the body of a request has at most {_LONGEST_BODY} bytes")
    return parse_qsl(body.decode(errors="replace"), keep_blank_values=True)


def _whole(request: Request, content: bytes, stamp: int, media_type: str) -> Response:
    """Give a document, or say that the client has it."""
    now = datetime.now(UTC).replace(microsecond=0)
    modified = min(datetime.fromtimestamp(stamp, UTC), now)
    tag = hashlib.sha256(content).hexdigest()[:16]
    headers = {
        **SAFE,
        "Last-Modified": format_datetime(modified, usegmt=True),
        "ETag": f'"{tag}"',
        "Cache-Control": "no-cache",
        "Vary": "Accept",
    }
    if unchanged(request.headers, modified, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)
