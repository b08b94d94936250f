"""A video's changes as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reelgate.db.changes import Subscription
from reelgate.domain.video import State, Video, VideoStatus
from reelgate.http.auth import Context
from reelgate.http.schemas import video_object
from reelgate.http.streaming import DeferredResponse, until_disconnect

HEARTBEAT_S = 15.0
"""How long the stream may be silent: proxies cut what is silent for a minute."""
MIN_TICK_S = 0.25
MAX_TICK_S = 5.0
TICKS = 40
"""About how many progress events a video has in all."""
RECONNECT_MS = 2000

RANK = {state: rank for rank, state in enumerate(State)}
"""The order of the states, so that event ids grow."""
EVENT_ID = re.compile(r"[0-9]\.([0-9]{1,2})")
"""An event's id: the rank of its state, and its progress below 100."""


class EventStream(DeferredResponse):
    """Sends the video object on every change, and ends once the video is over."""

    def __init__(self, request: Request, ctx: Context, video: Video) -> None:
        super().__init__()
        self._request = request
        self._ctx = ctx
        self._video = video
        self._last_event_id = request.headers.get("last-event-id", "")
        self._progress = progress_in(self._last_event_id)

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the video is over or the client disconnects."""
        await until_disconnect(self._stream(scope, receive, send), receive)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._ctx.service.subscribe(self._video.id) as subscription:
            video = await self._ctx.service.find(self._video.id, self._video.owner)
            if video.is_over and self._event_id(video) == self._last_event_id:
                # 204 tells an EventSource that has had the last event not to reconnect.
                await Response(status_code=204)(scope, receive, send)
                return
            await send(head())
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return
            await send(body(f"retry: {RECONNECT_MS}\n\n"))
            await self._follow(video, subscription, send)
            await send({"type": "http.response.body", "body": b""})

    async def _follow(self, video: Video, subscription: Subscription, send: Send) -> None:
        clock = asyncio.get_running_loop().time
        last_sent_s = clock()
        while True:
            event = self._event(video)
            if event is not None or clock() - last_sent_s >= HEARTBEAT_S:
                await send(body(event or ": still here\n\n"))
                last_sent_s = clock()
            if video.is_over or self._ctx.service.is_closing:
                return
            changed = await subscription.next_within(tick_of(video, self._ctx.service.now()))
            if changed is not None and not is_older(changed, video):
                video = changed

    def _event(self, video: Video) -> str | None:
        """The event for the video's state; None if the client has it already."""
        event_id = self._event_id(video)
        if event_id == self._last_event_id:
            return None
        self._last_event_id = event_id
        shown = video_object(video, self._request, self._ctx) | {"progress": self._progress}
        return f"id: {event_id}\nevent: video\ndata: {to_json(shown).decode()}\n\n"

    def _event_id(self, video: Video) -> str:
        # A failed job's progress is that at its failure, by a clock that may be another machine's:
        # it must not fall below what was sent before.
        self._progress = max(self._progress, video.progress(self._ctx.service.now()))
        return f"{RANK[video.state]}.{self._progress}"


def progress_in(event_id: str) -> int:
    """The progress in the id of an earlier event; 0 for any other text."""
    match = EVENT_ID.fullmatch(event_id)
    return int(match[1]) if match else 0


def is_older(changed: Video, known: Video) -> bool:
    """Whether a change is older than what was read already: its status would step back."""
    order = list(VideoStatus)
    return order.index(changed.status) < order.index(known.status)


def head() -> dict[str, Any]:
    """The head of the stream: a new one each time, because middleware adds to its headers."""
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ]
    return {"type": "http.response.start", "status": 200, "headers": headers}


def body(text: str) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}


def tick_of(video: Video, now: float) -> float:
    """How long to wait, in seconds, before progress may have moved enough to tell."""
    eta_s = video.eta_s(now)
    if eta_s is None:
        return MAX_TICK_S
    since_submit_s = now - (video.timeline.submitted_at or now)
    return min(MAX_TICK_S, max(MIN_TICK_S, (since_submit_s + eta_s) / TICKS))
