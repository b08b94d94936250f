"""How many requests each API key has made lately, and we to each upstream."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from reelgate.clock import Clock
from reelgate.errors import RateLimited, StorageFailed, UpstreamUnavailable
from reelgate.net.client import FilePart, HttpClient, HttpResponse, Stream
from reelgate.net.transport import host_of
from reelgate.polling.budget import ROUNDING_S, TokenBucket

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class RequestLimit:
    """How many requests somebody may make: evenly, and some of them at once.

    Each keeps its sender busy for `gap_s`, and that may be for `burst_s` in advance: in no 60 s
    pass more than `(60 + burst_s) / gap_s`. This is the generic cell rate algorithm
    (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
    """

    gap_s: float
    burst_s: float

    @classmethod
    def of_key(cls, rpm: int) -> RequestLimit:
        """An API key's: a minute's worth may come at once, and then evenly."""
        return cls(MINUTE_S / rpm, MINUTE_S)

    @classmethod
    def of_upstream(cls, rpm: int) -> RequestLimit:
        """So that no 60 s see more than these: a fifth of them at once, and the rest evenly."""
        gap_s = MINUTE_S / (rpm * (1 - BURST_PART))
        return cls(gap_s, rpm * BURST_PART * gap_s)

    @property
    def most(self) -> int:
        """How many may come at once."""
        return round(self.burst_s / self.gap_s)


BURST_PART = 0.2


@dataclass(frozen=True, slots=True)
class RequestRate:
    """How somebody's requests stand after one was counted, or refused.

    Attributes:
        limit: what they are held to.
        busy_s: for how long those that were made keep their sender busy, at most `limit.burst_s`.
        wait_s: for how long the one that was refused comes too early; 0 if it may go on.
    """

    limit: RequestLimit
    busy_s: float
    wait_s: float = 0.0

    @property
    def left(self) -> int:
        """How many more may be made at once."""
        room_s = self.limit.burst_s - self.busy_s
        return max(0, math.floor(room_s / self.limit.gap_s + ROUNDING_S))

    @property
    def more_in_s(self) -> float:
        """When one more than that may be made; 0 where none was made lately."""
        if self.wait_s > 0:
            return self.wait_s
        return max(0.0, self.busy_s - (self.limit.most - self.left - 1) * self.limit.gap_s)


class RequestRates(Protocol):
    """Counts requests by their sender: an API key, or we towards an upstream account."""

    async def take(self, sender: str, limit: RequestLimit) -> RequestRate:
        """Count one request, if it does not come too early.

        Raises:
            StorageFailed: the database cannot be used.
        """
        ...


class LocalRates:
    """Counts the requests of this process, where there is no other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: defaultdict[str, TokenBucket] = defaultdict(TokenBucket)

    async def take(self, sender: str, limit: RequestLimit) -> RequestRate:
        """Count one request."""
        bucket, now_s = self._buckets[sender], self._clock.monotonic()
        # The bucket lets one more through than its burst.
        bucket.burst_s = limit.burst_s - limit.gap_s
        wait_s = bucket.take_now(now_s, 1 / limit.gap_s)
        busy_s = min(limit.burst_s, bucket.full_at_s - now_s)
        return RequestRate(limit, busy_s, wait_s if wait_s > ROUNDING_S else 0.0)


class CountedClient(HttpClient):
    """Another client, each of whose requests to an account is counted before it is sent.

    One that comes too early is refused here, and nothing is sent. Files are not counted: they come
    from elsewhere.
    """

    def __init__(self, inner: HttpClient, take: Callable[[], Awaitable[RequestRate]]) -> None:
        self._inner = inner
        self._take = take

    async def post_form(
        self,
        url: str,
        parts: Sequence[tuple[str, str]],
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        file: FilePart | None = None,
    ) -> HttpResponse:
        await self._count(url)
        return await self._inner.post_form(
            url, parts, headers=headers, timeout_s=timeout_s, file=file
        )

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], timeout_s: float
    ) -> HttpResponse:
        await self._count(url)
        return await self._inner.post(url, body, headers=headers, timeout_s=timeout_s)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
        redirects: int = 0,
    ) -> HttpResponse:
        await self._count(url)
        return await self._inner.request(
            method, url, headers=headers, timeout_s=timeout_s, redirects=redirects
        )

    @asynccontextmanager
    async def stream(
        self, url: str, *, headers: Mapping[str, str] | None = None, is_told: bool = False
    ) -> AsyncIterator[Stream]:
        async with self._inner.stream(url, headers=headers, is_told=is_told) as stream:
            yield stream

    async def _count(self, url: str) -> None:
        try:
            rate = await self._take()
        except StorageFailed as error:
            message = "The requests to the upstream cannot be counted while the database is away."
            raise UpstreamUnavailable(message) from error
        if rate.wait_s > 0:
            message = f"{host_of(url)} has had as many requests as it takes for now."
            raise RateLimited(message, retry_after_s=rate.wait_s)
