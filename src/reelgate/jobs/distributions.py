"""The duration distribution of each kind of job, as it is learned."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from reelgate.cache import Cache
from reelgate.clock import Clock
from reelgate.domain.video import Video
from reelgate.limits.polls import PollLimiter
from reelgate.polling.budget import SharedBudget
from reelgate.polling.distribution import Distribution
from reelgate.polling.forecast import Forecast
from reelgate.polling.observations import (
    OTHER_KINDS_JOBS,
    UNPUBLISHED,
    Prior,
    ShiftedRange,
    shifted_range,
)
from reelgate.polling.schedule import KNOWN_AFTER, PLAIN_S, Pace, default_pace
from reelgate.polling.waiting import (
    Record,
    WaitingJob,
    observations_of,
    submission_order,
    ticket_of,
)
from reelgate.providers.base import Provider

FRESH_S = 10.0
"""How long a distribution is used before it is learned anew."""
ALL_KINDS = "*"
"""Under this the jobs of all kinds of an account are kept, in multiples of the published times."""
APART = 2.0
"""Jobs submitted this many mean durations before another have taught what it is paced by.

Those closer together are one experience: a wave that has begun to be ready is not
trusted yet.
"""


class History(Protocol):
    """The jobs that were ready, by kind."""

    async def recent(self, kind: str) -> Sequence[Record]:
        """A fair draw among those of late."""
        ...

    async def add(self, records: Mapping[str, Record]) -> None:
        """Note one more, under each of these kinds."""
        ...


@dataclass(frozen=True, slots=True)
class LearnedDistribution:
    """A distribution, and where it comes from.

    Attributes:
        kind: of which jobs.
        distribution: what is known now.
        taught_at: when the jobs that taught it were submitted, ascending Unix times.
        published_s: the middle of the times that the provider publishes; None without any.
        forecast: the distribution as each job that begins now stores it.
    """

    kind: str
    distribution: Distribution
    taught_at: tuple[float, ...]
    published_s: float | None
    forecast: Forecast

    def pace(self, submitted_at: float, unit_s: float) -> Pace:
        """How densely to poll a job that begins now, were it alone on its account."""
        earlier = bisect_right(self.taught_at, submitted_at - APART * self.distribution.mean_s)
        return default_pace(self.distribution, unit_s=unit_s, earlier=earlier)


def history_key(account: str, kind: str, unit_s: float) -> str:
    """What durations are kept under: those of a sandbox apart, for each speed of it."""
    scale = "" if unit_s == 1 else f"@{unit_s:g}"
    return f"{account}/{kind}{scale}"


class Distributions:
    """One distribution for each kind of job, and for each account the jobs that wait."""

    def __init__(
        self,
        history: History,
        clock: Clock,
        poll_limiters: Mapping[str, PollLimiter],
        *,
        units_s: Mapping[str, float] | None = None,
    ) -> None:
        """`units_s`: what counts as a second at each account, if not a second."""
        self._history = history
        self._clock = clock
        self._poll_limiters = poll_limiters
        self._units_s = units_s or {}
        self._known: dict[str, Cache[str, LearnedDistribution]] = {
            account: Cache(FRESH_S * self._unit_s(account), clock, serves_stale=True)
            for account in poll_limiters
        }
        # In the order of their submits, so that any few of them can stand for all.
        self._waiting: dict[str, dict[WaitingJob, None]] = {}
        self._crowds: dict[str, SharedBudget] = {}

    async def of(self, video: Video, provider: Provider) -> Distribution:
        """What this video's rendering follows; what the provider publishes fills the gaps."""
        return (await self._learned(video, provider)).distribution

    async def forecast(self, video: Video, provider: Provider) -> Forecast:
        """The progress and the time left of this video, were it submitted now."""
        return (await self._learned(video, provider)).forecast

    async def join(self, video: Video, provider: Provider) -> WaitingJob:
        """The video is one of those that wait on its account, until it leaves."""
        waiting = self._waiting_of(video, await self._learned(video, provider))
        self._waiting.setdefault(waiting.kind, {})[waiting] = None
        self._crowds.setdefault(waiting.account, SharedBudget()).join(waiting.distribution)
        return waiting

    def leave(self, waiting: WaitingJob) -> None:
        """The video that joined waits no longer."""
        del self._waiting[waiting.kind][waiting]
        self._crowds[waiting.account].leave(waiting.distribution)

    async def pace(
        self, video: Video, provider: Provider, waiting: WaitingJob
    ) -> tuple[Distribution, Pace]:
        """Its distribution, and how densely to poll now that so many jobs wait on the account."""
        known = await self._learned(video, provider)
        budget_per_s = await self._poll_limiters[waiting.account].budget_per_s()
        return known.distribution, self._crowds[waiting.account].slowed(waiting.pace, budget_per_s)

    async def teach(self, waiting: WaitingJob, polled_at_s: float) -> None:
        """Remember how long a video took: a poll this long after its submit found it ready."""
        record = waiting.ended(polled_at_s)
        records = {waiting.kind: record}
        known = self._known[waiting.account].latest(waiting.kind)
        published_s = None if known is None else known.published_s
        if published_s is not None:
            multiple = replace(record, observation=record.observation.scaled(1 / published_s))
            records[self._key(waiting.account, ALL_KINDS)] = multiple
        await self._history.add(records)

    def _waiting_of(self, video: Video, learned: LearnedDistribution) -> WaitingJob:
        submitted_at = video.timeline.submitted_at or self._clock.now()
        unit_s = self._unit_s(video.provider)
        return WaitingJob(
            kind=learned.kind,
            account=video.provider,
            submitted_at=submitted_at,
            ticket=ticket_of(video.id, submitted_at, unit_s=unit_s),
            distribution=learned.distribution,
            pace=learned.pace(submitted_at, unit_s),
            # One that was taken over has been polled: as often as the plain loop would have.
            polls=int((self._clock.now() - submitted_at) / (PLAIN_S * unit_s)),
        )

    def _unit_s(self, account: str) -> float:
        return self._units_s.get(account, 1.0)

    async def _learned(self, video: Video, provider: Provider) -> LearnedDistribution:
        kind = self._key(video.provider, video.request.kind)
        return await self._known[video.provider].get(
            kind, partial(self._learn, kind, video, provider)
        )

    async def _learn(self, kind: str, video: Video, provider: Provider) -> LearnedDistribution:
        published_s = provider.typical_s(video.provider_request)
        ended = await self._history.recent(kind)
        unit_s = self._unit_s(video.provider)
        prior = UNPUBLISHED.scaled(unit_s)
        if published_s is not None:
            shifted = await self._shifted(video.provider) if len(ended) < KNOWN_AFTER else None
            prior = Prior(*published_s, unit_s=unit_s, shifted=shifted)
        waiting = self._waiting.get(kind, ())
        distribution = Distribution.learn(
            observations_of(ended, waiting, count=self._poll_limiters[video.provider].alike), prior
        )
        return LearnedDistribution(
            kind=kind,
            distribution=distribution,
            taught_at=tuple(sorted(record.submitted_at for record in ended)),
            published_s=prior.middle_s if published_s is not None else None,
            forecast=Forecast.of(distribution),
        )

    async def _shifted(self, account: str) -> ShiftedRange | None:
        """What the jobs of all kinds of an account tell of its published times."""
        records = await self._history.recent(self._key(account, ALL_KINDS))
        youngest = sorted(records, key=submission_order)[-OTHER_KINDS_JOBS:]
        return shifted_range([record.observation.middle_s for record in youngest])

    def _key(self, account: str, kind: str) -> str:
        return history_key(account, kind, self._unit_s(account))
