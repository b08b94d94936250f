"""How many requests each API key has made lately."""

from __future__ import annotations

from collections import defaultdict
from typing import Protocol

from reelgate.clock import Clock
from reelgate.polling.budget import ROUNDING_S, TokenBucket

MINUTE_S = 60.0


class RequestRates(Protocol):
    """Counts requests: a burst of a minute's worth, and then evenly."""

    async def take(self, key_id: str, rpm: int) -> float:
        """Count one request; for how many seconds it comes too early, 0 if it may go on.

        Raises:
            StorageFailed: the database cannot be used.
        """
        ...


class LocalRates:
    """Counts the requests that this process gets."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: defaultdict[str, TokenBucket] = defaultdict(TokenBucket)

    async def take(self, key_id: str, rpm: int) -> float:
        """Count one request."""
        bucket = self._buckets[key_id]
        bucket.burst_s = burst_s(rpm)
        wait_s = bucket.take_now(self._clock.monotonic(), rpm / MINUTE_S)
        return wait_s if wait_s > ROUNDING_S else 0.0


def burst_s(rpm: int) -> float:
    """So that exactly a minute's worth may come in one instant."""
    return MINUTE_S - MINUTE_S / rpm
