"""How many requests each API key has made lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from reelgate.clock import Clock

MINUTE_S = 60.0


class RequestRates(Protocol):
    """Counts requests: a burst of a minute's worth, and then evenly."""

    async def take(self, key_id: str, rpm: int) -> float:
        """Count one request; for how many seconds it comes too early, 0 if it may go on.

        Raises:
            StorageFailed: the database cannot be used.
        """
        ...


@dataclass(slots=True)
class Bucket:
    """A token bucket: `left` requests at monotonic time `at_s`."""

    left: float
    at_s: float


class LocalRates:
    """Counts what this process is asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    async def take(self, key_id: str, rpm: int) -> float:
        """Count one request."""
        now_s = self._clock.monotonic()
        bucket = self._buckets.setdefault(key_id, Bucket(rpm, now_s))
        per_s = rpm / MINUTE_S
        bucket.left = min(float(rpm), bucket.left + (now_s - bucket.at_s) * per_s)
        bucket.at_s = now_s
        if bucket.left < 1:
            return (1 - bucket.left) / per_s
        bucket.left -= 1
        return 0.0
