"""SQLite as the database: a file, and threads that hold its connections."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from reelgate.errors import DatabaseAway
from reelgate.private_files import private_file, private_folder
from reelgate.store.failures import is_broken_line, translated
from reelgate.store.group_commit import GroupCommit, Work, run_all
from reelgate.store.lock import identity_of
from reelgate.store.outage import Outage

T = TypeVar("T")

SQLITE_READERS = 2
"""Threads that read: a read takes tens of microseconds, so more would only switch."""
SQLITE_BUSY_TIMEOUT_S = 30.0
A_LOOK = "SELECT 1 FROM videos LIMIT 1"
A_CHANGE = "PRAGMA user_version = 0"
"""Written although nothing differs, which an UPDATE of that kind is not."""


class SqliteDatabase:
    """A file in WAL mode.

    `synchronous=FULL`: a change that was answered survives the loss of power, because the intent
    to submit must not be forgotten once the submit may have happened.
    """

    process = 0
    """There is only one."""
    is_shared = False

    def __init__(self, path: Path, *, readers: int = SQLITE_READERS) -> None:
        """`readers`: threads that read."""
        private_folder(path.parent, f"the folder of the database {path}")
        with suppress(OSError):  # SQLite tells it better, as soon as it is asked for something.
            private_file(path)  # SQLite gives the files beside it the same rights.
        self.path = path
        self.outage = Outage()
        self._files = OpenFiles(path)
        self._writer = ThreadPoolExecutor(1, "sqlite-write")
        self._readers = ThreadPoolExecutor(readers, "sqlite-read")
        # A writer takes its lock at once: one that read first could be refused it for ever.
        self._writing = ThreadConnections(sqlite_engine(path, "BEGIN IMMEDIATE"), self._files)
        self._reading = ThreadConnections(sqlite_engine(path, "BEGIN"), self._files)
        # One query needs no transaction around it, which would cost as much as the query.
        self._looking = ThreadConnections(sqlite_engine(path, None), self._files)
        self._commits = GroupCommit(self._commit, blames_nobody)

    async def read(self, query: Work[T]) -> T:
        """Run a query in a reader thread."""
        outcome = self._in(self._readers, lambda: self._read(query))
        return await translated(outcome, self.outage)

    async def look_up(self, query: Work[T]) -> T:
        """Run a query here and now: it takes less time than handing it to a thread and back."""

        async def looked_up() -> T:
            return query(self._looking.get())

        return await translated(looked_up(), self.outage)

    async def write(self, change: Work[T]) -> T:
        """Run a change in the writer thread, in the next group commit."""
        return await translated(self._commits.do(change), self.outage)

    async def exclusive(self, change: Work[T]) -> T:
        """Run a change in a transaction of its own, which SQLite lets no other writer join."""
        outcome = self._in(self._writer, lambda: self._transact([change])[0])
        return await translated(outcome, self.outage)

    async def check(self) -> None:
        """Look at the files, and read from them."""
        self._files.check_writable()
        await self.read(lambda connection: connection.exec_driver_sql("SELECT 1").all())

    async def probe(self) -> None:
        """Make a change that changes nothing."""

        def change(connection: Connection) -> None:
            connection.exec_driver_sql(A_LOOK)
            connection.exec_driver_sql(A_CHANGE)

        await translated(self._commits.do(change), self.outage, is_proof=True)

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
            self._files.learn()
            self._files.check()
            return run_all(transaction.connection, batch)

    def _read(self, query: Work[T]) -> T:
        connection = self._reading.get()
        with connection.begin():
            return query(connection)

    async def _in(self, pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, call)


def blames_nobody(error: BaseException) -> bool:
    """Whether no unit of a batch would do better alone."""
    return is_broken_line(error) or isinstance(error, DatabaseAway)


class OpenFiles:
    """The files of a database as they were when they were opened.

    A file that is removed or replaced takes writes until it is closed, and they are gone then: an
    order would be paid and forgotten.
    """

    def __init__(self, path: Path) -> None:
        real = path.resolve()
        # SQLite's log is there as long as a connection is open, beside the file itself.
        self._paths = (path, real.with_name(f"{real.name}-wal"))
        self._opened: list[tuple[int, int] | None] = []

    def learn(self) -> None:
        """Take them as they are; to be called in a transaction, which has made both."""
        if not self._opened:
            self._opened = [identity_of(path) for path in self._paths]

    def check(self) -> None:
        """Look whether they are still there.

        Raises:
            DatabaseAway: at least one is not.
        """
        if not self._opened:
            return
        found = [identity_of(path) for path in self._paths]
        for path, now, before in zip(self._paths, found, self._opened, strict=True):
            if now != before:
                happened = "removed" if now is None else "replaced"
                message = f"{path} was {happened} while the gateway runs"
                raise DatabaseAway(f"{message}: put it back, or start the gateway again")

    def check_writable(self) -> None:
        """Look whether they are still there and may be written.

        Raises:
            DatabaseAway: at least one is not.
        """
        self.check()
        for path in (self._paths[0], self._paths[0].resolve().parent):
            if not os.access(path, os.W_OK):
                message = f"{path} cannot be written"
                raise DatabaseAway(message)


class ThreadConnections:
    """One lasting connection for each thread: checking one out costs more than a query."""

    def __init__(self, engine: Engine, files: OpenFiles) -> None:
        self._engine = engine
        self._files = files
        self._local = threading.local()
        self._all: list[Connection] = []

    def get(self) -> Connection:
        """This thread's connection."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            # Another file's connection among ours would be worse than none.
            self._files.check()
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
