"""The MCP endpoint: the SDK behind it is loaded and started with the first request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from reelgate.domain.api_keys import Scope as KeyScope
from reelgate.domain.video import Video
from reelgate.images.references import References
from reelgate.service.videos import Service

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

CALLER = "reelgate.mcp_caller"
"""The key of a request's scope under which its `McpCaller` stands."""


@dataclass(frozen=True, slots=True)
class McpCaller:
    """Who sent a message, and where its videos play for them."""

    owner: str
    link_of: Callable[[Video], str]


@dataclass(frozen=True, slots=True)
class McpBackend:
    """What the tools work with.

    Attributes:
        require: refuses an owner whose API key is not for this.
        wait_s: how long one call may wait for a video.
    """

    service: Service
    references: References
    require: Callable[[str, KeyScope], None]
    wait_s: float


class McpEndpoint:
    """An ASGI application for authenticated messages; `close` ends it."""

    def __init__(self, backend: McpBackend) -> None:
        self._backend = backend
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[ASGIApp] | None = None
        self._serving: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one message; its scope holds a `CALLER`."""
        app = await self._started()
        await app(scope, receive, send)

    async def close(self) -> None:
        """End what is still being served."""
        self._stop.set()
        if self._serving is not None:
            await self._serving

    async def _started(self) -> ASGIApp:
        if self._ready is None:
            self._ready = asyncio.get_running_loop().create_future()
            # A task of its own, because the SDK's task group must end in the task that began it.
            self._serving = asyncio.create_task(self._serve(self._ready))
        return await asyncio.shield(self._ready)

    async def _serve(self, ready: asyncio.Future[ASGIApp]) -> None:
        try:
            # Loading it takes half a second, which the callers of other routes need not wait.
            manager = await asyncio.to_thread(load, self._backend)
            async with manager.run():
                ready.set_result(manager.handle_request)
                await self._stop.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)


def load(backend: McpBackend) -> StreamableHTTPSessionManager:
    """The SDK's server with our tools."""
    # 26 MB that a gateway without agents does not spend.
    from reelgate.mcp.server import session_manager  # noqa: PLC0415

    return session_manager(backend)
