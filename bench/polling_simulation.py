"""The gateway's own decisions when to poll, simulated with a clock that jumps and no sockets.

`reelgate.jobs.distributions.Distributions` decides, as in the gateway; everything that takes time
(requests, the database, the machine) is left out.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import cast

from reelgate.domain.video import Timeline, Video, VideoRequest
from reelgate.jobs.distributions import Distributions
from reelgate.limits.account import Account, PollState
from reelgate.limits.polls import PollLimiter
from reelgate.polling.schedule import next_poll_s
from reelgate.polling.waiting import SAMPLE_SIZE, Record, WaitingJob
from reelgate.providers.base import Provider

DEADLINE_S = 1e9
EPOCH_S = 1.8e9
"""A Unix time like any other."""
PLAIN_S = 10.0
CONFIRMING = 1
"""Requests of ours beside the polls: the file is asked for where a status says that it is there."""
REQUEST = VideoRequest(
    model="any",
    prompt="a clock",
    aspect_ratio="16:9",
    duration=5,
    resolution="720p",
    options={"style_id": 0},
)


@dataclass(slots=True)
class Clock:
    """Stands still until it is shifted."""

    at_s: float = EPOCH_S

    def now(self) -> float:
        return self.at_s

    def monotonic(self) -> float:
        """The same: nobody sets this clock back."""
        return self.at_s


@dataclass(slots=True)
class Memory:
    """Keeps the highest tickets of each kind, as the table of durations does."""

    kept: dict[str, list[tuple[float, int, Record]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    order: Iterator[int] = field(default_factory=count)

    async def recent(self, kind: str) -> Sequence[Record]:
        return [record for _, _, record in self.kept[kind]]

    async def add(self, records: Mapping[str, Record]) -> None:
        """One more of each, and the lowest ticket goes."""
        for kind, record in records.items():
            heap = self.kept[kind]
            heapq.heappush(heap, (record.ticket, next(self.order), record))
            if len(heap) > SAMPLE_SIZE:
                heapq.heappop(heap)


@dataclass(frozen=True, slots=True)
class Published:
    """All that is asked of a provider here: the times it publishes, None for none."""

    range_s: tuple[float, float] | None

    def typical_s(self, _request: VideoRequest) -> tuple[float, float] | None:
        return self.range_s


class OnlyProcess:
    """An account that no other process uses."""

    async def watched(self) -> PollState:
        return PollState()


@dataclass(slots=True, eq=False)
class Job:
    """A job, and what has become of it."""

    video: Video
    start_s: float
    ready_s: float
    waiting: WaitingJob
    phase: float
    polled_at_s: float = 0.0
    polls: int = 0
    delay_s: float = 0.0
    called: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a wave cost: each job's duration, delay and polls, and the time of every poll."""

    durations_s: tuple[float, ...]
    delays_s: tuple[float, ...]
    polls: tuple[int, ...]
    times_s: tuple[float, ...]

    def most_within(self, window_s: float) -> int:
        """The most polls in any stretch of time so long."""
        times, first, most = sorted(self.times_s), 0, 0
        for last, time_s in enumerate(times):
            while times[first] <= time_s - window_s:
                first += 1
            most = max(most, last - first + 1)
        return most


class Simulation:
    """One upstream account and its gateway; waves follow each other, and what was learned stays."""

    def __init__(
        self,
        published_s: tuple[float, float] | None,
        *,
        polls_per_s: float = 1000.0,
        seed: int = 1,
        memory: Memory | None = None,
        unit_s: float = 1.0,
    ) -> None:
        """`published_s`: the range the provider names; `polls_per_s`: the account's budget."""
        self.clock = Clock()
        account = cast("Account", OnlyProcess())
        self.polls = PollLimiter(account, self.clock, polls_per_s)
        self.distributions = Distributions(
            memory or Memory(), self.clock, {"any": self.polls}, units_s={"any": unit_s}
        )
        self.provider = cast("Provider", Published(published_s))
        self._rng = Random(seed)
        self._names = count()

    async def wave(self, starts_s: Sequence[float], duration_s: Callable[[], float]) -> Outcome:
        """Submit jobs at these times from now on, and poll until all were found ready."""
        began_s, order = self.clock.at_s, count()
        due: list[tuple[float, int, Job | None]] = [
            (began_s + start, next(order), None) for start in starts_s
        ]
        heapq.heapify(due)
        ended, times = [], []
        while due:
            self.clock.at_s, _, known = heapq.heappop(due)
            job = known or await self._submitted(duration_s())
            if known is not None:
                turn_s = 0.0 if job.called else self.polls.turn_s()
                if turn_s > 0:
                    job.called = True
                    heapq.heappush(due, (self.clock.at_s + turn_s, next(order), job))
                    continue
                times.append(self.clock.at_s)
                if await self._poll(job):
                    ended.append(job)
                    continue
            heapq.heappush(due, (await self._next_s(job), next(order), job))
        return Outcome(
            tuple(job.ready_s - job.start_s for job in ended),
            tuple(job.delay_s for job in ended),
            tuple(job.polls for job in ended),
            tuple(times),
        )

    async def _submitted(self, duration_s: float) -> Job:
        start_s = self.clock.at_s
        video = Video(
            id=f"video_{next(self._names)}",
            owner="",
            request=REQUEST,
            provider="any",
            timeline=Timeline(created_at=start_s, submitted_at=start_s),
        )
        waiting = await self.distributions.join(video, self.provider)
        phase = 1.5 - self._rng.random()
        return Job(video, start_s, start_s + duration_s, waiting, phase)

    async def _next_s(self, job: Job) -> float:
        distribution, pace = await self.distributions.pace(job.video, self.provider, job.waiting)
        poll_s = next_poll_s(
            distribution,
            job.polled_at_s,
            pace,
            deadline_s=DEADLINE_S,
            phase=job.phase,
            polls=job.waiting.polls,
        )
        return max(self.clock.at_s, job.start_s + poll_s)

    async def _poll(self, job: Job) -> bool:
        now_s = self.clock.at_s
        job.polls, job.called, job.polled_at_s = job.polls + 1, False, now_s - job.start_s
        job.waiting.polls += 1
        if now_s < job.ready_s:
            job.waiting.not_ready_at_s = job.polled_at_s
            return False
        job.delay_s = now_s - job.ready_s
        self.distributions.leave(job.waiting)
        await self.distributions.teach(job.waiting, job.polled_at_s)
        return True


def at_once(jobs: int) -> list[float]:
    return [0.0] * jobs


def evenly(jobs: int, over_s: float) -> list[float]:
    """One after the other over a time."""
    return [over_s * nth / jobs for nth in range(jobs)]


def poisson(jobs: int, per_s: float, *, seed: int = 6) -> list[float]:
    """The times of a Poisson stream."""
    rng, now_s, starts = Random(seed), 0.0, []
    for _ in range(jobs):
        now_s += rng.expovariate(per_s)
        starts.append(now_s)
    return starts


def plain_of(durations_s: Sequence[float]) -> Outcome:
    """What the plain loop costs on the same jobs, whenever they begin."""
    polls = [max(1, math.ceil(duration / PLAIN_S)) for duration in durations_s]
    delays = [PLAIN_S * n - duration for n, duration in zip(polls, durations_s, strict=True)]
    return Outcome(tuple(durations_s), tuple(delays), tuple(polls), ())
