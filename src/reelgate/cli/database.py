"""The gateway's database, for commands that work on it whether or not the gateway runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from reelgate.cli.config import load_settings
from reelgate.cli.exits import in_one_line
from reelgate.db.database import Database, open_database
from reelgate.db.migrate import migrate
from reelgate.runtime.deployment import make_folder
from reelgate.settings import Settings

T = TypeVar("T")


def in_database(work: Callable[[Database], Awaitable[T]], settings: Settings | None = None) -> T:
    """Do something with the database that the settings name, its tables up to date.

    Raises:
        CliError: the database cannot be used.
    """
    settings = settings or load_settings()
    with in_one_line():
        return asyncio.run(opened(settings, work))


async def opened(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    make_folder(settings)
    database = open_database(settings.database)
    try:
        await migrate(database)
        return await work(database)
    finally:
        await database.close()
