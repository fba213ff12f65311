"""Front: the mounts of HAPI; turns requests into operations and their results into responses."""

import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from urllib.parse import urlencode

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hapi import describe, status
from hapi.landing import dataset_page, landing_page
from hapi.operations import NoRecords, Operations, Page, Records
from hapi.status import STATUS, Rejected
from hapi.version import MOUNTS, V3_0, Mount, mount_of
from vo_server.conditional import unchanged
from vo_server.context import Context
from vo_server.errors import Refusal
from vo_server.leaf import SAFE
from vo_server.model.resource import Resource
from vo_server.model.time import print_time
from vo_server.ports import Link, Service
from vo_server.streaming import Status

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_WORTH_PACKING = 1024  # bytes of a document below which gzip is a waste
_LEVEL = 1  # of zlib: several times as fast as the usual 6 for a sixth more bytes


class HapiFront:
    """HAPI 2.0 to 3.3: `/hapi` with lenient requests, and one strict mount a version."""

    prefix = ""

    class Options(BaseModel):
        """What the node file may say; records, seconds: most that one request may take."""

        model_config = ConfigDict(extra="forbid")
        records: int = Field(100_000_000, gt=0)
        seconds: float = Field(3600.0, gt=0)

    def __init__(self, options: Options) -> None:
        self._options = options

    def routes(self, context: Context) -> list[Route]:
        """Give the routes of every mount."""
        operations = Operations(context, self._options.records, self._options.seconds)
        routes = []
        for mount in MOUNTS:
            endpoint = _Endpoint(mount, operations, context)
            routes += [
                Route(path, endpoint.answer, methods=_METHODS)
                for path in (mount.path, f"{mount.path}/{{name:path}}")
            ]
        return routes

    def services(self, context: Context) -> list[Service]:
        """Give the mount that most clients want, and the newest version."""
        base = context.settings.node.base_url
        example = f"from hapiclient import hapi\n\nhapi('{base}/hapi')"
        return [
            Service("HAPI 2.0, time series", f"{base}/hapi", f"{base}/hapi/capabilities", example),
            Service(
                f"HAPI {MOUNTS[-1].version}, time series",
                f"{base}{MOUNTS[-1].path}",
                f"{base}{MOUNTS[-1].path}/capabilities",
            ),
        ]

    def links(self, context: Context, resource: Resource) -> list[Link]:
        """Give the server with the name of a time series, and all of it as one file."""
        series = resource.series
        if series is None:
            return []
        base = f"{context.settings.node.base_url}/hapi"
        start, stop = (print_time(t) for t in (series.coverage.start, series.coverage.stop))
        asked = urlencode({"id": series.name, "time.min": start, "time.max": stop}, safe=":")
        return [
            Link("HAPI", base, "service", "HAPI", series.name, ("CSV", "JSON", "Binary")),
            Link("Records", f"{base}/data?{asked}", "file", media_type="text/csv"),
        ]

    def refuse(self, request: Request | None, refusal: Refusal) -> Response:
        """Give the error document of the mount that was asked."""
        mount = MOUNTS[0] if request is None else mount_of(request.url.path)
        code = status.code_of(refusal)
        content = orjson.dumps(describe.error(mount.version, code, refusal.message))
        return Response(content, _spoken(code), dict(_CORS), "application/json")


