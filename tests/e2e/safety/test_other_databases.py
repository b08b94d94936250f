"""A backup goes back to either kind of database, with all that was in it, or not at all."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Integer,
    LargeBinary,
    Table,
    insert,
    select,
    text,
)

from reelgate.db.archive import BATCH_ROWS, KEPT, OF_PROCESSES
from reelgate.db.backup import backup, restore
from reelgate.db.database import Database, open_database
from reelgate.db.migrate import migrate, run_alembic
from reelgate.db.schema import videos, webhook_deliveries
from reelgate.errors import StorageFailed
from reelgate.sandbox import Sandbox
from tests.gateway import TINY, a_gateway, a_prompt, soon, until
from tests.postgres import PostgresServer

T = TypeVar("T")
Rows = dict[str, list[dict[str, Any]]]
MANY = BATCH_ROWS + 7


async def in_database(url: str, work: Callable[[Database], Awaitable[T]]) -> T:
    database = open_database(url)
    try:
        return await work(database)
    finally:
        await database.close()


def a_value(column: Column[Any], number: int) -> object:
    """A value of a column's own kind, another one in each row."""
    if column.nullable and number % 2:
        return None
    match column.type:
        case Boolean():
            return number % 3 == 0
        case BigInteger() | Integer():
            return number + 1
        case Double():
            return number + 1 / 3
        case LargeBinary():
            return bytes([0, number % 256])
        case _:
            return f"{column.name} ünd {number}"


async def fill(database: Database) -> None:
    """Rows in every table."""
    await migrate(database)

    def change(connection: Connection) -> None:
        for table in (*KEPT, *OF_PROCESSES):
            rows = [
                {column.name: a_value(column, number) for column in table.columns}
                for number in range(MANY if table is videos else 3)
            ]
            connection.execute(insert(table), rows)

    await database.write(change)


def rows_of(table: Table, connection: Connection) -> list[dict[str, Any]]:
    query = select(table).order_by(*table.primary_key.columns)
    return [dict(row) for row in connection.execute(query).mappings()]


async def all_rows(database: Database) -> Rows:
    def query(connection: Connection) -> Rows:
        return {table.name: rows_of(table, connection) for table in (*KEPT, *OF_PROCESSES)}

    return await database.read(query)


async def deliver_one_more(database: Database) -> int:
    """The number that the database gives to a new delivery."""
    values = {
        column.name: a_value(column, 100)
        for column in webhook_deliveries.columns
        if column.name != "seq"
    }
    made = insert(webhook_deliveries).values(values).returning(webhook_deliveries.c.seq)
    number: int = await database.write(lambda connection: connection.scalar(made))
    return number


@pytest.mark.parametrize(
    ("source", "target"),
    [("postgres", "postgres"), ("sqlite", "postgres"), ("postgres", "sqlite")],
)
async def test_every_row_arrives_whichever_kind_of_database_it_goes_to(
    source: str, target: str, tmp_path: Path, postgres_url: str, empty_postgres_url: str
) -> None:
    files = {"source": f"sqlite:///{tmp_path}/a.sqlite", "target": f"sqlite:///{tmp_path}/b.sqlite"}
    taken = postgres_url if source == "postgres" else files["source"]
    given = empty_postgres_url if target == "postgres" else files["target"]
    await in_database(taken, fill)
    copy = tmp_path / "copy.sqlite"
    await asyncio.to_thread(backup, taken, copy)
    await asyncio.to_thread(restore, copy, given, send_queued=True)
    before, after = await in_database(taken, all_rows), await in_database(given, all_rows)
    for table in OF_PROCESSES:
        before.pop(table.name)
        # What processes counted together is counted anew.
        assert target == "sqlite" or after.pop(table.name) == []
    assert {name: after[name] for name in before} == before
    assert len(before["videos"]) == MANY
    assert await in_database(given, deliver_one_more) > max(
        row["seq"] for row in before["webhook_deliveries"]
    )


