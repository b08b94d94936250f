"""Waiting between two steps of a job, without sleeping through what others do to it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

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

    async def until(self, video: Video, entry: Coroutine[Any, Any, None]) -> None:
        """Wait for something to happen.

        Raises:
            LostRace: somebody else moved the video first.
        """
        entering = asyncio.create_task(entry)
        moved = asyncio.create_task(self._moved_away_from(video))
        try:
            await asyncio.wait({entering, moved}, return_when=asyncio.FIRST_COMPLETED)
            if not entering.done():
                raise LostRace(video.id)
            entering.result()
        finally:
            entering.cancel()
            moved.cancel()

    async def _moved_away_from(self, video: Video) -> None:
        known = (video.state, video.epoch)
        while True:
            latest = await self._subscription.next()
            if latest is not None and (latest.state, latest.epoch) != known:
                return
