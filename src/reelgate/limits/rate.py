"""How many requests each API key has made lately, and we to each upstream."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from reelgate.clock import Clock
from reelgate.errors import RateLimited, StorageFailed, UpstreamUnavailable
from reelgate.net.client import Answer, HttpClient, Stream
from reelgate.net.transport import host_of
from reelgate.polling.budget import ROUNDING_S, TokenBucket

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class RequestRate:
    """How an API key's requests stand after one was counted, or refused.

    Attributes:
        rpm: how many it may make a minute.
        busy_s: for how long those that it has made keep it busy, at most a minute.
        wait_s: for how long the one that was refused comes too early; 0 if it may go on.
    """

    rpm: int
    busy_s: float
    wait_s: float = 0.0

    @property
    def left(self) -> int:
        """How many more it may make at once."""
        return max(0, math.floor((MINUTE_S - self.busy_s) / self._gap_s + ROUNDING_S))

    @property
    def more_in_s(self) -> float:
        """When it may make one more than that; 0 where it has made none lately."""
        return max(0.0, self.busy_s - (self.rpm - self.left - 1) * self._gap_s)

    @property
    def _gap_s(self) -> float:
        return MINUTE_S / self.rpm


class RequestRates(Protocol):
    """Counts requests: a burst of a minute's worth, and then evenly."""

    async def take(self, key_id: str, rpm: int) -> RequestRate:
        """Count one request, if it does not come too early.

        Raises:
            StorageFailed: the database cannot be used.
        """
        ...


class LocalRates:
    """Counts the requests that this process gets."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: defaultdict[str, TokenBucket] = defaultdict(TokenBucket)

    async def take(self, key_id: str, rpm: int) -> RequestRate:
        """Count one request."""
        bucket, now_s = self._buckets[key_id], self._clock.monotonic()
        bucket.burst_s = burst_s(rpm)
        wait_s = bucket.take_now(now_s, rpm / MINUTE_S)
        busy_s = min(MINUTE_S, bucket.full_at_s - now_s)
        return RequestRate(rpm, busy_s, wait_s if wait_s > ROUNDING_S else 0.0)


@dataclass(frozen=True, slots=True)
class RequestLimit:
    """What an upstream takes of one account: evenly, with a few requests at once.

    In no 60 s pass more than `(60 + burst_s) / gap_s` requests.
    """

    gap_s: float
    burst_s: float


BURST_PART = 0.2


def limit_of(requests_per_minute: int) -> RequestLimit:
    """So that no 60 s see more than these: a fifth of them at once, and then the rest a minute."""
    gap_s = MINUTE_S / (requests_per_minute * (1 - BURST_PART))
    return RequestLimit(gap_s, requests_per_minute * BURST_PART * gap_s)


class UpstreamRates(Protocol):
    """Counts the requests to each upstream account, in all processes together."""

    async def take(self, account: str, limit: RequestLimit) -> float:
        """Count one request; for how many seconds it comes too early, 0 if it may go on.

        Raises:
            StorageFailed: the database cannot be used.
        """
        ...


class LocalUpstreamRates:
    """Counts what this process asks, where no other uses the account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: defaultdict[str, TokenBucket] = defaultdict(TokenBucket)

    async def take(self, account: str, limit: RequestLimit) -> float:
        """Count one request."""
        bucket = self._buckets[account]
        # The bucket lets one more through than its burst.
        bucket.burst_s = limit.burst_s - limit.gap_s
        wait_s = bucket.take_now(self._clock.monotonic(), 1 / limit.gap_s)
        return wait_s if wait_s > ROUNDING_S else 0.0


class CountedClient(HttpClient):
    """Another client, each of whose requests to an account is counted before it is sent.

    One that comes too early is refused here, and nothing is sent. Files are not counted: they come
    from elsewhere.
    """

    def __init__(self, inner: HttpClient, take: Callable[[], Awaitable[float]]) -> None:
        self._inner = inner
        self._take = take

    async def post_form(self, url: str, *args: Any, **options: Any) -> Answer:  # noqa: ANN401
        await self._count(url)
        return await self._inner.post_form(url, *args, **options)

    async def post(self, url: str, body: bytes, **options: Any) -> Answer:  # noqa: ANN401
        await self._count(url)
        return await self._inner.post(url, body, **options)

    async def request(self, method: str, url: str, **options: Any) -> Answer:  # noqa: ANN401
        await self._count(url)
        return await self._inner.request(method, url, **options)

    @asynccontextmanager
    async def stream(
        self, url: str, *, headers: Mapping[str, str] | None = None, is_told: bool = False
    ) -> AsyncIterator[Stream]:
        async with self._inner.stream(url, headers=headers, is_told=is_told) as stream:
            yield stream

    async def _count(self, url: str) -> None:
        try:
            wait_s = await self._take()
        except StorageFailed as error:
            message = "The requests to the upstream cannot be counted while the database is away."
            raise UpstreamUnavailable(message) from error
        if wait_s > 0:
            message = f"{host_of(url)} has had as many requests as it takes for now."
            raise RateLimited(message, retry_after_s=wait_s)


def burst_s(rpm: int) -> float:
    """So that exactly a minute's worth may come in one instant."""
    return MINUTE_S - MINUTE_S / rpm
