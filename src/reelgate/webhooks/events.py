"""Which events a video's move makes, and what they say."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import UTC, datetime

import uuid_utils

from reelgate.clock import Clock
from reelgate.store.webhooks import Message
from reelgate.video import State, Video
from reelgate.video_object import video_object
from reelgate.webhooks.endpoint import origin_of

NAMES = {
    State.RENDERING: "video.in_progress",
    State.COMPLETED: "video.completed",
    State.FAILED: "video.failed",
}
"""The event of each state that has one."""


class Events:
    """Words a video's change for everybody who is to be told of it.

    Args:
        wanted: the names of the events that are told.
        url: the endpoint that is told of every video; empty for none.
        clock: the time.
        play_url: where a video plays.
    """

    def __init__(
        self, wanted: Collection[str], url: str, clock: Clock, play_url: Callable[[Video], str]
    ) -> None:
        self._wanted = frozenset(wanted)
        self._url = url
        self._clock = clock
        self._play_url = play_url

    def of(self, video: Video) -> list[Message]:
        """One message for each endpoint; none where nobody wants to know."""
        event = NAMES.get(video.state)
        urls = dict.fromkeys(url for url in (self._url, video.webhook_url) if url)
        if event is None or event not in self._wanted or not urls:
            return []
        body = self._body(event, video)
        return [
            Message(new_message_id(), video.id, event, url, origin_of(url), body) for url in urls
        ]

    def _body(self, event: str, video: Video) -> str:
        now = self._clock.now()
        told = {
            "type": event,
            "timestamp": datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z"),
            "data": video_object(video, now=now, video_url=self._play_url(video)),
        }
        return json.dumps(told, separators=(",", ":"))


def new_message_id() -> str:
    """A unique id, the same for every attempt, so that a receiver can tell a repetition."""
    return f"msg_{uuid_utils.uuid7().hex}"
