"""The engine of a gateway alone with its database."""

from __future__ import annotations

import asyncio

from reelgate.engine.base import HandBack
from reelgate.engine.in_process import InProcess


class Carrier:
    """Carries until told otherwise, and counts."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.hands_back: list[float] = []
        self.changed = asyncio.Event()
        self.release = asyncio.Event()

    async def carry(self, video_id: str) -> None:
        self.begun.append(video_id)
        self.changed.set()
        if self.hands_back:
            raise HandBack(self.hands_back.pop())
        await self.release.wait()

    async def until_begun(self, count: int) -> None:
        while len(self.begun) < count:
            self.changed.clear()
            await self.changed.wait()


async def test_what_an_earlier_process_left_is_carried_first() -> None:
    carrier = Carrier()
    engine = InProcess(carrier.carry)
    await engine.start(["a", "b"])
    await engine.enqueue("c")
    await carrier.until_begun(3)
    assert carrier.begun == ["a", "b", "c"]
    carrier.release.set()
    await engine.stop()


async def test_a_video_under_way_is_not_carried_twice() -> None:
    carrier = Carrier()
    engine = InProcess(carrier.carry)
    await engine.start(["a"])
    await engine.enqueue("a", "b")
    await carrier.until_begun(2)
    assert carrier.begun == ["a", "b"]
    carrier.release.set()
    await engine.stop()


async def test_a_video_handed_back_is_carried_on_later() -> None:
    carrier = Carrier()
    carrier.hands_back = [0.01]
    engine = InProcess(carrier.carry)
    await engine.start(["a"])
    await carrier.until_begun(2)
    assert carrier.begun == ["a", "a"]
    carrier.release.set()
    await engine.stop()


async def test_a_paused_engine_takes_no_work_and_lets_what_runs_end() -> None:
    carrier = Carrier()
    engine = InProcess(carrier.carry)
    await engine.start(["a"])
    await carrier.until_begun(1)
    engine.pause()
    await engine.enqueue("b")
    carrier.release.set()
    await engine.stop()
    assert carrier.begun == ["a"]


async def test_a_carrier_that_breaks_leaves_the_others_alone() -> None:
    begun: list[str] = []
    both = asyncio.Event()

    async def carry(video_id: str) -> None:
        begun.append(video_id)
        if len(begun) == 2:
            both.set()
        if video_id == "a":
            raise ValueError(video_id)

    engine = InProcess(carry)
    await engine.start(["a", "b"])
    await both.wait()
    await engine.stop()
    assert begun == ["a", "b"]
