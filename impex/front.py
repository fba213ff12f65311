"""Front: the IMPEx endpoints of a node; reads a request as far as it may and hands on bytes."""

import asyncio
import math
from collections.abc import Callable
from email.message import Message
from functools import partial
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from impex.dialect import Dialect, Operation
from impex.envelope import Element
from impex.faults import STATUS, fault
from impex.fmi import FMI
from impex.latmos import LATMOS
from impex.node import METHODS, NODE
from impex.openapi import openapi
from impex.operations import Operations
from impex.page import example_call, page, rest_page
from impex.parity import Parity
from impex.rest import answer, error, from_json, from_query, operation_named, request_of
from impex.soap import SoapService
from impex.tree import configuration, harvested, original, tree
from impex.wsdl import wsdl
from spase.own import newest
from vo_server.context import Context
from vo_server.errors import BadArgument, Refusal, TooMuch, UnknownResource, excerpt
from vo_server.leaf import SAFE
from vo_server.model.resource import Kind, Resource
from vo_server.ports import Link, Service

T = TypeVar("T")

_DIALECTS = {dialect.name: dialect for dialect in (FMI, LATMOS)}

_SECONDS = 30.0  # within which the body of a request must be here
_HEARD_OUT = 2**24  # bytes up to which a body over the limit is read to its end
_REST, _OPENAPI, _TREE = "rest", "openapi.json", "tree.xml"
_XML = "text/xml"
_MEDIA_TYPES = (_XML, "application/xml", "application/soap+xml")


class ParityOptions(BaseModel):
    """Parity of one dialect; see `impex.parity.Parity`."""

    model_config = ConfigDict(extra="forbid")
    outside: Literal[-999, 0] | None = None
    linear: Literal["linear", "corner-averaged"] = "linear"
    votable: Literal["1.4", "1.2"] = "1.4"
    snapshots: Literal["nearest"] | None = None

    def parity(self) -> Parity:
        """Give them as the methods take them."""
        outside = math.nan if self.outside is None else float(self.outside)
        return Parity(outside, self.linear, self.votable, self.snapshots)


