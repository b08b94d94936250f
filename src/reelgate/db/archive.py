"""The rows of a Postgres database as an SQLite file, and back.

The file has the tables of the database's own revision, so that it is what a gateway on SQLite would
have left: one kind of copy, checked, restored and upgraded in one way, whichever database it came
from. See docs/adr/0033-a-backup-is-an-sqlite-file.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Table, create_engine, func, insert, inspect, select
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from reelgate.db.database import open_database
from reelgate.db.migrate import known_revision, run_alembic, upgrade
from reelgate.db.schema import accounts, metadata, upstream_rates
from reelgate.errors import StorageFailed

OF_PROCESSES = (accounts, upstream_rates)
"""What running processes count together; where there is no row, they count anew."""
KEPT = [table for table in metadata.sorted_tables if table not in OF_PROCESSES]
BATCH_ROWS = 1000
ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
NEXT_NUMBER = "SELECT setval(pg_get_serial_sequence($1, $2), $3)"


@contextmanager
def opened(file: Path) -> Iterator[Connection]:
    """A transaction on an SQLite file that nobody else uses."""
    engine = create_engine(URL.create("sqlite", database=str(file)), poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


async def save_rows(database_url: str, file: Path) -> None:
    """Write a Postgres database's rows, as they are at one moment, to an empty file.

    Raises:
        StorageFailed: the database cannot be read, or its tables are not known to this version.
    """
    database = open_database(database_url)
    try:
        await database.read(partial(copy_out, file=file))
    finally:
        await database.close()


async def load_rows(file: Path, database_url: str) -> None:
    """Fill an empty Postgres database, all or nothing; the file's tables are brought up to date.

    Raises:
        StorageFailed: the database cannot be used, is in use, or is not empty.
    """
    with opened(file) as source:
        upgrade(source)
    database = open_database(database_url)
    try:
        await database.exclusive(partial(copy_in, file=file))
    finally:
        await database.close()


def copy_out(source: Connection, file: Path) -> None:
    """Copy everything to a file, from its beginning: a broken connection is tried again."""
    source.exec_driver_sql(ONE_MOMENT)
    revision = known_revision(source)
    with file.open("wb"), opened(file) as target:
        run_alembic(target, revision)
        for table in KEPT:
            copy_table(table, source, target)


def copy_in(target: Connection, file: Path) -> None:
    """Copy everything from a file whose tables are up to date.

    Raises:
        StorageFailed: gateways use the database, or there are rows already.
    """
    # Loads Postgres' driver, which a copy of a file does without.
    from reelgate.db.postgres.liveness import PRESENCE, PRESENT  # noqa: PLC0415

    if target.exec_driver_sql(PRESENT, (PRESENCE,)).first() is not None:
        message = "gateways or workers use the database: stop them first"
        raise StorageFailed(message)
    upgrade(target)
    for table in KEPT:
        if target.execute(select(table).limit(1)).first() is not None:
            message = (
                f"the database is not empty: its table {table.name} has rows. A Postgres database "
                "is never replaced: make another one and name it in REELGATE_DATABASE_URL"
            )
            raise StorageFailed(message)
    with opened(file) as source:
        for table in KEPT:
            copy_table(table, source, target)
    for table in KEPT:
        set_next_number(table, target)


def copy_table(table: Table, source: Connection, target: Connection) -> None:
    """Copy the columns of a table that its revision has."""
    tables = inspect(source)
    if not tables.has_table(table.name):
        return
    there = {column["name"] for column in tables.get_columns(table.name)}
    query = select(*(column for column in table.columns if column.name in there))
    rows = source.execute(query, execution_options={"yield_per": BATCH_ROWS})
    for part in rows.mappings().partitions():
        target.execute(insert(table), [dict(row) for row in part])


def set_next_number(table: Table, target: Connection) -> None:
    """Let the numbers that Postgres gives to new rows go on after those that were copied."""
    column = table.autoincrement_column
    if column is None:
        return
    last = target.scalar(select(func.max(column)))
    if last is not None:
        target.exec_driver_sql(NEXT_NUMBER, (table.name, column.name, last))
