"""Which database the gateway of a data folder uses, so that the same tests run on both kinds.

A module marked `both_databases` runs on SQLite, a file in the data folder, and again on Postgres,
where each data folder has a database of its own.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg

from reelgate.db.database import open_database
from reelgate.db.migrate import migrate
from tests.postgres import PostgresServer, in_a_thread

ALL = "SELECT * FROM videos ORDER BY id"


class Databases:
    """The databases of this test's data folders."""

    def __init__(self) -> None:
        self._server: PostgresServer | None = None
        self._names: dict[Path, str] = {}

    def url_of(self, data_dir: Path) -> str:
        """The database's URL; empty for the file that a gateway uses where nothing is set."""
        if self._server is None:
            if data_dir.is_dir():
                put_tables(data_dir / "reelgate.sqlite")
            return ""
        if data_dir not in self._names:
            self._names[data_dir] = self._server.create_migrated()
        return self._server.url_of(self._names[data_dir])

    def rows_of(self, data_dir: Path) -> list[dict[str, Any]]:
        """Every video in it, oldest first."""
        url = self.url_of(data_dir)
        return in_a_thread(lambda: asyncio.run(postgres_rows(url))) if url else file_rows(data_dir)

    @contextmanager
    def on(self, server: PostgresServer) -> Iterator[None]:
        """Use Postgres for a while."""
        self._server = server
        try:
            yield
        finally:
            self._server = None
            for name in self._names.values():
                server.drop(name)
            self._names.clear()


databases = Databases()


def put_tables(file: Path) -> None:
    """Begin a new SQLite database with its tables; one that is there stays as it is.

    A file is copied ten times as fast as it is migrated, and hundreds of tests begin with one.
    """
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(migrated_file())


@cache
def migrated_file() -> bytes:
    """The file of a database in which nothing has happened."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "reelgate.sqlite")
        in_a_thread(lambda: asyncio.run(migrate_file(file)))
        return file.read_bytes()


async def migrate_file(file: Path) -> None:
    database = open_database(f"sqlite:///{file}")
    await migrate(database)
    await database.close()


def file_rows(data_dir: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(data_dir / "reelgate.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(ALL)]


async def postgres_rows(url: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch(ALL)]
    finally:
        await connection.close()
