"""A mistake of ours, told as what it is."""

from __future__ import annotations

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelgate.errors import InternalError
from reelgate.http.problems import answer

log = structlog.get_logger()

REQUEST_ID = "reelgate.request_id"
"""Where a request's scope holds its id."""


async def honestly(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run an application; whatever it raises is logged and answered as our own mistake.

    Raises:
        Exception: what was raised after the answer had begun, so that the connection is cut.
    """
    started = False

    async def noted(message: Message) -> None:
        nonlocal started
        started = True
        await send(message)

    try:
        await app(scope, receive, noted)
    except ClientDisconnect:
        # In the middle of its body: there is nobody to answer, and nothing went wrong here.
        log.info("caller_left", request=scope.get(REQUEST_ID), path=scope["path"])
    except Exception:
        log.exception("request_failed", request=scope.get(REQUEST_ID), path=scope["path"])
        if started:
            raise
        await answer(InternalError())(scope, receive, send)
