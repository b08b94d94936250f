"""Brings a database's tables up to date."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from reelgate.db.database import Database
from reelgate.errors import StorageFailed
from reelgate.version import VERSION

SCRIPTS = Path(__file__).parent / "migrations"
VERSION_TABLE = "alembic_version"
REVISION = text("SELECT version_num FROM alembic_version")
HUNDREDS = slice(2)
"""Programs of one hundred of revisions work on each other's tables, as they must in a rolling
deploy: from 0002 to 0099 a migration only adds what an older program need not know. One that takes
away or changes something begins the next hundred, and older programs do not start on its tables."""


async def migrate(database: Database) -> None:
    """Run every migration that is still missing; safe when several processes start at once.

    Raises:
        StorageFailed: the database cannot be used, or a newer version has changed its tables.
    """
    await database.exclusive(upgrade)


def upgrade(connection: Connection) -> None:
    """Run the missing migrations, if any, on this connection, inside its transaction.

    Raises:
        StorageFailed: a newer version has changed the tables.
    """
    revision, newest = check_revision(connection), newest_revision()
    if revision is None or revision < newest:
        run_alembic(connection)


def check_revision(connection: Connection) -> str | None:
    """The revision of a database's tables; None where there are none.

    Raises:
        StorageFailed: a newer version has changed the tables.
    """
    revision, newest = revision_of(connection), newest_revision()
    if revision is not None and revision[HUNDREDS] > newest[HUNDREDS]:
        raise too_new(revision, newest)
    return revision


def known_revision(connection: Connection) -> str:
    """The revision of a database's tables, all of which this version knows.

    Raises:
        StorageFailed: there are none, or a newer version has added to them.
    """
    revision, newest = revision_of(connection), newest_revision()
    if revision is None:
        raise no_tables()
    if revision > newest:
        raise too_new(revision, newest)
    return revision


def run_alembic(connection: Connection, revision: str = "head") -> None:
    """Run the missing migrations up to a revision."""
    from alembic import command  # noqa: PLC0415 - 0.2 s and 15 MB that an up-to-date database saves
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def no_tables() -> StorageFailed:
    """There is a database, and no gateway has ever used it."""
    return StorageFailed("this is no gateway's database: it has none of its tables")


def too_new(revision: str, newest: str) -> StorageFailed:
    """The refusal to work on tables that a newer version has changed."""
    message = (
        f"the database was made by a newer Reelgate (its tables are of version {revision}, and "
        f"Reelgate {VERSION} knows them up to {newest}): install that version again, or restore "
        "the backup made before the upgrade"
    )
    return StorageFailed(message)


def revision_of(connection: Connection) -> str | None:
    """The revision of a database's tables; None where there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.scalar(REVISION)
    return revision


def newest_revision() -> str:
    """The revision that the scripts lead to: they are named by their number."""
    return max(path.name.partition("_")[0] for path in (SCRIPTS / "versions").glob("[0-9]*.py"))
