"""Ways of looking and durations to compare them on, for the tests of pacing."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from random import Random
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING

from reelgate.polling.distribution import Distribution
from reelgate.polling.schedule import next_poll_s

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reelgate.polling.observations import Prior
    from reelgate.polling.schedule import Pace

    Quantiles = Callable[[float], float]

POINTS = 400


@dataclass(frozen=True, slots=True)
class Cost:
    """Mean delay after ready, and mean looks, of one job."""

    delay_s: float
    looks: float

    def worse_than(self, other: Cost) -> bool:
        """Whether it is worse in delay and in looks together."""
        return self.delay_s > other.delay_s and self.looks > other.looks


def uniform(low_s: float, high_s: float) -> Quantiles:
    return lambda q: low_s + (high_s - low_s) * q


def bimodal(q: float) -> float:
    return 40 + 10 * q / 0.7 if q < 0.7 else 140 + 30 * (q - 0.7) / 0.3


def lognormal(q: float) -> float:
    return 90 * math.exp(0.6 * NormalDist().inv_cdf(q))


def pareto(q: float) -> float:
    return 40 * math.pow(1 - q, -1 / 1.5)


def quantiles(law: Quantiles) -> list[float]:
    return [law((at + 0.5) / POINTS) for at in range(POINTS)]


def drawn(law: Quantiles, jobs: int, seed: int = 1) -> list[float]:
    chance = Random(seed)
    return [law(chance.random()) for _ in range(jobs)]


def learned(law: Quantiles, jobs: int, prior: Prior, *, times: int) -> list[Distribution]:
    return [Distribution.learn(drawn(law, jobs, seed), prior) for seed in range(times)]


def cost_of(looks: Sequence[float], durations: Sequence[float]) -> Cost:
    found = [bisect_left(looks, duration) for duration in durations]
    delays = [looks[at] - duration for at, duration in zip(found, durations, strict=True)]
    return Cost(fmean(delays), fmean(found) + 1)


def plain_cost(durations: Sequence[float]) -> Cost:
    """What looking every 10 s costs."""
    return cost_of([10.0 * n for n in range(1, int(max(durations) / 10) + 2)], durations)


def looks_until(law: Distribution, pace: Pace, deadline_s: float) -> list[float]:
    """All looks at a job that is never ready."""
    looks = [next_poll_s(law, 0.0, pace, deadline_s=deadline_s)]
    while looks[-1] < deadline_s:
        made = len(looks)
        looks.append(next_poll_s(law, looks[-1], pace, deadline_s=deadline_s, polls=made))
    return looks


def paced_cost(
    laws: Sequence[Distribution], pace: Callable[[Distribution], Pace], ready: Quantiles
) -> Cost:
    """The mean cost over laws learned from several histories."""
    durations = quantiles(ready)
    until_s = max(durations) + 1
    costs = [cost_of(looks_until(law, pace(law), until_s), durations) for law in laws]
    return Cost(fmean(c.delay_s for c in costs), fmean(c.looks for c in costs))
