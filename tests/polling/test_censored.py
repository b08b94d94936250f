"""Right-censored and interval-censored jobs, and which jobs are learned from."""

from __future__ import annotations

import math
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.polling.distribution import Distribution
from reelgate.polling.estimator import (
    MAX_AGES,
    Uniform,
    WeightedTime,
    pool,
    redistribute,
    self_consistent,
)
from reelgate.polling.observations import UNPUBLISHED, Observation, Prior
from reelgate.polling.schedule import Pace
from reelgate.polling.waiting import SAMPLE_SIZE, Record, WaitingJob, observations_of, ticket_of

from .strategies import observations, priors

PUBLISHED = Prior(60, 90)
DISTRIBUTION = Distribution.learn([], PUBLISHED)
running = st.floats(0, 5000).map(lambda age: Observation(age, math.inf))


def share_ready(distribution: Distribution, elapsed_s: float) -> float:
    """The chance to be ready by then, from the hazard."""
    steps = 4000
    step_s = elapsed_s / steps
    return 1 - math.exp(
        -sum(distribution.hazard((n + 0.5) * step_s) * step_s for n in range(steps))
    )


def wave(at_s: float, jobs: int = 2000) -> list[Observation]:
    """Jobs of 60-90 s that were submitted together, as they are known after so long."""
    rng = Random(1)
    durations = [rng.uniform(60, 90) for _ in range(jobs)]
    return [Observation.exact(d) if d <= at_s else Observation(at_s, math.inf) for d in durations]


@pytest.mark.parametrize("at_s", [66.0, 75.0, 84.0])
def test_a_wave_half_of_which_still_runs_does_not_make_it_seem_overdue(at_s: float) -> None:
    distribution = Distribution.learn(wave(at_s, 300), PUBLISHED)
    assert share_ready(distribution, at_s) == pytest.approx((at_s - 60) / 30, abs=0.08)
    assert distribution.hazard(at_s + 1) < 3 / (90 - at_s)


def test_without_those_that_run_the_same_wave_would_seem_overdue() -> None:
    ready = [job for job in wave(70, 300) if job.finished]
    assert Distribution.learn(ready, PUBLISHED).hazard(69) > 3 * Distribution.learn(
        wave(70, 300), PUBLISHED
    ).hazard(69)


def test_a_job_that_has_just_begun_teaches_nothing() -> None:
    ready = [70.0, 75.0, 80.0]
    new = [Observation(0.0, math.inf)] * 50
    assert (
        Distribution.learn([*ready, *new], PUBLISHED).mean_s
        == Distribution.learn(ready, PUBLISHED).mean_s
    )


def test_when_all_outlast_what_was_published_most_may_last_long() -> None:
    distribution = Distribution.learn([Observation(120.0, math.inf)] * 100, PUBLISHED)
    assert distribution.eta_s(120) > 60
    assert distribution.hazard(120) < 0.05


@given(st.lists(running | observations(), max_size=60), priors())
def test_running_jobs_leave_a_distribution_whole(jobs: list[Observation], prior: Prior) -> None:
    distribution = Distribution.learn(jobs, prior)
    assert distribution.survival[0] == pytest.approx(1)
    assert distribution.survival[-1] > 0
    assert 0 < distribution.mean_s < math.inf


@given(st.lists(st.floats(0.1, 5000), max_size=300))
def test_ages_are_pooled_to_a_few_and_none_is_lost(ages: list[float]) -> None:
    pooled = pool(WeightedTime(age, 1.0) for age in ages)
    assert len(pooled) <= MAX_AGES
    assert sum(share.weight for share in pooled) == pytest.approx(len(ages))


def test_redistribution_gives_the_kaplan_meier_estimate() -> None:
    """Ready at 1, 3 and 5, not ready at 2 and 4: survival 4/5, 4/5 * 2/3 and 0."""
    redistribution = redistribute(
        [WeightedTime(2, 1), WeightedTime(4, 1)],
        [WeightedTime(1, 1), WeightedTime(3, 1), WeightedTime(5, 1)],
        [],
        tail=1e-12,
    )
    assert redistribution.at(1) / 5 == pytest.approx(1 / 5)
    assert redistribution.at(3) / 5 == pytest.approx(4 / 15)
    assert redistribution.at(5) / 5 == pytest.approx(8 / 15)


def test_a_wide_interval_is_placed_where_the_others_are() -> None:
    placed = self_consistent([Uniform(0, 63, 10.0)], [Uniform(60, 90, 100.0)])
    assert sum(uniform.weight for uniform in placed) == pytest.approx(10)
    assert sum(uniform.after(60) for uniform in placed) > 7


def test_where_there_are_no_others_it_stays_spread() -> None:
    placed = self_consistent([Uniform(0, 60, 10.0)], [Uniform(100, 200, 1.0)])
    assert sum(uniform.after(30) for uniform in placed) == pytest.approx(5)


def test_a_distribution_is_learned_cheaply_however_many_run() -> None:
    ready = [
        Record(Observation(60 + n / 10, 64 + n / 10), 0.0, float(n)) for n in range(SAMPLE_SIZE)
    ]
    waits = [
        WaitingJob("k", "a", 0.0, 1e9 + n, DISTRIBUTION, Pace(1.0), 50 + n / 1000)
        for n in range(10_000)
    ]
    jobs = observations_of(ready, waits)
    assert len(jobs) <= SAMPLE_SIZE + 500
    assert sum(job.count for job in jobs if not job.finished) == pytest.approx(10_000)
    assert len(Distribution.learn(jobs, UNPUBLISHED).times_s) < 600


def test_jobs_that_wait_here_stand_for_those_of_other_processes() -> None:
    waits = [WaitingJob("k", "a", 0.0, 0.0, DISTRIBUTION, Pace(1.0), 50.0)] * 4
    assert sum(job.count for job in observations_of([], waits, count=2.5)) == 10


def test_of_jobs_submitted_together_a_ticket_favours_none() -> None:
    tickets = [(ticket_of(f"video_{n}", 1.8e9), n) for n in range(4000)]
    kept = [n for _, n in sorted(tickets)[-SAMPLE_SIZE:]]
    assert fmean(kept) == pytest.approx(2000, abs=300)


def test_later_jobs_draw_higher_tickets_and_the_same_whenever_they_draw() -> None:
    early = [ticket_of(f"a{n}", 1.8e9) for n in range(200)]
    late = [ticket_of(f"b{n}", 1.8e9 + 7200) for n in range(200)]
    assert fmean(early) < min(late)
    assert late == [ticket_of(f"b{n}", 1.8e9 + 7200) for n in range(200)]


def test_a_job_that_waits_counts_only_if_it_would_be_kept() -> None:
    ready = [Record(Observation.exact(70.0), 0.0, float(n)) for n in range(SAMPLE_SIZE)]
    kept = WaitingJob("k", "a", 0.0, 5.0, DISTRIBUTION, Pace(1.0), 50.0)
    dropped = WaitingJob("k", "a", 0.0, -1.0, DISTRIBUTION, Pace(1.0), 50.0)
    jobs = observations_of(ready, [kept, dropped])
    assert len([job for job in jobs if not job.finished]) == 1
    assert len(observations_of(ready[1:], [kept, dropped])) == SAMPLE_SIZE + 1
