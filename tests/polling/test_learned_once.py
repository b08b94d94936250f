"""All jobs of a kind share one distribution, learned once however many ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from polling_simulation import EPOCH_S, REQUEST, Memory, Simulation

from reelgate.domain.video import Timeline, Video
from reelgate.polling.waiting import Record

PUBLISHED_S = (60.0, 90.0)


class Slow(Memory):
    """Takes a turn of the event loop to answer, as a database does."""

    asked = 0

    async def recent(self, kind: str) -> Sequence[Record]:
        self.asked += not kind.endswith("*")
        await asyncio.sleep(0)
        return await super().recent(kind)


def a_video(nth: int) -> Video:
    return Video(
        id=f"video_{nth}",
        owner="",
        request=REQUEST,
        provider="any",
        timeline=Timeline(created_at=EPOCH_S, submitted_at=EPOCH_S),
    )


async def test_jobs_that_begin_together_learn_their_distribution_once() -> None:
    memory = Slow()
    simulation = Simulation(PUBLISHED_S, memory=memory)
    waiting = await asyncio.gather(
        *(simulation.distributions.join(a_video(nth), simulation.provider) for nth in range(50))
    )
    assert memory.asked == 1
    assert len({id(each.distribution) for each in waiting}) == 1


async def test_a_distribution_grown_old_is_learned_anew_once() -> None:
    memory = Slow()
    simulation = Simulation(PUBLISHED_S, memory=memory)
    waiting = [
        await simulation.distributions.join(a_video(nth), simulation.provider) for nth in range(50)
    ]
    simulation.clock.at_s += 60
    for each in waiting:
        each.not_ready_at_s = 60.0
    distributions = await asyncio.gather(
        *(simulation.distributions.pace(a_video(0), simulation.provider, each) for each in waiting)
    )
    assert memory.asked == 2
    later, _ = await simulation.distributions.pace(a_video(0), simulation.provider, waiting[0])
    assert later is not distributions[1][0]


async def test_whoever_has_left_teaches_no_more() -> None:
    simulation = Simulation(PUBLISHED_S)
    waiting = [
        await simulation.distributions.join(a_video(nth), simulation.provider) for nth in range(50)
    ]
    for each in waiting:
        each.not_ready_at_s = 85.0
        simulation.distributions.leave(each)
    simulation.clock.at_s += 85
    distribution = await simulation.distributions.of(a_video(0), simulation.provider)
    assert distribution.times_s == waiting[0].distribution.times_s
