from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from polling_model import uniform

from reelgate.polling.distribution import Distribution
from reelgate.polling.observations import UNPUBLISHED, Prior
from reelgate.polling.schedule import (
    Pace,
    default_pace,
    next_poll_s,
    price_for_delay,
    price_for_polls,
)

from .costs import paced_cost, polls_until, sample
from .strategies import distributions, elapsed_s, paces

deadlines_s = st.floats(1, 600)


@given(distributions(), paces(), deadlines_s)
def test_the_last_poll_is_at_the_deadline_and_none_is_later(
    distribution: Distribution, pace: Pace, deadline: float
) -> None:
    polls = polls_until(distribution, pace, deadline)
    assert polls[-1] == deadline
    assert max(polls) == deadline


@given(distributions(), paces(), deadlines_s)
def test_two_polls_are_never_closer_than_the_floor(
    distribution: Distribution, pace: Pace, deadline: float
) -> None:
    polls = polls_until(distribution, pace, deadline)
    gaps = [later - earlier for earlier, later in pairwise(polls)]
    assert all(gap >= pace.floor_s - 1e-9 for gap in gaps)


@given(distributions(), paces(), elapsed_s)
def test_two_polls_are_never_further_apart_than_the_ceiling_once_a_job_may_be_ready(
    distribution: Distribution, pace: Pace, elapsed: float
) -> None:
    poll = next_poll_s(distribution, elapsed, pace, deadline_s=1e6)
    assert poll <= distribution.lead_s(elapsed, pace.lead_share) + pace.ceiling_s + 1e-9


@given(distributions(), paces(), st.floats(1, 100), deadlines_s)
def test_a_higher_price_never_buys_more_polls(
    distribution: Distribution, pace: Pace, times: float, deadline: float
) -> None:
    dear = Pace(pace.price_s * times, pace.floor_s, pace.ceiling_s)
    assert len(polls_until(distribution, dear, deadline)) <= len(
        polls_until(distribution, pace, deadline)
    )


@given(distributions(), paces(), elapsed_s, st.floats(0, 1e5), st.floats(0, 1e5))
def test_retry_after_is_waited_for_up_to_the_deadline(
    distribution: Distribution, pace: Pace, elapsed: float, not_before: float, deadline: float
) -> None:
    poll = next_poll_s(distribution, elapsed, pace, deadline_s=deadline, not_before_s=not_before)
    assert poll == deadline or not_before <= poll <= deadline


@given(distributions(), paces(), elapsed_s, st.floats(0.01, 1))
def test_a_smaller_phase_never_polls_later(
    distribution: Distribution, pace: Pace, elapsed: float, phase: float
) -> None:
    early = next_poll_s(distribution, elapsed, pace, deadline_s=1e6, phase=phase)
    assert early <= next_poll_s(distribution, elapsed, pace, deadline_s=1e6)


@given(distributions(), paces(), st.floats(0, 100), st.floats(0, 50))
def test_a_late_poll_never_makes_the_next_one_earlier(
    distribution: Distribution, pace: Pace, elapsed: float, late_s: float
) -> None:
    on_time = next_poll_s(distribution, elapsed, pace, deadline_s=1e6)
    assert next_poll_s(distribution, elapsed + late_s, pace, deadline_s=1e6) >= on_time - 1e-6


def test_a_job_past_its_deadline_gets_no_further_poll() -> None:
    distribution = Distribution.learn([], UNPUBLISHED)
    assert next_poll_s(distribution, 301, default_pace(distribution), deadline_s=300) == 300


def test_in_the_tail_gaps_grow_up_to_the_ceiling() -> None:
    distribution = Distribution.learn(sample(uniform(60, 90), 200), Prior(60, 90))
    polls = [
        poll for poll in polls_until(distribution, default_pace(distribution), 1800) if poll > 95
    ]
    gaps = [later - earlier for earlier, later in pairwise(polls[:-1])]
    assert gaps[0] < 6
    assert gaps[-1] == pytest.approx(15)


@pytest.mark.parametrize("jobs", [0, 5, 200])
def test_a_fast_kind_is_polled_a_few_times_and_soon(jobs: int) -> None:
    distribution = Distribution.learn(sample(uniform(3, 4.5), jobs), Prior(3, 4.5))
    cost = paced_cost([distribution], default_pace, uniform(3, 4.5))
    assert 1.5 < cost.polls < 6
    assert cost.delay_s < 0.5


def test_a_kind_of_half_an_hour_is_paced_like_any_other() -> None:
    distribution = Distribution.learn(sample(uniform(1500, 2100), 200), Prior(1500, 2100))
    cost = paced_cost([distribution], default_pace, uniform(1500, 2100))
    assert cost.delay_s < 1
    assert cost.polls < 360


def test_a_price_for_delay_buys_about_that_delay() -> None:
    distribution = Distribution.learn(sample(uniform(60, 90), 200), Prior(60, 90))
    cost = paced_cost(
        [distribution],
        lambda distribution: Pace(price_for_delay(distribution, 2.0)),
        uniform(60, 90),
    )
    assert cost.delay_s == pytest.approx(2.0, rel=0.15)


def test_a_price_for_polls_buys_about_that_many() -> None:
    distribution = Distribution.learn(sample(uniform(60, 90), 200), Prior(60, 90))
    cost = paced_cost(
        [distribution],
        lambda distribution: Pace(price_for_polls(distribution, 8.0)),
        uniform(60, 90),
    )
    assert cost.polls == pytest.approx(8.0, rel=0.1)


@pytest.mark.parametrize("price", [0, -1, math.inf, math.nan])
def test_an_impossible_price_is_refused(price: float) -> None:
    with pytest.raises(ValueError, match="price_s"):
        Pace(price)


@pytest.mark.parametrize(("floor", "ceiling"), [(0, 15), (-1, 15), (2, 1), (math.nan, 15)])
def test_a_floor_above_the_ceiling_or_below_nothing_is_refused(
    floor: float, ceiling: float
) -> None:
    with pytest.raises(ValueError, match="floor_s"):
        Pace(1, floor, ceiling)
