"""The queue of webhooks: written in the transaction of a video's change, claimed, settled.

A claim lasts somewhat longer than an attempt can take. Whoever dies with one therefore loses
nothing: the delivery can be claimed again when that time is over. `attempts` grows with each claim,
and only the latest claim can settle the delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from reelgate.db.database import Database
from reelgate.db.schema import PENDING, DatabaseNow
from reelgate.db.schema import webhook_deliveries as deliveries
from reelgate.db.schema import webhook_endpoints as endpoints


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"  # to be sent when it is due
    DELIVERED = "delivered"  # its endpoint said 2xx
    DEAD = "dead"  # given up; kept so that somebody can send it again


@dataclass(frozen=True, slots=True)
class Message:
    """An event for one endpoint: what is written down when a video changes."""

    id: str
    video_id: str
    event: str
    url: str
    origin: str
    body: str
    traceparent: str | None = None
    """The header that is sent along, for the receiver's traces."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is to be sent now; `failures` counts since it was queued, `age_s` too."""

    seq: int
    attempts: int
    failures: int
    age_s: float
    message: Message


@dataclass(frozen=True, slots=True)
class Room:
    """How much may be claimed: in all, for one origin, and what each origin has under way."""

    in_all: int
    per_origin: int
    under_way: Mapping[str, int]

    @property
    def full(self) -> list[str]:
        """The origins that take no more."""
        return [origin for origin, count in self.under_way.items() if count >= self.per_origin]


earlier = deliveries.alias("earlier")
OFF = deliveries.c.url.in_(select(endpoints.c.url))
FIRST_OF_VIDEO = ~exists().where(
    earlier.c.video_id == deliveries.c.video_id,
    earlier.c.url == deliveries.c.url,
    earlier.c.state == DeliveryState.PENDING.value,
    earlier.c.seq < deliveries.c.seq,
)
CLAIMABLE: tuple[ColumnElement[bool], ...] = (
    deliveries.c.state == DeliveryState.PENDING.value,
    ~OFF,
    FIRST_OF_VIDEO,
    deliveries.c.origin.not_in(bindparam("the_full", expanding=True)),
)
READY_AT = func.coalesce(deliveries.c.claimed_until, deliveries.c.due_at)
"""When a delivery can be claimed: a claim never ends before its delivery was due."""
# Statements are built once: building one costs as much as running it.
DUE_ORIGINS = (
    select(deliveries.c.origin)
    .where(PENDING, *CLAIMABLE, deliveries.c.due_at <= DatabaseNow(), DatabaseNow() >= READY_AT)
    .group_by(deliveries.c.origin)
    .order_by(func.min(deliveries.c.due_at))
    .limit(bindparam("the_limit"))
)
DUE = (
    select(deliveries.c.seq)
    .where(
        PENDING,
        *CLAIMABLE,
        deliveries.c.due_at <= DatabaseNow(),
        DatabaseNow() >= READY_AT,
        deliveries.c.origin == bindparam("the_origin"),
    )
    .order_by(deliveries.c.due_at, deliveries.c.seq)
    .limit(bindparam("the_limit"))
    .with_for_update(skip_locked=True, of=deliveries)
)
NEXT_DUE = select(func.min(READY_AT) - DatabaseNow()).where(PENDING, *CLAIMABLE)
CLAIM = (
    update(deliveries)
    .where(deliveries.c.seq.in_(bindparam("the_seqs", expanding=True)))
    .values(
        attempts=deliveries.c.attempts + 1, claimed_until=DatabaseNow() + bindparam("the_lease")
    )
    .returning(*deliveries.c, (DatabaseNow() - deliveries.c.queued_at).label("age_s"))
)
MARK_DEAD = (
    update(deliveries)
    .where(deliveries.c.state == DeliveryState.PENDING.value, OFF)
    .values(state=DeliveryState.DEAD.value, error="the endpoint is switched off")
)
AHEAD_S = 60.0
"""A time of the past that lies further in the future was taken from a clock that was wrong."""
# A clock that was two hours ahead would otherwise hold its deliveries back for two hours.
RESET_FUTURE_TIMES = (
    update(deliveries)
    .where(
        PENDING,
        or_(
            deliveries.c.queued_at > DatabaseNow() + AHEAD_S,
            deliveries.c.tried_at > DatabaseNow() + AHEAD_S,
        ),
    )
    .values(
        queued_at=case(
            (deliveries.c.queued_at > DatabaseNow(), DatabaseNow()), else_=deliveries.c.queued_at
        ),
        tried_at=None,
        due_at=DatabaseNow(),
        claimed_until=None,
    )
)
SETTLE = (
    update(deliveries)
    .where(
        deliveries.c.seq == bindparam("the_seq"),
        deliveries.c.attempts == bindparam("the_attempts"),
        deliveries.c.state == DeliveryState.PENDING.value,
    )
    .values(
        state=bindparam("the_state"),
        failures=deliveries.c.failures + bindparam("the_failure"),
        due_at=DatabaseNow() + bindparam("the_gap"),
        claimed_until=None,
        tried_at=DatabaseNow(),
        status=bindparam("the_status"),
        error=bindparam("the_error"),
    )
)
RELEASE = (
    update(deliveries)
    .where(
        deliveries.c.seq == bindparam("the_seq"),
        deliveries.c.attempts == bindparam("the_attempts"),
        deliveries.c.state == DeliveryState.PENDING.value,
    )
    .values(claimed_until=None)
)
FORGET_CLAIMS = (
    update(deliveries).where(deliveries.c.claimed_until.is_not(None)).values(claimed_until=None)
)
ADD = insert(deliveries).values(
    state=DeliveryState.PENDING.value,
    attempts=0,
    failures=0,
    created_at=DatabaseNow(),
    queued_at=DatabaseNow(),
    due_at=DatabaseNow(),
)
SWITCH_OFF = text("""
    INSERT INTO webhook_endpoints (url, disabled_at, reason)
    VALUES (:url, :disabled_at, :reason) ON CONFLICT DO NOTHING
""")


