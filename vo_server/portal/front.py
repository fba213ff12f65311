"""Front `portal`: the page at `/` for people."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from vo_server.errors import Failure, Refusal
from vo_server.portal.page import render

_SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
}


class PortalOptions(BaseModel):
    """The portal has no options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PortalFront:
    """Serves one page: resources, services, how to call them."""

    Options = PortalOptions
    prefix = ""

    def __init__(self, options: PortalOptions) -> None:
        self._options = options

    def routes(self, context: Any) -> list[Route]:
        """Give the page's route."""

        async def page(request: Request) -> Response:
            resources = await context.work(context.registry.all)
            content = render(context.settings.node, context.services(), resources)
            return HTMLResponse(content, headers=_SAFE)

        return [Route("/", page)]

    def refuse(self, request: Any, refusal: Refusal) -> Response:
        """Give the refusal as a line of text."""
        return PlainTextResponse(
            f"{refusal.message}\n", 500 if isinstance(refusal, Failure) else 400
        )
