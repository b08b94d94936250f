"""Hands every unfinished video to the worker, on PgQueuer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from pgqueuer import InMemoryDriver, InMemoryQueries, Job, PgQueuer, RetryRequested

ENTRYPOINT = "carry_video"
BATCH = 100
"""Jobs taken at once: PgQueuer counts what is under way at each take."""
NEVER = timedelta(days=1)
"""In memory nobody else can take a job over, so heartbeats would only cost."""


class HandBack(Exception):
    """The carrier stops before the video is finished: somebody must carry it on.

    `delay_s` is how long to leave it.
    """

    def __init__(self, delay_s: float = 0.0) -> None:
        super().__init__(f"carry on in {delay_s} s")
        self.delay_s = delay_s


class Dispatch:
    """The queue between those who ask for videos and the worker that carries them."""

    def __init__(self, carry: Callable[[str], Awaitable[None]]) -> None:
        """`carry` takes a video's id and returns once there is nothing left to do for it."""
        driver = InMemoryDriver()
        self._queue = InMemoryQueries(driver)
        self._queuer = PgQueuer(driver, queries=self._queue)
        self._running: asyncio.Task[None] | None = None

        @self._queuer.entrypoint(ENTRYPOINT)
        async def handle(job: Job) -> None:
            try:
                await carry((job.payload or b"").decode())
            except HandBack as stop:
                raise RetryRequested(timedelta(seconds=stop.delay_s)) from stop

    async def start(self, unfinished: Iterable[str]) -> None:
        """Start taking work, first of all what an earlier process left behind."""
        await self.enqueue(*unfinished)
        self._running = asyncio.create_task(
            self._queuer.run(batch_size=BATCH, heartbeat_timeout=NEVER)
        )

    async def enqueue(self, *video_ids: str) -> None:
        """Let the worker carry these videos."""
        if not video_ids:
            return
        count = len(video_ids)
        payloads: list[bytes | None] = [video_id.encode() for video_id in video_ids]
        await self._queue.enqueue([ENTRYPOINT] * count, payloads, [0] * count)

    async def stop(self) -> None:
        """Take no more work and return once the worker has let go of what it carries."""
        self._queuer.shutdown.set()
        if self._running is not None:
            await asyncio.wait([self._running])
