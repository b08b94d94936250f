"""Copies of an SQLite database: taken while a gateway runs, and put in the database's place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from reelgate.db.migrate import check_revision
from reelgate.db.private_files import private_file, private_folder
from reelgate.db.sqlite import only_gateway_on
from reelgate.errors import StorageFailed

REPLACED = ".replaced"
"""Added to the name of a database whose place a copy took."""
BESIDE = ("", "-wal", "-shm")
"""What SQLite adds to a database's name for the files that belong to it."""
NOT_SENT_AGAIN = """
    UPDATE videos SET state = 'submitting', attempts = attempts + 1, submitting_at = created_at
    WHERE state = 'queued'
"""
"""As after a crash in the submit: it is looked for at the upstream, and never sent again."""


def backup(database_url: str, target: Path) -> None:
    """Copy the database to a new file, and check the copy; the gateway may go on meanwhile.

    Raises:
        StorageFailed: it is no SQLite database, cannot be read, or is damaged.
    """
    with checked_copy(sqlite_file(database_url), target, "the database") as partial:
        partial.replace(target)


def restore(copy: Path, database_url: str, *, send_queued: bool) -> Path | None:
    """Put a copy in the database's place, once it is known to be whole.

    Args:
        copy: what `backup` made; it stays as it is.
        database_url: the database, which no gateway may use meanwhile.
        send_queued: send what waited in line when the copy was made; the gateway may have sent it
            since then, so that it could be paid for twice.

    Returns:
        Where the database that was there is now; None where there was none.

    Raises:
        StorageFailed: the copy cannot be used, or a gateway uses the database.
    """
    database = sqlite_file(database_url)
    private_folder(database.parent, f"the folder of the database {database}")
    was_there = database.exists()
    with checked_copy(copy.absolute(), database, str(copy)) as partial:
        check_tables(partial)
        if not send_queued:
            with closing(sqlite3.connect(partial)) as fresh, fresh:
                fresh.execute(NOT_SENT_AGAIN)
        with only_gateway_on(database):
            replaced = move_aside(database) if was_there else None
            partial.replace(database)
    return replaced


def move_aside(database: Path) -> Path:
    """Move a database with its log, which SQLite would else write into what takes its place."""
    aside = database.with_name(f"{database.name}{REPLACED}")
    for suffix in BESIDE:
        aside.with_name(f"{aside.name}{suffix}").unlink(missing_ok=True)
    for suffix in BESIDE:
        file = database.with_name(f"{database.name}{suffix}")
        if file.exists():
            file.replace(aside.with_name(f"{aside.name}{suffix}"))
    return aside


@contextmanager
def checked_copy(source: Path, target: Path, called: str) -> Iterator[Path]:
    """A whole copy of a database beside `target`, which is gone afterwards unless it was moved.

    Raises:
        StorageFailed: it cannot be made; the message calls the source `called`.
    """
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
        yield partial
    except (sqlite3.Error, OSError) as error:
        message = f"{called} could not be copied: {error}"
        raise StorageFailed(message) from error
    finally:
        for suffix in BESIDE:
            partial.with_name(f"{partial.name}{suffix}").unlink(missing_ok=True)


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


def check_tables(file: Path) -> None:
    """Check that a database is one of ours, and that this version can go on with it.

    Raises:
        StorageFailed: it is not.
    """
    engine = create_engine(URL.create("sqlite", database=str(file)), poolclass=NullPool)
    with engine.connect() as connection:
        if check_revision(connection) is None:
            message = "this is no copy of a gateway's database: it has none of its tables"
            raise StorageFailed(message)
