"""Copies of a database: taken while gateways run, and put in a database's place.

Each is an SQLite file, whichever kind of database it was taken from, and can be restored to either.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from reelgate.db.archive import load_rows, opened, save_rows
from reelgate.db.database import sqlite_file
from reelgate.db.migrate import check_revision, known_revision, no_tables
from reelgate.db.private_files import private_file, private_folder
from reelgate.db.sqlite import only_gateway_on
from reelgate.errors import StorageFailed

REPLACED = ".replaced"
"""Added to the name of a database whose place a copy took."""
BESIDE = ("", "-wal", "-shm")
"""What SQLite adds to a database's name for the files that belong to it."""
NOBODY_WAITS = "UPDATE videos SET caller = 'gone' WHERE caller = 'waiting'"
"""Those who did are connected to no process that could tell."""
NOT_SENT_AGAIN = """
    UPDATE videos SET state = 'submitting', attempts = attempts + 1, submitting_at = created_at
    WHERE state = 'queued'
"""
"""As after a crash in the submit: it is looked for at the upstream, and never sent again."""


def backup(database_url: str, target: Path) -> None:
    """Copy the database to a new file, and check the copy; the gateway may go on meanwhile.

    Raises:
        StorageFailed: it cannot be read, or is damaged.
    """
    if (file := sqlite_file(database_url)) is not None:
        with checked_copy(file, target, "the database") as partial:
            partial.replace(target)
        return
    with partial_file(target, "the database") as partial:
        asyncio.run(save_rows(database_url, partial))
        partial.replace(target)


def restore(copy: Path, database_url: str, *, send_queued: bool) -> Path | None:
    """Put a copy in the database's place, once it is known to be whole.

    Args:
        copy: what `backup` made; it stays as it is.
        database_url: the database, which no gateway may use meanwhile; on Postgres an empty one.
        send_queued: send what waited in line when the copy was made; the gateway may have sent it
            since then, so that it could be paid for twice.

    Returns:
        Where the database that was there is now; None where there was none.

    Raises:
        StorageFailed: the copy cannot be used, a gateway uses the database, or it is on Postgres
            and not empty.
    """
    if (file := sqlite_file(database_url)) is not None:
        return restore_file(copy, file, send_queued=send_queued)
    with (
        TemporaryDirectory(prefix="reelgate-restore-") as folder,
        checked_copy(copy.absolute(), Path(folder, copy.name), str(copy)) as partial,
    ):
        with opened(partial) as connection:
            known_revision(connection)
        end_what_ran(partial, send_queued=send_queued)
        asyncio.run(load_rows(partial, database_url))
    return None


def restore_file(copy: Path, database: Path, *, send_queued: bool) -> Path | None:
    """Put a copy in a file's place; see `restore`."""
    private_folder(database.parent, f"the folder of the database {database}")
    was_there = database.exists()
    with checked_copy(copy.absolute(), database, str(copy)) as partial:
        check_tables(partial)
        end_what_ran(partial, send_queued=send_queued)
        with only_gateway_on(database):
            replaced = move_aside(database) if was_there else None
            partial.replace(database)
    return replaced


def end_what_ran(copy: Path, *, send_queued: bool) -> None:
    """Leave a copy as the death of all processes would have left the database."""
    with closing(sqlite3.connect(copy)) as fresh, fresh:
        fresh.execute(NOBODY_WAITS)
        if not send_queued:
            fresh.execute(NOT_SENT_AGAIN)


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
def partial_file(target: Path, called: str) -> Iterator[Path]:
    """A private file beside `target`, which is gone afterwards unless it was moved.

    Raises:
        StorageFailed: it cannot be written; the message calls its source `called`.
    """
    partial = target.with_name(f"{target.name}.part")
    try:
        partial.unlink(missing_ok=True)
        private_file(partial)
        yield partial
    except (sqlite3.Error, OSError) as error:
        message = f"{called} could not be copied: {error}"
        raise StorageFailed(message) from error
    finally:
        for suffix in BESIDE:
            partial.with_name(f"{partial.name}{suffix}").unlink(missing_ok=True)


@contextmanager
def checked_copy(source: Path, target: Path, called: str) -> Iterator[Path]:
    """A whole copy of a database file beside `target`; see `partial_file`."""
    with partial_file(target, called) as partial:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as live,
            closing(sqlite3.connect(partial)) as copy,
        ):
            live.backup(copy)
            check(copy)
        yield partial


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
    with opened(file) as connection:
        if check_revision(connection) is None:
            raise no_tables()
