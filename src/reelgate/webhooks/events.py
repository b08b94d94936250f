"""Which events a video's move makes, where they may go, and their outbox."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import UTC, datetime

import uuid_utils
from sqlalchemy import Connection
from yarl import URL

from reelgate.clock import Clock
from reelgate.db.webhooks import Message, add
from reelgate.domain.video import State, Video
from reelgate.domain.video_object import video_object
from reelgate.errors import InvalidRequest, Problem
from reelgate.net.ssrf import check_url


def check_endpoint(url: str, *, can_sign: bool, allow_private: bool) -> str:
    """Check the `webhook_url` of a request.

    Raises:
        InvalidRequest: naming `webhook_url` and what is wrong with it.
    """
    if not can_sign:
        message = (
            "webhook_url cannot be used: this gateway has no REELGATE_WEBHOOK_SECRET to sign with"
        )
        raise InvalidRequest(problems=(Problem("webhook_url", message),))
    check_url(url, param="webhook_url", allow_private=allow_private)
    return url


def origin_of(url: str) -> str:
    """The server behind an address: scheme, host and port."""
    return str(URL(url).origin())


NAMES = {
    State.RENDERING: "video.in_progress",
    State.COMPLETED: "video.completed",
    State.FAILED: "video.failed",
}
"""The event of each state that has one."""


class Events:
    """Builds the messages of a video's change.

    Args:
        wanted: the names of the events that are sent.
        url: the endpoint for every video; empty for none.
        clock: the time.
        play_url: where a video plays.
        traceparent_of: the trace that the messages belong to.
        tells_corrections: whether a video is told to be completed that was told to have failed.
    """

    def __init__(
        self,
        wanted: Collection[str],
        url: str,
        clock: Clock,
        play_url: Callable[[Video], str],
        *,
        tells_corrections: bool = True,
        traceparent_of: Callable[[Video], str | None] = lambda video: video.traceparent,
    ) -> None:
        self._traceparent_of = traceparent_of
        self._tells_corrections = tells_corrections
        self._wanted = frozenset(wanted)
        self._url = url
        self._clock = clock
        self._play_url = play_url

    def of(self, video: Video) -> list[Message]:
        """One message for each endpoint."""
        event = NAMES.get(video.state)
        if video.corrects is not None and not (
            self._tells_corrections and video.state is State.COMPLETED
        ):
            # Its failure has been told; that it goes on, or fails again, is no news.
            return []
        urls = dict.fromkeys(url for url in (self._url, video.webhook_url) if url)
        if event is None or event not in self._wanted or not urls:
            return []
        body, traceparent = self._body(event, video), self._traceparent_of(video)
        return [
            Message(new_message_id(), video.id, event, url, origin_of(url), body, traceparent)
            for url in urls
        ]

    def _body(self, event: str, video: Video) -> str:
        now = self._clock.now()
        payload = {
            "type": event,
            "timestamp": datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z"),
            "data": video_object(video, now=now, video_url=self._play_url(video)),
        }
        return json.dumps(payload, separators=(",", ":"))


def new_message_id() -> str:
    """A unique id, the same for every attempt, so that a receiver can tell a repetition."""
    return f"msg_{uuid_utils.uuid7().hex}"


class EventOutbox:
    """Queues messages when a video moves; `wake` is called once the move is durable."""

    def __init__(self, events: Events, wake: Callable[[], None]) -> None:
        self._events = events
        self._wake = wake

    def note(self, connection: Connection, video: Video) -> None:
        """Queue the messages of this move in its own transaction."""
        add(connection, self._events.of(video))

    def committed(self) -> None:
        self._wake()
