"""One database, SQLite or Postgres, that runs queries written once as functions of a connection.

SQLite lives in threads (one that writes, a few that read), Postgres behind asyncpg; both give the
query the same synchronous SQLAlchemy connection.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from reelgate.errors import StorageFailed
from reelgate.store.group_commit import GroupCommit, Work
from reelgate.store.postgres import DRIVER_ERRORS, MIGRATION_LOCK, Server, is_broken_line

T = TypeVar("T")

SQLITE_READERS = 2
"""Threads that read: a read takes tens of microseconds, so more would only switch."""
SQLITE_BUSY_TIMEOUT_S = 30.0
POSTGRES_POOL = 6
"""Connections in use at once; group commit needs one, the rest read."""
RECONNECT_PAUSES_S = (0.05, 0.2, 0.5, 1.0, 2.0, 3.0)
"""Together longer than a server's restart or a switch to its standby mostly takes."""
IN_PROGRESS_PAUSE_S = 0.1
TRANSACTION_NUMBER = text("SELECT pg_current_xact_id_if_assigned()::text")
TRANSACTION_STATUS = text("SELECT pg_xact_status(CAST(CAST(:number AS text) AS xid8))")


class Database(Protocol):
    """Runs units of work; every write is durable when it returns."""

    @property
    def process(self) -> int:
        """A number that tells this process from others that use the same database."""
        ...

    async def read(self, query: Work[T]) -> T:
        """Run a query that changes nothing.

        Raises:
            StorageFailed: the database cannot be used.
        """
        ...

    async def look_up(self, query: Work[T]) -> T:
        """Run a query that changes nothing and finds one row by its key.

        Raises:
            StorageFailed: the database cannot be used.
        """
        ...

    async def write(self, change: Work[T]) -> T:
        """Run a change, together with others that come at the same time, and commit it.

        Raises:
            StorageFailed: the database cannot be used; nothing was changed.
        """
        ...

    async def exclusive(self, change: Work[T]) -> T:
        """Run a change by itself, while no other process does: for migrations."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of the database."""
        ...


def open_database(url: str) -> Database:
    """The database at this URL: `sqlite:///path` or `postgresql://...`.

    Raises:
        StorageFailed: the URL is of another kind.
    """
    # Hosting platforms write postgres://, which SQLAlchemy does not know.
    parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    if parsed.get_backend_name() == "sqlite":
        return SqliteDatabase(Path(parsed.database or ""))
    if parsed.get_backend_name() == "postgresql":
        return PostgresDatabase(parsed)
    message = f"databases of the kind {parsed.get_backend_name()!r} are not supported"
    raise StorageFailed(f"{message}: use sqlite:///path or postgresql://...")


def run_all(connection: Connection, batch: Sequence[Work[Any]]) -> list[Any]:
    """Do each unit of a batch on one connection."""
    return [work(connection) for work in batch]


async def translated(outcome: Awaitable[T]) -> T:
    """Tell a driver's error as ours."""
    try:
        return await outcome
    except DRIVER_ERRORS as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise StorageFailed(f"The database cannot be used: {cause}") from error


