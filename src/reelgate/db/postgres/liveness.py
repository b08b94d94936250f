"""Which processes on the same Postgres are alive, and what is to be done about those that died.

A process holds an advisory lock under its number for as long as its line to the server stands. So
the server itself knows who is there, with no clock and nothing to write: a killed process's lock
is gone in milliseconds, a vanished machine's when TCP's keep-alive gives it up.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import asyncpg
import structlog

from reelgate.db.postgres.listener import ListenConnection
from reelgate.db.postgres.server import Server

log = structlog.get_logger()
T = TypeVar("T")

PRESENCE = 0x52656C67
"""The first half of the advisory lock ("Relg" in ASCII); the second is the process's number."""

TAKE = "SELECT pg_try_advisory_lock($1, $2)"
PRESENT = """
    SELECT objid::bigint AS process FROM pg_locks
    WHERE locktype = 'advisory' AND classid = $1::bigint::oid AND objsubid = 2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
WAITED_ON = "SELECT DISTINCT waiting_on AS process FROM videos WHERE caller = 'waiting'"
HANG_UP = """
    UPDATE videos SET caller = 'gone'
    WHERE caller = 'waiting' AND waiting_on = ANY($1::bigint[])
"""


class Liveness(Generic[T]):
    """Who was missing at the last call.

    Twice in a row is dead: a process whose line broke is back before the second call.
    """

    def __init__(self) -> None:
        self._absent: set[T] = set()

    def dead(self, absent: set[T]) -> set[T]:
        """Those of the absent who were missing at the last call already."""
        dead = absent & self._absent
        self._absent = absent
        return dead


async def present(connection: asyncpg.Connection) -> set[int]:
    """The processes that are there."""
    return {row["process"] for row in await connection.fetch(PRESENT, PRESENCE)}


class PeerMonitor:
    """Hangs up for the blocking callers of processes that died, so that their jobs are adopted."""

    def __init__(self, server: Server, line: ListenConnection) -> None:
        self._process = server.process
        self._roll: Liveness[int] = Liveness()
        line.at_connect(self._be_present)
        line.at_connect(self._call_anew)
        line.at_heartbeat(self._disconnect_callers_of_the_dead)

    async def _be_present(self, connection: asyncpg.Connection) -> None:
        await connection.fetchval(TAKE, PRESENCE, self._process)

    async def _call_anew(self, connection: asyncpg.Connection) -> None:
        """Our own line was down, and the others' may have been: earlier calls say nothing."""
        self._roll = Liveness()
        await self._disconnect_callers_of_the_dead(connection)

    async def _disconnect_callers_of_the_dead(self, connection: asyncpg.Connection) -> None:
        waited_on = {row["process"] for row in await connection.fetch(WAITED_ON)}
        dead = self._roll.dead(waited_on - await present(connection))
        if dead:
            told = await connection.execute(HANG_UP, list(dead))
            log.warning("hung_up_for_the_dead", processes=len(dead), result=told)
