"""How long earlier jobs took."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from reelgate.db.database import Database
from reelgate.db.schema import durations
from reelgate.polling.observations import Observation
from reelgate.polling.waiting import SAMPLE_SIZE, Record

# Statements are built once: building one costs as much as running it.
DRAWN = (
    select(durations.c.after_s, durations.c.by_s, durations.c.submitted_at, durations.c.ticket)
    .where(durations.c.kind == bindparam("the_kind"))
    .order_by(durations.c.ticket.desc())
    .limit(SAMPLE_SIZE)
)
ADD = insert(durations)
PLACED = select(
    durations.c.id,
    func.row_number()
    .over(partition_by=durations.c.kind, order_by=durations.c.ticket.desc())
    .label("place"),
).subquery()
FORGET = delete(durations).where(
    durations.c.id.in_(select(PLACED.c.id).where(PLACED.c.place > SAMPLE_SIZE))
)


class Durations:
    """The rendering times of late, by kind of job: those that drew the highest tickets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(self, kind: str) -> list[Record]:
        """Up to 200 jobs of this kind, the highest ticket first."""

        def read(connection: Connection) -> list[Record]:
            rows = connection.execute(DRAWN, {"the_kind": kind})
            return [
                Record(Observation(after, by), submitted_at, ticket)
                for after, by, submitted_at, ticket in rows
            ]

        return await self._database.read(read)

    async def add(self, records: Mapping[str, Record]) -> None:
        """Note one more job, under each of these kinds."""
        rows = [
            {
                "kind": kind,
                "after_s": record.observation.after_s,
                "by_s": record.observation.by_s,
                "submitted_at": record.submitted_at,
                "ticket": record.ticket,
            }
            for kind, record in records.items()
        ]

        def change(connection: Connection) -> None:
            connection.execute(ADD, rows)

        await self._database.write(change)

    async def forget(self) -> None:
        """Drop those whose tickets are too low for anybody to read."""

        def change(connection: Connection) -> None:
            connection.execute(FORGET)

        await self._database.write(change)
