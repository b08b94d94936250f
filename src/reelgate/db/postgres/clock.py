"""The database server's clock, which all processes share."""

from __future__ import annotations

import asyncpg

from reelgate.clock import Clock
from reelgate.db.postgres.listener import ListenConnection

NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"


class ServerClock:
    """Tells the server's time, so that times written on one machine mean the same on another.

    It is read once in a few seconds; between two readings this machine's monotonic clock counts,
    so that setting the machine's wall clock changes nothing.
    """

    def __init__(self, local: Clock, listener: ListenConnection) -> None:
        self._local = local
        self._offset_s = local.now() - local.monotonic()
        listener.at_connect(self._read)
        listener.at_heartbeat(self._read)

    def now(self) -> float:
        """Unix time in seconds, the server's."""
        return self._local.monotonic() + self._offset_s

    def monotonic(self) -> float:
        """Seconds since some fixed moment, this machine's."""
        return self._local.monotonic()

    async def _read(self, connection: asyncpg.Connection) -> None:
        asked_s = self._local.monotonic()
        server_s = float(await connection.fetchval(NOW))
        # The reading belongs to the middle of its way there and back.
        self._offset_s = server_s - (asked_s + self._local.monotonic()) / 2
