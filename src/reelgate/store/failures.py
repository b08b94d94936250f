"""What a database that fails raises, and how that is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from reelgate.errors import DatabaseAway, StorageFailed
from reelgate.store.outage import Outage

T = TypeVar("T")

ENGINE_ERRORS: tuple[type[Exception], ...] = (DBAPIError, OSError)
"""What comes through SQLAlchemy, and from below it."""
AWAY_STATES = ("08", "25006", "28", "3D", "42P01", "42501", "53", "57P", "58", "F0", "XX")
"""How the SQLSTATEs of Postgres begin that no statement of ours can help: no connection, read-only,
not let in, no such database, tables or rights gone, out of room, shut down, damaged. See
https://www.postgresql.org/docs/current/errcodes-appendix.html."""


def is_broken_line(error: BaseException) -> bool:
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
    is_broken: Callable[[BaseException], bool] = is_broken_line,
    *,
    is_proof: bool = False,
) -> T:
    """Tell a driver's error as ours, and what became of it to `outage`.

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
