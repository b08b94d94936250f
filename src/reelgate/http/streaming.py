"""Responses that wait for minutes, and bodies that are streamed."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reelgate.domain.video import Video
from reelgate.errors import ReelgateError, job_error
from reelgate.http.auth import Context
from reelgate.http.errors import error_boundary, error_response


class StreamedResponse(Response):
    """Sends its body until it ends or the client disconnects.

    The server silently drops what is sent after a disconnect, so that a large file would otherwise
    be read to its end for nobody.
    """

    sent_whole = False
    """Whether the client was still connected at the end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream, and stop as soon as the client disconnects."""
        self.sent_whole = await until_disconnect(self.stream(scope, receive, send), receive)

    @abstractmethod
    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and the body."""


async def until_disconnect(work: Coroutine[Any, Any, None], receive: Receive) -> bool:
    """Run `work`; if the client disconnects first, cancel it, await its cleanup, return False."""
    working = asyncio.ensure_future(work)
    disconnect = asyncio.ensure_future(wait_for_disconnect(receive))
    try:
        await asyncio.wait({working, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            return True
        return False
    finally:
        working.cancel()
        disconnect.cancel()
        await asyncio.gather(working, disconnect, return_exceptions=True)


async def wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


SendDeferred = Callable[[Scope], Awaitable[None]]
SEND_DEFERRED = "reelgate.send_deferred"
"""The key of a request's scope under which its deferred response stands."""


class DeferredResponse(Response):
    """Is sent once the framework has returned.

    Between the server and a route lie some twenty coroutines and exit stacks. A caller who waits
    for minutes needs none of them, so their memory is freed first.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Defer the response until the framework has returned."""
        scope[SEND_DEFERRED] = partial(error_boundary, self._respond, receive=receive, send=send)

    @abstractmethod
    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait and send the response.

        Raises:
            ReelgateError: becomes a problem response.
        """

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.respond(scope, receive, send)
        except ReelgateError as error:
            await error_response(error)(scope, receive, send)


class BlockingResponse(DeferredResponse):
    """Waits for one video, without a thread and without a database connection."""

    def __init__(self, ctx: Context, video: Video, *, attached: bool) -> None:
        super().__init__()
        self.ctx = ctx
        self.extra_headers = {"Reelgate-Video-Id": video.id}
        if attached:
            self.extra_headers["Reelgate-Attached"] = "true"
        self._video_id = video.id

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, respond, and record whether the caller has received its response."""
        with self.ctx.service.waiting_caller(self._video_id):
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        disconnect = asyncio.ensure_future(wait_for_disconnect(receive))
        try:
            video = await self._wait(disconnect, send)
            if video is None or not video.is_over:
                await self.ctx.service.caller_disconnected(self._video_id)
            if video is not None:
                await self._answer(video, scope, receive, send)
        finally:
            disconnect.cancel()

    async def _answer(self, video: Video, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response; a caller who loses it half-way may adopt the job by asking again."""
        sent = False
        try:
            sent = await self.finish(video, scope, receive, send)
        finally:
            if video.is_over and sent:
                await self.ctx.service.caller_answered(video.id)
            elif video.is_over:
                await self.ctx.service.caller_disconnected(video.id)

    async def _wait(self, disconnect: asyncio.Future[None], send: Send) -> Video | None:
        """The video once it or the wait is over; None if the caller has disconnected."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self.limit_s()
        while True:
            left_s = max(0.0, ends_at - loop.time())
            wait_s = min(left_s, self.heartbeat_every_s() or left_s)
            video = await self.ctx.service.wait(self._video_id, wait_s, disconnect)
            # Checked first: a video that finished at the same moment must stay adoptable.
            if disconnect.done():
                return None
            if video.is_over or loop.time() >= ends_at or self.is_closing:
                return video
            await self.send_heartbeat(send)

    @property
    def is_closing(self) -> bool:
        """Whether the gateway is shutting down and waits no longer."""
        return self.ctx.service.has_released_callers

    def limit_s(self) -> float:
        return self.ctx.settings.wait_limit_s

    def heartbeat_every_s(self) -> float:
        """How often `send_heartbeat` is due while waiting; 0 for never."""
        return 0.0

    async def send_heartbeat(self, send: Send) -> None:
        """Keep proxies from closing a silent connection."""

    @abstractmethod
    async def finish(self, video: Video, scope: Scope, receive: Receive, send: Send) -> bool:
        """Send the response for a video in any state; whether the caller received all of it."""


def failure_of(video: Video) -> ReelgateError:
    failure = video.failure
    if failure is None:
        return ReelgateError()
    return job_error(failure.code, failure.message, retry_after_s=failure.retry_after_s)
