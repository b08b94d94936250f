"""/mcp: the Model Context Protocol over streamable HTTP, with the rules of every other route."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from reelgate.domain.api_keys import Scope as KeyScope
from reelgate.domain.video import Video
from reelgate.errors import ReelgateError
from reelgate.http.auth import AuthenticatedRequest, AuthenticatedRoute, Handler
from reelgate.http.bodies import replay
from reelgate.http.errors import headers_of
from reelgate.http.share import share_of
from reelgate.mcp.endpoint import CALLER, McpCaller
from reelgate.service.callers import NOBODY

NOT_SERVED = -32000
"""Of the codes that JSON-RPC leaves to servers."""
LINK_S = 7 * 86_400
"""How long a link works that an agent is given."""


class McpRoute(AuthenticatedRoute):
    """A route whose errors are JSON-RPC's, because the SDKs show no others to anybody."""

    scope = KeyScope.READ  # The tools that make something ask for more.

    def get_route_handler(self) -> Handler:
        """The same, with each of our errors as an answer."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except ReelgateError as error:
                return refused(error)

        return answered


def refused(error: ReelgateError) -> Response:
    """An error before any message was read, with the status and headers that it has elsewhere."""
    told = {"code": NOT_SERVED, "message": error.message, "data": {"code": error.code}}
    response = JSONResponse({"jsonrpc": "2.0", "id": None, "error": told}, error.status)
    response.headers.update(headers_of(error))
    return response


router = APIRouter(include_in_schema=False, route_class=McpRoute)


@router.post("/mcp")
async def serve_mcp(request: AuthenticatedRequest) -> Response:
    """One message of the protocol; there are no sessions, so a `GET` or `DELETE` means nothing."""
    return McpResponse(request, await request.body())


class McpResponse(Response):
    """What the protocol's server answers to an authenticated message."""

    def __init__(self, request: AuthenticatedRequest, body: bytes) -> None:
        super().__init__()
        self._request = request
        self._message = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the message on, with its caller."""
        caller = McpCaller(self._request.owner, self._link_of)
        endpoint = self._request.ctx.mcp
        await endpoint({**scope, CALLER: caller}, replay(self._message, receive), send)

    def _link_of(self, video: Video) -> str:
        """Where a finished video plays for whom an agent shows it, who has no API key."""
        request, ctx = self._request, self._request.ctx
        url = ctx.video_url(request, video)
        if self._request.owner == NOBODY or not url.endswith(f"/v1/videos/{video.id}/content"):
            return url
        return share_of(video, request, LINK_S).content_url
