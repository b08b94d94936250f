"""Which processes on the same Postgres are alive, and what is to be done about those that died.

A process holds an advisory lock under its number for as long as its line to the server stands. So
the server itself knows who is there, with no clock and nothing to write: a killed process's lock
is gone in milliseconds, a vanished machine's when TCP's keep-alive gives it up.
"""

from __future__ import annotations

import asyncpg
import structlog

from reelgate.store.line import Line
from reelgate.store.postgres import Server

log = structlog.get_logger()

PRESENCE = 0x52656C67
"""The first half of the advisory lock ("Relg" in ASCII); the second is the process's number."""

TAKE = "SELECT pg_try_advisory_lock($1, $2)"
ABSENT = """
    SELECT DISTINCT waiting_on FROM videos
    WHERE caller = 'waiting' AND waiting_on NOT IN (
        SELECT objid::bigint FROM pg_locks
        WHERE locktype = 'advisory' AND classid = $1::bigint::oid AND objsubid = 2
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
"""
HANG_UP = """
    UPDATE videos SET caller = 'gone'
    WHERE caller = 'waiting' AND waiting_on = ANY($1::bigint[])
"""


class Peers:
    """Hangs up for the blocking callers of processes that died, so that their jobs are adopted."""

    def __init__(self, server: Server, line: Line) -> None:
        self._process = server.process
        self._absent: set[int] = set()
        line.at_connect(self._be_present)
        line.at_beat(self._hang_up_for_the_dead)

    async def _be_present(self, connection: asyncpg.Connection) -> None:
        await connection.fetchval(TAKE, PRESENCE, self._process)

    async def _hang_up_for_the_dead(self, connection: asyncpg.Connection) -> None:
        """Twice absent is dead: a process whose line broke is back before the second time."""
        absent = {row["waiting_on"] for row in await connection.fetch(ABSENT, PRESENCE)}
        dead = absent & self._absent
        self._absent = absent
        if dead:
            told = await connection.execute(HANG_UP, list(dead))
            log.warning("hung_up_for_the_dead", processes=len(dead), result=told)
