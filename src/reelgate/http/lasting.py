"""Answers that take minutes, sent from outside the framework's call stack."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from functools import partial

import uuid_utils
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from reelgate.errors import ReelgateError
from reelgate.http.honest import REQUEST_ID, honestly
from reelgate.http.problems import answer

PutOff = Callable[[Scope], Awaitable[None]]
PUT_OFF = "reelgate.put_off"
"""Where a request's scope holds what is still to be sent."""


class LastingAnswer(Response):
    """Is sent when the framework has returned.

    Between the server and a route lie some twenty coroutines and exit stacks. A caller who waits
    for minutes needs none of them, so they are let go first.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put the answer off until the framework has returned."""
        scope[PUT_OFF] = partial(honestly, self._send_last, receive=receive, send=send)

    @abstractmethod
    async def last(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait and answer.

        Raises:
            ReelgateError: answered as a problem.
        """

    async def _send_last(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.last(scope, receive, send)
        except ReelgateError as error:
            await answer(error)(scope, receive, send)


class AfterFramework:
    """Around the framework: names each request, and sends what a route has put off."""

    def __init__(self, framework: ASGIApp) -> None:
        self._framework = framework

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        scope[REQUEST_ID] = f"req_{uuid_utils.uuid4().hex}"
        put_off = await self._run(dict(scope), receive, send)
        if put_off is not None:
            await put_off(scope)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> PutOff | None:
        """Let the framework have a scope of its own: what it leaves there is kept no longer."""
        await self._framework(scope, receive, send)
        put_off: PutOff | None = scope.get(PUT_OFF)
        return put_off
