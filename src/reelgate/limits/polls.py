"""When this process may poll the videos of one upstream account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from reelgate.cache import Cache
from reelgate.clock import Clock
from reelgate.domain.retry import LONGEST_RETRY_AFTER_S, pause_s
from reelgate.errors import DatabaseAway, RateLimited, StorageFailed
from reelgate.limits.account import Account
from reelgate.polling.budget import TokenBucket

log = structlog.get_logger()

FRESH_S = 2.0
"""How long what is known of the other processes' polls is used."""
NEVER_S = float("-inf")


class PollLimiter:
    """One process's polls of one account: their part of the budget, and their rests.

    All times are monotonic seconds.
    """

    def __init__(self, account: Account, clock: Clock, polls_per_s: float) -> None:
        """`polls_per_s` is the budget of all processes together."""
        self._account = account
        self._clock = clock
        self._polls_per_s = polls_per_s
        self._jobs = 0
        self._rendering = 0
        self._shared: Cache[None, None] = Cache(FRESH_S, clock, serves_stale=True)
        self._refused_at_s = NEVER_S
        self._rests_until_s = NEVER_S
        self._bucket = TokenBucket()
        self._refusals = 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """One more job of this process waits."""
        self._jobs += 1
        try:
            yield
        finally:
            self._jobs -= 1

    async def budget_per_s(self) -> float:
        """This process's part of the budget: that of the jobs it waits for."""
        await self._refresh()
        return self._budget_per_s

    async def rest_s(self) -> float:
        """How long nobody may poll."""
        await self._refresh()
        return max(0.0, self._rests_until_s - self._clock.monotonic())

    def turn_s(self) -> float:
        """How long a poll that is due waits for those before it: it takes the next turn.

        Polls that fell due during a rest go one after the other, as fast as the budget lets them:
        together they would run into the next refusal.
        """
        return self._bucket.wait_s(self._clock.monotonic(), self._budget_per_s)

    async def refused(self, error: RateLimited, polled_at_s: float, draw: float) -> None:
        """The upstream refused a poll that began at this time: all rest, once."""
        if polled_at_s <= self._refused_at_s:
            return
        self._refused_at_s = self._clock.monotonic()
        self._refusals += 1
        rest_s = min(LONGEST_RETRY_AFTER_S, pause_s(error, self._refusals, draw))
        log.warning("polls_rest", error=error.message, rest_s=round(rest_s, 1))
        self._rest_until(self._refused_at_s + rest_s)
        await self._account.rest_polls(rest_s)

    def answered(self) -> None:
        """The upstream answered a poll."""
        self._refusals = 0

    @property
    def alike(self) -> float:
        """How many jobs that wait, in all processes, each of this one's stands for."""
        return max(1, self._jobs, self._rendering) / max(1, self._jobs)

    @property
    def _budget_per_s(self) -> float:
        return self._polls_per_s / self.alike

    def _rest_until(self, moment_s: float) -> None:
        if moment_s > self._rests_until_s:
            self._rests_until_s = moment_s
            self._bucket.close(moment_s)

    async def _refresh(self) -> None:
        await self._shared.get(None, self._ask)

    async def _ask(self) -> None:
        try:
            watched = await self._account.watched()
        except StorageFailed as failure:
            if not isinstance(failure, DatabaseAway):
                log.warning("polls_not_counted", error=failure.message)
            return
        self._rendering = watched.rendering
        if watched.rest_s:
            self._rest_until(self._clock.monotonic() + watched.rest_s)
