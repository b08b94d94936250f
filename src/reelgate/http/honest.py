"""A mistake of ours, told as what it is."""

from __future__ import annotations

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelgate.errors import InternalError, Overloaded, ReelgateError
from reelgate.http.problems import answer
from reelgate.open_files import ran_out

log = structlog.get_logger()

REQUEST_ID = "reelgate.request_id"
"""Where a request's scope holds its id."""
COME_BACK_S = 5.0


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
    except Exception as error:
        log.exception("request_failed", request=scope.get(REQUEST_ID), path=scope["path"])
        if started:
            raise
        await answer(meaning_of(error))(scope, receive, send)


def meaning_of(error: Exception) -> ReelgateError:
    """What a failure that nobody expected is to the caller."""
    if ran_out(error):
        message = "the gateway has as many files open as it may"
        return Overloaded(message, retry_after_s=COME_BACK_S)
    return InternalError()
