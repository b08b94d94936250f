"""One law for all jobs of a kind, learned once however many ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pacing_world import EPOCH_S, REQUEST, Memory, World

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


async def test_a_crowd_that_begins_together_learns_its_law_once() -> None:
    memory = Slow()
    world = World(PUBLISHED_S, memory=memory)
    waiting = await asyncio.gather(
        *(world.laws.join(a_video(nth), world.provider) for nth in range(50))
    )
    assert memory.asked == 1
    assert len({id(each.law) for each in waiting}) == 1


async def test_a_law_grown_old_is_learned_anew_once() -> None:
    memory = Slow()
    world = World(PUBLISHED_S, memory=memory)
    waiting = [await world.laws.join(a_video(nth), world.provider) for nth in range(50)]
    world.clock.at_s += 60
    for each in waiting:
        each.not_ready_at_s = 60.0
    laws = await asyncio.gather(
        *(world.laws.pace(a_video(0), world.provider, each) for each in waiting)
    )
    assert memory.asked == 2
    later, _ = await world.laws.pace(a_video(0), world.provider, waiting[0])
    assert later is not laws[1][0]


async def test_whoever_has_left_teaches_no_more() -> None:
    world = World(PUBLISHED_S)
    waiting = [await world.laws.join(a_video(nth), world.provider) for nth in range(50)]
    for each in waiting:
        each.not_ready_at_s = 85.0
        world.laws.leave(each)
    world.clock.at_s += 85
    law = await world.laws.of(a_video(0), world.provider)
    assert law.times_s == waiting[0].law.times_s
