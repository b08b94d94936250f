"""What polling costs on known distributions, for the tests of polling."""

from __future__ import annotations

from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

import polling_model
from polling_model import Cost, cost_of, plain_polls

from reelgate.polling.distribution import Distribution
from reelgate.polling.schedule import next_poll_s

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from polling_model import Quantiles

    from reelgate.polling.observations import Prior
    from reelgate.polling.schedule import Pace

POINTS = 400


def quantiles(durations: Quantiles) -> list[float]:
    return polling_model.quantiles(durations, POINTS)


def sample(durations: Quantiles, jobs: int, seed: int = 1) -> list[float]:
    rng = Random(seed)
    return [durations(rng.random()) for _ in range(jobs)]


def learned(durations: Quantiles, jobs: int, prior: Prior, *, times: int) -> list[Distribution]:
    return [Distribution.learn(sample(durations, jobs, seed), prior) for seed in range(times)]


def plain_cost(durations: Sequence[float]) -> Cost:
    return cost_of(plain_polls(max(durations)), durations)


def polls_until(distribution: Distribution, pace: Pace, deadline_s: float) -> list[float]:
    """All polls of a job that is never ready."""
    polls = [next_poll_s(distribution, 0.0, pace, deadline_s=deadline_s)]
    while polls[-1] < deadline_s:
        made = len(polls)
        polls.append(next_poll_s(distribution, polls[-1], pace, deadline_s=deadline_s, polls=made))
    return polls


def paced_cost(
    distributions: Sequence[Distribution], pace: Callable[[Distribution], Pace], ready: Quantiles
) -> Cost:
    """The mean cost over distributions learned from several histories."""
    durations = quantiles(ready)
    until_s = max(durations) + 1
    costs = [cost_of(polls_until(each, pace(each), until_s), durations) for each in distributions]
    return Cost(fmean(c.delay_s for c in costs), fmean(c.polls for c in costs))
