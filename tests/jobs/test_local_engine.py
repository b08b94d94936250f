"""The engine of a gateway alone with its database."""

from __future__ import annotations

import asyncio

from reelgate.domain.video import Video
from reelgate.jobs.engine import LocalEngine, ReleaseJob
from tests.db.factories import a_video


class Runner:
    """Runs until told otherwise, and counts."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.made: list[Video | None] = []
        self.hands_back: list[float] = []
        self.changed = asyncio.Event()
        self.release = asyncio.Event()

    async def run(self, video_id: str, made: Video | None = None, /) -> None:
        self.begun.append(video_id)
        self.made.append(made)
        self.changed.set()
        if self.hands_back:
            raise ReleaseJob(self.hands_back.pop())
        await self.release.wait()

    async def until_begun(self, count: int) -> None:
        while len(self.begun) < count:
            self.changed.clear()
            await self.changed.wait()


async def test_what_an_earlier_process_left_is_carried_first() -> None:
    runner = Runner()
    engine = LocalEngine(runner.run)
    await engine.start(["a", "b"])
    await engine.enqueue(video := a_video())
    await runner.until_begun(3)
    assert runner.begun == ["a", "b", video.id]
    runner.release.set()
    await engine.stop()


async def test_a_video_under_way_is_not_carried_twice() -> None:
    runner = Runner()
    engine = LocalEngine(runner.run)
    await engine.start([(video := a_video()).id])
    await engine.enqueue(video)
    await engine.enqueue(other := a_video())
    await runner.until_begun(2)
    assert runner.begun == [video.id, other.id]
    runner.release.set()
    await engine.stop()


async def test_a_video_just_made_is_handed_on_once_and_read_anew_after_that() -> None:
    runner = Runner()
    runner.hands_back = [0.01]
    engine = LocalEngine(runner.run)
    await engine.enqueue(video := a_video())
    await runner.until_begun(2)
    assert runner.made == [video, None]
    runner.release.set()
    await engine.stop()


async def test_a_video_handed_back_is_carried_on_later() -> None:
    runner = Runner()
    runner.hands_back = [0.01]
    engine = LocalEngine(runner.run)
    await engine.start(["a"])
    await runner.until_begun(2)
    assert runner.begun == ["a", "a"]
    runner.release.set()
    await engine.stop()


async def test_a_paused_engine_takes_no_work_and_lets_what_runs_end() -> None:
    runner = Runner()
    engine = LocalEngine(runner.run)
    await engine.start(["a"])
    await runner.until_begun(1)
    engine.pause()
    await engine.enqueue(a_video())
    runner.release.set()
    await engine.stop()
    assert runner.begun == ["a"]


async def test_a_runner_that_breaks_leaves_the_others_alone() -> None:
    begun: list[str] = []
    both = asyncio.Event()

    async def run(video_id: str, _made: Video | None = None, /) -> None:
        begun.append(video_id)
        if len(begun) == 2:
            both.set()
        if video_id == "a":
            raise ValueError(video_id)

    engine = LocalEngine(run)
    await engine.start(["a", "b"])
    await both.wait()
    await engine.stop()
    assert begun == ["a", "b"]
