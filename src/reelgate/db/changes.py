"""Publishes changes of videos to those who wait for them, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from reelgate.domain.video import Video


class Subscription:
    """One waiter's view of one video: only the latest change is kept for a slow reader."""

    __slots__ = ("_changed", "_latest")

    def __init__(self) -> None:
        self._latest: Video | None = None
        self._changed: asyncio.Future[None] | None = None

    def put(self, video: Video) -> None:
        """Note a change and wake the waiter."""
        self._latest = video
        self.wake()

    def wake(self) -> None:
        """Wake the waiter although nothing changed."""
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    @contextmanager
    def woken_by(self, future: asyncio.Future[Any]) -> Iterator[None]:
        """Wake the waiter when this future is done, too."""

        def wake(_: asyncio.Future[Any]) -> None:
            self.wake()

        future.add_done_callback(wake)
        try:
            yield
        finally:
            future.remove_done_callback(wake)

    async def next(self) -> Video | None:
        """The latest change since the last call; waits for one where there is none.

        None when the waiter was woken for another reason.
        """
        if self._latest is None:
            self._changed = asyncio.get_running_loop().create_future()
            await self._changed
        latest, self._latest = self._latest, None
        return latest

    async def next_within(self, seconds: float) -> Video | None:
        """The latest change; None if there is none within this many seconds, or when woken."""
        alarm = asyncio.get_running_loop().call_later(max(0.0, seconds), self.wake)
        try:
            return await self.next()
        finally:
            alarm.cancel()


class Changes:
    """Every change of a video, handed to its subscribers in this process."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._published: list[set[str]] = []

    def publish(self, video: Video) -> None:
        for published in self._published:
            published.add(video.id)
        for subscription in self._subscriptions.get(video.id, ()):
            subscription.put(video)

    def wake_all(self) -> None:
        """Wake every waiter, so that each can see that the gateway is closing."""
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.wake()

    def has_followers(self, video_id: str) -> bool:
        return video_id in self._subscriptions

    def followed(self) -> set[str]:
        return set(self._subscriptions)

    @contextmanager
    def overtaken(self, video_ids: Iterable[str]) -> Iterator[set[str]]:
        """Collect which of these videos are published meanwhile: what was read of them is old."""
        published: set[str] = set()
        self._published.append(published)
        try:
            yield published
        finally:
            self._published.remove(published)
            published &= set(video_ids)

    @contextmanager
    def subscribe(self, video_id: str) -> Iterator[Subscription]:
        """Follow one video. Subscribe first and read the video then, or a change is missed."""
        subscription = Subscription()
        self._subscriptions.setdefault(video_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            others = self._subscriptions[video_id]
            others.discard(subscription)
            if not others:
                del self._subscriptions[video_id]
