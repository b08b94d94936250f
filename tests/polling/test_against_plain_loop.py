"""Our polls beside every 10 s and beside the optimum, on known distributions with fixed seeds."""

from __future__ import annotations

import math
from functools import partial
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

import pytest
from polling_model import Cost, bimodal, lognormal, pareto, uniform

from reelgate.polling.distribution import Distribution
from reelgate.polling.observations import UNPUBLISHED, Observation, Prior
from reelgate.polling.schedule import Pace, default_pace

from .costs import learned, paced_cost, plain_cost, polls_until, quantiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from polling_model import Quantiles

PUBLISHED = [(60, 90), (70, 100), (120, 180)]
# Delay of the optimum that knows the distribution, at as many polls as every 10 s makes and at half
# as many, as `python bench/polling.py` computes it by dynamic programming.
OPTIMA = [((60, 90), 0.89, 1.89), ((70, 100), 0.77, 1.66), ((120, 180), 0.88, 1.81)]
SHAPES = {
    "60-90": uniform(60, 90),
    "70-100": uniform(70, 100),
    "120-180": uniform(120, 180),
    "bimodal": bimodal,
    "lognormal": lognormal,
    "pareto": pareto,
    "far sooner than believed": uniform(5, 9),
    "far later than believed": uniform(400, 500),
}


def at_polls(distributions: Sequence[Distribution], ready: Quantiles, polls: float) -> Cost:
    """Ours at the price at which it takes so many polls."""
    low, high = math.log(1e-3), math.log(1e3)
    for _ in range(12):
        middle = (low + high) / 2
        cost = paced_cost(distributions, one_price(math.exp(middle)), ready)
        low, high = (middle, high) if cost.polls > polls else (low, middle)
    return paced_cost(distributions, one_price(math.exp(high)), ready)


def one_price(price_s: float) -> Callable[[Distribution], Pace]:
    """The same price for every distribution."""
    return lambda _: Pace(price_s)


@pytest.mark.parametrize(("ends", "same_s", "half_s"), OPTIMA)
def test_warm_it_comes_within_a_fifth_of_the_optimum(
    ends: tuple[int, int], same_s: float, half_s: float
) -> None:
    ready = uniform(*ends)
    distributions = learned(ready, 200, UNPUBLISHED, times=8)
    polls = plain_cost(quantiles(ready)).polls
    same, half = at_polls(distributions, ready, polls), at_polls(distributions, ready, polls / 2)
    assert same.polls <= polls
    assert half.polls <= polls / 2
    assert same.delay_s <= 1.2 * same_s
    assert half.delay_s <= 1.2 * half_s


@pytest.mark.parametrize("ends", PUBLISHED)
def test_warm_with_half_as_many_polls_it_is_twice_as_soon(ends: tuple[int, int]) -> None:
    ready = uniform(*ends)
    plain = plain_cost(quantiles(ready))
    half = at_polls(learned(ready, 200, UNPUBLISHED, times=4), ready, plain.polls / 2)
    assert half.delay_s < plain.delay_s / 2


@pytest.mark.parametrize("ends", PUBLISHED)
@pytest.mark.parametrize("prior", [UNPUBLISHED, None])
def test_by_default_it_waits_less_than_a_second_for_a_quarter_more_polls_and_two(
    ends: tuple[int, int], prior: Prior | None
) -> None:
    ready = uniform(*ends)
    cost = paced_cost(learned(ready, 200, prior or Prior(*ends), times=8), default_pace, ready)
    assert 0.4 < cost.delay_s < 1.0
    assert cost.polls <= 1.25 * plain_cost(quantiles(ready)).polls + 2


@pytest.mark.parametrize("jobs", [0, 1, 2, 5, 20, 200])
@pytest.mark.parametrize("shape", SHAPES)
def test_by_default_no_shape_of_durations_makes_it_worse_than_polling_in_both(
    shape: str, jobs: int
) -> None:
    ready = SHAPES[shape]
    distributions = learned(ready, jobs, UNPUBLISHED, times=4 if jobs else 1)
    pace = partial(default_pace, earlier=jobs)
    cost, plain = paced_cost(distributions, pace, ready), plain_cost(quantiles(ready))
    assert cost.delay_s <= plain.delay_s


def drifts() -> dict[str, Callable[[float], tuple[float, float]]]:
    """The range of durations as a run goes on."""
    return {
        "slowly up": lambda part: (60 + 60 * part, 90 + 90 * part),
        "slowly down": lambda part: (120 - 60 * part, 180 - 90 * part),
        "jump up": lambda part: (60, 90) if part < 0.5 else (120, 180),
        "jump down": lambda part: (120, 180) if part < 0.5 else (60, 90),
        "jump far down": lambda part: (120, 180) if part < 0.5 else (12, 20),
    }


@pytest.mark.parametrize("kind", drifts())
def test_learning_from_its_own_polls_alone_it_follows_a_drift(kind: str) -> None:
    ends, rng = drifts()[kind], Random(3)
    history: list[Observation] = []
    ours, ready = [], []
    for at in range(300):
        duration = rng.uniform(*ends(at / 300))
        cost, observation = run_job(Distribution.learn(history, UNPUBLISHED), duration)
        history.append(observation)
        ours.append(cost)
        ready.append(duration)
    plain = plain_cost(ready)
    assert fmean(cost.delay_s for cost in ours) < plain.delay_s / 2
    assert fmean(cost.polls for cost in ours) < 2 * plain.polls


def run_job(distribution: Distribution, duration: float) -> tuple[Cost, Observation]:
    """Poll one job until it is found ready."""
    polls = polls_until(distribution, default_pace(distribution), 3600)
    found = next(at for at, poll in enumerate(polls) if poll >= duration)
    before = polls[found - 1] if found else 0.0
    return Cost(polls[found] - duration, found + 1), Observation(before, polls[found])
