"""Limits of upstream accounts and API keys that many processes share in Postgres."""

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
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from reelgate.clock import Clock
from reelgate.db.group_commit import Work
from reelgate.db.postgres.database import PostgresDatabase
from reelgate.db.postgres.server import translated
from reelgate.db.schema import NOBODY, UNDER_WAY, accounts, videos
from reelgate.domain.video import State
from reelgate.errors import DatabaseAway, StorageFailed
from reelgate.limits.account import (
    PLENTY,
    RETRY_S,
    AccountLimits,
    AccountState,
    NoPermit,
    PollState,
    Waiter,
    after,
    room_in,
)
from reelgate.limits.rate import MINUTE_S, RequestLimit, RequestRate

log = structlog.get_logger()
T = TypeVar("T")

WAITER_FIELDS = len(fields(Waiter))
"""A newer version may write more of each."""

NOW = cast(extract("epoch", func.clock_timestamp()), Double)
NAMED = accounts.c.name == bindparam("the_name")
OURS = videos.c.provider == bindparam("the_name")
RENDERING = videos.c.state == State.RENDERING.value
WANTED: BindParameter[int] = bindparam("wanted", type_=BigInteger)

# Enough for nearly every submit: the row never counts too few, so if it has room there is room.
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
REST_POLLS = rest_from(accounts.c.looks_rest_until)


class PostgresAccount:
    """One upstream account, counted in its row for all the processes that use it."""

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
        outcome: T | NoPermit = await translated(self._intents.do(intent), self._database.outage)
        if isinstance(outcome, NoPermit):
            # Not the one at hand: others are refused with it, and a frame that holds what it raises
            # is kept, with all that it holds, until the garbage collector comes.
            raise NoPermit(outcome.retry_s, rests=outcome.rests)
        return outcome

    async def settled(self, *, accepted: bool) -> None:
        """Let all submit again, or the next one try."""
        if not self._on_trial:
            return
        self._on_trial = False
        await self._tell(SETTLE, accepted=accepted)

    async def rest(self, seconds: float) -> None:
        """Let nobody submit."""
        await self._tell(REST, seconds=seconds)

    async def rest_polls(self, seconds: float) -> None:
        """Let nobody poll."""
        await self._tell(REST_POLLS, seconds=seconds)

    async def watched(self) -> PollState:
        """Count all videos of the account that render, whoever waits for them."""

        def read(connection: Connection) -> PollState:
            row = connection.execute(WATCHED, {"the_name": self._name}).mappings().one()
            return PollState(row["rendering"], max(0.0, row["rest_s"] or 0.0))

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
        state = self._count(connection)
        room = room_in(state, self._limits, self._database.process)
        refusal = NoPermit(state.rest_s or RETRY_S, rests=state.rest_s > 0)
        outcomes: list[Any] = []
        entered = 0
        for intent in intents:
            outcome = intent(connection) if entered < room else refusal
            # An intent that lost its race comes to nothing and takes no room.
            entered += outcome is not None and outcome is not refusal
            outcomes.append(outcome)
        self._write(connection, state, entered, outcomes.count(refusal))
        self.room = room - entered
        self._on_trial = self._on_trial or (state.cautious and entered > 0)
        return outcomes

    def _take(self, connection: Connection, wanted: int) -> bool:
        values = {
            "the_name": self._name,
            "wanted": wanted,
            "max_in_flight": self._limits.in_flight,
            "max_submits": self._limits.submits,
        }
        return bool(connection.execute(TAKE, values).rowcount)

    def _count(self, connection: Connection) -> AccountState:
        name = {"the_name": self._name}
        row = connection.execute(LOCK, name).mappings().one()
        counted = connection.execute(COUNT, name).mappings().one()
        return replace(account_state_of(row), **counted)

    def _write(
        self, connection: Connection, state: AccountState, entered: int, turned_away: int
    ) -> None:
        process = self._database.process
        then = after(state, process, entered=entered, turned_away=turned_away)
        values = {
            "the_name": self._name,
            "in_flight": then.in_flight,
            "submitting": then.submitting,
            "trial_until": then.trial_until,
            "waiting": json.dumps([astuple(one) for one in then.waiting]),
        }
        connection.execute(WRITE, values)


