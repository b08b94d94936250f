"""Waiting between two steps of a job, without sleeping through what others do to it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from typing import Any, TypeVar

from reelgate.store.changes import Subscription
from reelgate.store.videos import LostRace
from reelgate.video import State, Video

T = TypeVar("T")

TICK_S = 0.001
"""Event loops count whole milliseconds: what is left after that is none."""
LONG_S = 1.0
"""From here on it does not matter whether a pause takes a little longer."""
TOGETHER_S = 0.02
"""Long pauses end together, at multiples of this."""


class Pause:
    """One job's pauses."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    async def sleep(self, video: Video, seconds: float) -> None:
        """Wait this long.

        Raises:
            LostRace: somebody else moved the video meanwhile (it was cancelled, or taken over).
        """
        clock = asyncio.get_running_loop().time
        ends_at_s = in_company(clock() + seconds) if seconds >= LONG_S else clock() + seconds
        while True:
            latest = await self._subscription.next_within(ends_at_s - clock())
            if latest is not None and moved_on(video, latest):
                raise LostRace(video.id)
            if ends_at_s - clock() < TICK_S:
                return

    async def until(self, video: Video, entry: Coroutine[Any, Any, T]) -> T:
        """Wait for something to happen, and return what it gives.

        Raises:
            LostRace: somebody else moved the video first; the rest of it is left undone.
        """
        entering = asyncio.create_task(entry)
        try:
            with self._subscription.woken_by(entering):
                while not entering.done():
                    latest = await self._subscription.next()
                    if latest is not None and moved_on(video, latest):
                        break
            if not entering.done():
                raise LostRace(video.id)
            return entering.result()
        finally:
            entering.cancel()
            # So that what was left undone has been tidied up.
            await asyncio.gather(entering, return_exceptions=True)
            # Its error holds this frame. If that held it, both would wait for the collector.
            del entering


def in_company(moment_s: float) -> float:
    """The next moment at which other long pauses end, too.

    Waking up costs a process with ten thousand jobs more than what it does then.
    """
    return math.ceil(moment_s / TOGETHER_S) * TOGETHER_S


def moved_on(known: Video, latest: Video) -> bool:
    """Whether somebody else moved the video; news from before it was claimed are none."""
    if latest.epoch < known.epoch:
        return False
    return stage_of(latest) != stage_of(known)


def stage_of(video: Video) -> tuple[State, int, int]:
    """What every move changes."""
    return video.state, video.epoch, video.attempts
