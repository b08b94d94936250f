"""Jobs that nobody carries any more: of processes that died, or lost by the queue."""

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
from reelgate.jobs.pgqueuer import Intervals, QueueEngine, ReconnectingDriver, SharedQueue

log = structlog.get_logger()

CARRIERS = "SELECT DISTINCT queue_manager_id AS carrier FROM pgqueuer WHERE status = 'picked'"
PUT_BACK = """
    UPDATE pgqueuer SET status = 'queued', queue_manager_id = NULL, updated = now()
    WHERE status = 'picked' AND queue_manager_id = ANY($1::uuid[])
"""


def carrier_id(process: int) -> UUID:
    """Under which id a process takes jobs out of the queue."""
    return UUID(int=PRESENCE << 32 | process)


class OrphanedJobs:
    """Puts the jobs of dead processes back into the queue.

    A process that is taken for dead and lives loses its jobs as if its heartbeat had been late: at
    its next move it finds that others carry them.
    """

    def __init__(self, queue: SharedQueue, line: ListenConnection) -> None:
        self._queue = queue
        self._roll: Liveness[UUID] = Liveness()
        line.at_connect(self._call_anew)
        line.at_heartbeat(self._put_back)

    async def _call_anew(self, connection: asyncpg.Connection) -> None:
        """Our own line was down, and the others' may have been: earlier calls say nothing."""
        self._roll = Liveness()
        await self._put_back(connection)

    async def _put_back(self, connection: asyncpg.Connection) -> None:
        # asyncpg's own UUIDs equal and hash as the standard ones do.
        carriers: set[UUID] = {row["carrier"] for row in await connection.fetch(CARRIERS)}
        living = {carrier_id(process) for process in await present(connection)}
        dead = self._roll.dead(carriers - living)
        if dead:
            told = await connection.execute(PUT_BACK, list(dead))
            log.warning("jobs_of_the_dead_put_back", processes=len(dead), result=told)
            await self._queue.tell()


HEARTBEATS_PER_SEARCH = 15
LOST = """
    SELECT id FROM videos
    WHERE state NOT IN ('completed', 'failed') AND provider = ANY($1::text[]) AND NOT EXISTS (
        SELECT FROM pgqueuer WHERE dedupe_key = videos.id AND status IN ('queued', 'picked')
    )
"""
FORGET_LOG = "DELETE FROM pgqueuer_log WHERE created < now() - interval '1 day'"
"""PgQueuer notes every step of every job and never forgets one."""


class LostJobs:
    """Puts unfinished videos back that have no place in the queue.

    A row and its place are made in one transaction, so this finds what an unlikely chain of
    events has torn apart, and what an earlier database held.
    """

    def __init__(self, dispatch: QueueEngine, providers: list[str]) -> None:
        self._dispatch = dispatch
        self._providers = providers
        self._beats = itertools.count(1)

    async def find_now_and_then(self, connection: asyncpg.Connection) -> None:
        """Look at every so manieth beat."""
        if next(self._beats) % HEARTBEATS_PER_SEARCH == 0:
            await self.find(connection)

    async def find(self, connection: asyncpg.Connection) -> None:
        """Look now."""
        lost = [row["id"] for row in await connection.fetch(LOST, self._providers)]
        if lost:
            log.warning("lost_jobs_found", count=len(lost))
            await self._dispatch.put_back(*lost)
        await connection.execute(FORGET_LOG)


INTERVALS = Intervals(
    # Few, so that a burst spreads over the processes.
    batch=20,
    look_every=timedelta(seconds=2),
    heartbeat_timeout=timedelta(seconds=10),
)
POOL = 3


class PostgresEngine:
    """Opens this process's end of the queue."""

    def __init__(self, server: Server, line: ListenConnection, providers: Iterable[str]) -> None:
        """`providers` are those whose videos this process can carry."""
        self._server = server
        self._line = line
        self._providers = list(providers)

    @asynccontextmanager
    async def open(self, carry: RunJob) -> AsyncIterator[QueueEngine]:
        """A dispatch that works until the context ends; it must have been stopped by then."""
        # Nothing in the queue needs to survive a crash of the server: lost claims and heartbeats
        # time out, lost endings are ended again, lost entries are found by their videos.
        async with self._server.pool(POOL, synchronous_commit="off") as pool:
            driver = ReconnectingDriver(pool, self._line, self._server.outage)
            queue = SharedQueue(driver)
            dispatch = QueueEngine(
                carry,
                queue,
                INTERVALS,
                carrier_id(self._server.process),
                forget_only=queue.leave,
                at_pause=driver.end,
            )
            OrphanedJobs(queue, self._line)
            lost = LostJobs(dispatch, self._providers)
            self._line.at_connect(lost.find)
            self._line.at_heartbeat(lost.find_now_and_then)
            try:
                yield dispatch
            finally:
                driver.end()
