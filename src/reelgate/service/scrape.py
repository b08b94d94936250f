"""All metrics of this process as text, whenever somebody scrapes it."""

from __future__ import annotations

import asyncio
import math
import platform
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from reelgate.clock import Clock
from reelgate.db.gauges import Gauges, OpenJobs
from reelgate.errors import ReelgateError
from reelgate.providers.base import Provider, tells_credits
from reelgate.service.readiness import Remembered
from reelgate.telemetry.metrics import Metrics
from reelgate.version import VERSION

if TYPE_CHECKING:
    from reelgate.telemetry.exposition import Exporter, Exposition

DATABASE_TIMEOUT_S = 2.0
FRESH_S = 5.0
"""How old the counts of jobs may be: scraping often costs no more than this."""
SPEND_FRESH_S = 30.0
"""The day's jobs are many more rows than those that go on."""
UPSTREAM_TIMEOUT_S = 2.0
"""An answer that comes later is told to the next scrape."""
CREDITS_FRESH_S = 300.0
"""Each question is a request to the upstream."""


T = TypeVar("T")


async def told_by(question: Remembered[T]) -> T | None:
    """The answer; None while the database does not give one."""
    try:
        return await question.answer()
    except (TimeoutError, ReelgateError):
        return None


class Scrape:
    """Reads what is not counted as it happens, and writes everything out."""

    def __init__(
        self, metrics: Metrics, gauges: Gauges, providers: Sequence[Provider], clock: Clock
    ) -> None:
        self._metrics = metrics
        self._providers = providers
        self._open = Remembered(gauges.open_jobs, DATABASE_TIMEOUT_S, FRESH_S, clock)
        self._spent = Remembered(
            lambda: gauges.spent_today(clock.now()), DATABASE_TIMEOUT_S, SPEND_FRESH_S, clock
        )
        self._pending = Remembered(gauges.webhooks_pending, DATABASE_TIMEOUT_S, FRESH_S, clock)
        self._credits = {
            provider.name: Remembered(
                provider.credits_left, UPSTREAM_TIMEOUT_S, CREDITS_FRESH_S, clock
            )
            for provider in providers
            if tells_credits(provider)
        }
        self._clock = clock
        self._exporter: Exporter | None = None

    async def exposition(self, accept: str) -> Exposition:
        """The metrics as they are now, in the format that an `Accept` header asks for.

        What the database or an upstream tells is missing while it is away.
        """
        await asyncio.gather(
            self._read_jobs(), self._read_spend(), self._read_webhooks(), self._read_credits()
        )
        self._read_credentials()
        self._metrics.build.values = {(VERSION, platform.python_version()): 1.0}
        return self._exporting().exposition(accept)

    async def close(self) -> None:
        """Ask nobody any more."""
        of_database: tuple[Remembered[Any], ...] = (self._open, self._spent, self._pending)
        for question in (*of_database, *self._credits.values()):
            await question.close()

    async def _read_jobs(self) -> None:
        found = await told_by(self._open) or ()
        now = self._clock.now()
        self._metrics.jobs.values = {labels(each): each.jobs for each in found}
        self._metrics.oldest_job.values = {
            labels(each): max(0.0, now - each.oldest_at) for each in found
        }

    async def _read_spend(self) -> None:
        found = await told_by(self._spent) or ()
        self._metrics.spend_today.values = {
            (each.provider, each.model, each.cost.unit.value): each.cost.value for each in found
        }
        unpriced: Counter[tuple[str, ...]] = Counter()
        for each in found:
            unpriced[each.provider, each.model] += each.unpriced
        self._metrics.unpriced_today.values = unpriced

    async def _read_webhooks(self) -> None:
        pending = await told_by(self._pending)
        self._metrics.webhooks_pending.values = {} if pending is None else {(): pending}

    async def credits_left(self) -> dict[str, int]:
        """What the accounts have left that tell it, by name; up to five minutes old."""
        left = await asyncio.gather(*map(told_by, self._credits.values()))
        told = zip(self._credits, left, strict=True)
        return {name: credits_left for name, credits_left in told if credits_left is not None}

    async def _read_credits(self) -> None:
        left = await self.credits_left()
        self._metrics.credits_left.values = {(name,): amount for name, amount in left.items()}

    def _read_credentials(self) -> None:
        ends = {provider.name: provider.expiry for provider in self._providers}
        self._metrics.credential_expires.values = {
            (name,): end.left_s for name, end in ends.items() if end and math.isfinite(end.left_s)
        }
        self._metrics.credential_ok.values = {
            (name,): float(not (end.is_over or end.is_near)) for name, end in ends.items() if end
        }

    def _exporting(self) -> Exporter:
        if self._exporter is None:
            # A megabyte and 10 ms, for the first scrape to pay.
            from reelgate.telemetry.exposition import Exporter  # noqa: PLC0415

            self._exporter = Exporter(self._metrics.instruments())
        return self._exporter


def labels(jobs: OpenJobs) -> tuple[str, str, str]:
    return jobs.state, jobs.provider, jobs.model
