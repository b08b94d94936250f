"""What only the database of many processes does."""

from __future__ import annotations

import asyncio
import gc

import asyncpg
import pytest
from sqlalchemy import Connection, TextClause, text
from sqlalchemy.engine import make_url

from reelgate.db.postgres import server
from reelgate.db.postgres.database import RECONNECT_PAUSES_S, PostgresDatabase
from reelgate.db.postgres.server import Server
from reelgate.errors import DatabaseAway
from tests.gateway import soon, until
from tests.postgres import PostgresServer

AT_WORK = text(
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name AND state = 'active'"
)
CONNECTED = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
SLOW = text("SELECT 7 FROM pg_sleep(0.2)")
ENDLESS = text("SELECT 7 FROM pg_sleep(600)")


async def begun(
    database: PostgresDatabase, watching: PostgresDatabase, query: TextClause
) -> asyncio.Task[object]:
    """A query that the server is at work on."""
    reading = asyncio.create_task(database.read(lambda connection: connection.scalar(query)))

    def at_work(connection: Connection) -> bool:
        return bool(connection.scalar(AT_WORK, {"name": database.server.name}))

    await until(lambda: watching.read(at_work))
    return reading


async def test_a_query_under_way_ends_before_its_connection_is_closed_and_no_other_begins(
    postgres_server: PostgresServer,
) -> None:
    """Else the connection would stay open for as long as the process runs."""
    with postgres_server.database(migrated=False) as url:
        watching, database = (PostgresDatabase(make_url(url)) for _ in range(2))
        reading = await begun(database, watching, SLOW)

        def all_closed(connection: Connection) -> bool:
            return not connection.scalar(CONNECTED, {"name": database.server.name})

        await database.close()
        with pytest.raises(DatabaseAway):
            await database.read(all_closed)
        await until(lambda: watching.read(all_closed))
        assert await reading == 7
        await watching.close()


async def test_a_query_that_does_not_end_keeps_no_connection_open(
    postgres_server: PostgresServer,
) -> None:
    with postgres_server.database(migrated=False) as url:
        watching, database = (PostgresDatabase(make_url(url)) for _ in range(2))
        reading = await begun(database, watching, ENDLESS)
        await database.close()
        with pytest.raises(DatabaseAway):
            await reading
        await watching.close()
    assert open_connections() == []


async def test_a_connection_that_is_made_while_the_database_is_closed_is_closed_as_well(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, begun, closed = Server.connect, asyncio.Event(), asyncio.Event()

    async def connect_late(of: Server, **more: str) -> asyncpg.Connection:
        connection = await connect(of, **more)
        begun.set()
        await closed.wait()
        return connection

    monkeypatch.setattr(Server, "connect", connect_late)
    with postgres_server.database(migrated=False) as url:
        database = PostgresDatabase(make_url(url))
        reading = asyncio.create_task(database.read(lambda connection: connection.scalar(SLOW)))
        await begun.wait()
        await database.close()
        closed.set()
        with pytest.raises(DatabaseAway):
            await reading
    assert open_connections() == []


async def test_a_server_that_is_away_is_not_waited_for_by_a_process_about_to_end(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LAST_TRIES_S", 0.0)
    tries = 0

    async def refused(_server: Server, **_more: str) -> asyncpg.Connection:
        nonlocal tries
        tries += 1
        raise ConnectionRefusedError

    monkeypatch.setattr(Server, "connect", refused)
    with postgres_server.database(migrated=False) as url:
        database = PostgresDatabase(make_url(url))
        writing = asyncio.create_task(database.write(lambda connection: connection.scalar(SLOW)))
        await soon(lambda: tries == 1)
        await database.close()
        with pytest.raises(DatabaseAway):
            await writing
        tries_before = tries
        with pytest.raises(DatabaseAway):
            await database.read(lambda connection: connection.scalar(SLOW))
    assert tries_before < len(RECONNECT_PAUSES_S)
    assert tries == tries_before


def open_connections() -> list[asyncpg.Connection]:
    """Those of this process that nobody has closed."""
    held = (one for one in gc.get_objects() if isinstance(one, asyncpg.Connection))
    return [connection for connection in held if not connection.is_closed()]
