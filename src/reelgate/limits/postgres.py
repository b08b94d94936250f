"""Limits of upstream accounts and API keys that many processes share in Postgres."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
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
    TextClause,
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

from reelgate.clock import TICK_S, Clock
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
from reelgate.limits.rate import RequestLimit, RequestRate

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


@dataclass(frozen=True, slots=True)
class CountedIn:
    """The table in which requests are counted, by the database's clock: a row for each sender.

    Attributes:
        take: counts one, and returns for how long its sender is busy now; no row if it is early.
        wait: for how many seconds it is.
    """

    take: TextClause
    wait: TextClause


# A crash of the server may forget the last second's requests, so that none waits for the disk.
API_KEYS = CountedIn(
    take=text("""
        UPDATE api_keys SET busy_until = greatest(busy_until, moment.now) + :gap_s
        FROM (
            SELECT extract(epoch FROM clock_timestamp())::float8 AS now,
            set_config('synchronous_commit', 'off', true)
        ) AS moment
        WHERE id = :sender AND greatest(busy_until, moment.now) + :gap_s <= moment.now + :burst_s
        RETURNING busy_until - moment.now
    """),
    wait=text("""
        SELECT busy_until + :gap_s - :burst_s - extract(epoch FROM clock_timestamp())::float8
        FROM api_keys WHERE id = :sender
    """),
)
UPSTREAM_RATES = CountedIn(
    take=text("""
        INSERT INTO upstream_rates AS rates (account, busy_until)
        SELECT :sender, moment.now + :gap_s
        FROM (SELECT extract(epoch FROM clock_timestamp())::float8 AS now) AS moment
        ON CONFLICT (account) DO UPDATE
        SET busy_until = greatest(rates.busy_until, excluded.busy_until - :gap_s) + :gap_s
        WHERE greatest(rates.busy_until, excluded.busy_until - :gap_s) + :gap_s
            <= excluded.busy_until - :gap_s + :burst_s
        RETURNING busy_until - extract(epoch FROM clock_timestamp())::float8
    """),
    wait=text("""
        SELECT busy_until + :gap_s - :burst_s - extract(epoch FROM clock_timestamp())::float8
        FROM upstream_rates WHERE account = :sender
    """),
)


class PostgresRates:
    """Counts the requests of all processes together."""

    def __init__(self, database: PostgresDatabase, clock: Clock, counted_in: CountedIn) -> None:
        self._database = database
        self._clock = clock
        self._counted_in = counted_in
        self._closed_until_s: dict[str, float] = {}

    async def take(self, sender: str, limit: RequestLimit) -> RequestRate:
        """Count one request; one that comes before the time it was told costs nothing."""
        early_s = self._closed_until_s.get(sender, 0.0) - self._clock.monotonic()
        if early_s > 0:
            return RequestRate(limit, limit.burst_s, early_s)
        rate = await self._database.apart(lambda connection: self._count(connection, sender, limit))
        if rate.wait_s > 0:
            self._closed_until_s[sender] = self._clock.monotonic() + rate.wait_s
        return rate

    def _count(self, connection: Connection, sender: str, limit: RequestLimit) -> RequestRate:
        values = {"sender": sender, "gap_s": limit.gap_s, "burst_s": limit.burst_s}
        busy_s = connection.scalar(self._counted_in.take, values)
        if busy_s is not None:
            return RequestRate(limit, busy_s)
        wait_s = connection.scalar(self._counted_in.wait, values)
        # A key that was revoked just now; or the last moment of the wait may have passed meanwhile.
        wait_s = 0.0 if wait_s is None else max(TICK_S, wait_s)
        return RequestRate(limit, limit.burst_s, wait_s)
