"""What happens to every request: it gets an id, and an honest answer."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelgate.http.errors import REQUEST_ID, error_boundary


class RequestContext:
    """Outermost: tells each request's id, and turns a mistake of ours into an honest answer."""

    def __init__(self, app: ASGIApp, *, headers: dict[str, str]) -> None:
        """`headers` go on every answer."""
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = [(b"x-request-id", scope[REQUEST_ID].encode()), *self._headers]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        await error_boundary(self._app, scope, receive, send_with_headers)
