"""Tells those who wait for a video that it changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from reelgate.video import Video


class Subscription:
    """One waiter's view of one video: the latest change only, so a slow reader piles nothing up."""

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
        """The latest change, or None if there is none within this many seconds."""
        try:
            async with asyncio.timeout(seconds):
                return await self.next()
        except TimeoutError:
            return None


class Changes:
    """Every change of a video, handed to its subscribers in this process."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = {}

    def publish(self, video: Video) -> None:
        """Tell this video's subscribers."""
        for subscription in self._subscriptions.get(video.id, ()):
            subscription.put(video)

    def wake_all(self) -> None:
        """Wake every waiter, so that each can see that the gateway is closing."""
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.wake()

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