async def test_a_gateway_on_postgres_goes_on_from_its_backup(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.sqlite"
    first, second = a_prompt(), a_prompt()
    with (
        postgres_server.database() as lost,
        postgres_server.database(migrated=False) as empty,
    ):
        async with Sandbox(TINY) as sandbox:
            async with a_gateway(data, sandbox.url, database_url=lost, max_in_flight=1) as gateway:
                made = (await gateway.generate(first)).video
                held = asyncio.create_task(gateway.generate(a_prompt("[[never]]")))
                await soon(lambda: len(sandbox.jobs) == 2)
                waits = asyncio.create_task(gateway.generate(second))
                await until(lambda: are_queued(lost, 1))
                await asyncio.to_thread(backup, lost, copy)
                with pytest.raises(StorageFailed, match="stop them first"):
                    await asyncio.to_thread(restore, copy, lost, send_queued=True)
            await asyncio.gather(held, waits, return_exceptions=True)
            await asyncio.to_thread(backup, lost, copy)
            await asyncio.to_thread(restore, copy, empty, send_queued=True)
            async with a_gateway(data, sandbox.url, database_url=empty) as gateway:
                content = await gateway.call("HEAD", f"/v1/videos/{made}/content")
                assert content.headers["Content-Type"] == "video/mp4"
                await until(lambda: gateway.was_accepted(second))
                again = await gateway.generate(second)
                assert (again.attached, again.body["status"]) == (True, "COMPLETED")
                assert len(await gateway.submits(second)) == 1
                assert len(await gateway.submits(first)) == 1


async def are_queued(url: str, number: int) -> bool:
    rows = await in_database(url, all_rows)
    return len([row for row in rows["videos"] if row["state"] == "queued"]) == number


async def test_a_database_on_postgres_that_has_rows_is_left_as_it_is(
    tmp_path: Path, postgres_url: str
) -> None:
    copy, other = tmp_path / "copy.sqlite", f"sqlite:///{tmp_path}/other.sqlite"
    await in_database(other, fill)
    await asyncio.to_thread(backup, other, copy)
    one = insert(videos).values({column.name: a_value(column, 5_000) for column in videos.columns})
    await in_database(
        postgres_url, lambda database: database.write(lambda connection: connection.execute(one))
    )
    before = await in_database(postgres_url, all_rows)
    with pytest.raises(StorageFailed, match="not empty: its table videos has rows"):
        await asyncio.to_thread(restore, copy, postgres_url, send_queued=True)
    assert await in_database(postgres_url, all_rows) == before


async def test_tables_of_a_newer_version_are_neither_copied_nor_restored(
    tmp_path: Path, postgres_url: str, empty_postgres_url: str
) -> None:
    copy = tmp_path / "copy.sqlite"
    await asyncio.to_thread(backup, postgres_url, copy)
    newer = "UPDATE alembic_version SET version_num = '0099'"
    await in_database(
        postgres_url,
        lambda database: database.write(lambda connection: connection.execute(text(newer))),
    )
    with pytest.raises(StorageFailed, match="newer Reelgate"):
        await asyncio.to_thread(backup, postgres_url, tmp_path / "second.sqlite")
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute(newer)
    with pytest.raises(StorageFailed, match="newer Reelgate"):
        await asyncio.to_thread(restore, copy, empty_postgres_url, send_queued=True)
    with pytest.raises(StorageFailed, match="none of its tables"):
        await asyncio.to_thread(backup, empty_postgres_url, tmp_path / "third.sqlite")
    assert names_in(tmp_path) == ["copy.sqlite"]


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_backup_made_before_an_upgrade_is_upgraded_when_it_is_restored(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    copy, older = tmp_path / "copy.sqlite", "0005"

    def make_old(connection: Connection) -> None:
        run_alembic(connection, older)
        connection.execute(
            text("INSERT INTO webhook_endpoints VALUES ('https://hook.example/', 7, 'gone')")
        )

    with (
        postgres_server.database(migrated=False) as old,
        postgres_server.database(migrated=False) as new,
    ):
        await in_database(old, lambda database: database.exclusive(make_old))
        await asyncio.to_thread(backup, old, copy)
        with closing(sqlite3.connect(copy)) as connection:
            [(revision,)] = connection.execute("SELECT version_num FROM alembic_version")
        assert revision == older
        await asyncio.to_thread(restore, copy, new, send_queued=False)
        rows = await in_database(new, all_rows)
    assert [row["url"] for row in rows["webhook_endpoints"]] == ["https://hook.example/"]
