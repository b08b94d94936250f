"""What videos have cost, also those that were deleted since: for limits and for reports.

What was told counts, or else what was expected of a video that is paid for, may be, or goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
)

from reelgate.db.database import Database
from reelgate.db.schema import OPEN, api_keys, deleted_usage, videos
from reelgate.domain.price import Money, Unit
from reelgate.domain.quota import Spent
from reelgate.domain.usage import Span, Usage
from reelgate.domain.video import State, first_id_of
from reelgate.errors import Cancelled, SubmissionUnknown, UpstreamBadResponse

DAY_S = 86400

# As `domain/charge.py` says it of one video.
MAY_HAVE_COST = (
    videos.c.provider_id.is_not(None)
    | videos.c.failure.contains(f'"{SubmissionUnknown.code}"')
    | videos.c.failure.contains(f'"{UpstreamBadResponse.code}"')
) & videos.c.failure.not_like(f'%"{Cancelled.code}"%')
MAY_BE_PAID = (
    videos.c.provider_id.is_not(None)
    | (videos.c.state == State.SUBMITTING.value)
    | (
        (videos.c.state == State.FAILED.value)
        & ((videos.c.marker != "") | (videos.c.marker.is_(None) & MAY_HAVE_COST))
    )
)
UNTOLD = videos.c.cost.is_(None) & MAY_BE_PAID
"""Paid for, or perhaps, and nobody has told a price."""
WILL_OR_MAY_BE = or_(OPEN, MAY_BE_PAID)
AMOUNT = func.coalesce(videos.c.cost, case((WILL_OR_MAY_BE, videos.c.estimate), else_=0), 0)
IS_PRICED = videos.c.cost.is_not(None) | videos.c.estimate.is_not(None)
UNPRICED = case((IS_PRICED, 0), (WILL_OR_MAY_BE, 1), else_=0)
DEAREST = func.coalesce(videos.c.cost, 0)
UNIT = func.coalesce(videos.c.unit, Unit.CREDITS.value)
DAY = cast(func.floor(videos.c.created_at / DAY_S), Integer)
COMPLETED = case((videos.c.state == State.COMPLETED.value, 1), else_=0)
FAILED = case((videos.c.state == State.FAILED.value, 1), else_=0)

TODAY: ColumnElement[int] = bindparam("today", type_=Integer)


def spending(source: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """The columns of `SPENT`, of a video's or of what is left of deleted ones."""
    model, unit, day, amount, unpriced, dearest = source
    return [
        model.label("model"),
        unit.label("unit"),
        case((day >= TODAY, 1), else_=0).label("is_today"),
        amount.label("amount"),
        unpriced.label("unpriced"),
        dearest.label("dearest"),
    ]


LEFT = deleted_usage.c
each = union_all(
    select(*spending((videos.c.model, UNIT, DAY, AMOUNT, UNPRICED, DEAREST))).where(
        videos.c.owner == bindparam("the_owner"),
        # Ids grow with time: the index by owner and id leads to the span.
        videos.c.id >= bindparam("first_id"),
        videos.c.created_at >= bindparam("since"),
    ),
    select(
        *spending((LEFT.model, LEFT.unit, LEFT.day, LEFT.amount, LEFT.unpriced, LEFT.dearest))
    ).where(LEFT.owner == bindparam("the_owner"), LEFT.day >= bindparam("first_day")),
).subquery()
SPENT = select(
    each.c.model,
    each.c.unit,
    each.c.is_today,
    func.sum(each.c.amount),
    func.sum(each.c.unpriced),
    func.max(each.c.dearest),
).group_by(each.c.model, each.c.unit, each.c.is_today)

CLOCK_SLACK_S = 3600.0
"""How far the clock that made an id may be from the one that tells when its video was made."""


