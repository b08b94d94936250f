"""Many jobs of one account under a budget of looks per second."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from random import Random
from statistics import fmean

from reelgate.pacing import (
    UNPUBLISHED,
    Law,
    Pace,
    default_pace,
    next_look_s,
    pace_within_budget,
)


@dataclass(frozen=True, slots=True)
class CrowdResult:
    """What a crowd cost.

    Attributes:
        delay_s: mean delay after ready.
        looks: mean looks per job.
        per_s: mean looks per second while any job waited.
        peak_per_s: the most looks in any 10 seconds of the clock, per second.
    """

    delay_s: float
    looks: float
    per_s: float
    peak_per_s: float


@dataclass(slots=True)
class _Job:
    start_s: float
    duration_s: float


class Crowd:
    """Jobs of 60-90 s under one budget; priced anew every second and for every new job."""

    def __init__(self, starts_s: list[float], budget_per_s: float, *, seed: int = 5) -> None:
        """Make jobs that start at these times."""
        chance = Random(seed)
        self._chance = chance
        self._budget = budget_per_s
        self._law = Law.learn([chance.uniform(60, 90) for _ in range(200)], UNPUBLISHED)
        self._alone = default_pace(self._law)
        self._jobs = [_Job(at, chance.uniform(60, 90)) for at in starts_s]
        self._waiting: set[int] = set()
        self._priced_at = -1.0
        self._pace = self._alone

    def run(self) -> CrowdResult:
        """Run them all to their ends."""
        events = [(job.start_s, at) for at, job in enumerate(self._jobs)]
        heapq.heapify(events)
        looks, delays = [], []
        while events:
            now, at = heapq.heappop(events)
            job, first = self._jobs[at], at not in self._waiting
            self._waiting.add(at)
            if not first:
                looks.append(now)
            if now >= job.start_s + job.duration_s:
                delays.append(now - job.start_s - job.duration_s)
                self._waiting.remove(at)
                continue
            heapq.heappush(events, (self._next(job, now, first=first), at))
        span = looks[-1] - self._jobs[0].start_s
        peak = max(Counter(int(look // 10) for look in looks).values()) / 10
        return CrowdResult(fmean(delays), len(looks) / len(delays), len(looks) / span, peak)

    def _next(self, job: _Job, now: float, *, first: bool) -> float:
        phase = 1 - self._chance.random() if first else 1.0
        pace = self._priced(now, anew=first)
        elapsed = now - job.start_s
        look = next_look_s(self._law, elapsed, pace, deadline_s=3600, phase=phase)
        return job.start_s + look

    def _priced(self, now: float, *, anew: bool) -> Pace:
        if anew or now - self._priced_at >= 1:
            waiting = [(self._law, now - self._jobs[at].start_s) for at in self._waiting]
            self._priced_at = now
            self._pace = pace_within_budget(self._alone, waiting, budget_per_s=self._budget)
        return self._pace


def stream(jobs: int, per_s: float, *, seed: int = 6) -> list[float]:
    """The times of a Poisson stream of submits."""
    chance, now, starts = Random(seed), 0.0, []
    for _ in range(jobs):
        now += chance.expovariate(per_s)
        starts.append(now)
    return starts


if __name__ == "__main__":
    for budget in (1000.0, 20.0, 10.0, 5.0):
        print("stream", budget, Crowd(stream(1200, 2.0), budget).run())
        print("burst", budget, Crowd([0.0] * 300, budget).run())
