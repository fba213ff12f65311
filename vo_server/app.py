"""App: settings become plug-ins, and plug-ins one Starlette application."""

import logging
import os
import secrets
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from vo_server import plugins
from vo_server.context import Context
from vo_server.errors import Failure, Refusal
from vo_server.formats import engine
from vo_server.harvest import Timetable
from vo_server.metrics import MEDIA_TYPE, Metrics
from vo_server.settings import Settings, load
from vo_server.signals import drain_on_signal
from vo_server.streaming import FRONT, Drain

CONFIG_VARIABLE = "VO_CONFIG"

# Seconds after which a thread that computes lets another have its turn; Python's own 5 ms let the
# event loop, which every request waits for, stand in line behind the workers for long.
_TURN = 0.001

_LOG_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"

Endpoint = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger(__name__)


def from_environment() -> Drain:
    """Build the application of the node file that VO_CONFIG names; for server processes."""
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("spyne").setLevel(logging.CRITICAL)
    sys.setswitchinterval(_TURN)
    return build(load(Path(os.environ[CONFIG_VARIABLE])))


def build(settings: Settings) -> Drain:
    """Build the node as an ASGI application; raises BadArgument naming what is wrong in it."""
    stop = threading.Event()
    context = Context(settings, stop)
    metrics = Metrics()
    routes = [
        Route("/healthz", _health(context)),
        Route("/results/{name}", _result(context)),
        Route("/metrics", _metrics(metrics)),
    ]
    for front in context.fronts:
        routes.extend(_guarded(front, route) for route in front.routes(context))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        drain_on_signal(drain)
        # Kernels are compiled beside the first requests, which NumPy answers until then.
        threading.Thread(target=engine.warm, name="warm", daemon=True).start()
        await context.work(context.registry.all)
        await context.work(context.datasets.all)
        Timetable(context, stop).start()
        yield
        stop.set()
        context.close()

    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "HEAD", "POST", "OPTIONS"],
                allow_headers=["Content-Type", "SOAPAction"],
                allow_private_network=settings.node.private_network,
            ),
        ],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # it would build a URL from the request
    drain = Drain(app, stop, metrics)
    return drain


def _guarded(front: Any, route: Route) -> Route:
    """Let the front answer refusals of its own route, and name unforeseen errors by an id."""
    endpoint: Endpoint = route.endpoint

    async def guarded(request: Request) -> Response:
        request.scope[FRONT] = type(front).__name__
        try:
            return await endpoint(request)
        except Refusal as refusal:
            answer: Response = front.refuse(request, refusal)
        except Exception:  # noqa: BLE001  # the border: nothing unforeseen reaches the client
            identity = secrets.token_hex(4)
            _log.exception("internal error %s", identity)
            failure = Failure(f"internal error {identity}; the node's operator finds it in the log")
            answer = front.refuse(request, failure)
        return answer

    path = front.prefix + route.path
    return Route(path, guarded, methods=list(route.methods or ["GET"]), name=route.name)


def _health(context: Context) -> Endpoint:
    release = version("vo-server")

    async def health(request: Request) -> Response:
        """Tell operators that the node answers, however busy, and how much it serves."""
        resources, refused = context.registry.snapshot()
        return JSONResponse(
            {"status": "ok", "version": release, "resources": resources, "refused": refused}
        )

    return health


def _metrics(metrics: Metrics) -> Endpoint:
    async def numbers(request: Request) -> Response:
        """Give operators' Prometheus what the node has answered."""
        return Response(metrics.page(), media_type=MEDIA_TYPE)

    return numbers


def _result(context: Context) -> Endpoint:
    async def result(request: Request) -> Response:
        """Send a kept result: by name only, whatever else the URL says."""
        name = request.path_params["name"]
        path = context.results.path(name)
        if path is None:
            return PlainTextResponse(
                f"no such result; results are kept {context.settings.results.days:g} days\n", 404
            )
        extension = name.rpartition(".")[2]
        return FileResponse(
            path,
            media_type=plugins.format_named(extension).media_type,
            filename=name,
            content_disposition_type="inline",
            headers={"Cache-Control": "public, max-age=3600"},
        )

    return result
