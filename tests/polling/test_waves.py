"""Many jobs at the same time, paced by the gateway's own decisions on a clock that jumps."""

from __future__ import annotations

from functools import partial
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

import pytest
from polling_model import bimodal, lognormal, pareto, uniform
from polling_simulation import CONFIRMING, Outcome, Simulation, at_once, evenly, plain_of, poisson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polling_model import Quantiles

PUBLISHED = [(60.0, 90.0), (70.0, 100.0), (120.0, 180.0)]
WAVES = {"at once": at_once(80), "over 100 s": evenly(80, 100.0)}
SHAPES = {
    "60-90": uniform(60, 90),
    "120-180": uniform(120, 180),
    "bimodal": bimodal,
    "lognormal": lognormal,
    "pareto": pareto,
    "far later than believed": uniform(400, 500),
}
LATER_S = 1000.0


def delay_s(outcome: Outcome) -> float:
    return fmean(outcome.delays_s)


def requests(outcome: Outcome) -> float:
    """What a job of ours costs upstream; the plain loop asks for the file at once."""
    return fmean(outcome.polls) + CONFIRMING


async def two_waves(
    simulation: Simulation, starts: Sequence[float], ready: Quantiles
) -> list[Outcome]:
    """A wave on an empty database, and the same when that one has taught."""
    rng = Random(11)
    cold = await simulation.wave(starts, lambda: ready(rng.random()))
    simulation.clock.at_s += LATER_S
    return [cold, await simulation.wave(starts, lambda: ready(rng.random()))]


@pytest.mark.parametrize("wave", WAVES)
@pytest.mark.parametrize("shape", SHAPES)
async def test_of_an_unpublished_kind_no_wave_is_found_later_than_by_polling(
    shape: str, wave: str
) -> None:
    for outcome in await two_waves(Simulation(None), WAVES[wave], SHAPES[shape]):
        assert delay_s(outcome) < delay_s(plain_of(outcome.durations_s))


@pytest.mark.parametrize("shape", SHAPES)
async def test_of_an_unpublished_kind_no_stream_is_found_later_than_by_polling(shape: str) -> None:
    for outcome in await two_waves(Simulation(None), poisson(60, 0.1), SHAPES[shape]):
        assert delay_s(outcome) < delay_s(plain_of(outcome.durations_s))


async def test_more_jobs_than_are_kept_teach_what_all_of_them_took() -> None:
    """The last 200 of 2,000 that are ready are the slowest."""
    simulation, rng = Simulation((30.0, 240.0)), Random(13)
    await simulation.wave(at_once(2000), partial(rng.uniform, 60.0, 90.0))
    simulation.clock.at_s += LATER_S
    warm = await simulation.wave(at_once(50), partial(rng.uniform, 60.0, 90.0))
    assert delay_s(warm) < 1.5


@pytest.mark.parametrize("per_s", [20.0, 10.0, 5.0])
@pytest.mark.parametrize("starts", [at_once(300), poisson(300, 2.0)], ids=["at once", "stream"])
async def test_no_window_of_time_holds_more_polls_than_the_budget(
    per_s: float, starts: list[float]
) -> None:
    simulation, rng = Simulation((60.0, 90.0), polls_per_s=per_s), Random(14)
    outcome = await simulation.wave(starts, partial(rng.uniform, 60.0, 90.0))
    for window_s in (1.0, 10.0, 60.0):
        assert outcome.most_within(window_s) <= per_s * (window_s + 1) + 1


async def test_a_budget_that_is_too_small_is_used_up_evenly() -> None:
    simulation, rng = Simulation((60.0, 90.0), polls_per_s=5.0), Random(15)
    outcome = await simulation.wave(at_once(300), partial(rng.uniform, 60.0, 90.0))
    # A poll each takes a minute: polling evenly spread at that budget is half of it late.
    assert delay_s(outcome) < 45
    assert fmean(outcome.polls) < 2.5


async def test_what_a_job_may_cost_is_settled_when_it_begins() -> None:
    """A distribution learned meanwhile says where polls pay most, not that a job deserves more."""
    simulation, rng = Simulation((60.0, 90.0)), Random(16)
    cold = await simulation.wave(at_once(1000), partial(rng.uniform, 60.0, 90.0))
    assert requests(cold) <= 1.25 * fmean(plain_of(cold.durations_s).polls) + 3
