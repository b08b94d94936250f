"""Jobs of processes that died: the others carry them on without waiting for missed heartbeats."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import structlog

from reelgate.engine.queue import SharedQueue
from reelgate.store.line import Line
from reelgate.store.peers import PRESENCE, Roll, present

log = structlog.get_logger()

CARRIERS = "SELECT DISTINCT queue_manager_id AS carrier FROM pgqueuer WHERE status = 'picked'"
PUT_BACK = """
    UPDATE pgqueuer SET status = 'queued', queue_manager_id = NULL, updated = now()
    WHERE status = 'picked' AND queue_manager_id = ANY($1::uuid[])
"""


def carrier_id(process: int) -> UUID:
    """Under which id a process takes jobs out of the queue."""
    return UUID(int=PRESENCE << 32 | process)


class Orphans:
    """Puts the jobs of dead processes back into the queue.

    A process that is taken for dead and lives loses its jobs as if its heartbeat had been late: at
    its next move it finds that others carry them.
    """

    def __init__(self, queue: SharedQueue, line: Line) -> None:
        self._queue = queue
        self._roll: Roll[UUID] = Roll()
        line.at_connect(self._call_anew)
        line.at_beat(self._put_back)

    async def _call_anew(self, connection: asyncpg.Connection) -> None:
        """Our own line was down, and the others' may have been: earlier calls say nothing."""
        self._roll = Roll()
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
