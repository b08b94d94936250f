"""A copy of a running gateway's SQLite database, taken in one consistent moment."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from reelgate.db.private_files import private_file
from reelgate.errors import StorageFailed


def backup(database_url: str, target: Path) -> None:
    """Copy the database to a new file, and check the copy; the gateway may go on meanwhile.

    Raises:
        StorageFailed: it is no SQLite database, cannot be read, or is damaged.
    """
    source = sqlite_file(database_url)
    partial = target.with_name(f"{target.name}.part")
    try:
        partial.unlink(missing_ok=True)
        private_file(partial)
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as live,
            closing(sqlite3.connect(partial)) as copy,
        ):
            live.backup(copy)
            check(copy)
        partial.replace(target)
    except (sqlite3.Error, OSError) as error:
        message = f"the database could not be copied: {error}"
        raise StorageFailed(message) from error
    finally:
        partial.unlink(missing_ok=True)


def sqlite_file(database_url: str) -> Path:
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        message = "only SQLite is copied here: use pg_dump for a Postgres database"
        raise StorageFailed(message)
    return Path(url.database).absolute()


def check(copy: sqlite3.Connection) -> None:
    """Ask SQLite itself whether the copy is whole."""
    [verdict] = copy.execute("PRAGMA integrity_check").fetchone()
    if verdict != "ok":
        message = f"the database is damaged: {verdict}"
        raise StorageFailed(message)
