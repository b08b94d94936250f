"""Postgres as the database: a pool of connections, replaced where they break."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast
from weakref import WeakSet

import asyncpg
from sqlalchemy import Connection, QueuePool, event, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from reelgate.db.errors import Outage
from reelgate.db.group_commit import GroupCommit, Work, run_all
from reelgate.db.postgres.server import (
    DRIVER_ERRORS,
    MIGRATION_LOCK,
    Server,
    is_connection_error,
    translated,
)
from reelgate.errors import DatabaseAway
from reelgate.retrying import Failed, retry

T = TypeVar("T")

POSTGRES_POOL = 6
"""Connections in use at once; group commit needs one, the rest read."""
RECONNECT_PAUSES_S = (0.05, 0.2, 0.5, 1.0, 2.0, 3.0)
"""Together longer than a server's restart or a switch to its standby mostly takes."""
PATIENCE_S = 7.0
"""No try begins later: one that is not even refused takes as long as the connection may."""
IN_PROGRESS_PAUSE_S = 0.1
LAST_QUERIES_S = 2.0
"""How long `close` waits for queries under way; on a server that is gone they would not end."""
A_READ = text("SELECT 1 FROM videos LIMIT 1")
A_CHANGE = text("UPDATE alembic_version SET version_num = version_num")
READ_ONLY = text("SHOW transaction_read_only")
TRANSACTION_NUMBER = text("SELECT pg_current_xact_id_if_assigned()::text")
TRANSACTION_STATUS = text("SELECT pg_xact_status(CAST(CAST(:number AS text) AS xid8))")


class PostgresDatabase:
    """A Postgres server that many gateway processes share.

    A broken connection is replaced and its transaction run again. Where the commit itself was on
    its way, the server is asked what became of it: running it again blindly could pay twice.
    """

    is_shared = True

    def __init__(self, url: URL, *, pool_size: int = POSTGRES_POOL) -> None:
        """`pool_size`: connections in use at once."""
        self.server = Server.at(url)
        self._engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            pool_size=pool_size,
            max_overflow=0,
        )
        self._connections: WeakSet[asyncpg.Connection] = WeakSet()
        self._commits = self.group(run_all)
        self._is_closed = False

    @property
    def outage(self) -> Outage:
        """Whether the server is away."""
        return self.server.outage

    @property
    def process(self) -> int:
        """The number under which the server knows this process."""
        return self.server.process

    async def read(self, query: Work[T]) -> T:
        """Run a query on a pooled connection."""
        return await translated(self._patiently(lambda: self._transact(query)), self.outage)

    async def look_up(self, query: Work[T]) -> T:
        """Run a query as any other: each is a way to the server and back."""
        return await self.read(query)

    async def write(self, change: Work[T]) -> T:
        """Run a change in the next group commit."""
        return await translated(self._commits.do(change), self.outage)

    async def apart(self, change: Work[T]) -> T:
        """Run a change in a transaction of its own; it may be made twice when a connection breaks.

        For a row that many processes write: whoever waits for it holds nothing else up.
        """
        return await translated(self._patiently(lambda: self._transact(change)), self.outage)

    def group(self, run: Callable[[Connection, Sequence[Work[Any]]], list[Any]]) -> GroupCommit:
        """Commits of a group of its own; `run` does the changes of one of them."""

        async def commit(batch: Sequence[Work[Any]]) -> list[Any]:
            def change(connection: Connection) -> list[Any]:
                return run(connection, batch)

            return await self._patiently(lambda: self._commit(change))

        return GroupCommit(commit, is_connection_error)

    async def exclusive(self, change: Work[T]) -> T:
        """Run a change under an advisory lock that holds until its transaction ends."""

        def locked(connection: Connection) -> T:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            return change(connection)

        return await translated(self._transact(locked), self.outage)

    async def check(self) -> None:
        """Ask the server whether it takes changes."""
        if await self.read(lambda connection: connection.scalar(READ_ONLY)) == "on":
            message = "the Postgres server takes no changes: it is read-only"
            raise DatabaseAway(message)

    async def probe(self) -> None:
        """Make a change that changes nothing."""

        def change(connection: Connection) -> None:
            connection.execute(A_READ)
            connection.execute(A_CHANGE)

        await translated(self._commits.do(change), self.outage, is_proof=True)

    async def close(self) -> None:
        """Commit what waits, close every connection; no new one is made afterwards."""
        self.server.patience.end()
        await self._commits.drain()
        self._is_closed = True
        try:
            await self._all_returned()
            await self._engine.dispose()
        finally:
            for connection in list(self._connections):
                # The pool closes those that have come back to it.
                connection.terminate()

    async def _connect(self) -> asyncpg.Connection:
        self._check_open()
        connection = await self.server.connect()
        self._connections.add(connection)
        if self._is_closed:
            connection.terminate()
        self._check_open()
        return connection

    def _check_open(self) -> None:
        if self._is_closed:
            message = "the database has been closed"
            raise DatabaseAway(message)

    async def _all_returned(self) -> None:
        """Wait for queries under way: a connection that is in use is not closed with the pool."""
        pool = cast(QueuePool, self._engine.pool)
        returned = asyncio.Event()
        event.listen(pool, "checkin", lambda *_: returned.set())
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_QUERIES_S):
                while pool.checkedout():
                    await returned.wait()
                    returned.clear()

    async def _commit(self, work: Work[T]) -> T:
        async with self._engine.connect() as connection:
            result = await connection.run_sync(work)
            number = await connection.scalar(TRANSACTION_NUMBER)
            try:
                await connection.commit()
            except DRIVER_ERRORS as error:
                if not is_connection_error(error) or not await self._was_committed(number):
                    raise
        return result

    async def _was_committed(self, number: str | None) -> bool:
        """What became of a transaction whose commit was not answered."""

        def ask(connection: Connection) -> str | None:
            status: str | None = connection.scalar(TRANSACTION_STATUS, {"number": number})
            return status

        if number is None:
            return True
        while True:
            match await self._patiently(lambda: self._transact(ask)):
                case "committed":
                    return True
                case "in progress":
                    # The server has not noticed yet that its client is gone.
                    await asyncio.sleep(IN_PROGRESS_PAUSE_S)
                case _:
                    return False

    async def _transact(self, work: Work[T]) -> T:
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try again over another connection while the connection is broken, for a few seconds."""

        def pause_s(failed: Failed) -> float | None:
            return None if self.server.patience.is_over else reconnect_pause_s(failed)

        return await retry(attempt, pause_s)


def reconnect_pause_s(failed: Failed) -> float | None:
    """How long to wait before a statement is sent over another connection."""
    if failed.failures > len(RECONNECT_PAUSES_S) or not is_connection_error(failed.error):
        return None
    pause_s = RECONNECT_PAUSES_S[failed.failures - 1]
    return pause_s if failed.waited_s + pause_s <= PATIENCE_S else None
