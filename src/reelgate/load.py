"""How much work the gateway has, and whether it takes more."""

from __future__ import annotations

from reelgate.clock import Clock
from reelgate.errors import Overloaded
from reelgate.store.videos import Videos

FRESH_S = 1.0
"""How long a count is used: counting all for each new one would cost more the more there are."""
COME_BACK_S = 30.0


class Load:
    """Counts unfinished videos, exactly once in a while and by what came since in between."""

    def __init__(self, videos: Videos, clock: Clock, limit: int) -> None:
        """`limit` is how many unfinished videos are taken."""
        self._videos = videos
        self._clock = clock
        self._limit = limit
        self._count = 0
        self._counted_at_s = float("-inf")

    async def check(self) -> None:
        """Make room for one more.

        Raises:
            Overloaded: there is none.
        """
        if (full := await self.full()) is not None:
            raise Overloaded(full, retry_after_s=COME_BACK_S)
        self._count += 1

    async def full(self) -> str | None:
        """Why no more work is taken; None where some is.

        Raises:
            StorageFailed: the database cannot tell.
        """
        if self._clock.monotonic() - self._counted_at_s > FRESH_S:
            self._counted_at_s = self._clock.monotonic()
            self._count = await self._videos.count_open()
        if self._count < self._limit:
            return None
        return f"the gateway has {self._limit} unfinished videos, as many as it takes"
