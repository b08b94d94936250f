"""One database, SQLite or Postgres, that runs queries written once as functions of a connection.

SQLite lives in threads (one that writes, a few that read), Postgres behind asyncpg; both give the
query the same synchronous SQLAlchemy connection.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from reelgate.db.errors import Outage
from reelgate.db.group_commit import Work
from reelgate.db.sqlite import SqliteDatabase
from reelgate.errors import StorageFailed

T = TypeVar("T")

HOW_TO_WRITE_IT = "use sqlite:///path or postgresql://user:password@host/name"


class Database(Protocol):
    """Runs units of work; every write is durable when it returns."""

    @property
    def outage(self) -> Outage:
        """Whether it cannot be used for now, as all that use it here have found."""
        ...

    @property
    def process(self) -> int:
        """A number that tells this process from others that use the same database."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether other processes may use it too."""
        ...

    async def read(self, query: Work[T]) -> T:
        """Run a query that changes nothing.

        Raises:
            StorageFailed: the database cannot be used.
        """
        ...

    async def look_up(self, query: Work[T]) -> T:
        """Run a query that changes nothing and finds a few rows by a key, however many there are.

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

    async def check(self) -> None:
        """Check that it can be used, without a change.

        Raises:
            StorageFailed: it cannot.
        """
        ...

    async def probe(self) -> None:
        """Make a change that changes nothing, to see whether that can be done.

        Raises:
            StorageFailed: it cannot.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way and close the connections."""
        ...


def open_database(url: str) -> Database:
    """The database at this URL: `sqlite:///path` or `postgresql://...`.

    Raises:
        StorageFailed: the URL is of another kind, or the file's folder cannot be made.
    """
    file = sqlite_file(url)
    if file is not None:
        return SqliteDatabase(file)
    parsed = parse_url(url)
    if parsed.get_backend_name() == "postgresql":
        # Its driver takes 0.2 s and 9 MB to load, and a gateway with a file does without.
        from reelgate.db.postgres.database import PostgresDatabase  # noqa: PLC0415

        return PostgresDatabase(parsed)
    message = f"databases of the kind {parsed.get_backend_name()!r} are not supported"
    raise StorageFailed(f"{message}: {HOW_TO_WRITE_IT}")


def parse_url(url: str) -> URL:
    """The URL in its parts.

    Raises:
        StorageFailed: it is none; its text stays out of the message, for it may hold a password.
    """
    try:
        # Hosting platforms write postgres://, which SQLAlchemy does not know.
        parsed = make_url(url.strip().replace("postgres://", "postgresql://", 1))
        parsed.get_backend_name()
    except (ArgumentError, ValueError) as error:
        message = f"REELGATE_DATABASE_URL is no address of a database: {HOW_TO_WRITE_IT}"
        raise StorageFailed(message) from error
    return parsed


def sqlite_file(url: str) -> Path | None:
    """The file at an SQLite database's URL; None where it is of another kind.

    Raises:
        StorageFailed: it names no file, or is no URL of a database.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database or parsed.database == ":memory:":
        message = "REELGATE_DATABASE_URL names no file: write sqlite:////folder/reelgate.sqlite"
        raise StorageFailed(message)
    return Path(parsed.database).absolute()
