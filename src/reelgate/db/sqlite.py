"""SQLite as the database: a file that one process holds, and threads that use it."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import sqlite3
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from reelgate.db.errors import ENGINE_ERRORS, Outage, is_connection_error, translated
from reelgate.db.group_commit import GroupCommit, Work, run_all
from reelgate.db.private_files import private_file, private_folder
from reelgate.errors import DatabaseAway, StorageFailed

T = TypeVar("T")

SQLITE_READERS = 2
"""Threads that read: a read takes tens of microseconds, so more would only switch."""
SQLITE_BUSY_TIMEOUT_S = 30.0
PROBE_READ = "SELECT 1 FROM videos LIMIT 1"
PROBE_WRITE = "PRAGMA user_version = 0"
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
        self._lookups = ThreadConnections(sqlite_engine(path, None), self._files)
        self._commits = GroupCommit(self._commit, is_connection_error_or_away)

    async def read(self, query: Work[T]) -> T:
        """Run a query in a reader thread."""
        outcome = self._in(self._readers, lambda: self._read(query))
        return await translated(outcome, self.outage)

    async def look_up(self, query: Work[T]) -> T:
        """Run a query here and now: it takes less time than handing it to a thread and back."""

        async def looked_up() -> T:
            return query(self._lookups.get())

        return await translated(looked_up(), self.outage)

    async def write(self, change: Work[T]) -> T:
        """Run a change in the writer thread, in the next group commit."""
        return await translated(self._commits.do(change), self.outage)

    async def exclusive(self, change: Work[T]) -> T:
        """Run a change in a transaction of its own, which SQLite lets no other writer join."""
        outcome = self._in(self._writer, lambda: self._transact([change])[0])
        return await translated(outcome, self.outage)

    async def check(self) -> None:
        """Check the files, and read from them."""
        self._files.check_writable()
        await self.read(lambda connection: connection.exec_driver_sql("SELECT 1").all())

    async def probe(self) -> None:
        """Make a change that changes nothing."""

        def change(connection: Connection) -> None:
            connection.exec_driver_sql(PROBE_READ)
            connection.exec_driver_sql(PROBE_WRITE)

        await translated(self._commits.do(change), self.outage, is_proof=True)

    async def close(self) -> None:
        """Commit what waits, close every connection."""
        await self._commits.drain()
        for pool in (self._readers, self._writer):
            pool.shutdown()
        for connections in (self._lookups, self._reading, self._writing):
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


def is_connection_error_or_away(error: BaseException) -> bool:
    """Whether no unit of a batch would do better alone."""
    return is_connection_error(error) or isinstance(error, DatabaseAway)


class OpenFiles:
    """The files of a database as they were when they were opened.

    A file that is removed or replaced takes writes until it is closed, and they are gone then: a
    request would be paid and forgotten.
    """

    def __init__(self, path: Path) -> None:
        real = path.resolve()
        # SQLite's log is there as long as a connection is open, beside the file itself.
        self._paths = (path, real.with_name(f"{real.name}-wal"))
        self._opened: list[tuple[int, int] | None] = []

    def learn(self) -> None:
        """Remember their identity; called in a transaction, when both exist."""
        if not self._opened:
            self._opened = [identity_of(path) for path in self._paths]

    def check(self) -> None:
        """Check that they are still there.

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
        """Check that they are still there and may be written.

        Raises:
            DatabaseAway: at least one is not.
        """
        self.check()
        for path in (self._paths[0], self._paths[0].resolve().parent):
            if not os.access(path, os.W_OK):
                message = f"{path} cannot be written"
                raise DatabaseAway(message)


class ThreadConnections:
    """One persistent connection for each thread: checking one out costs more than a query."""

    def __init__(self, engine: Engine, files: OpenFiles) -> None:
        self._engine = engine
        self._files = files
        self._local = threading.local()
        self._all: list[Connection] = []

    def get(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            self._all.append(connection)
        return connection

    def _connect(self) -> Connection:
        """Another file's connection among ours would be worse than none."""
        self._files.check()
        try:
            connection = self._engine.connect()
        except ENGINE_ERRORS:
            self._files.check()  # "Unable to open" is no reason that anybody can act on.
            raise
        try:
            self._files.check()
        except DatabaseAway:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close them all; their threads must have ended."""
        for connection in self._all:
            connection.close()
        self._engine.dispose()


def sqlite_engine(path: Path, begin: str | None) -> Engine:
    """An engine whose transactions are explicit, so that DDL and reads take part in them.

    The file must exist: where it is gone, SQLite would make an empty one in its place. `begin` is
    how transactions begin; None where each query stands alone.
    """
    existing = {"uri": "true", "mode": "rw"}
    engine = create_engine(
        URL.create("sqlite", database=path.absolute().as_uri(), query=existing),
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


FILE_MODE = 0o600
LOCKED_BYTE = 2**62
"""Far beyond the bytes that SQLite locks (around 2**30) and beyond any content."""
FLOCK = "hhqqi0q"
"""`struct flock` of fcntl(2) on Linux: type, whence, start and length in 64 bits, process."""
HELD_BY_OTHERS = (errno.EAGAIN, errno.EACCES)

_held: set[tuple[int, int]] = set()
"""Device and inode of each file that this process holds. SQLite's own locks would be lost here if
one of them were opened and closed once more."""


@contextmanager
def only_process_in(folder: Path) -> Iterator[None]:
    """Lock a data folder; the operating system releases it even when the process is killed.

    Raises:
        StorageFailed: another process holds it.
    """
    lock = FileLock(folder / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        message = f"another reelgate is at work in {folder}: stop it, or set REELGATE_DATA_DIR"
        raise StorageFailed(message) from error
    except OSError as error:
        raise StorageFailed(f"the data folder {folder} cannot be used: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def only_gateway_on(path: Path) -> Iterator[None]:
    """Lock a database file, which is made where it is missing; its folder must be there.

    Must outlast every connection of SQLite to the file.

    Raises:
        StorageFailed: another gateway holds it, by whatever path, or it cannot be opened.
    """
    identity = identity_of(path)
    if identity in _held:
        raise in_use(path)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise StorageFailed(f"the database {path} cannot be opened: {error.strerror}") from error
    try:
        lock_of_folder = lock(fd, path)
        status = os.fstat(fd)
        identity = (status.st_dev, status.st_ino)
        _held.add(identity)
        try:
            yield
        finally:
            _held.discard(identity)
            if lock_of_folder is not None:
                os.close(lock_of_folder)
    finally:
        os.close(fd)


def identity_of(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def lock(fd: int, path: Path) -> int | None:
    """Lock an open database file.

    Returns:
        The open folder of the file, where that had to be locked instead.

    Raises:
        StorageFailed: another gateway holds it.
    """
    if sys.platform == "linux":
        wanted = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, LOCKED_BYTE, 1, 0)
        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, wanted)
        except OSError as error:
            if error.errno in HELD_BY_OTHERS:
                raise in_use(path) from error
            # This kernel or file system has no such locks.
        else:
            return None
    return lock_folder(path)


def lock_folder(path: Path) -> int:
    """Lock the folder that a database file really lies in.

    Raises:
        StorageFailed: another gateway holds it.
    """
    folder = os.open(path.resolve().parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(folder)
        raise in_use(path) from error
    return folder


def in_use(path: Path) -> StorageFailed:
    message = f"another reelgate works with the database {path.resolve()}: stop it, or set "
    return StorageFailed(f"{message}REELGATE_DATA_DIR or REELGATE_DATABASE_URL")
