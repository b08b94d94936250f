"""What a scrape reads of the database: few rows each, by an index, however many videos there are.

The unfinished jobs are at most `REELGATE_MAX_WAITING`; of the others only today's are read.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, case, func, select

from reelgate.db.database import Database
from reelgate.db.schema import OPEN, PENDING, videos
from reelgate.db.schema import webhook_deliveries as deliveries
from reelgate.db.usage import UNIT, UNTOLD
from reelgate.domain.price import Money, Unit
from reelgate.domain.video import first_id_of

DAY_S = 86400
MOST_PENDING = 100_000
"""More deliveries are not counted."""

JOB = (videos.c.provider, videos.c.model)
OPEN_JOBS = (
    select(*JOB, videos.c.state, func.count(), func.min(videos.c.created_at))
    .where(OPEN)
    .group_by(*JOB, videos.c.state)
)
SPENT = (
    select(*JOB, UNIT, func.sum(videos.c.cost), func.sum(case((UNTOLD, 1), else_=0)))
    .where(videos.c.id >= bindparam("first_id"))
    .group_by(*JOB, UNIT)
)
PENDING_DELIVERIES = select(func.count()).select_from(
    select(deliveries.c.seq).where(PENDING).limit(MOST_PENDING).subquery()
)


@dataclass(frozen=True, slots=True)
class OpenJobs:
    """The unfinished jobs of one model in one state, and when the oldest was asked for."""

    provider: str
    model: str
    state: str
    jobs: int
    oldest_at: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What the jobs of one model have cost in one unit, and how many may have at no told price."""

    provider: str
    model: str
    cost: Money
    unpriced: int


class Gauges:
    """Named queries, each a read of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_jobs(self) -> list[OpenJobs]:
        def read(connection: Connection) -> list[OpenJobs]:
            return [OpenJobs(*row) for row in connection.execute(OPEN_JOBS)]

        return await self._database.read(read)

    async def spent_today(self, now: float) -> list[Spent]:
        """What today's jobs (UTC) have cost; `now` in Unix seconds."""
        values = {"first_id": first_id_of(now // DAY_S * DAY_S)}

        def read(connection: Connection) -> list[Spent]:
            return [
                Spent(provider, model, Money(int(cost or 0), Unit(unit)), unpriced)
                for provider, model, unit, cost, unpriced in connection.execute(SPENT, values)
            ]

        return await self._database.read(read)

    async def webhooks_pending(self) -> int:
        return await self._database.read(
            lambda connection: connection.scalar(PENDING_DELIVERIES) or 0
        )
