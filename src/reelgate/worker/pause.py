"""Waiting between two steps of a job, without sleeping through what others do to it."""

from __future__ import annotations

import asyncio

from reelgate.store.changes import Subscription
from reelgate.store.videos import LostRace
from reelgate.video import Video


class Pause:
    """One job's pauses."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    async def sleep(self, video: Video, seconds: float) -> None:
        """Wait this long.

        Raises:
            LostRace: somebody else moved the video meanwhile (it was cancelled, or taken over).
        """
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._moved_away_from(video)
        except TimeoutError:
            return
        raise LostRace(video.id)

    async def _moved_away_from(self, video: Video) -> None:
        known = (video.state, video.epoch)
        while True:
            latest = await self._subscription.next()
            if latest is not None and (latest.state, latest.epoch) != known:
                return
