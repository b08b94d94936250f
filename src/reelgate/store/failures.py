"""What a database that fails raises, and how that is told."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from reelgate.errors import StorageFailed

T = TypeVar("T")

ENGINE_ERRORS: tuple[type[Exception], ...] = (DBAPIError, OSError)
"""What comes through SQLAlchemy, and from below it."""


def is_broken_line(error: BaseException) -> bool:
    """Whether the connection failed and not the statement: a new connection may do better."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated
    return isinstance(error, OSError)


async def translated(
    outcome: Awaitable[T], errors: tuple[type[Exception], ...] = ENGINE_ERRORS
) -> T:
    """Tell a driver's error as ours.

    Raises:
        StorageFailed: instead of one of `errors`.
    """
    try:
        return await outcome
    except errors as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise StorageFailed(f"The database cannot be used: {cause}") from error
