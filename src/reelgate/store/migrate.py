"""Brings a database's tables up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from reelgate.store.database import Database

SCRIPTS = Path(__file__).parent / "migrations"


async def migrate(database: Database) -> None:
    """Run every migration that is still missing; safe when several processes start at once.

    Raises:
        StorageFailed: the database cannot be used.
    """
    await database.exclusive(upgrade)


def upgrade(connection: Connection) -> None:
    """Run the missing migrations on this connection, inside its transaction."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
