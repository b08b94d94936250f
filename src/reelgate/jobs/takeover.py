"""Jobs that no process is at work on any more: of processes that died, or lost by the queue."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import asyncpg
import structlog

from reelgate.db.postgres.listener import ListenConnection
from reelgate.db.postgres.liveness import PRESENCE, Liveness, present
from reelgate.db.postgres.server import Server
from reelgate.jobs.engine import RunJob
from reelgate.jobs.pgqueuer import (
    Intervals,
    QueueEngine,
    ReconnectingDriver,
    SharedQueue,
    forget_log,
    processes_at_work,
    put_back_jobs_of,
    unqueued_videos,
)

log = structlog.get_logger()

INTERVALS = Intervals(
    # Few, so that a burst spreads over the processes.
    batch=20,
    poll=timedelta(seconds=2),
    heartbeat_timeout=timedelta(seconds=10),
)
HEARTBEATS_PER_SEARCH = 15
POOL = 3


def queue_id_of(process: int) -> UUID:
    """Under which id a process takes jobs out of the queue."""
    return UUID(int=PRESENCE << 32 | process)


class OrphanedJobs:
    """Puts the jobs of dead processes back into the queue.

    A process that is taken for dead and lives loses its jobs as if its heartbeat had been late: at
    its next move it finds that other processes have them.
    """

    def __init__(self, queue: SharedQueue, listener: ListenConnection) -> None:
        self._queue = queue
        self._liveness: Liveness[UUID] = Liveness()
        listener.at_connect(self._start_over)
        listener.at_heartbeat(self._put_back)

    async def _start_over(self, connection: asyncpg.Connection) -> None:
        """Our own connection was down, and the others' may have been: forget who was missing."""
        self._liveness = Liveness()
        await self._put_back(connection)

    async def _put_back(self, connection: asyncpg.Connection) -> None:
        at_work = await processes_at_work(connection)
        alive = {queue_id_of(process) for process in await present(connection)}
        dead = self._liveness.dead(at_work - alive)
        if dead:
            result = await put_back_jobs_of(connection, dead)
            log.warning("jobs_of_dead_processes_put_back", processes=len(dead), result=result)
            await self._queue.notify()


class LostJobs:
    """Puts unfinished videos back that are not in the queue.

    A row and its queue entry are made in one transaction, so this finds what an unlikely chain of
    events has torn apart, and what an earlier database held.
    """

    def __init__(self, engine: QueueEngine, providers: list[str]) -> None:
        self._engine = engine
        self._providers = providers
        self._heartbeats = itertools.count(1)

    async def find_at_heartbeat(self, connection: asyncpg.Connection) -> None:
        """Search once in `HEARTBEATS_PER_SEARCH` heartbeats."""
        if next(self._heartbeats) % HEARTBEATS_PER_SEARCH == 0:
            await self.find(connection)

    async def find(self, connection: asyncpg.Connection) -> None:
        """Search now."""
        lost = await unqueued_videos(connection, self._providers)
        if lost:
            log.warning("lost_jobs_found", count=len(lost))
            await self._engine.put_back(*lost)
        await forget_log(connection)


class PostgresEngine:
    """Opens this process's end of the queue."""

    def __init__(
        self, server: Server, listener: ListenConnection, providers: Iterable[str]
    ) -> None:
        """`providers` are those whose videos this process can run."""
        self._server = server
        self._listener = listener
        self._providers = list(providers)

    @asynccontextmanager
    async def open(self, run: RunJob) -> AsyncIterator[QueueEngine]:
        """An engine that works until the context ends; it must have been stopped by then."""
        # Nothing in the queue needs to survive a crash of the server: lost claims and heartbeats
        # time out, lost endings are ended again, lost entries are found by their videos.
        async with self._server.pool(POOL, synchronous_commit="off") as pool:
            driver = ReconnectingDriver(pool, self._server)
            queue = SharedQueue(driver)
            self._listener.listen(queue.channel, driver.notified)
            engine = QueueEngine(
                run,
                queue,
                INTERVALS,
                queue_id_of(self._server.process),
                leave=queue.leave,
                at_pause=driver.end,
            )
            OrphanedJobs(queue, self._listener)
            lost = LostJobs(engine, self._providers)
            self._listener.at_connect(lost.find)
            self._listener.at_heartbeat(lost.find_at_heartbeat)
            try:
                yield engine
            finally:
                driver.end()
