"""What only the database of many processes does."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from reelgate.db.postgres.database import PostgresDatabase
from reelgate.errors import DatabaseAway
from tests.gateway import until
from tests.postgres import PostgresServer

AT_WORK = text(
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name AND state = 'active'"
)
CONNECTED = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
SLOW = text("SELECT 7 FROM pg_sleep(0.2)")


async def test_a_query_under_way_ends_before_its_connection_is_closed_and_no_other_begins(
    postgres_server: PostgresServer,
) -> None:
    """Else the connection would stay open for as long as the process runs."""
    with postgres_server.database(migrated=False) as url:
        watching, database = (PostgresDatabase(make_url(url)) for _ in range(2))
        name = {"name": database.server.name}
        reading = asyncio.create_task(database.read(lambda connection: connection.scalar(SLOW)))

        def at_work(connection: Connection) -> bool:
            return bool(connection.scalar(AT_WORK, name))

        def all_closed(connection: Connection) -> bool:
            return not connection.scalar(CONNECTED, name)

        await until(lambda: watching.read(at_work))
        await database.close()
        with pytest.raises(DatabaseAway):
            await database.read(at_work)
        await until(lambda: watching.read(all_closed))
        assert await reading == 7
        await watching.close()