def account_state_of(row: RowMapping) -> AccountState:
    """The state that a row holds; what is under way is counted in the videos."""
    return AccountState(
        now=row["now"],
        rests_until=row["rests_until"],
        cautious=row["cautious"],
        trial_until=row["trial_until"],
        waiting=tuple(Waiter(*one[:WAITER_FIELDS]) for one in json.loads(row["waiting"])),
    )


TICK_S = 0.001

# GCRA, https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm: each request keeps its key busy
# for its part of a minute, and the key may be busy for a minute in advance. A crash of the server
# may forget the last second's requests, so that none waits for the disk.
TAKE_REQUEST = text("""
    UPDATE api_keys SET busy_until = greatest(busy_until, moment.now) + 60.0 / :rpm
    FROM (
        SELECT extract(epoch FROM clock_timestamp())::float8 AS now,
        set_config('synchronous_commit', 'off', true)
    ) AS moment
    WHERE id = :key_id AND greatest(busy_until, moment.now) + 60.0 / :rpm <= moment.now + 60.0
    RETURNING busy_until - moment.now
""")
WAIT = text("""
    SELECT busy_until + 60.0 / :rpm - 60.0 - extract(epoch FROM clock_timestamp())::float8
    FROM api_keys WHERE id = :key_id
""")


TAKE_UPSTREAM = text("""
    INSERT INTO upstream_rates AS rates (account, busy_until)
    SELECT :account, moment.now + :gap_s
    FROM (SELECT extract(epoch FROM clock_timestamp())::float8 AS now) AS moment
    ON CONFLICT (account) DO UPDATE
    SET busy_until = greatest(rates.busy_until, excluded.busy_until - :gap_s) + :gap_s
    WHERE greatest(rates.busy_until, excluded.busy_until - :gap_s) + :gap_s
        <= excluded.busy_until - :gap_s + :burst_s
""")
UPSTREAM_WAIT = text("""
    SELECT busy_until + :gap_s - :burst_s - extract(epoch FROM clock_timestamp())::float8
    FROM upstream_rates WHERE account = :account
""")


class PostgresUpstreamRates:
    """Counts what all processes ask of an account, by the database's clock."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def take(self, account: str, limit: RequestLimit) -> float:
        """Count one request."""
        values = {"account": account, "gap_s": limit.gap_s, "burst_s": limit.burst_s}

        def count(connection: Connection) -> float:
            if connection.execute(TAKE_UPSTREAM, values).rowcount:
                return 0.0
            return max(TICK_S, connection.scalar(UPSTREAM_WAIT, values) or 0.0)

        return await self._database.apart(count)


class PostgresRates:
    """Counts what all processes are asked, in the key's row and by the database's clock."""

    def __init__(self, database: PostgresDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._closed_until_s: dict[str, float] = {}

    async def take(self, key_id: str, rpm: int) -> RequestRate:
        """Count one request; one that comes before the time it was told costs nothing."""
        early_s = self._closed_until_s.get(key_id, 0.0) - self._clock.monotonic()
        if early_s > 0:
            return RequestRate(rpm, MINUTE_S, early_s)
        rate = await self._database.apart(lambda connection: take(connection, key_id, rpm))
        if rate.wait_s > 0:
            self._closed_until_s[key_id] = self._clock.monotonic() + rate.wait_s
        return rate


def take(connection: Connection, key_id: str, rpm: int) -> RequestRate:
    """Count one request, if it does not come too early."""
    values = {"key_id": key_id, "rpm": float(rpm)}
    busy_s = connection.scalar(TAKE_REQUEST, values)
    if busy_s is not None:
        return RequestRate(rpm, busy_s)
    wait_s = connection.scalar(WAIT, values)
    # A key that was revoked just now; or the last moment of the wait may have passed meanwhile.
    return RequestRate(rpm, MINUTE_S, 0.0 if wait_s is None else max(TICK_S, wait_s))
