"""Which processes on the same Postgres are alive, and what is to be done about those that died.

A process holds an advisory lock under its number for as long as its listen connection stands. So
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
DISCONNECT = """
    UPDATE videos SET caller = 'gone'
    WHERE caller = 'waiting' AND waiting_on = ANY($1::bigint[])
"""


class Liveness(Generic[T]):
    """Which processes were missing at the last check.

    Missing twice in a row is dead: one whose connection broke is back before the second check.
    """

    def __init__(self) -> None:
        self._absent: set[T] = set()

    def dead(self, absent: set[T]) -> set[T]:
        """Those of the absent that were missing at the last check already."""
        dead = absent & self._absent
        self._absent = absent
        return dead


async def present(connection: asyncpg.Connection) -> set[int]:
    """The numbers of the processes that are alive."""
    return {row["process"] for row in await connection.fetch(PRESENT, PRESENCE)}


class PeerMonitor:
    """Marks callers who waited at dead processes as disconnected, so that jobs are adopted."""

    def __init__(self, server: Server, listener: ListenConnection) -> None:
        self._process = server.process
        self._liveness: Liveness[int] = Liveness()
        listener.at_connect(self._take_lock)
        listener.at_connect(self._start_over)
        listener.at_heartbeat(self._disconnect_callers)

    async def _take_lock(self, connection: asyncpg.Connection) -> None:
        await connection.fetchval(TAKE, PRESENCE, self._process)

    async def _start_over(self, connection: asyncpg.Connection) -> None:
        """Our own connection was down, and the others' may have been: forget who was missing."""
        self._liveness = Liveness()
        await self._disconnect_callers(connection)

    async def _disconnect_callers(self, connection: asyncpg.Connection) -> None:
        waited_on = {row["process"] for row in await connection.fetch(WAITED_ON)}
        dead = self._liveness.dead(waited_on - await present(connection))
        if dead:
            result = await connection.execute(DISCONNECT, list(dead))
            log.warning(
                "callers_of_dead_processes_disconnected", processes=len(dead), result=result
            )
