"""A video's changes as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reelgate.http.context import Context
from reelgate.http.video_object import video_object
from reelgate.video import State, Video

HEARTBEAT_S = 15.0
"""How long the stream may be silent: proxies cut what is silent for a minute."""
SHORTEST_TICK_S = 0.25
LONGEST_TICK_S = 5.0
TICKS = 40
"""How often in its whole time a video's progress is told, about."""
RECONNECT_MS = 2000

RANK = {state: rank for rank, state in enumerate(State)}
"""The order of the states, so that event ids grow."""


class EventStream(Response):
    """Tells the video's object on every change, and ends once the video is over."""

    def __init__(self, request: Request, ctx: Context, video: Video) -> None:
        super().__init__()
        self._request = request
        self._ctx = ctx
        self._video = video
        self._told = request.headers.get("last-event-id", "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the video is over or the reader leaves."""
        if self._video.is_over and self._told == self._event_id(self._video):
            # 204 tells an EventSource that has heard the end not to connect again.
            await Response(status_code=204)(scope, receive, send)
            return
        telling = asyncio.ensure_future(self._tell(send))
        left = asyncio.ensure_future(disconnected(receive))
        try:
            await asyncio.wait({telling, left}, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
        finally:
            telling.cancel()
            left.cancel()

    async def _tell(self, send: Send) -> None:
        await send(HEAD)
        await send(body(f"retry: {RECONNECT_MS}\n\n"))
        silent_s = 0.0
        with self._ctx.service.follow(self._video.id) as subscription:
            video = await self._ctx.service.find(self._video.id, self._video.owner)
            while True:
                if self._event_id(video) != self._told:
                    await send(self._event(video))
                    silent_s = 0.0
                elif silent_s >= HEARTBEAT_S:
                    await send(body(": still here\n\n"))
                    silent_s = 0.0
                if video.is_over or self._ctx.service.is_closing:
                    break
                tick_s = tick_of(video, self._ctx.service.now())
                video = await subscription.next_within(tick_s) or video
                silent_s += tick_s
        await send({"type": "http.response.body", "body": b""})

    def _event(self, video: Video) -> dict[str, Any]:
        self._told = self._event_id(video)
        data = json.dumps(video_object(video, self._request, self._ctx))
        return body(f"id: {self._told}\nevent: video\ndata: {data}\n\n")

    def _event_id(self, video: Video) -> str:
        return f"{RANK[video.state]}.{video.progress(self._ctx.service.now())}"


HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ],
}


def body(text: str) -> dict[str, Any]:
    """A piece of the stream."""
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}


def tick_of(video: Video, now: float) -> float:
    """How long to wait, in seconds, before progress may have moved enough to tell."""
    eta_s = video.eta_s(now)
    if eta_s is None:
        return LONGEST_TICK_S
    since_submit_s = now - (video.timeline.submitted_at or now)
    return min(LONGEST_TICK_S, max(SHORTEST_TICK_S, (since_submit_s + eta_s) / TICKS))


async def disconnected(receive: Receive) -> None:
    """Return when the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
