from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.polling.distribution import Distribution
from reelgate.polling.observations import UNPUBLISHED, Prior, Seen

from .strategies import elapsed_s, laws, never_falls, priors
from .worlds import drawn, uniform

PUBLISHED = Prior(60, 90)


@given(laws(), st.lists(elapsed_s, min_size=2))
def test_progress_stays_from_0_to_99_and_never_falls(law: Distribution, times: list[float]) -> None:
    shown = [law.progress(time) for time in sorted(times)]
    assert never_falls(shown)
    assert 0 <= shown[0] <= shown[-1] <= 99


@given(laws(), elapsed_s)
def test_the_time_left_is_finite_and_never_negative(law: Distribution, elapsed: float) -> None:
    assert 0 <= law.eta_s(elapsed) < math.inf


@given(laws(), elapsed_s)
def test_the_hazard_is_finite_and_never_negative(law: Distribution, elapsed: float) -> None:
    assert 0 <= law.hazard(elapsed) < math.inf


@given(laws())
def test_there_is_always_a_chance_that_a_job_is_still_running(law: Distribution) -> None:
    assert never_falls([-chance for chance in law.alive])
    assert law.alive[0] == pytest.approx(1)
    assert law.alive[-1] > 0


@given(laws(), st.lists(elapsed_s, min_size=2))
def test_integrated_attention_never_falls(law: Distribution, times: list[float]) -> None:
    values = [law.attention_by(time) for time in sorted(times)]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(values))


@given(laws(), st.floats(0, 20))
def test_when_is_the_inverse_of_the_integrated_attention(
    law: Distribution, attention: float
) -> None:
    reached = law.when_s(attention)
    if reached < 1e9:
        assert law.attention_by(reached) == pytest.approx(attention, rel=1e-6, abs=1e-6)


def test_attention_is_the_slope_of_its_integral() -> None:
    law = Distribution.learn(drawn(uniform(60, 90), 30), PUBLISHED)
    steps = [at / 1000 for at in range(120_000)]
    summed = sum(law.attention(time + 0.0005) * 0.001 for time in steps)
    assert summed == pytest.approx(law.attention_by(120), rel=1e-3)


def test_a_law_without_jobs_is_its_prior() -> None:
    law = Distribution.learn([], PUBLISHED)
    assert law.mean_s == pytest.approx(75, abs=5)
    assert law.eta_s(0) == pytest.approx(75, abs=5)
    assert 0.04 < law.hazard(75) < 1 / 15


def test_a_prior_believes_what_is_published_by_seven_parts_of_ten() -> None:
    inside = share_between(Distribution.learn([], PUBLISHED), 60, 90)
    assert inside == pytest.approx(0.7, abs=0.03)


def test_a_prior_leaves_something_for_every_time_from_a_second_on() -> None:
    law = Distribution.learn([], PUBLISHED)
    for start_s in (1, 2, 5, 10, 20, 40, 90, 150, 300):
        assert share_between(law, start_s, start_s * 1.2) > 0.002


def test_the_time_left_of_a_uniform_kind_is_half_of_what_remains_of_its_range() -> None:
    law = Distribution.learn(drawn(uniform(60, 90), 200), PUBLISHED)
    assert law.eta_s(30) == pytest.approx(45, abs=2)
    assert law.eta_s(70) == pytest.approx(10, abs=1)


def test_past_everything_seen_the_time_left_grows_with_the_time_overdue() -> None:
    law = Distribution.learn([75.0] * 50, PUBLISHED)
    assert law.eta_s(600) == pytest.approx(law.eta_s(400) + 200)


@given(priors())
def test_the_prior_counts_as_much_as_one_job_of_all(prior: Prior) -> None:
    last_s = 4 * prior.high_s
    law = Distribution.learn([last_s * 10] * 9, prior)
    assert 1 - chance_alive(law, last_s) == pytest.approx(0.1 * (1 - prior.outside / 2), rel=0.01)


def test_identical_durations_are_no_spike() -> None:
    law = Distribution.learn([75.0] * 200, PUBLISHED)
    assert law.hazard(75) < 10
    assert law.eta_s(0) == pytest.approx(75, abs=1)


def test_two_humps_stay_two_humps() -> None:
    fast, slow = drawn(uniform(40, 50), 70), drawn(uniform(140, 170), 30)
    law = Distribution.learn([*fast, *slow], UNPUBLISHED)
    assert law.hazard(95) < law.hazard(45) / 20
    assert law.hazard(95) < law.hazard(155) / 20


def test_younger_jobs_count_more_than_older_ones() -> None:
    older, younger = drawn(uniform(60, 70), 100), drawn(uniform(160, 170), 100)
    assert Distribution.learn([*older, *younger], UNPUBLISHED).mean_s > 135
    assert Distribution.learn([*younger, *older], UNPUBLISHED).mean_s < 95


def test_a_job_known_to_lie_between_two_looks_is_spread_between_them() -> None:
    law = Distribution.learn([Seen(0, 60)] * 30, UNPUBLISHED)
    assert law.hazard(15) > 0.01


def test_jobs_that_were_never_ready_make_the_rest_less_sure() -> None:
    done = drawn(uniform(60, 90), 50)
    sure = Distribution.learn(done, PUBLISHED)
    unsure = Distribution.learn([*done, *[Seen(300, math.inf)] * 10], PUBLISHED)
    assert unsure.hazard(88) < sure.hazard(88)


@given(st.lists(st.builds(Seen, st.floats(0, 5000), st.just(math.inf)), min_size=1, max_size=20))
def test_a_history_of_jobs_that_never_ended_still_makes_a_law(endless: list[Seen]) -> None:
    law = Distribution.learn(endless, PUBLISHED)
    assert law.attention(75) > 0


@pytest.mark.parametrize("ends", [(5, 5), (9, 3), (-1, 3), (0, math.inf), (math.nan, 3)])
def test_a_prior_without_a_range_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="low_s < high_s"):
        Prior(*ends)


@pytest.mark.parametrize("outside", [0, 1, math.nan])
def test_a_prior_that_allows_no_surprise_or_nothing_else_is_refused(outside: float) -> None:
    with pytest.raises(ValueError, match="outside share"):
        Prior(60, 90, outside=outside)


@pytest.mark.parametrize("ends", [(-1, 3), (4, 3), (math.inf, math.inf), (math.nan, 3)])
def test_an_impossible_sighting_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="a job was seen"):
        Seen(*ends)


def share_between(law: Distribution, start_s: float, end_s: float) -> float:
    """The share of jobs that are ready between two times, from the hazard that the law tells."""
    steps = 2000
    step_s = end_s / steps
    alive, share = 1.0, 0.0
    for nth in range(steps):
        middle_s = (nth + 0.5) * step_s
        ready = alive * -math.expm1(-law.hazard(middle_s) * step_s)
        share += ready if middle_s > start_s else 0.0
        alive -= ready
    return share


def chance_alive(law: Distribution, time: float) -> float:
    return law.alive[law.times_s.index(time)]
