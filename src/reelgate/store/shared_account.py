"""An upstream account in a Postgres database, for all the processes that use it.

How much is under way is counted from the videos themselves, so that a killed process leaves nothing
that is wrong. What it was submitting counts until that is settled. See
docs/adr/0010-limits-of-an-account.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, fields, replace
from typing import Any, TypeVar

import structlog
from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Column,
    Connection,
    Double,
    Executable,
    RowMapping,
    bindparam,
    cast,
    extract,
    false,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from reelgate.errors import DatabaseAway, StorageFailed
from reelgate.store.account import (
    PLENTY,
    RETRY_S,
    AccountLimits,
    NotNow,
    Standing,
    Waiter,
    Watched,
    after,
    room_in,
)
from reelgate.store.group_commit import Work
from reelgate.store.postgres import translated
from reelgate.store.postgres_database import PostgresDatabase
from reelgate.store.schema import NOBODY, UNDER_WAY, accounts, videos
from reelgate.video import State

log = structlog.get_logger()
T = TypeVar("T")

WAITER_FIELDS = len(fields(Waiter))
"""A newer version may write more of each."""

NOW = cast(extract("epoch", func.clock_timestamp()), Double)
NAMED = accounts.c.name == bindparam("the_name")
OURS = videos.c.provider == bindparam("the_name")
RENDERING = videos.c.state == State.RENDERING.value
WANTED: BindParameter[int] = bindparam("wanted", type_=BigInteger)

# The way of nearly every submit: what the row counts is never too little, so if that leaves room
# there is room.
TAKE = (
    update(accounts)
    .where(
        NAMED,
        accounts.c.in_flight + WANTED <= bindparam("max_in_flight", type_=BigInteger),
        accounts.c.submitting + WANTED <= bindparam("max_submits", type_=BigInteger),
        accounts.c.waiting == NOBODY,
        accounts.c.cautious.is_(false()),
        accounts.c.rests_until <= NOW,
    )
    .values(in_flight=accounts.c.in_flight + WANTED, submitting=accounts.c.submitting + WANTED)
)
ADD = insert(accounts).values(name=bindparam("the_name"))
# It makes the row where there is none, and locks it in any case.
LOCK = ADD.on_conflict_do_update(
    index_elements=[accounts.c.name], set_={"name": ADD.excluded.name}
).returning(
    accounts.c.rests_until,
    accounts.c.cautious,
    accounts.c.trial_until,
    accounts.c.waiting,
    NOW.label("now"),
)
# A statement of its own, because it must see what was committed while the lock was waited for.
COUNT = select(
    func.count().label("in_flight"),
    func.count().filter(videos.c.state == State.SUBMITTING.value).label("submitting"),
).where(OURS, UNDER_WAY)
COUNTED = ("in_flight", "submitting", "trial_until", "waiting")
WRITE = update(accounts).where(NAMED).values({name: bindparam(name) for name in COUNTED})
SETTLE = (
    update(accounts)
    .where(NAMED)
    .values(trial_until=0.0, cautious=accounts.c.cautious & ~bindparam("accepted", type_=Boolean))
)
WATCHED = select(
    func.count().label("rendering"),
    select(accounts.c.looks_rest_until - NOW).where(NAMED).scalar_subquery().label("rest_s"),
).where(OURS, RENDERING)


def rest_from(column: Column[float], **more: bool) -> Executable:
    """Let an account rest from now on, or for as long as it rests already."""
    resting = ADD.values({column.name: NOW + bindparam("seconds", type_=Double), **more})
    longer = func.greatest(column, resting.excluded[column.name])
    return resting.on_conflict_do_update(
        index_elements=[accounts.c.name], set_={column.name: longer, **more}
    )


REST = rest_from(accounts.c.rests_until, cautious=True)
REST_LOOKS = rest_from(accounts.c.looks_rest_until)


class SharedAccount:
    """One process's end of it."""

    def __init__(self, database: PostgresDatabase, name: str, limits: AccountLimits) -> None:
        self.room = PLENTY
        self._database = database
        self._name = name
        self._limits = limits
        self._on_trial = False
        # Apart from other writes: those must not wait for the row that all processes queue for.
        self._intents = database.group(self._admit)

    async def admit(self, intent: Work[T]) -> T:
        """Run an intent in a transaction that holds the account, with others of this process."""
        outcome: T | NotNow = await translated(self._intents.do(intent), self._database.outage)
        if isinstance(outcome, NotNow):
            # Not the one at hand: others are refused with it, and a frame that holds what it raises
            # is kept, with all that it holds, until the garbage collector comes.
            raise NotNow(outcome.retry_s, rests=outcome.rests)
        return outcome

    async def settled(self, *, accepted: bool) -> None:
        """Let everybody in again, or the next one try."""
        if not self._on_trial:
            return
        self._on_trial = False
        await self._tell(SETTLE, accepted=accepted)

    async def rest(self, seconds: float) -> None:
        """Let nobody in."""
        await self._tell(REST, seconds=seconds)

    async def rest_looks(self, seconds: float) -> None:
        """Let nobody look."""
        await self._tell(REST_LOOKS, seconds=seconds)

    async def watched(self) -> Watched:
        """Count all videos of the account that render, whoever waits for them."""

        def read(connection: Connection) -> Watched:
            row = connection.execute(WATCHED, {"the_name": self._name}).mappings().one()
            return Watched(row["rendering"], max(0.0, row["rest_s"] or 0.0))

        return await self._database.read(read)

    async def _tell(self, statement: Executable, **values: object) -> None:
        """Tell all processes; a job whose answer is here already must not fail because of it."""

        def change(connection: Connection) -> None:
            connection.execute(statement, {"the_name": self._name, **values})

        try:
            await self._database.apart(change)
        except DatabaseAway:
            return
        except StorageFailed as error:
            log.warning("account_not_told", account=self._name, error=error.message)

    def _admit(self, connection: Connection, intents: Sequence[Work[Any]]) -> list[Any]:
        if self._take(connection, len(intents)):
            self.room = PLENTY
            return [intent(connection) for intent in intents]
        standing = self._count(connection)
        room = room_in(standing, self._limits, self._database.process)
        refusal = NotNow(standing.rest_s or RETRY_S, rests=standing.rest_s > 0)
        outcomes: list[Any] = []
        entered = 0
        for intent in intents:
            outcome = intent(connection) if entered < room else refusal
            # An intent that lost its race comes to nothing and takes no room.
            entered += outcome is not None and outcome is not refusal
            outcomes.append(outcome)
        self._write(connection, standing, entered, outcomes.count(refusal))
        self.room = room - entered
        self._on_trial = self._on_trial or (standing.cautious and entered > 0)
        return outcomes

    def _take(self, connection: Connection, wanted: int) -> bool:
        values = {
            "the_name": self._name,
            "wanted": wanted,
            "max_in_flight": self._limits.in_flight,
            "max_submits": self._limits.submits,
        }
        return bool(connection.execute(TAKE, values).rowcount)

    def _count(self, connection: Connection) -> Standing:
        name = {"the_name": self._name}
        row = connection.execute(LOCK, name).mappings().one()
        counted = connection.execute(COUNT, name).mappings().one()
        return replace(standing_of(row), **counted)

    def _write(
        self, connection: Connection, standing: Standing, entered: int, turned_away: int
    ) -> None:
        process = self._database.process
        then = after(standing, process, entered=entered, turned_away=turned_away)
        values = {
            "the_name": self._name,
            "in_flight": then.in_flight,
            "submitting": then.submitting,
            "trial_until": then.trial_until,
            "waiting": json.dumps([astuple(one) for one in then.waiting]),
        }
        connection.execute(WRITE, values)


def standing_of(row: RowMapping) -> Standing:
    """The standing that a row holds; what is under way is counted elsewhere."""
    return Standing(
        now=row["now"],
        rests_until=row["rests_until"],
        cautious=row["cautious"],
        trial_until=row["trial_until"],
        waiting=tuple(Waiter(*one[:WAITER_FIELDS]) for one in json.loads(row["waiting"])),
    )
