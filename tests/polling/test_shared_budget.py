"""One price that keeps all of an account's polls inside its budget."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.polling.budget import SharedBudget
from reelgate.polling.distribution import Distribution
from reelgate.polling.observations import UNPUBLISHED
from reelgate.polling.schedule import Pace, default_pace, next_poll_s

from .strategies import distributions

DISTRIBUTION = Distribution.learn([60.0 + 0.15 * n for n in range(200)], UNPUBLISHED)


def budget_of(kinds: Sequence[Distribution]) -> SharedBudget:
    budget = SharedBudget()
    for distribution in kinds:
        budget.join(distribution)
    return budget


def polls_of_one(pace: Pace, until_s: float) -> int:
    elapsed_s, polls = 0.0, 0
    while elapsed_s < until_s:
        elapsed_s = next_poll_s(DISTRIBUTION, elapsed_s, pace, deadline_s=3600)
        polls += 1
    return polls


def test_a_budget_that_holds_all_polls_changes_nothing() -> None:
    alone = default_pace(DISTRIBUTION)
    assert budget_of([DISTRIBUTION] * 10).slowed(alone, 100.0) == alone


@pytest.mark.parametrize("budget_per_s", [20.0, 10.0])
def test_many_jobs_keep_to_their_budget_on_average(budget_per_s: float) -> None:
    jobs = 200
    pace = budget_of([DISTRIBUTION] * jobs).slowed(default_pace(DISTRIBUTION), budget_per_s)
    each = sum(polls_of_one(pace, 60.0 + 0.3 * n) for n in range(100)) / 100
    assert each * jobs / DISTRIBUTION.mean_s <= budget_per_s


def test_the_more_wait_the_slower_the_pace() -> None:
    alone = default_pace(DISTRIBUTION)
    paces = [
        budget_of([DISTRIBUTION] * jobs).slowed(alone, 10.0) for jobs in (1, 100, 1000, 10_000)
    ]
    prices = [pace.price_s for pace in paces]
    assert prices == sorted(prices)
    assert prices[-1] > prices[0]


@given(st.lists(distributions(), min_size=1, max_size=20), st.floats(0.01, 1000), st.floats(1, 100))
def test_a_larger_budget_is_never_dearer(
    kinds: list[Distribution], per_s: float, times: float
) -> None:
    shared, alone = budget_of(kinds), default_pace(kinds[0])
    assert shared.slowed(alone, per_s * times).price_s <= shared.slowed(alone, per_s).price_s


@given(st.lists(distributions(), min_size=1, max_size=20), st.floats(0.01, 1000))
def test_jobs_of_any_kinds_ask_on_average_for_no_more_than_their_budget(
    kinds: list[Distribution], per_s: float
) -> None:
    price_s = budget_of(kinds).slowed(Pace(1e-6), per_s).price_s
    assert sum(kind.mean_poll_density for kind in kinds) <= per_s * math.sqrt(price_s)


def test_whoever_leaves_is_no_longer_counted() -> None:
    budget = budget_of([DISTRIBUTION] * 500)
    for _ in range(499):
        budget.leave(DISTRIBUTION)
    alone = default_pace(DISTRIBUTION)
    assert budget.jobs == 1
    assert budget.slowed(alone, 10.0) == alone


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        budget_of([DISTRIBUTION] * 1).slowed(default_pace(DISTRIBUTION), 0.0)


@pytest.mark.parametrize("unit_s", [0.05, 0.25, 4.0])
def test_a_pace_in_a_scaled_time_is_the_same_pace_scaled(unit_s: float) -> None:
    jobs = [60.0 + 0.15 * n for n in range(200)]
    prior = UNPUBLISHED.scaled(unit_s)
    scaled = default_pace(Distribution.learn([job * unit_s for job in jobs], prior), unit_s=unit_s)
    plain = default_pace(DISTRIBUTION)
    # What is assumed where nothing is published is not scaled, and still has its small weight.
    assert scaled.price_s == pytest.approx(plain.price_s * unit_s, rel=0.25)
    assert scaled.floor_s == pytest.approx(plain.floor_s * unit_s)
    assert scaled.ceiling_s == pytest.approx(plain.ceiling_s * unit_s)
