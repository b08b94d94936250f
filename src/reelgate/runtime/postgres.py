"""One gateway process of many, on a Postgres database that they share."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack

from sqlalchemy import Connection

from reelgate.clock import Clock, SystemClock
from reelgate.db.changes import Changes
from reelgate.db.database import Database
from reelgate.db.postgres.clock import ServerClock
from reelgate.db.postgres.database import PostgresDatabase
from reelgate.db.postgres.listener import Feed, ListenConnection
from reelgate.db.postgres.liveness import PeerMonitor
from reelgate.db.postgres.server import translated
from reelgate.db.videos import Videos
from reelgate.jobs.engine import Engine, RunJob
from reelgate.jobs.pgqueuer import install_queue, queue_up
from reelgate.jobs.takeover import PostgresEngine
from reelgate.limits.account import Account, AccountLimits
from reelgate.limits.postgres import API_KEYS, UPSTREAM_RATES, PostgresAccount, PostgresRates
from reelgate.limits.rate import RequestRates

SUBMIT_LEASE_S = 90.0
"""How long a submit that another process began is left to it: the time in which it may still send
(10 s), the time the upstream may take to answer (60 s), and 20 s to write the answer down."""


async def prepare_queue(database: PostgresDatabase) -> None:
    """Make the queue's tables where they are missing.

    Raises:
        StorageFailed: the database cannot be used.
    """
    await translated(install_queue(database.server), database.outage)


class PostgresDeployment:
    """One process of many, on a Postgres server."""

    submit_lease_s = SUBMIT_LEASE_S
    transfers = True

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self.changes = Changes()
        self._listener = ListenConnection(database.server)
        self._feed = Feed(database, database.server, self.changes, self._listener)
        self._peers = PeerMonitor(database.server, self._listener)
        self.clock: Clock = ServerClock(SystemClock(), self._listener)
        self.rates: RequestRates = PostgresRates(database, self.clock, API_KEYS)
        self.upstream_rates: RequestRates = PostgresRates(database, self.clock, UPSTREAM_RATES)

    @property
    def database(self) -> Database:
        return self._database

    def queue_up(self, connection: Connection, video_id: str) -> None:
        """The queue is in the database."""
        queue_up(connection, video_id)

    def account(self, name: str, limits: AccountLimits) -> Account:
        """One row for all processes."""
        return PostgresAccount(self._database, name, limits)

    async def open_engine(
        self, run: RunJob, providers: Iterable[str], stack: AsyncExitStack
    ) -> Engine:
        """This process's part of the shared queue."""
        shared = PostgresEngine(self._database.server, self._listener, providers)
        engine = await stack.enter_async_context(shared.open(run))
        stack.push_async_callback(self._close)
        return engine

    async def begin(self, engine: Engine, _videos: Videos, _providers: Iterable[str]) -> None:
        """Open the listen connection and start the engine."""
        await translated(self._listener.open(), self._database.outage)
        await engine.start(())

    async def _close(self) -> None:
        await self._feed.close()
        await self._listener.close()
