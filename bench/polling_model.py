"""What polling is measured against: known distributions of duration, schedules, the optimum.

Delays are computed on quantiles of the true distribution instead of drawn durations, so they carry
no sampling noise; only the histories that distributions are learned from are drawn.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING

from reelgate.polling.distribution import Distribution
from reelgate.polling.observations import Prior
from reelgate.polling.schedule import Pace, next_poll_s

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Quantiles = Callable[[float], float]
    Schedules = Callable[[float], "Cost"]

PLAIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a schedule costs per job: mean delay after ready in seconds, mean polls."""

    delay_s: float
    polls: float


def uniform(low_s: float, high_s: float) -> Quantiles:
    """The distribution with the same chance at every time of a range."""
    return lambda q: low_s + (high_s - low_s) * q


def bimodal(q: float) -> float:
    """Seven of ten within 40-50 s, the rest within 140-170 s."""
    return 40 + 10 * q / 0.7 if q < 0.7 else 140 + 30 * (q - 0.7) / 0.3


def lognormal(q: float) -> float:
    """Median 90 s, sigma 0.6."""
    return 90 * math.exp(0.6 * NormalDist().inv_cdf(q))


def pareto(q: float) -> float:
    """From 40 s on, with tail index 1.5: the variance is infinite."""
    return 40 * math.pow(1 - q, -1 / 1.5)


PUBLISHED = {"60-90 s": (60.0, 90.0), "70-100 s": (70.0, 100.0), "120-180 s": (120.0, 180.0)}
DISTRIBUTIONS: dict[str, Quantiles] = {
    **{name: uniform(*ends) for name, ends in PUBLISHED.items()},
    "bimodal": bimodal,
    "lognormal": lognormal,
    "Pareto": pareto,
}


def quantiles(distribution: Quantiles, count: int) -> list[float]:
    """Durations that stand for the distribution, each with the same chance."""
    return [distribution((at + 0.5) / count) for at in range(count)]


def cost_of(polls: Sequence[float], durations: Sequence[float]) -> Cost:
    """What a schedule of polls costs, the last of them later than every duration."""
    found = [bisect_left(polls, duration) for duration in durations]
    delays = [polls[at] - duration for at, duration in zip(found, durations, strict=True)]
    return Cost(fmean(delays), fmean(found) + 1)


def plain_polls(until_s: float, every_s: float = PLAIN_S) -> list[float]:
    """The polls of a loop that sleeps a fixed time."""
    return [every_s * n for n in range(1, int(until_s / every_s) + 2)]


def paced_polls(distribution: Distribution, pace: Pace, until_s: float) -> list[float]:
    """The polls of one job that is not ready before `until_s`."""
    polls = [next_poll_s(distribution, 0.0, pace, deadline_s=math.inf)]
    while polls[-1] < until_s:
        made = len(polls)
        polls.append(next_poll_s(distribution, polls[-1], pace, deadline_s=math.inf, polls=made))
    return polls


def best_polls(durations: Sequence[float], price_s: float) -> list[float]:
    """The optimal polls for a known distribution, by dynamic programming over its quantiles.

    Polling just as a quantile is reached is never worse than a little later, and the best next poll
    is never earlier for a later last one: so the search for each is short.
    """
    count = len(durations)
    sums = [0.0, *accumulate(durations)]
    best = [0.0] * (count + 1)
    following = [count] * (count + 1)
    for last in range(count - 1, -1, -1):
        best[last], following[last] = min(
            (
                price_s * (count - last)
                + (poll - last) * durations[poll - 1]
                - (sums[poll] - sums[last])
                + best[poll],
                poll,
            )
            for poll in range(last + 1, following[last + 1] + 1)
        )
    polls, at = [], 0
    while at < count:
        at = following[at]
        polls.append(durations[at - 1])
    return polls


def at_polls(cost_at: Schedules, polls: float, *, steps: int = 16) -> Cost:
    """The cost at the price where a job takes so many polls, found by bisection."""
    low, high = math.log(1e-4), math.log(3e3)
    for _ in range(steps):
        middle = (low + high) / 2
        if cost_at(math.exp(middle)).polls > polls:
            low = middle
        else:
            high = middle
    return cost_at(math.exp(high))


def mean_cost(costs: Sequence[Cost]) -> Cost:
    """The mean of several costs."""
    return Cost(fmean(c.delay_s for c in costs), fmean(c.polls for c in costs))


def learned(
    distribution: Quantiles, jobs: int, prior: Prior, *, times: int, seed: int = 1
) -> list[Distribution]:
    """Distributions learned from that many drawn durations, several times over."""
    rng = Random(seed)
    return [
        Distribution.learn([distribution(rng.random()) for _ in range(jobs)], prior)
        for _ in range(times if jobs else 1)
    ]


def paced_cost(
    distributions: Sequence[Distribution],
    durations: Sequence[float],
    pace_of: Callable[[Distribution], Pace],
) -> Cost:
    """The mean cost over learned distributions, each at its own pace."""
    until_s = max(durations)
    return mean_cost(
        [
            cost_of(paced_polls(distribution, pace_of(distribution), until_s), durations)
            for distribution in distributions
        ]
    )


def drifting(kind: str, part: float) -> tuple[float, float]:
    """The range of durations when this part of a run is over."""
    match kind:
        case "slowly up":
            return 60 + 60 * part, 90 + 90 * part
        case "slowly down":
            return 120 - 60 * part, 180 - 90 * part
        case "jump up":
            return (60, 90) if part < 0.5 else (120, 180)
        case "jump down":
            return (120, 180) if part < 0.5 else (60, 90)
        case "jump far down":
            return (120, 180) if part < 0.5 else (12, 20)
        case "up and down":
            low = 60 * (1 + 0.8 * math.sin(2 * math.pi * part * 6))
            return low, low * 1.5
    raise ValueError(kind)


DRIFTS = ("slowly up", "slowly down", "jump up", "jump down", "jump far down", "up and down")
