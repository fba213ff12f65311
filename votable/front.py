"""Front `samp`: a page that sends a result of this node to desktop tools, and the message as JSON.

The page's script speaks the SAMP web profile to a hub on the reader's own machine; this node runs
no hub and sends nothing itself.
"""

from importlib.resources import files
from typing import Any

from lxml import html
from lxml.html import builder as E
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from vo_server import plugins
from vo_server.errors import BadArgument, Failure, Refusal, UnknownResource
from votable import message

_SAFE = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "connect-src 'self' http://localhost:21012 http://127.0.0.1:21012; "
        "base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
}
_PARTS = {"samp.js": "text/javascript", "samp.css": "text/css"}


class SampOptions(BaseModel):
    """The front has no options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SampFront:
    """Serves the page, its script, and the message of a result."""

    Options = SampOptions
    prefix = ""

    def __init__(self, options: SampOptions) -> None:
        self._options = options

    def routes(self, context: Any) -> list[Route]:
        """Give the routes of the page, its parts and the message."""

        async def page(request: Request) -> Response:
            return HTMLResponse(_page(context.settings.node.title), headers=_SAFE)

        async def part(request: Request) -> Response:
            name = request.path_params["name"]
            if name not in _PARTS:
                raise UnknownResource("there is no such part of the page", argument="name")
            content = files("votable").joinpath(name).read_text(encoding="utf-8")
            return Response(content, media_type=_PARTS[name], headers=_SAFE)

        async def told(request: Request) -> Response:
            result = request.query_params.get("result", "")
            return JSONResponse(_message(context, result).wire)

        return [
            Route("/samp", page),
            Route("/samp/message", told),
            Route("/samp/page/{name}", part),
        ]

    def refuse(self, request: Any, refusal: Refusal) -> Response:
        """Give the refusal as JSON."""
        status = 404 if isinstance(refusal, UnknownResource) else 400
        if isinstance(refusal, Failure):
            status = 500
        return JSONResponse({"error": refusal.message}, status)


def _message(context: Any, result: str) -> message.Message:
    """Give the message for a result of this node, named by its name or its URL."""
    name = context.results.own(result) or result
    if not name:
        raise BadArgument("say which: ?result=NAME", argument="result")
    if context.results.path(name) is None:
        raise UnknownResource("this node keeps no such result", argument="result")
    form = plugins.format_named(name.rpartition(".")[2])
    return message.load(form.name, context.results.url(name), f"{context.settings.node.title}")


def _page(title: str) -> bytes:
    page = E.HTML(
        E.HEAD(
            E.META(charset="utf-8"),
            E.META(name="viewport", content="width=device-width, initial-scale=1"),
            E.TITLE(f"Send a table - {title}"),
            E.LINK(rel="stylesheet", href="samp/page/samp.css"),
            E.SCRIPT(src="samp/page/samp.js", defer="defer"),
        ),
        E.BODY(
            E.H1("Send a table to a desktop tool"),
            E.P(
                "TOPCAT, Aladin and others take tables from a page by SAMP, once they run on this "
                "computer and you allow it there."
            ),
            E.FORM(
                E.LABEL("Result of this node ", E.INPUT(id="result", name="result", size="60")),
                E.BUTTON("Send", id="send", type="submit"),
                id="form",
            ),
            E.P(id="state", role="status"),
            E.UL(id="clients"),
        ),
        lang="en",
    )
    return bytes(html.tostring(page, doctype="<!DOCTYPE html>", encoding="utf-8"))
