"""Reads the gateways' database, and breaks it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from chaos.postgres import Postgres
from chaos.rows import Row
from reelgate.db.database import open_database
from reelgate.db.postgres.server import DRIVER_ERRORS, Server
from reelgate.errors import StorageFailed

END_CONNECTIONS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
A_BACKEND = text(
    "SELECT pid FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() LIMIT 1"
)
PENDING = text("SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'")
WRITE_LOG = "SELECT pg_logical_emit_message(false, 'chaos', 'x')"
NEXT_SEGMENT = "SELECT pg_switch_wal()"
SEGMENTS = 8
"""More than a server keeps for later use with little traffic."""
RESTART_TRIES = 20
RESTART_PAUSE_S = 0.5


class SharedDatabase:
    """The database that the gateways share."""

    def __init__(self, url: str, server: Postgres | None) -> None:
        """`server` is None where it is not ours to end and to start."""
        self._url = make_url(url)
        self._server = server
        self._database = open_database(url)

    @property
    def is_postgres(self) -> bool:
        """Whether there are connections to break."""
        return self._url.get_backend_name() == "postgresql"

    async def close(self) -> None:
        await self._database.close()

    async def rows(self) -> list[Row]:

        def read(connection: Connection) -> list[Row]:
            found = connection.execute(text("SELECT * FROM videos"))
            return [Row.of(dict(row)) for row in found.mappings()]

        return await self._database.read(read)

    async def pending_webhooks(self) -> int:
        """How many deliveries are still to be made."""
        return await self._database.read(lambda connection: connection.scalar(PENDING) or 0)

    async def end_connections(self) -> None:
        """Break every connection to the server, as a failover does."""
        await self._database.read(lambda connection: connection.execute(END_CONNECTIONS).all())

    async def crash(self) -> None:
        """Kill one of the server's processes: it ends all others, and recovers from its log."""
        pid = await self._database.read(lambda connection: connection.scalar(A_BACKEND))
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def fill_wal(self) -> None:
        """Make the server need more room for its log: where it has none it panics, and ends."""
        with suppress(*DRIVER_ERRORS):
            connection = await Server.at(self._url).connect()
            try:
                for _ in range(SEGMENTS):
                    await connection.execute(WRITE_LOG)
                    await connection.execute(NEXT_SEGMENT)
            finally:
                connection.terminate()

    async def restart(self) -> None:
        """Start the server again if it has ended, and wait until it answers.

        Raises:
            StorageFailed: it does not come back.
        """
        for _ in range(RESTART_TRIES):
            if self._server is not None:
                await asyncio.to_thread(self._server.restart)
            with suppress(StorageFailed):
                await self.pending_webhooks()
                return
            await asyncio.sleep(RESTART_PAUSE_S)
        await self.pending_webhooks()
