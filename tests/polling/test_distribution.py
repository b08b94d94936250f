from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from polling_model import uniform

from reelgate.polling.distribution import Distribution
from reelgate.polling.observations import UNPUBLISHED, Observation, Prior

from .costs import sample
from .strategies import distributions, elapsed_s, never_falls, priors

PUBLISHED = Prior(60, 90)


@given(distributions(), st.lists(elapsed_s, min_size=2))
def test_progress_stays_from_0_to_99_and_never_falls(
    distribution: Distribution, times: list[float]
) -> None:
    shown = [distribution.progress(time) for time in sorted(times)]
    assert never_falls(shown)
    assert 0 <= shown[0] <= shown[-1] <= 99


@given(distributions(), elapsed_s)
def test_the_time_left_is_finite_and_never_negative(
    distribution: Distribution, elapsed: float
) -> None:
    assert 0 <= distribution.eta_s(elapsed) < math.inf


@given(distributions(), elapsed_s)
def test_the_hazard_is_finite_and_never_negative(
    distribution: Distribution, elapsed: float
) -> None:
    assert 0 <= distribution.hazard(elapsed) < math.inf


@given(distributions())
def test_a_job_may_always_still_run(distribution: Distribution) -> None:
    assert never_falls([-each for each in distribution.survival])
    assert distribution.survival[0] == pytest.approx(1)
    assert distribution.survival[-1] > 0


@given(distributions(), st.lists(elapsed_s, min_size=2))
def test_the_integrated_poll_density_never_falls(
    distribution: Distribution, times: list[float]
) -> None:
    values = [distribution.polls_by(time) for time in sorted(times)]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(values))


@given(distributions(), st.floats(0, 20))
def test_the_poll_time_is_the_inverse_of_the_integrated_poll_density(
    distribution: Distribution, polls: float
) -> None:
    reached = distribution.poll_time_s(polls)
    if reached < 1e9:
        assert distribution.polls_by(reached) == pytest.approx(polls, rel=1e-6, abs=1e-6)


def test_the_poll_density_is_the_slope_of_its_integral() -> None:
    distribution = Distribution.learn(sample(uniform(60, 90), 30), PUBLISHED)
    steps = [at / 1000 for at in range(120_000)]
    summed = sum(distribution.poll_density(time + 0.0005) * 0.001 for time in steps)
    assert summed == pytest.approx(distribution.polls_by(120), rel=1e-3)


def test_a_distribution_without_jobs_is_its_prior() -> None:
    distribution = Distribution.learn([], PUBLISHED)
    assert distribution.mean_s == pytest.approx(75, abs=5)
    assert distribution.eta_s(0) == pytest.approx(75, abs=5)
    assert 0.04 < distribution.hazard(75) < 1 / 15


def test_a_prior_believes_what_is_published_by_seven_parts_of_ten() -> None:
    inside = share_between(Distribution.learn([], PUBLISHED), 60, 90)
    assert inside == pytest.approx(0.7, abs=0.03)


def test_a_prior_leaves_something_for_every_time_from_a_second_on() -> None:
    distribution = Distribution.learn([], PUBLISHED)
    for start_s in (1, 2, 5, 10, 20, 40, 90, 150, 300):
        assert share_between(distribution, start_s, start_s * 1.2) > 0.002


def test_the_time_left_of_a_uniform_kind_is_half_of_what_remains_of_its_range() -> None:
    distribution = Distribution.learn(sample(uniform(60, 90), 200), PUBLISHED)
    assert distribution.eta_s(30) == pytest.approx(45, abs=2)
    assert distribution.eta_s(70) == pytest.approx(10, abs=1)


def test_in_the_tail_the_time_left_grows_with_the_time_overdue() -> None:
    distribution = Distribution.learn([75.0] * 50, PUBLISHED)
    assert distribution.eta_s(600) == pytest.approx(distribution.eta_s(400) + 200)


@given(priors())
def test_the_prior_counts_as_much_as_one_job_of_all(prior: Prior) -> None:
    last_s = 4 * prior.high_s
    distribution = Distribution.learn([last_s * 10] * 9, prior)
    assert 1 - survival_at(distribution, last_s) == pytest.approx(
        0.1 * (1 - prior.outside / 2), rel=0.01
    )


def test_identical_durations_are_no_spike() -> None:
    distribution = Distribution.learn([75.0] * 200, PUBLISHED)
    assert distribution.hazard(75) < 10
    assert distribution.eta_s(0) == pytest.approx(75, abs=1)


def test_two_modes_stay_two_modes() -> None:
    fast, slow = sample(uniform(40, 50), 70), sample(uniform(140, 170), 30)
    distribution = Distribution.learn([*fast, *slow], UNPUBLISHED)
    assert distribution.hazard(95) < distribution.hazard(45) / 20
    assert distribution.hazard(95) < distribution.hazard(155) / 20


def test_younger_jobs_count_more_than_older_ones() -> None:
    older, younger = sample(uniform(60, 70), 100), sample(uniform(160, 170), 100)
    assert Distribution.learn([*older, *younger], UNPUBLISHED).mean_s > 135
    assert Distribution.learn([*younger, *older], UNPUBLISHED).mean_s < 95


def test_a_job_known_to_lie_between_two_polls_is_spread_between_them() -> None:
    distribution = Distribution.learn([Observation(0, 60)] * 30, UNPUBLISHED)
    assert distribution.hazard(15) > 0.01


def test_jobs_that_were_never_ready_make_the_rest_less_sure() -> None:
    done = sample(uniform(60, 90), 50)
    sure = Distribution.learn(done, PUBLISHED)
    unsure = Distribution.learn([*done, *[Observation(300, math.inf)] * 10], PUBLISHED)
    assert unsure.hazard(88) < sure.hazard(88)


@given(
    st.lists(st.builds(Observation, st.floats(0, 5000), st.just(math.inf)), min_size=1, max_size=20)
)
def test_a_history_of_jobs_that_never_ended_still_makes_a_distribution(
    endless: list[Observation],
) -> None:
    distribution = Distribution.learn(endless, PUBLISHED)
    assert distribution.poll_density(75) > 0


@pytest.mark.parametrize("ends", [(5, 5), (9, 3), (-1, 3), (0, math.inf), (math.nan, 3)])
def test_a_prior_without_a_range_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="low_s < high_s"):
        Prior(*ends)


@pytest.mark.parametrize("outside", [0, 1, math.nan])
def test_a_prior_that_allows_no_surprise_or_nothing_else_is_refused(outside: float) -> None:
    with pytest.raises(ValueError, match="outside share"):
        Prior(60, 90, outside=outside)


@pytest.mark.parametrize("ends", [(-1, 3), (4, 3), (math.inf, math.inf), (math.nan, 3)])
def test_an_impossible_observation_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="an observation needs"):
        Observation(*ends)


def share_between(distribution: Distribution, start_s: float, end_s: float) -> float:
    """The share of jobs that are ready between two times, from the hazard."""
    steps = 2000
    step_s = end_s / steps
    survival, share = 1.0, 0.0
    for nth in range(steps):
        middle_s = (nth + 0.5) * step_s
        ready = survival * -math.expm1(-distribution.hazard(middle_s) * step_s)
        share += ready if middle_s > start_s else 0.0
        survival -= ready
    return share


def survival_at(distribution: Distribution, time: float) -> float:
    return distribution.survival[distribution.times_s.index(time)]