class SqliteDatabase:
    """A file in WAL mode.

    `synchronous=FULL`: a change that was answered survives the loss of power, because the intent
    to submit must not be forgotten once the submit may have happened.
    """

    process = 0
    """There is only one."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = ThreadPoolExecutor(1, "sqlite-write")
        self._readers = ThreadPoolExecutor(SQLITE_READERS, "sqlite-read")
        # A writer takes its lock at once: one that read first could be refused it for ever.
        self._writing = ThreadConnections(sqlite_engine(path, "BEGIN IMMEDIATE"))
        self._reading = ThreadConnections(sqlite_engine(path, "BEGIN"))
        # One query needs no transaction around it, which would cost as much as the query.
        self._looking = ThreadConnections(sqlite_engine(path, None))
        self._commits = GroupCommit(self._commit)

    async def read(self, query: Work[T]) -> T:
        """Run a query in a reader thread."""
        return await translated(self._in(self._readers, lambda: self._read(query)))

    async def look_up(self, query: Work[T]) -> T:
        """Run a query here and now: it takes less time than handing it to a thread and back."""

        async def looked_up() -> T:
            return query(self._looking.get())

        return await translated(looked_up())

    async def write(self, change: Work[T]) -> T:
        """Run a change in the writer thread, in the next group commit."""
        return await translated(self._commits.do(change))

    async def exclusive(self, change: Work[T]) -> T:
        """Run a change in a transaction of its own, which SQLite lets no other writer join."""
        return await translated(self._in(self._writer, lambda: self._transact([change])[0]))

    async def close(self) -> None:
        """Commit what waits, close every connection."""
        await self._commits.drain()
        for pool in (self._readers, self._writer):
            pool.shutdown()
        for connections in (self._looking, self._reading, self._writing):
            connections.close()

    async def _commit(self, batch: Sequence[Work[Any]]) -> list[Any]:
        return await self._in(self._writer, lambda: self._transact(batch))

    def _transact(self, batch: Sequence[Work[Any]]) -> list[Any]:
        with self._writing.get().begin() as transaction:
            return run_all(transaction.connection, batch)

    def _read(self, query: Work[T]) -> T:
        connection = self._reading.get()
        with connection.begin():
            return query(connection)

    async def _in(self, pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, call)


class ThreadConnections:
    """One lasting connection for each thread: checking one out costs more than a query."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._local = threading.local()
        self._all: list[Connection] = []

    def get(self) -> Connection:
        """This thread's connection."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._engine.connect()
            self._all.append(connection)
        return connection

    def close(self) -> None:
        """Close them all; their threads must have ended."""
        for connection in self._all:
            connection.close()
        self._engine.dispose()


def sqlite_engine(path: Path, begin: str | None) -> Engine:
    """An engine whose transactions are explicit, so that DDL and reads take part in them.

    `begin` is how they begin; None where each query stands alone.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_S, "check_same_thread": False},
    )
    event.listen(engine, "connect", prepare_connection)
    if begin is not None:
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def prepare_connection(connection: sqlite3.Connection, _record: object) -> None:
    """Set what SQLite keeps per connection; see https://sqlite.org/pragma.html."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


class PostgresDatabase:
    """A Postgres server that many gateway processes share.

    A broken connection is replaced and its transaction run again. Where the commit itself was on
    its way, the server is asked what became of it: running it again blindly could pay twice.
    """

    def __init__(self, url: URL) -> None:
        self.server = Server.at(url)
        self._engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self.server.connect,
            pool_size=POSTGRES_POOL,
            max_overflow=0,
        )
        self._commits = self.group(run_all)

    @property
    def process(self) -> int:
        """The number under which the server knows this process."""
        return self.server.process

    async def read(self, query: Work[T]) -> T:
        """Run a query on a pooled connection."""
        return await translated(patiently(lambda: self._transact(query)))

    async def look_up(self, query: Work[T]) -> T:
        """Run a query as any other: each is a way to the server and back."""
        return await self.read(query)

    async def write(self, change: Work[T]) -> T:
        """Run a change in the next group commit."""
        return await translated(self._commits.do(change))

    async def apart(self, change: Work[T]) -> T:
        """Run a change in a transaction of its own; it may be made twice when a connection breaks.

        For a row that many processes write: whoever waits for it holds nothing else up.
        """
        return await translated(patiently(lambda: self._transact(change)))

    def group(self, run: Callable[[Connection, Sequence[Work[Any]]], list[Any]]) -> GroupCommit:
        """Commits of a group of its own; `run` does the changes of one of them."""

        async def commit(batch: Sequence[Work[Any]]) -> list[Any]:
            return await patiently(lambda: self._commit(lambda connection: run(connection, batch)))

        return GroupCommit(commit)

    async def exclusive(self, change: Work[T]) -> T:
        """Run a change under an advisory lock that holds until its transaction ends."""

        def locked(connection: Connection) -> T:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            return change(connection)

        return await translated(self._transact(locked))

    async def close(self) -> None:
        """Commit what waits, close every connection."""
        await self._commits.drain()
        await self._engine.dispose()

    async def _commit(self, work: Work[T]) -> T:
        async with self._engine.connect() as connection:
            result = await connection.run_sync(work)
            number = await connection.scalar(TRANSACTION_NUMBER)
            try:
                await connection.commit()
            except DRIVER_ERRORS as error:
                if not is_broken_line(error) or not await self._was_committed(number):
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
            match await patiently(lambda: self._transact(ask)):
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


async def patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Try again over another connection while the line is broken, for a few seconds."""
    for pause_s in RECONNECT_PAUSES_S:
        try:
            return await attempt()
        except DRIVER_ERRORS as error:
            if not is_broken_line(error):
                raise
        await asyncio.sleep(pause_s)
    return await attempt()