def spent(connection: Connection, owner: str, since: float, now: float) -> list[Spent]:
    """What an owner's videos that were asked for since then have cost; days begin at midnight."""
    values = {
        "the_owner": owner,
        "first_id": first_id_of(since - CLOCK_SLACK_S),
        "since": since,
        "first_day": int(since // DAY_S),
        "today": int(now // DAY_S),
    }
    return [
        Spent(model, Unit(unit), bool(is_today), int(amount), int(unpriced), int(dearest))
        for model, unit, is_today, amount, unpriced, dearest in connection.execute(SPENT, values)
    ]


DELETE = (
    delete(videos)
    .where(videos.c.id == bindparam("the_id"))
    .returning(
        DAY.label("day"),
        videos.c.owner,
        videos.c.model,
        videos.c.provider,
        UNIT.label("unit"),
        COMPLETED.label("completed"),
        FAILED.label("failed"),
        AMOUNT.label("amount"),
        UNPRICED.label("unpriced"),
        DEAREST.label("dearest"),
    )
)
# As text, which both databases read alike: each dialect's own construct loads all its drivers.
KEEP = text("""
    INSERT INTO deleted_usage
        (day, owner, model, provider, unit, jobs, completed, failed, amount, unpriced, dearest)
    VALUES
        (:day, :owner, :model, :provider, :unit, 1, :completed, :failed, :amount, :unpriced,
         :dearest)
    ON CONFLICT (day, owner, model, provider, unit) DO UPDATE SET
        jobs = deleted_usage.jobs + 1,
        completed = deleted_usage.completed + excluded.completed,
        failed = deleted_usage.failed + excluded.failed,
        amount = deleted_usage.amount + excluded.amount,
        unpriced = deleted_usage.unpriced + excluded.unpriced,
        dearest = CASE
            WHEN excluded.dearest > deleted_usage.dearest THEN excluded.dearest
            ELSE deleted_usage.dearest
        END
""")


def delete_video(connection: Connection, video_id: str) -> None:
    """Delete a video's row, and keep what it has cost."""
    row = connection.execute(DELETE, {"the_id": video_id}).mappings().first()
    if row is not None:
        connection.execute(KEEP, dict(row))


class UsageReports:
    """Named queries on what was spent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, span: Span) -> tuple[list[Usage], dict[str, str]]:
        """What the videos of some days have cost, the oldest day first, and the keys' names."""

        def read(connection: Connection) -> tuple[list[Usage], dict[str, str]]:
            return usage_of(connection, span), key_names(connection)

        return await self._database.read(read)


def key_names(connection: Connection) -> dict[str, str]:
    """Whose each API key is, by its id; also of those that were revoked."""
    return {row.id: row.name for row in connection.execute(NAMES)}


def usage_of(connection: Connection, span: Span) -> list[Usage]:
    """What the videos of some days have cost, the oldest day first."""
    return [
        Usage(
            row.day,
            row.owner,
            row.model,
            row.provider,
            Money(int(row.amount), Unit(row.unit)),
            jobs=int(row.jobs),
            completed=int(row.completed),
            failed=int(row.failed),
            unpriced=int(row.unpriced),
        )
        for row in connection.execute(usage_query(span))
    ]


NAMES = select(api_keys.c.id, api_keys.c.name)
KEYS = ("day", "owner", "model", "provider", "unit")
NUMBERS = ("jobs", "completed", "failed", "amount", "unpriced")


def usage_query(span: Span) -> Select[Any]:
    """The query for a report: videos, and what is left of deleted ones."""
    one = literal_column("1", Integer)
    columns = (DAY, videos.c.owner, videos.c.model, videos.c.provider, UNIT)
    numbers = (one, COMPLETED, FAILED, AMOUNT, UNPRICED)
    live = select(
        *(column.label(name) for name, column in zip(KEYS, columns, strict=True)),
        *(column.label(name) for name, column in zip(NUMBERS, numbers, strict=True)),
    ).where(
        videos.c.id >= first_id_of(span.first * DAY_S - CLOCK_SLACK_S),
        videos.c.created_at >= span.first * DAY_S,
        videos.c.created_at < (span.last + 1) * DAY_S,
    )
    left = select(*(LEFT[name] for name in (*KEYS, *NUMBERS))).where(
        LEFT.day.between(span.first, span.last)
    )
    if span.owner is not None:
        live, left = live.where(videos.c.owner == span.owner), left.where(LEFT.owner == span.owner)
    rows = union_all(live, left).subquery()
    keys = [rows.c[name] for name in KEYS]
    return (
        select(*keys, *(func.sum(rows.c[name]).label(name) for name in NUMBERS))
        .group_by(*keys)
        .order_by(*keys)
    )