class ImpexFront:
    """SOAP services in the dialects of IMPEx, one endpoint each."""

    prefix = "/impex"

    class Options(BaseModel):
        """What the node file may say.

        dialects: those served, by name; parity: by dialect, what answers have as the service of
        old had it.
        """

        model_config = ConfigDict(extra="forbid")
        dialects: tuple[str, ...] = tuple(_DIALECTS)
        parity: dict[str, ParityOptions] = {}

    def __init__(self, options: Options) -> None:
        for name in (*options.dialects, *options.parity):
            if name not in _DIALECTS:
                known = ", ".join(_DIALECTS)
                raise BadArgument(
                    f"impex: no dialect {excerpt(name)}; there are: {known}", argument="dialects"
                )
        self._parity = {name: told.parity() for name, told in options.parity.items()}
        self._dialects = [_DIALECTS[name] for name in dict.fromkeys(options.dialects)]

    def routes(self, context: Context) -> list[Route]:
        """Give the routes of every dialect: its endpoint, and its description by name."""
        routes = []
        for dialect in self._dialects:
            handlers = Operations(context, self._parity.get(dialect.name)).handlers()
            address = context.url(f"{self.prefix}/{dialect.name}")
            endpoint = _Endpoint(dialect, SoapService(dialect, handlers), address, context)
            routes += [
                Route(f"/{dialect.name}", endpoint.answer, methods=["GET", "POST"]),
                Route(f"/{dialect.name}.wsdl", endpoint.describe, methods=["GET"]),
            ]
            routes += endpoint.rest(dialect)
        return [*routes, _beyond(context), self._unknown(), *self._descriptions(context)]

    def _unknown(self) -> Route:
        """Give the route of every other dialect over REST."""
        known = ", ".join(dialect.name for dialect in (*self._dialects, NODE))

        async def refuse(request: Request) -> Response:
            name = request.path_params["rest"].partition("/")[0]
            raise UnknownResource(f"there is no dialect {excerpt(name)} here; there are: {known}")

        return Route(f"/{_REST}/{{rest:path}}", refuse, methods=["GET", "POST"])

    def _descriptions(self, context: Context) -> list[Route]:
        """Give the routes of what describes all REST services."""
        address, description = (context.url(f"{self.prefix}/{p}") for p in ("rest", _OPENAPI))
        dialects = [*self._dialects, NODE]
        told = orjson.dumps(openapi(dialects, address, version("vo-server")))
        shown = rest_page(dialects, address, description)

        async def describe(request: Request) -> Response:
            return Response(told, media_type="application/json")

        async def show(request: Request) -> Response:
            return Response(shown, media_type="text/html")

        async def show_tree(request: Request) -> Response:
            source = request.query_params.get("source")
            found = await context.work(partial(_tree, context, source))
            if isinstance(found, Path):
                return FileResponse(found, media_type=_XML, headers=SAFE)
            return Response(found, media_type=_XML, headers=SAFE)

        paths = [f"{self.prefix}/{dialect.name}.wsdl" for dialect in self._dialects]
        configured = configuration(context.settings.node, paths, f"{self.prefix}/{_TREE}")

        async def configure(request: Request) -> Response:
            return Response(configured, media_type=_XML)

        return [
            Route(f"/{_TREE}", show_tree, methods=["GET"]),
            Route("/configuration.xml", configure, methods=["GET"]),
            Route(f"/{_OPENAPI}", describe, methods=["GET"]),
            Route(f"/{_REST}", show, methods=["GET"]),
        ]

    def services(self, context: Context) -> list[Service]:
        """Give the endpoint of every dialect, with a call of the first output served."""
        outputs = context.registry.all(Kind.OUTPUT)
        services = []
        for dialect in self._dialects:
            address = context.url(f"{self.prefix}/{dialect.name}")
            example = example_call(address, outputs[0].id) if outputs else ""
            services.append(Service(dialect.title, address, f"{address}?wsdl", example))
        return services

    def links(self, context: Context, resource: Resource) -> list[Link]:
        """Give the description of every service that samples an output."""
        if resource.kind is not Kind.OUTPUT:
            return []
        base = context.url(self.prefix)
        formats = ("VOTable", "NetCDF", "Text")
        return [
            Link(d.title, f"{base}/{d.name}?wsdl", "service", "WebService", formats=formats)
            for d in self._dialects
        ]

    def refuse(self, request: Request | None, refusal: Refusal) -> Response:
        """Give the fault that a refusal is at an endpoint, elsewhere a plain error."""
        late = isinstance(refusal, _Late)
        headers = {"Connection": "close"} if late else {}  # what is still to come is not awaited
        path = PurePosixPath("" if request is None else request.url.path)
        own = path.parent.name == self.prefix.removeprefix("/")
        dialect = _DIALECTS.get(path.name) if own else None
        if dialect is None and request is not None:
            content, status = error(refusal)
            return Response(content, status, headers, "application/json")
        actor = dialect.actor if dialect else ""
        return Response(fault(refusal, actor), STATUS, headers, _XML)


class _Late(BadArgument):
    """A request whose body did not come in time."""


