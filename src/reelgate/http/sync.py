"""The bytes of a video as the answer to the request for it, as vLLM-Omni's `/v1/videos/sync`."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from reelgate.errors import ReelgateError, ShuttingDown, UpstreamTimeout
from reelgate.http.blocking import BlockingAnswer, error_of
from reelgate.http.content import content_of
from reelgate.http.problems import answer
from reelgate.http.streamed import StreamedAnswer
from reelgate.video import State, Video


class SyncAnswer(BlockingAnswer):
    """Raw `video/mp4`, or why there is none."""

    async def finish(self, video: Video, scope: Scope, receive: Receive, send: Send) -> bool:
        """Send the bytes."""
        try:
            check_finished(video, closing=self.is_closing)
            response = await content_of(video, "video", Request(scope), self.ctx)
        except ReelgateError as error:
            await answer(error, self.marks)(scope, receive, send)
            return True
        await response(scope, receive, marked(send, self.marks | told_of(video)))
        return not isinstance(response, StreamedAnswer) or response.sent_whole


def check_finished(video: Video, *, closing: bool) -> None:
    """Only a completed video has bytes; one still on its way is told to be asked for again."""
    if video.state is State.FAILED:
        raise error_of(video)
    if closing and not video.is_over:
        raise ShuttingDown(retry_after_s=5)
    if not video.is_over:
        message = "the video is not ready yet: the same request sent again joins it at no cost"
        raise UpstreamTimeout(message, retry_after_s=5)


def told_of(video: Video) -> dict[str, str]:
    """Which model made it and how long that took, in seconds."""
    times = video.timeline
    took_s = (times.ready_at or 0.0) - (times.submitted_at or times.ready_at or 0.0)
    return {"X-Model": video.request.model, "X-Inference-Time-S": f"{took_s:.3f}"}


def marked(send: Send, headers: dict[str, str]) -> Send:
    """A `send` that adds headers to the answer."""

    async def send_marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_marked
