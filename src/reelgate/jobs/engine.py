"""Who runs which job; the engine inside one process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

import structlog

from reelgate.domain.video import Video


class ReleaseJob(Exception):
    """This process stops before the video is finished: another must go on with it.

    `delay_s` is how long to leave it.
    """

    def __init__(self, delay_s: float = 0.0) -> None:
        super().__init__(f"to be run again in {delay_s} s")
        self.delay_s = delay_s


class TakenOver(Exception):
    """Another process runs the video now, and its place in the queue with it."""


class RunJob(Protocol):
    """Runs a video, and returns once there is nothing left to do for it."""

    async def __call__(self, video_id: str, made: Video | None = None, /) -> None:
        """`made`: the video itself where it has just been made, and need not be read.

        Raises:
            ReleaseJob: it is to be run again later.
            TakenOver: another process runs it.
        """
        ...


class Engine(Protocol):
    """Stands between those who ask for videos and the worker that runs them."""

    async def start(self, unfinished: Iterable[str]) -> None:
        """Start taking work, first of all what an earlier process left behind."""
        ...

    async def enqueue(self, video: Video) -> None:
        """Let a worker run this video, which has just been made and is durable now."""
        ...

    async def resume(self, video: Video) -> None:
        """Let a worker run this video again, which had ended."""
        ...

    def pause(self) -> None:
        """Take no more work."""
        ...

    async def stop(self) -> None:
        """Take no more work and return once the worker has let go of what it runs."""
        ...


log = structlog.get_logger()

AFTER_MISTAKE_S = 30.0


class LocalEngine:
    """One task for each video.

    The rows are the queue: whatever ends this process, the next start finds every unfinished one.
    PgQueuer's queue in memory did the same at four times the memory for each waiting video, counted
    all that was under way at every take, and never forgot its log (docs/performance.md).
    """

    def __init__(self, run: RunJob) -> None:
        self._run_job = run
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._takes_work = True

    async def start(self, unfinished: Iterable[str]) -> None:
        """Start taking work, first of all what an earlier process left behind."""
        for video_id in unfinished:
            self._begin(video_id)

    async def enqueue(self, video: Video) -> None:
        """Let the worker run this video, which has just been made."""
        self._begin(video.id, video)

    async def resume(self, video: Video) -> None:
        """Let the worker run this video again, which had ended."""
        if video.id in self._tasks:
            await asyncio.wait([self._tasks[video.id]])
        self._begin(video.id)

    def pause(self) -> None:
        """Take no more work."""
        self._takes_work = False

    async def stop(self) -> None:
        """Take no more work and return once the worker has let go of what it runs."""
        self.pause()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def _begin(self, video_id: str, made: Video | None = None) -> None:
        if self._takes_work and video_id not in self._tasks:
            self._tasks[video_id] = asyncio.create_task(self._run(video_id, made))

    async def _run(self, video_id: str, made: Video | None) -> None:
        again_in_s = None
        try:
            await self._run_job(video_id, made)
        except ReleaseJob as stop:
            again_in_s = stop.delay_s
        except Exception:
            # Nobody else would run it; one that has ended is not run again.
            log.exception("job_broke", video=video_id)
            again_in_s = AFTER_MISTAKE_S
        finally:
            del self._tasks[video_id]
        if again_in_s is not None:
            asyncio.get_running_loop().call_later(again_in_s, self._begin, video_id)
