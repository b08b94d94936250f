"""Errors of the database drivers as ours, and outages, logged once."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError

from reelgate.errors import DatabaseAway, StorageFailed

log = structlog.get_logger()


class Outage:
    """Whether a database is unavailable; everything that uses the database reports to it."""

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._needs_proof = False
        self._failures = 0
        self._began = asyncio.Event()
        self.reason = ""
        """Why the database cannot be used; empty while it can."""
        self.is_logged = False
        """False at startup: the error then goes to whoever starts the gateway."""

    def __bool__(self) -> bool:
        return self._began_s is not None

    async def began(self) -> None:
        """Wait for it; there is no wait while it lasts."""
        await self._began.wait()

    def failed(self, reason: str, *, needs_proof: bool) -> None:
        """The database could not be used.

        `needs_proof`: the server answers, so that not every success shows that this is over.
        """
        self._failures += 1
        self._needs_proof = needs_proof
        self.reason = reason
        if self._began_s is None:
            self._began_s = time.monotonic()
            self._began.set()
            if self.is_logged:
                log.error("database_away", error=reason)

    def worked(self, *, is_proof: bool = False) -> None:
        if self._began_s is None or (self._needs_proof and not is_proof):
            return
        lasted_s = round(time.monotonic() - self._began_s, 1)
        if self.is_logged:
            log.warning("database_back", away_s=lasted_s, failures=self._failures)
        self._began_s, self._failures, self.reason = None, 0, ""
        self._began.clear()


T = TypeVar("T")

ENGINE_ERRORS: tuple[type[Exception], ...] = (DBAPIError, OSError)
"""What comes through SQLAlchemy, and from below it."""
AWAY_STATES = ("08", "25006", "28", "3D", "42P01", "42501", "53", "57P", "58", "F0", "XX")
"""How the SQLSTATEs of Postgres begin that no statement of ours can help: no connection, read-only,
not let in, no such database, tables or rights gone, out of room, shut down, damaged. See
https://www.postgresql.org/docs/current/errcodes-appendix.html."""


def is_connection_error(error: BaseException) -> bool:
    """Whether the connection failed and not the statement: a new connection may do better."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated
    return isinstance(error, OSError)


def is_away(error: BaseException) -> bool:
    """Whether the database is to blame, and not the one statement that met the error."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        # A full disk, a read-only file system, a damaged file; a statement fails otherwise.
        return isinstance(cause, sqlite3.OperationalError) or type(cause) is sqlite3.DatabaseError
    return str(getattr(cause, "sqlstate", None) or "").startswith(AWAY_STATES)


def cause_of(error: BaseException) -> str:
    """What the driver said, in one line."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, TimeoutError) and not str(cause):
        return "it does not answer"
    return " ".join(str(cause).split()) or type(cause).__name__


async def translated(
    outcome: Awaitable[T],
    outage: Outage,
    errors: tuple[type[Exception], ...] = ENGINE_ERRORS,
    is_broken: Callable[[BaseException], bool] = is_connection_error,
    *,
    is_proof: bool = False,
) -> T:
    """Translate a driver's error to ours, and report the outcome to `outage`.

    Args:
        outcome: what uses the database.
        outage: whether the database is away.
        errors: the driver's errors.
        is_broken: whether one of them means that the connection failed.
        is_proof: a success shows that the database takes changes again.

    Raises:
        DatabaseAway: instead of one of `errors`, where the database is to blame.
        StorageFailed: where only this statement is.
    """
    try:
        result = await outcome
    except errors as error:
        message = f"The database cannot be used: {cause_of(error)}"
        is_broken_now = is_broken(error)
        if not is_broken_now and not is_away(error):
            raise StorageFailed(message) from error
        outage.failed(cause_of(error), needs_proof=not is_broken_now)
        raise DatabaseAway(message) from error
    except DatabaseAway as error:
        outage.failed(error.message, needs_proof=True)
        raise
    outage.worked(is_proof=is_proof)
    return result
