"""The log of webhooks, and what an operator does with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, select, update

from reelgate.db.database import Database
from reelgate.db.schema import DatabaseNow
from reelgate.db.schema import webhook_deliveries as deliveries
from reelgate.db.schema import webhook_endpoints as endpoints
from reelgate.db.webhooks import DeliveryState, Message, message_of


@dataclass(frozen=True, slots=True)
class Delivery:
    """One line of the log; times are Unix seconds by the database's clock."""

    message: Message
    state: DeliveryState
    attempts: int
    created_at: float
    due_at: float
    tried_at: float | None
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """An endpoint that wants no more; `disabled_at` in Unix seconds."""

    url: str
    disabled_at: float
    reason: str


# Statements are built once: building one costs as much as running it.
ENABLE = delete(endpoints).where(endpoints.c.url == bindparam("the_url"))
PURGE = delete(deliveries).where(
    deliveries.c.state == bindparam("the_state"),
    deliveries.c.queued_at < DatabaseNow() - bindparam("the_age"),
)


class WebhookLog:
    """Named queries on the deliveries there were and the endpoints that are switched off."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        *,
        limit: int,
        state: DeliveryState | None = None,
        video_id: str | None = None,
        url: str | None = None,
    ) -> list[Delivery]:
        """The latest deliveries, newest first."""
        query = select(deliveries).order_by(deliveries.c.seq.desc()).limit(limit)
        query = narrowed(query, state=state, video_id=video_id, url=url)

        def read(connection: Connection) -> list[Delivery]:
            return [delivery_of(row) for row in connection.execute(query).mappings()]

        return await self._database.read(read)

    async def redeliver(
        self, ids: Sequence[str] = (), *, state: DeliveryState | None = None, url: str | None = None
    ) -> list[str]:
        """Queue deliveries again, due at once with the whole schedule before them.

        Args:
            ids: these; empty for all that the rest narrows down to.
            state: only those that stand so.
            url: only those to this endpoint.

        Returns:
            The ids of those that there were.
        """
        change = update(deliveries).values(
            state=DeliveryState.PENDING.value,
            failures=0,
            queued_at=DatabaseNow(),
            due_at=DatabaseNow(),
            claimed_until=None,
        )
        if ids:
            change = change.where(deliveries.c.id.in_(ids))
        change = narrowed(change, state=state, url=url).returning(deliveries.c.id)
        return await self._database.write(lambda connection: list(connection.scalars(change)))

    async def switched_off(self) -> list[SwitchedOff]:
        """The endpoints that want no more."""

        def read(connection: Connection) -> list[SwitchedOff]:
            rows = connection.execute(select(endpoints).order_by(endpoints.c.disabled_at))
            return [SwitchedOff(*row) for row in rows]

        return await self._database.read(read)

    async def enable(self, url: str) -> bool:
        """Switch an endpoint on again; False if it was not off."""

        def change(connection: Connection) -> bool:
            return bool(connection.execute(ENABLE, {"the_url": url}).rowcount)

        return await self._database.write(change)

    async def purge(self, age_s: Mapping[DeliveryState, float]) -> None:
        """Forget deliveries that have stood so for longer than this."""

        def change(connection: Connection) -> None:
            for state, each_s in age_s.items():
                connection.execute(PURGE, {"the_state": state.value, "the_age": each_s})

        await self._database.write(change)


def narrowed(query: Any, **wanted: str | None) -> Any:  # noqa: ANN401 - a Select or an Update
    """The same statement, about rows with these values only."""
    for name, value in wanted.items():
        if value is not None:
            query = query.where(deliveries.c[name] == value)
    return query


def delivery_of(row: RowMapping) -> Delivery:
    """A row of the log."""
    return Delivery(
        message=message_of(row),
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        created_at=row["created_at"],
        due_at=row["due_at"],
        tried_at=row["tried_at"],
        status=row["status"],
        error=row["error"],
    )
