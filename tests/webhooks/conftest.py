"""Fixtures of the webhook tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reelgate.db.database import Database, open_database
from reelgate.db.migrate import migrate

from .receivers import Post, Receiver, a_post, a_receiver


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A file with its tables."""
    async with opened(f"sqlite:///{tmp_path}/reelgate.sqlite") as database:
        yield database


@pytest.fixture
async def either(database_url: str) -> AsyncIterator[Database]:
    """Either kind of database, with its tables."""
    async with opened(database_url) as database:
        yield database


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = open_database(url)
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as running:
        yield running


@pytest.fixture
async def post(database: Database) -> AsyncIterator[Post]:
    async with a_post(database) as running:
        yield running
