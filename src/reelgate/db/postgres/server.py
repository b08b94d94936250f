"""How to reach a Postgres server, and which of its errors mean that a connection is broken."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

import asyncpg
from sqlalchemy.engine import URL

from reelgate.db import errors as failures
from reelgate.db.errors import ENGINE_ERRORS, Outage

T = TypeVar("T")

LAST_TRIES_S = 3.0
"""How long a server is tried that is away, once the process is about to end."""
CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 60.0
"""No statement of ours takes long: one that does is waiting for a server that is gone."""

ABANDONED = {"idle_in_transaction_session_timeout": "8000"}
"""Milliseconds after which the server ends the transaction of a process that was paused in it: it
would hold its rows against whoever takes its jobs over."""
MIGRATION_LOCK = 0x5265656C67617465
"""The advisory lock that ten processes starting at once queue for ("Reelgate" in ASCII)."""

DRIVER_ERRORS: tuple[type[Exception], ...] = (
    *ENGINE_ERRORS,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
"""What a broken database raises, through SQLAlchemy or past it."""
BROKEN_CONNECTION = (
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)


class Patience:
    """Whether a server that is away is still waited for."""

    def __init__(self) -> None:
        self._ends_s = math.inf

    def end(self) -> None:
        """The process is about to end: for a few seconds more; the first call counts."""
        self._ends_s = min(self._ends_s, time.monotonic() + LAST_TRIES_S)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._ends_s


@dataclass(frozen=True, slots=True)
class Server:
    """A database on a Postgres server, and this process's number among those that use it."""

    dsn: str = field(repr=False)
    process: int = field(default_factory=lambda: secrets.randbits(31))
    outage: Outage = field(default_factory=Outage, compare=False, repr=False)
    """Whether it is away, as all that use it here have found."""
    patience: Patience = field(default_factory=Patience, compare=False, repr=False)
    """Whether they wait for it then."""

    @classmethod
    def at(cls, url: URL) -> Server:
        """The server at an SQLAlchemy URL; what it says after `?` is libpq's (`sslmode=...`)."""
        return cls(url.set(drivername="postgresql").render_as_string(hide_password=False))

    @property
    def name(self) -> str:
        """What `pg_stat_activity` calls this process, and its notifications' sender."""
        return f"reelgate-{self.process}"

    async def connect(self, **settings: str) -> asyncpg.Connection:
        """A connection; `settings` are the server's run-time parameters for it."""
        return await asyncpg.connect(
            self.dsn,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            server_settings=self._marked(settings),
        )

    def pool(self, size: int, **settings: str) -> asyncpg.Pool:
        """A pool of connections, to be entered."""
        return asyncpg.create_pool(
            self.dsn,
            # It would log each failure to keep some open.
            min_size=0,
            max_size=size,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            server_settings=self._marked(settings),
        )

    def _marked(self, settings: dict[str, str]) -> dict[str, str]:
        return {"application_name": self.name, **ABANDONED, **settings}


def is_connection_error(error: BaseException) -> bool:
    """Whether the connection failed and not the statement: a new connection may do better."""
    return failures.is_connection_error(error) or isinstance(error, BROKEN_CONNECTION)


async def translated(outcome: Awaitable[T], outage: Outage, *, is_proof: bool = False) -> T:
    """Tell a driver's error as ours, and what became of it to `outage`.

    Raises:
        DatabaseAway: instead of it, where the database is to blame.
        StorageFailed: where only this statement is.
    """
    return await failures.translated(
        outcome, outage, DRIVER_ERRORS, is_connection_error, is_proof=is_proof
    )
