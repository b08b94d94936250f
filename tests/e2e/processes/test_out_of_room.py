"""The queue while the database's disk is full."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import make_url

from reelgate.db.postgres.server import Server
from reelgate.jobs import pgqueuer as drivers
from reelgate.jobs.pgqueuer import ReconnectingDriver
from tests.postgres import PostgresServer, execute

FULL_TWICE = """
    CREATE SEQUENCE tries;
    CREATE FUNCTION write() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('tries') < 3 THEN
            RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full';
        END IF;
        RETURN currval('tries');
    END $$
"""


async def test_the_queue_waits_for_room_on_the_databases_disk(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "RETRY_S", 0.01)
    with postgres_server.database(migrated=False) as url:
        await execute(url, FULL_TWICE)
        server = Server.at(make_url(url))
        async with server.pool(1) as pool:
            driver = ReconnectingDriver(pool, server)
            assert await driver.fetch("SELECT write() AS tries") == [{"tries": 3}]