def add(connection: Connection, messages: Sequence[Message]) -> None:
    """Queue messages, due at once, in the transaction of the change that they are about."""
    for message in messages:
        connection.execute(
            ADD,
            {
                "id": message.id,
                "video_id": message.video_id,
                "event": message.event,
                "url": message.url,
                "origin": message.origin,
                "body": message.body,
                "traceparent": message.traceparent,
            },
        )


class Deliveries:
    """Named queries on what is to be delivered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, room: Room, lease_s: float) -> list[Claimed]:
        """Take what is due, the longest due first, and the first of each video's only.

        What is not settled within `lease_s` can be claimed again.
        """
        return await self._database.write(lambda connection: claim(connection, room, lease_s))

    async def forget_claims(self) -> None:
        """Nobody is at work: what was claimed was claimed by a process that has ended."""

        def change(connection: Connection) -> None:
            connection.execute(FORGET_CLAIMS)

        await self._database.write(change)

    async def next_due_s(self, room: Room) -> float | None:
        """In how many seconds something can be claimed; None when nothing is left."""

        def read(connection: Connection) -> float | None:
            gap: float | None = connection.scalar(NEXT_DUE, {"the_full": room.full})
            return gap

        return await self._database.read(read)

    async def settle(
        self,
        claimed: Claimed,
        state: DeliveryState,
        *,
        gap_s: float = 0.0,
        status: int | None = None,
        error: str | None = None,
        off_reason: str | None = None,
    ) -> None:
        """Write down what came of an attempt; `off_reason` switches its endpoint off as well.

        A claim that is no longer the latest changes nothing.
        """
        values = {
            "the_seq": claimed.seq,
            "the_attempts": claimed.attempts,
            "the_state": state.value,
            "the_failure": 0 if state is DeliveryState.DELIVERED else 1,
            "the_gap": gap_s,
            "the_status": status,
            "the_error": error,
        }

        def change(connection: Connection) -> None:
            connection.execute(SETTLE, values)
            if off_reason is not None:
                now = connection.scalar(select(DatabaseNow()))
                row = {"url": claimed.message.url, "disabled_at": now, "reason": off_reason}
                connection.execute(SWITCH_OFF, row)

        await self._database.write(change)

    async def release(self, claims: Iterable[Claimed]) -> None:
        """Release claims that were not finished: they can be claimed at once."""
        rows = [{"the_seq": each.seq, "the_attempts": each.attempts} for each in claims]

        def change(connection: Connection) -> None:
            for row in rows:
                connection.execute(RELEASE, row)

        await self._database.write(change)


def claim(connection: Connection, room: Room, lease_s: float) -> list[Claimed]:
    """One unit of work: mark those of disabled endpoints as dead, then claim what is due."""
    connection.execute(MARK_DEAD)
    connection.execute(RESET_FUTURE_TIMES)
    left = room.in_all
    found: list[int] = []
    values = {"the_full": room.full, "the_limit": left}
    for origin in list(connection.scalars(DUE_ORIGINS, values)):
        limit = min(left - len(found), room.per_origin - room.under_way.get(origin, 0))
        of_origin = {"the_full": room.full, "the_limit": limit, "the_origin": origin}
        found += connection.scalars(DUE, of_origin)
    if not found:
        return []
    rows = connection.execute(CLAIM, {"the_seqs": found, "the_lease": lease_s}).mappings()
    return sorted((claimed_of(row) for row in rows), key=lambda each: each.seq)


def message_of(row: RowMapping) -> Message:
    """The event in a row."""
    return Message(
        row["id"],
        row["video_id"],
        row["event"],
        row["url"],
        row["origin"],
        row["body"],
        row["traceparent"],
    )


def claimed_of(row: RowMapping) -> Claimed:
    """A row that was claimed."""
    return Claimed(row["seq"], row["attempts"], row["failures"], row["age_s"], message_of(row))
