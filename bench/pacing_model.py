"""A world for pacing to be measured in: laws of duration, schedules of looks, the optimum.

Everything is computed on quantiles of the true law instead of drawn durations, so delays carry no
sampling noise; the only chance left is in the histories that laws are learned from.
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
    """What a way of looking costs per job: mean delay after ready in seconds, mean looks."""

    delay_s: float
    looks: float


def uniform(low_s: float, high_s: float) -> Quantiles:
    """The law with the same chance at every time of a range."""
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
LAWS: dict[str, Quantiles] = {
    **{name: uniform(*ends) for name, ends in PUBLISHED.items()},
    "bimodal": bimodal,
    "lognormal": lognormal,
    "Pareto": pareto,
}


def quantiles(law: Quantiles, count: int) -> list[float]:
    """Durations that stand for the law, each with the same chance."""
    return [law((at + 0.5) / count) for at in range(count)]


def cost_of(looks: Sequence[float], durations: Sequence[float]) -> Cost:
    """What a schedule of looks costs, the last of them later than every duration."""
    found = [bisect_left(looks, duration) for duration in durations]
    delays = [looks[at] - duration for at, duration in zip(found, durations, strict=True)]
    return Cost(fmean(delays), fmean(found) + 1)


def plain_looks(until_s: float, every_s: float = PLAIN_S) -> list[float]:
    """The looks of a loop that sleeps a fixed time."""
    return [every_s * n for n in range(1, int(until_s / every_s) + 2)]


def paced_looks(law: Distribution, pace: Pace, until_s: float) -> list[float]:
    """The looks of one job that is not ready before `until_s`."""
    looks = [next_poll_s(law, 0.0, pace, deadline_s=math.inf)]
    while looks[-1] < until_s:
        made = len(looks)
        looks.append(next_poll_s(law, looks[-1], pace, deadline_s=math.inf, polls=made))
    return looks


def best_looks(durations: Sequence[float], price_s: float) -> list[float]:
    """The optimal looks for a known law, by dynamic programming over its quantiles.

    Looking just as a quantile is reached is never worse than a little later, and the best next look
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
                + (look - last) * durations[look - 1]
                - (sums[look] - sums[last])
                + best[look],
                look,
            )
            for look in range(last + 1, following[last + 1] + 1)
        )
    looks, at = [], 0
    while at < count:
        at = following[at]
        looks.append(durations[at - 1])
    return looks


def at_looks(cost_at: Schedules, looks: float, *, steps: int = 16) -> Cost:
    """The cost at the price where a job takes so many looks, found by bisection."""
    low, high = math.log(1e-4), math.log(3e3)
    for _ in range(steps):
        middle = (low + high) / 2
        if cost_at(math.exp(middle)).looks > looks:
            low = middle
        else:
            high = middle
    return cost_at(math.exp(high))


def mean_cost(costs: Sequence[Cost]) -> Cost:
    """The mean of several costs."""
    return Cost(fmean(c.delay_s for c in costs), fmean(c.looks for c in costs))


def learned(
    law: Quantiles, jobs: int, prior: Prior, *, times: int, seed: int = 1
) -> list[Distribution]:
    """Laws learned from that many drawn durations, several times over."""
    chance = Random(seed)
    return [
        Distribution.learn([law(chance.random()) for _ in range(jobs)], prior)
        for _ in range(times if jobs else 1)
    ]


def paced_cost(
    laws: Sequence[Distribution],
    durations: Sequence[float],
    pace_of: Callable[[Distribution], Pace],
) -> Cost:
    """The mean cost over learned laws, each at its own pace."""
    until_s = max(durations)
    return mean_cost([cost_of(paced_looks(law, pace_of(law), until_s), durations) for law in laws])


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
