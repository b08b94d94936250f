"""How many requests each API key has made lately, counted for all processes."""

from __future__ import annotations

from sqlalchemy import Connection, text

from reelgate.clock import Clock
from reelgate.store.postgres_database import PostgresDatabase

TICK_S = 0.001

# GCRA, https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm: each request keeps its key busy
# for its part of a minute, and the key may be busy for a minute in advance. A crash of the server
# may forget the last second's requests, so that none waits for the disk.
TAKE = text("""
    UPDATE api_keys SET busy_until = greatest(busy_until, moment.now) + 60.0 / :rpm
    FROM (
        SELECT extract(epoch FROM clock_timestamp())::float8 AS now,
        set_config('synchronous_commit', 'off', true)
    ) AS moment
    WHERE id = :key_id AND greatest(busy_until, moment.now) + 60.0 / :rpm <= moment.now + 60.0
""")
WAIT = text("""
    SELECT busy_until + 60.0 / :rpm - 60.0 - extract(epoch FROM clock_timestamp())::float8
    FROM api_keys WHERE id = :key_id
""")


class SharedRates:
    """Counts what all processes are asked, in the key's row and by the database's clock."""

    def __init__(self, database: PostgresDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._closed_until_s: dict[str, float] = {}

    async def take(self, key_id: str, rpm: int) -> float:
        """Count one request; one that comes before the time it was told costs nothing."""
        early_s = self._closed_until_s.get(key_id, 0.0) - self._clock.monotonic()
        if early_s > 0:
            return early_s
        wait_s = await self._database.apart(lambda connection: take(connection, key_id, rpm))
        if wait_s > 0:
            self._closed_until_s[key_id] = self._clock.monotonic() + wait_s
        return wait_s


def take(connection: Connection, key_id: str, rpm: int) -> float:
    """Count one request; for how many seconds it comes too early."""
    values = {"key_id": key_id, "rpm": float(rpm)}
    if connection.execute(TAKE, values).rowcount:
        return 0.0
    wait_s = connection.scalar(WAIT, values)
    # Between the two statements the last moment of the wait may have passed.
    return 0.0 if wait_s is None else max(TICK_S, wait_s)
