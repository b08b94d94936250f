"""The one loop that tries something again; whether and when is decided by whoever calls it.

Not stamina: it costs 20 ms at start-up and 30 us a call (this loop: 0.2 us), and it stands around
every statement that is sent to Postgres.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failed:
    """The last attempt failed.

    Attributes:
        error: how.
        failures: how many attempts have failed by now.
        waited_s: how long ago the first of them began.
    """

    error: Exception
    failures: int
    waited_s: float


Decide = Callable[[Failed], float | None]
"""The seconds until the next attempt; None to give up."""


async def retry(
    attempt: Callable[[], Awaitable[T]],
    decide: Decide,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> T:
    """Attempt something until it succeeds; returns what it returns.

    Args:
        attempt: makes one attempt.
        decide: whether and when to make another.
        clock: seconds since some fixed moment.
        sleep: waits this many seconds, or raises what ends it all.

    Raises:
        Exception: the last attempt's, once `decide` gives up.
    """
    began_s = clock()
    failures = 0
    while True:
        try:
            return await attempt()
        except Exception as error:
            failures += 1
            pause_s = decide(Failed(error, failures, clock() - began_s))
            if pause_s is None:
                raise
        # Outside the handler: while it waits nothing holds the error and all its frames.
        await sleep(pause_s)