class _Endpoint:
    """One mount."""

    def __init__(self, mount: Mount, operations: Operations, context: Context) -> None:
        self._mount = mount
        self._operations = operations
        self._context = context
        self._documents: dict[str, Callable[[Mount, str], Page]] = {
            "capabilities": operations.capabilities,
            "catalog": operations.catalog,
            "info": operations.info,
        }
        if mount.lenient or mount.version >= V3_0:
            self._documents["about"] = operations.about

    async def answer(self, request: Request) -> Response:
        """Answer a request below this mount."""
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={**_CORS, "Allow": "GET, HEAD, OPTIONS"})
        if request.method not in ("GET", "HEAD"):
            raise Rejected(status.USER_INPUT, "only GET and HEAD are answered")
        name = request.path_params.get("name", "")
        asked = request.url.query
        if name == "data":
            return await self._data(request, asked)
        if name in self._documents:
            read = partial(self._documents[name], self._mount, asked)
            return _document(request, await self._context.look_up(read))
        if name.endswith("/") and name[:-1] in (*self._documents, "data"):
            return self._moved(name[:-1], asked)
        return await self._page(request, name, asked)

    async def _data(self, request: Request, asked: str) -> Response:
        prepare = partial(self._operations.data, self._mount, asked)
        records = await self._context.look_up(prepare)
        packed = _wants_gzip(request)
        headers = _headers(records.modified, records.tag, packed=packed)
        if unchanged(request.headers, records.modified, *_tags(records.tag)):
            return Response(status_code=304, headers=headers)
        blocks = partial(_gzip, records.blocks) if packed else records.blocks
        if packed:
            headers["Content-Encoding"] = "gzip"
        try:
            media_type = records.media_type
            return await self._context.stream(blocks, media_type, headers, Status(200, "OK"))
        except NoRecords:
            return _empty(records, headers)

    async def _page(self, request: Request, name: str, asked: str) -> Response:
        """Give a page for people: of the server, or of one dataset."""
        if name == "":
            if asked:
                raise Rejected(status.UNKNOWN_REQUEST)
            page = partial(landing_page, self._context, self._mount)
        elif name.startswith("x_dataset/") and not asked:
            page = partial(dataset_page, self._context, self._mount, name[len("x_dataset/") :])
        else:
            raise Rejected(status.USER_INPUT, "there is no such endpoint")
        return _document(request, await self._context.look_up(page))

    def _moved(self, name: str, asked: str) -> Response:
        """Send on from an endpoint with a slash behind it."""
        where = self._context.url(f"{self._mount.path}/{name}") + (f"?{asked}" if asked else "")
        return Response(status_code=301, headers={**_CORS, "Location": where})


def _spoken(code: int) -> Status:
    return Status(STATUS[code].http, STATUS[code].phrase)


def _headers(modified: datetime, tag: str, *, packed: bool) -> dict[str, str]:
    headers = {
        **_CORS,
        "Last-Modified": format_datetime(modified, usegmt=True),
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
    }
    if tag:
        headers["ETag"] = f'"{tag}{"-gz" if packed else ""}"'
    return headers


def _document(request: Request, page: Page) -> Response:
    """Give a whole document, packed where the client takes that, or say that it has it."""
    packed = _wants_gzip(request) and len(page.content) >= _WORTH_PACKING
    headers = _headers(page.modified, page.tag, packed=packed)
    if unchanged(request.headers, page.modified, *_tags(page.tag)):
        return Response(status_code=304, headers=headers)
    content = page.content
    if packed:
        headers["Content-Encoding"] = "gzip"
        content = b"".join(_gzip(lambda: iter([page.content])))
    if page.media_type == "text/html":
        headers |= SAFE
    return Response(content, Status(200, "OK"), headers, page.media_type)


def _empty(records: Records, headers: dict[str, str]) -> Response:
    """Give what there is to say where there are no records."""
    content = records.empty
    if headers.pop("Content-Encoding", "") and content:
        headers["Content-Encoding"] = "gzip"
        content = b"".join(_gzip(lambda: iter([records.empty])))
    return Response(content, _spoken(status.NO_DATA), headers, records.media_type)


def _tags(tag: str) -> tuple[str, ...]:
    """Give the entity tags of an answer, as it is and packed."""
    return (tag, f"{tag}-gz") if tag else ()


def _wants_gzip(request: Request) -> bool:
    """Tell whether the client takes gzip."""
    for item in request.headers.get("accept-encoding", "").split(","):
        name, _, rest = item.partition(";")
        if name.strip().lower() in ("gzip", "*"):
            return rest.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _gzip(blocks: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    """Pack blocks; the first comes out at once, later ones when there is enough of them."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    source = blocks()
    try:
        for number, block in enumerate(source):
            packed = packer.compress(block)
            if number == 0:
                packed += packer.flush(zlib.Z_SYNC_FLUSH)
            if packed:
                yield packed
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            close()
    yield packer.flush()
