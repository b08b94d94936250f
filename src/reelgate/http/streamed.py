"""Answers whose body goes out piece by piece, for as long as their reader is there."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class StreamedAnswer(Response):
    """Sends its body until it ends or the reader leaves.

    The server drops what is sent to a reader who left and says nothing, so that without a watch a
    large file would be read to its end for nobody.
    """

    sent_whole = False
    """Whether the reader was still there at the end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream, and stop at once when the reader leaves."""
        self.sent_whole = await unless_gone(self.stream(scope, receive, send), receive)

    @abstractmethod
    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and the body."""


async def unless_gone(work: Coroutine[Any, Any, None], receive: Receive) -> bool:
    """Do the work; if the client goes away first, stop it, let it tidy up and return False."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(disconnected(receive))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            return True
        return False
    finally:
        working.cancel()
        gone.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def disconnected(receive: Receive) -> None:
    """Return when the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
