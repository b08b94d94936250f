"""Published times are a hint: whatever the truth, no job waits for a wrong guess."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from polling_simulation import (
    EPOCH_S,
    REQUEST,
    Memory,
    Outcome,
    Simulation,
    at_once,
    evenly,
    plain_of,
)

from reelgate.domain.video import Timeline, Video
from reelgate.polling.distribution import Distribution
from reelgate.polling.observations import Prior, shifted_range
from reelgate.polling.schedule import default_pace, next_poll_s

from .strategies import distributions

PUBLISHED = [(60.0, 90.0), (70.0, 100.0), (120.0, 180.0)]
FACTORS = [0.03, 0.1, 0.3, 0.6, 1.0, 1.5, 3.0]
WAVES = {"alone": [0.0], "at once": at_once(48), "over 100 s": evenly(48, 100.0)}
LATER_S = 2000.0


def all_of(outcomes: list[Outcome]) -> Outcome:
    return Outcome(
        durations_s=tuple(each for one in outcomes for each in one.durations_s),
        delays_s=tuple(each for one in outcomes for each in one.delays_s),
        polls=tuple(each for one in outcomes for each in one.polls),
        times_s=(),
    )


def within_the_promise(ours: Outcome) -> bool:
    """No later than the plain loop on the same jobs, for a quarter more polls and three."""
    plain = plain_of(ours.durations_s)
    no_later = fmean(ours.delays_s) <= fmean(plain.delays_s) + 1e-9
    return no_later and fmean(ours.polls) <= 1.25 * fmean(plain.polls) + 3


async def cold_and_warm(
    published_s: tuple[float, float] | None, truth_s: tuple[float, float], wave: str
) -> tuple[Outcome, Outcome]:
    """A wave on an empty database, and one when it and forty others have taught."""
    cold, warm = [], []
    for seed in range(24 if wave == "alone" else 1):
        simulation, rng = Simulation(published_s, seed=seed), Random(seed)
        duration_s = partial(rng.uniform, *truth_s)
        cold.append(await simulation.wave(WAVES[wave], duration_s))
        await simulation.wave(evenly(40, 40 * 10.0), duration_s)
        simulation.clock.at_s += LATER_S
        warm.append(await simulation.wave(WAVES[wave], duration_s))
    return all_of(cold), all_of(warm)


@pytest.mark.parametrize("wave", WAVES)
@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("ends", [PUBLISHED[0], PUBLISHED[2]])
async def test_whatever_the_truth_jobs_are_found_no_later_than_by_polling(
    ends: tuple[float, float], factor: float, wave: str
) -> None:
    truth_s = (ends[0] * factor, ends[1] * factor)
    for outcome in await cold_and_warm(ends, truth_s, wave):
        assert within_the_promise(outcome)


@pytest.mark.parametrize("factor", FACTORS)
async def test_where_nothing_is_published_they_are_not_either(factor: float) -> None:
    for outcome in await cold_and_warm(None, (75.0 * factor, 105.0 * factor), "over 100 s"):
        assert within_the_promise(outcome)


@pytest.mark.parametrize("wave", WAVES)
async def test_where_the_published_times_are_right_a_new_kind_waits_2_8_s_at_most(
    wave: str,
) -> None:
    cold, _ = await cold_and_warm((60.0, 90.0), (60.0, 90.0), wave)
    assert fmean(cold.delays_s) <= 2.8


@given(distributions(), st.floats(0.01, 2000), st.floats(0.5, 1.5))
def test_no_job_of_a_new_kind_is_found_later_than_by_polling(
    distribution: Distribution, duration_s: float, phase: float
) -> None:
    """Job by job, whatever was believed or learned."""
    pace = default_pace(distribution, earlier=0)
    found_s, polls = 0.0, 0
    while found_s < duration_s:
        found_s = next_poll_s(distribution, found_s, pace, deadline_s=1e9, phase=phase, polls=polls)
        polls += 1
    plain = math.ceil(duration_s / 10)
    # A poll half a second before one of the plain loop's stands for it.
    assert found_s <= plain * 10 or duration_s > plain * 10 - 0.5
    assert polls <= 1.25 * plain + 2.75


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_jobs_of_other_kinds_move_where_polls_are_made(factor: float) -> None:
    rng = Random(4)
    multiples = [factor * rng.uniform(0.8, 1.2) for _ in range(10)]
    prior = Prior(120.0, 180.0, shifted=shifted_range(multiples))
    shifted, published = Distribution.learn([], prior), Distribution.learn([], Prior(120.0, 180.0))
    assert shifted.hazard(150 * factor) > 3 * published.hazard(150 * factor)
    assert shifted.hazard(150) > 0


def test_a_single_job_of_another_kind_does_not_outweigh_what_is_published() -> None:
    shifted = shifted_range([0.5])
    assert shifted is not None
    assert shifted.share < 0.5
    assert shifted.low < 0.5 < shifted.high
    assert shifted_range([]) is None


def a_video(duration: int, nth: int, clock_s: float) -> Video:
    return Video(
        id=f"video_{duration}_{nth}",
        owner="",
        request=replace(REQUEST, duration=duration),
        provider="any",
        timeline=Timeline(created_at=clock_s, submitted_at=clock_s),
    )


@pytest.mark.parametrize("factor", [0.5, 2.0])
async def test_what_one_kind_took_moves_another_also_after_a_restart(factor: float) -> None:
    published_s, memory = (60.0, 90.0), Memory()
    simulation, rng = Simulation(published_s, memory=memory), Random(5)
    await simulation.wave(evenly(20, 4000.0), lambda: factor * rng.uniform(*published_s))
    restarted = Simulation(published_s, memory=memory)
    restarted.clock.at_s = simulation.clock.at_s
    other = await restarted.distributions.of(a_video(10, 1, EPOCH_S), restarted.provider)
    unmoved = Distribution.learn([], Prior(*published_s))
    assert other.hazard(75 * factor) > 2 * unmoved.hazard(75 * factor)


async def test_a_sandbox_of_one_speed_teaches_nothing_of_another_or_of_the_real_thing() -> None:
    memory = Memory()
    simulation = Simulation((60.0, 90.0), memory=memory)
    await simulation.wave(evenly(20, 4000.0), lambda: 75.0)
    fast = Simulation((3.0, 4.5), memory=memory, unit_s=0.05)
    distribution = await fast.distributions.of(a_video(5, 1, EPOCH_S), fast.provider)
    assert distribution.mean_s < 10


async def test_a_job_that_was_taken_over_goes_on_at_the_plain_loop_s_pace() -> None:
    simulation = Simulation((60.0, 90.0))
    simulation.clock.at_s += 1000
    waiting = await simulation.distributions.join(
        a_video(5, 1, simulation.clock.at_s - 45), simulation.provider
    )
    distribution, pace = await simulation.distributions.pace(
        a_video(5, 1, EPOCH_S), simulation.provider, waiting
    )
    assert waiting.polls == 4
    found_s = next_poll_s(distribution, 45.0, pace, deadline_s=1e9, polls=waiting.polls)
    assert found_s <= 50
