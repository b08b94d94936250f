"""The sums that keep all of an account's looks inside its budget."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.polling.budget import SharedBudget
from reelgate.polling.distribution import Distribution
from reelgate.polling.observations import UNPUBLISHED
from reelgate.polling.schedule import Pace, default_pace, next_poll_s

from .strategies import laws

LAW = Distribution.learn([60.0 + 0.15 * n for n in range(200)], UNPUBLISHED)


def crowd_of(jobs: int) -> SharedBudget:
    crowd = SharedBudget()
    for _ in range(jobs):
        crowd.join(LAW)
    return crowd


def looks_of_one(pace: Pace, until_s: float) -> int:
    elapsed_s, looks = 0.0, 0
    while elapsed_s < until_s:
        elapsed_s = next_poll_s(LAW, elapsed_s, pace, deadline_s=3600)
        looks += 1
    return looks


def test_a_budget_that_holds_all_looks_changes_nothing() -> None:
    alone = default_pace(LAW)
    assert crowd_of(10).slowed(alone, 100.0) == alone


@pytest.mark.parametrize("budget_per_s", [20.0, 10.0])
def test_a_crowd_keeps_to_its_budget_on_average(budget_per_s: float) -> None:
    jobs = 200
    pace = crowd_of(jobs).slowed(default_pace(LAW), budget_per_s)
    each = sum(looks_of_one(pace, 60.0 + 0.3 * n) for n in range(100)) / 100
    assert each * jobs / LAW.mean_s <= budget_per_s


def test_the_more_wait_the_slower_the_pace() -> None:
    alone = default_pace(LAW)
    paces = [crowd_of(jobs).slowed(alone, 10.0) for jobs in (1, 100, 1000, 10_000)]
    prices = [pace.price_s for pace in paces]
    assert prices == sorted(prices)
    assert prices[-1] > prices[0]


@given(st.lists(laws(), min_size=1, max_size=20), st.floats(0.01, 1000), st.floats(1, 100))
def test_a_larger_budget_is_never_dearer(
    kinds: list[Distribution], budget: float, times: float
) -> None:
    crowd, alone = SharedBudget(), default_pace(kinds[0])
    for law in kinds:
        crowd.join(law)
    assert crowd.slowed(alone, budget * times).price_s <= crowd.slowed(alone, budget).price_s


@given(st.lists(laws(), min_size=1, max_size=20), st.floats(0.01, 1000))
def test_jobs_of_any_kinds_ask_on_average_for_no_more_than_their_budget(
    kinds: list[Distribution], budget: float
) -> None:
    crowd = SharedBudget()
    for law in kinds:
        crowd.join(law)
    price_s = crowd.slowed(Pace(1e-6), budget).price_s
    assert sum(law.mean_attention for law in kinds) <= budget * math.sqrt(price_s)


def test_whoever_leaves_is_no_longer_counted() -> None:
    crowd = crowd_of(500)
    for _ in range(499):
        crowd.leave(LAW)
    alone = default_pace(LAW)
    assert crowd.jobs == 1
    assert crowd.slowed(alone, 10.0) == alone


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        crowd_of(1).slowed(default_pace(LAW), 0.0)


@pytest.mark.parametrize("unit_s", [0.05, 0.25, 4.0])
def test_a_pace_in_a_scaled_time_is_the_same_pace_scaled(unit_s: float) -> None:
    jobs = [60.0 + 0.15 * n for n in range(200)]
    prior = UNPUBLISHED.scaled(unit_s)
    scaled = default_pace(Distribution.learn([job * unit_s for job in jobs], prior), unit_s=unit_s)
    plain = default_pace(LAW)
    # What is assumed where nothing is published is not scaled, and still has its small weight.
    assert scaled.price_s == pytest.approx(plain.price_s * unit_s, rel=0.25)
    assert scaled.floor_s == pytest.approx(plain.floor_s * unit_s)
    assert scaled.ceiling_s == pytest.approx(plain.ceiling_s * unit_s)
