"""PgQueuer's way to a Postgres that is sometimes away."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

import asyncpg
from pgqueuer.core.tm import TaskManager
from pgqueuer.domain.settings import db_settings
from pgqueuer.ports.driver import Driver, NotifyCallback

from reelgate.store.failures import cause_of, is_away
from reelgate.store.line import Line
from reelgate.store.outage import Outage
from reelgate.store.postgres import DRIVER_ERRORS, is_broken_line

T = TypeVar("T")

RETRY_S = 0.5
LAST_TRIES_S = 3.0
"""How long the database is tried once the process is about to end."""


class PatientDriver(Driver):
    """PgQueuer's way to the database: it waits for a database that is away.

    PgQueuer gives up at the first error and would then take no new work before its last job has
    ended, or forget a job that it could not put back while the disk was full. All its statements
    may be run twice: what was taken by a lost answer is taken over when its heartbeat is missed.
    """

    def __init__(self, pool: asyncpg.Pool, line: Line, outage: Outage) -> None:
        self._pool = pool
        self._outage = outage
        self._ends_s = math.inf
        self._shutdown = asyncio.Event()
        self._line = line
        self._hearers: list[NotifyCallback] = []
        line.listen(db_settings().channel, self._heard)

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run a query, again and again while the line is broken or the server is out of room."""

        async def attempt() -> list[dict[str, object]]:
            return [dict(row) for row in await self._pool.fetch(query, *args)]

        return await self._patiently(attempt)

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement, again and again while that may help."""
        return await self._patiently(lambda: self._pool.execute(query, *args))

    async def notify(self, channel: str, payload: str) -> None:
        """Tell every process."""
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Hear of changes to the queue; PgQueuer knows only the one channel."""
        del channel
        self._hearers = [callback]

    def end(self) -> None:
        """Be patient no longer; the first call counts."""
        if not self._shutdown.is_set():
            self._ends_s = asyncio.get_running_loop().time() + LAST_TRIES_S
            self._shutdown.set()

    @property
    def shutdown(self) -> asyncio.Event:
        """Set when the process is about to end."""
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        """Nothing runs in the background here."""
        return TaskManager()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hearers = []

    def _heard(self, payload: str) -> None:
        for hearer in self._hearers:
            hearer(payload)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        clock = asyncio.get_running_loop().time
        while True:
            try:
                result = await attempt()
            except DRIVER_ERRORS as error:
                is_broken = is_broken_line(error)
                if not (is_broken or is_away(error)) or clock() >= self._ends_s:
                    raise
                self._outage.failed(cause_of(error), needs_proof=not is_broken)
            else:
                self._outage.worked()
                return result
            await asyncio.sleep(RETRY_S)
