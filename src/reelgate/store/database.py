"""One database, SQLite or Postgres, that runs queries written once as functions of a connection.

SQLite lives in threads (one that writes, a few that read), Postgres behind asyncpg; both give the
query the same synchronous SQLAlchemy connection.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy.engine import make_url

from reelgate.errors import StorageFailed
from reelgate.store.group_commit import Work
from reelgate.store.sqlite import SqliteDatabase

T = TypeVar("T")


class Database(Protocol):
    """Runs units of work; every write is durable when it returns."""

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
        # Its driver takes 0.2 s and 9 MB to load, and a gateway with a file does without.
        room = import_module("reelgate.store.postgres_database")
        database: Database = room.PostgresDatabase(parsed)
        return database
    message = f"databases of the kind {parsed.get_backend_name()!r} are not supported"
    raise StorageFailed(f"{message}: use sqlite:///path or postgresql://...")
