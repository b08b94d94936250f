"""Answers that take their time: sent once the video is over, or its caller hangs up."""

from __future__ import annotations

import asyncio
from abc import abstractmethod

from starlette.types import Receive, Scope, Send

from reelgate.errors import ReelgateError, job_error
from reelgate.http.context import Context
from reelgate.http.lasting import LastingAnswer
from reelgate.http.streamed import disconnected
from reelgate.video import Video


class BlockingAnswer(LastingAnswer):
    """Waits for one video. While it waits it holds no thread and no database connection."""

    def __init__(self, ctx: Context, video: Video, *, attached: bool) -> None:
        super().__init__()
        self.ctx = ctx
        self.marks = {"Reelgate-Video-Id": video.id}
        if attached:
            self.marks["Reelgate-Attached"] = "true"
        self._video_id = video.id

    async def last(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, answer, and note whether the caller has had its answer."""
        with self.ctx.service.holding(self._video_id):
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        hung_up = asyncio.ensure_future(disconnected(receive))
        try:
            video = await self._wait(hung_up, send)
            if video is None or not video.is_over:
                await self.ctx.service.hang_up(self._video_id)
            if video is not None:
                await self._answer(video, scope, receive, send)
        finally:
            hung_up.cancel()

    async def _answer(self, video: Video, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; whoever loses it half-way may ask again at no cost."""
        sent = False
        try:
            sent = await self.finish(video, scope, receive, send)
        finally:
            if video.is_over and sent:
                await self.ctx.service.answered(video.id)
            elif video.is_over:
                await self.ctx.service.hang_up(video.id)

    async def _wait(self, hung_up: asyncio.Future[None], send: Send) -> Video | None:
        """The video when it is over or the wait is; None when the caller went away."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self.limit_s()
        while True:
            left_s = max(0.0, ends_at - loop.time())
            wait_s = min(left_s, self.beat_every_s() or left_s)
            video = await self.ctx.service.wait(self._video_id, wait_s, hung_up)
            # First, for a video that is finished at the same moment must stay up for adoption.
            if hung_up.done():
                return None
            if video.is_over or loop.time() >= ends_at or self.is_closing:
                return video
            await self.beat(send)

    @property
    def is_closing(self) -> bool:
        """Whether the gateway is stopping and waits for no video any longer."""
        return self.ctx.service.lets_go

    def limit_s(self) -> float:
        """How long to wait at most."""
        return self.ctx.settings.wait_limit_s

    def beat_every_s(self) -> float:
        """How often `beat` is due while waiting; 0 for never."""
        return 0.0

    async def beat(self, send: Send) -> None:
        """Show the caller's proxies that somebody is there."""

    @abstractmethod
    async def finish(self, video: Video, scope: Scope, receive: Receive, send: Send) -> bool:
        """Send the answer: the video is over, or the wait is; whether the caller took it whole."""


def error_of(video: Video) -> ReelgateError:
    """Why a failed video failed."""
    failure = video.failure
    if failure is None:
        return ReelgateError()
    return job_error(failure.code, failure.message, retry_after_s=failure.retry_after_s)
