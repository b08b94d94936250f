"""How long earlier jobs took."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, insert, select

from reelgate.pacing import Seen
from reelgate.store.database import Database
from reelgate.store.schema import durations

KEPT = 200
"""Durations kept of each kind: enough for a smooth law, few enough to follow a drift."""

# Statements are built once: building one costs as much as running it.
LATEST = (
    select(durations.c.after_s, durations.c.by_s)
    .where(durations.c.kind == bindparam("the_kind"))
    .order_by(durations.c.id.desc())
    .limit(KEPT)
)
ADD = insert(durations)
OLDEST_KEPT = (
    select(durations.c.id)
    .where(durations.c.kind == bindparam("the_kind"))
    .order_by(durations.c.id.desc())
    .limit(1)
    .offset(KEPT - 1)
)
FORGET = delete(durations).where(
    durations.c.kind == bindparam("the_kind"), durations.c.id < bindparam("oldest")
)


class Durations:
    """The latest rendering times, by kind of job."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(self, kind: str) -> list[Seen]:
        """Up to 200 durations of this kind, oldest first."""

        def read(connection: Connection) -> list[Seen]:
            rows = connection.execute(LATEST, {"the_kind": kind})
            return [Seen(after_s, by_s) for after_s, by_s in rows]

        latest = await self._database.read(read)
        return latest[::-1]

    async def add(self, kind: str, seen: Seen) -> None:
        """Note one more duration and forget the oldest beyond those kept."""
        row = {"kind": kind, "after_s": seen.after_s, "by_s": seen.by_s}

        def change(connection: Connection) -> None:
            connection.execute(ADD, row)
            oldest = connection.scalar(OLDEST_KEPT, {"the_kind": kind})
            if oldest is not None:
                connection.execute(FORGET, {"the_kind": kind, "oldest": oldest})

        await self._database.write(change)
