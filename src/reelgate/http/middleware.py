"""The middleware around the routes."""

from __future__ import annotations

import re

import uuid_utils
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelgate.http.auth import RESPONSE_HEADERS
from reelgate.http.errors import REQUEST_ID, error_boundary
from reelgate.http.proxies import TrustedProxies
from reelgate.http.request_log import begin, record_of
from reelgate.http.streaming import SEND_DEFERRED, SendDeferred
from reelgate.telemetry.telemetry import Telemetry

SLASHES = re.compile("/{2,}")


class DeferredResponses:
    """Around the framework: gives each request its id, and sends deferred responses."""

    def __init__(self, framework: ASGIApp, telemetry: Telemetry, proxies: TrustedProxies) -> None:
        self._framework = framework
        self._telemetry = telemetry
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[REQUEST_ID] = f"req_{uuid_utils.uuid4().hex}"
        record = begin(scope)
        try:
            send_deferred = await self._run(scope, receive, send)
            if send_deferred is not None:
                await send_deferred(scope)
        finally:
            record.finish(scope, self._telemetry, self._proxies)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> SendDeferred | None:
        """Give the framework a scope of its own, so that what it leaves there is freed now."""
        own = {**scope, "path": normal_path(scope["path"])}
        await self._framework(own, receive, send)
        send_deferred: SendDeferred | None = own.get(SEND_DEFERRED)
        return send_deferred


class RequestContext:
    """Adds `X-Request-Id`, and answers exceptions that nothing else has handled."""

    def __init__(self, app: ASGIApp, *, headers: dict[str, str]) -> None:
        """`headers` are added to every response."""
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = [(b"x-request-id", scope[REQUEST_ID].encode()), *self._headers]
        record = record_of(scope)
        scope[RESPONSE_HEADERS] = headers

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = int(message["status"])  # Some send an HTTPStatus.
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        try:
            await error_boundary(self._app, scope, receive, send_with_headers)
        finally:
            record.routed(scope)


def normal_path(path: str) -> str:
    """The path without doubled and trailing slashes.

    A redirect would name this server as it sees itself, which behind a proxy nobody can reach; and
    some clients turn a redirected POST into a GET.
    """
    if "//" not in path and not path.endswith("/"):
        return path
    return SLASHES.sub("/", path).rstrip("/") or "/"