class _Endpoint:
    """One dialect at its address."""

    def __init__(
        self, dialect: Dialect, service: SoapService, address: str, context: Context
    ) -> None:
        self._service = service
        self._context = context
        self._limit = max(operation.limit for operation in dialect.operations)
        quick = [operation for operation in dialect.operations if operation.quick]
        self._quick = max((operation.limit for operation in quick), default=0)
        self._hints = [name.encode() for operation in quick for name in operation.elements]
        self._wsdl = wsdl(dialect, address)
        self._page = page(dialect, address)

    async def answer(self, request: Request) -> Response:
        """Answer a SOAP request; to GET the description, or the page for people."""
        if request.method != "POST":
            if any(name.lower() == "wsdl" for name in request.query_params):
                return await self.describe(request)
            return Response(self._page, media_type="text/html")
        charset = _charset(request)
        content = await _receive(request, self._limit)
        action = request.headers.get("soapaction", "")
        if not self._may_be_quick(content):
            work = partial(self._service.answer, content, charset, action)
            return Response(await self._context.work(work), media_type=_XML)
        read = partial(self._service.read, content, charset, action)
        wanted = await self._context.look_up(read)
        reply = partial(self._service.reply, wanted)
        return Response(await self._run(wanted.operation, reply), media_type=_XML)

    def _may_be_quick(self, content: bytes) -> bool:
        """Tell whether it is worth a look which operation a body asks for."""
        if len(content) > self._quick:
            return False
        folded = content.lower()
        return any(hint in folded for hint in self._hints)

    async def _run(self, operation: Operation, call: Callable[[], T]) -> T:
        """Run what an operation does where its kind runs."""
        run = self._context.look_up if operation.quick else self._context.work
        return await run(call)

    def rest(self, dialect: Dialect) -> list[Route]:
        """Give the route of the dialect's operations as JSON."""

        async def call(request: Request) -> Response:
            operation = operation_named(dialect, request.path_params["operation"])
            elements = await _elements(request, operation)

            def work() -> tuple[bytes, str]:
                return answer(self._service, request_of(dialect, operation, elements))

            told, media_type = await self._run(operation, work)
            return Response(told, media_type=media_type)

        return [Route(f"/{_REST}/{dialect.name}/{{operation}}", call, methods=["GET", "POST"])]

    async def describe(self, request: Request) -> Response:
        """Give the service description."""
        return Response(self._wsdl, media_type=_XML)


def _tree(context: Context, source: str | None) -> bytes | Path:
    """Give the tree of the node, or of a harvested source."""
    if source is not None:
        return original(context, source) or harvested(context, source)
    resources = context.registry.all()
    return tree(context.settings.node, resources, context.links, newest(resources))


def _beyond(context: Context) -> Route:
    """Give the route of what is offered over REST alone."""

    async def call(request: Request) -> Response:
        operation = operation_named(NODE, request.path_params["operation"])
        elements = await _elements(request, operation)
        wanted = request_of(NODE, operation, elements)
        found = await context.work(partial(METHODS[operation.name], wanted, context))
        return Response(orjson.dumps({"result": found}), media_type="application/json")

    return Route(f"/{_REST}/{NODE.name}/{{operation}}", call, methods=["GET", "POST"])


async def _elements(request: Request, operation: Operation) -> list[Element]:
    """Give the parameters of a request over REST."""
    if request.method != "POST":
        return from_query(operation, request.query_params.multi_items())
    return from_json(await _receive(request, operation.limit, operation.name))


async def _receive(request: Request, limit: int, whose: str = "this service") -> bytes:
    """Give the body; raises TooMuch over the limit, BadArgument where it does not come.

    What is over the limit is read on for a while and dropped: a sender who is cut off in the
    middle hears of a broken connection, but not why.
    """
    excess = TooMuch(f"the request is larger than {whose}'s limit of {limit} bytes")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > _HEARD_OUT:
        raise excess
    content, size = bytearray(), 0
    try:
        async with asyncio.timeout(_SECONDS):
            async for piece in request.stream():
                size += len(piece)
                if size <= limit:
                    content += piece
                elif size > _HEARD_OUT:
                    raise excess
    except TimeoutError as err:
        raise _Late(f"the request did not arrive within {_SECONDS:g} s") from err
    except ClientDisconnect as err:
        raise _Late("the request broke off") from err
    if size > limit:
        raise excess
    return bytes(content)


def _charset(request: Request) -> str:
    """Give the charset of the body, "" where none is told; refuses bodies that are not XML."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise BadArgument(
            f"Content-Encoding {excerpt(encoding)} is not accepted; send the request uncompressed"
        )
    told = request.headers.get("content-type", "").strip()
    if not told:
        return ""
    header = Message()
    header["Content-Type"] = told
    media_type = told.partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        raise BadArgument(
            f"Content-Type {excerpt(media_type)} is not accepted; send SOAP 1.1 as {_XML}"
        )
    return header.get_content_charset("")
