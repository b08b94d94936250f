"""Fixtures of the store tests; `database_url` gives each of them either kind of database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reelgate.db.admission import Admission
from reelgate.db.changes import Changes
from reelgate.db.database import Database, open_database
from reelgate.db.migrate import migrate
from reelgate.db.videos import Videos


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database with its tables."""
    opened = open_database(database_url)
    await migrate(opened)
    yield opened
    await opened.close()


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def videos(database: Database, changes: Changes) -> Videos:
    return Videos(database, changes)


@pytest.fixture
def admission(database: Database) -> Admission:
    return Admission(database)
