"""Runs migrations. The only module that loads Alembic: see `migrate`."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from reelgate.db.migrate import SCRIPTS


def run(connection: Connection) -> None:
    """Run the missing migrations on this connection, inside its transaction."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
