"""Hands every unfinished video to the worker, on PgQueuer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from pgqueuer import Job, QueueManager, RetryRequested
from pgqueuer.domain.types import QueueManagerId
from pgqueuer.ports import RepositoryPort

from reelgate.engine.base import Carry, HandBack, TakenOver
from reelgate.video import Video

log = structlog.get_logger()

ENTRYPOINT = "carry_video"
RESTART_S = 1.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How the queue is worked through.

    Attributes:
        batch: jobs taken at once.
        look_every: how often the queue is looked at when nothing is heard of it.
        heartbeat_timeout: a job whose carrier was not heard for so long is taken over.
    """

    batch: int
    look_every: timedelta
    heartbeat_timeout: timedelta


class Dispatch:
    """The queue between those who ask for videos and the worker that carries them."""

    def __init__(
        self,
        carry: Carry,
        queue: RepositoryPort,
        rhythm: Rhythm,
        carrier: UUID,
        forget_only: Callable[[Job], None] = lambda _: None,
        at_pause: Callable[[], None] = lambda: None,
    ) -> None:
        """Set the queue up.

        `carrier` is who takes jobs out of the queue here; `forget_only` is told a job that has
        ended here but not in the queue; `at_pause` is called when no more work is taken.
        """
        self._carry = carry
        self._queue = queue
        self._rhythm = rhythm
        self._carrier = QueueManagerId(carrier)
        self._forget_only = forget_only
        self._at_pause = at_pause
        self._managers: list[QueueManager] = []
        self._running: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self, unfinished: Iterable[str]) -> None:
        """Start taking work, first of all what an earlier process left behind."""
        await self.put_back(*unfinished)
        self._running = asyncio.create_task(self._run())

    async def enqueue(self, video: Video) -> None:
        """Nothing is left to do: the transaction that made a video put it into the queue."""

    async def put_back(self, *video_ids: str) -> None:
        """Put videos into the queue; one that is in it already stays as it is."""
        if not video_ids:
            return
        count = len(video_ids)
        payloads: list[bytes | None] = [video_id.encode() for video_id in video_ids]
        await self._queue.enqueue(
            [ENTRYPOINT] * count,
            payloads,
            [0] * count,
            dedupe_key=list(video_ids),
            on_conflict="skip",
        )

    def pause(self) -> None:
        """Take no more work."""
        self._stopping = True
        self._at_pause()
        for manager in self._managers:
            manager.shutdown.set()

    async def stop(self) -> None:
        """Take no more work and return once the worker has let go of what it carries."""
        self.pause()
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        while not self._stopping:
            manager = self._manager()
            try:
                await manager.run(
                    batch_size=self._rhythm.batch,
                    dequeue_timeout=self._rhythm.look_every,
                    heartbeat_timeout=self._rhythm.heartbeat_timeout,
                    log_aggregation_interval=timedelta(0),
                )
            except Exception as error:
                if self._is_stopping():
                    # Whatever it was, others take over what is left.
                    log.warning("dispatch_cut_off", error=str(error))
                    break
                log.exception("dispatch_failed")
                await asyncio.sleep(RESTART_S)
            finally:
                self._managers.remove(manager)

    def _is_stopping(self) -> bool:
        return self._stopping

    def _manager(self) -> QueueManager:
        manager = QueueManager(self._queue)
        manager.queue_manager_id = self._carrier
        manager.entrypoint(ENTRYPOINT)(self._handle)
        self._managers.append(manager)
        return manager

    async def _handle(self, job: Job) -> None:
        try:
            await self._carry((job.payload or b"").decode())
        except HandBack as stop:
            raise RetryRequested(timedelta(seconds=stop.delay_s)) from stop
        except TakenOver:
            self._forget_only(job)
