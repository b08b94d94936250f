"""What the tests of access share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reelgate.db.database import Database, open_database
from reelgate.db.migrate import migrate
from tests.cli.program import Home
from tests.databases import databases


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open database with its tables, of the kind that the test is run on."""
    opened = open_database(databases.url_of(tmp_path) or f"sqlite:///{tmp_path}/reelgate.sqlite")
    await migrate(opened)
    yield opened
    await opened.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A working folder for the installed program."""
    return Home(tmp_path)
