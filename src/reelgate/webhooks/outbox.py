"""Writes a video's events down in the transaction that moves it."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from reelgate.store.webhooks import add
from reelgate.video import Video
from reelgate.webhooks.events import Events


class EventOutbox:
    """What the store calls when a video moves; `wake` is called once the move is durable."""

    def __init__(self, events: Events, wake: Callable[[], None]) -> None:
        self._events = events
        self._wake = wake

    def note(self, connection: Connection, video: Video) -> None:
        """Write down who is to be told of this move, in its own transaction."""
        add(connection, self._events.of(video))

    def committed(self) -> None:
        """The move is durable: deliver."""
        self._wake()
