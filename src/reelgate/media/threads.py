"""Work on files that goes on although nobody waits for it: whoever began it waits for its end."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def to_its_end(
    work: Callable[[*Ts], T], *arguments: *Ts, threads: Executor | None = None
) -> T:
    """Do it in a thread, of those that all share if no others are told.

    A cancelled caller goes on only when the thread is done: what it then removes, no thread is
    still writing.
    """
    loop = asyncio.get_running_loop()
    return await seen_through(loop.run_in_executor(threads, work, *arguments))


async def seen_through(work: Awaitable[T], most_s: float = math.inf) -> T:
    """Wait for it. A cancelled caller goes on only when it is done, or after `most_s` seconds."""
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        clock = asyncio.get_running_loop().time
        ends_at_s = clock() + most_s
        while not running.done() and (left_s := ends_at_s - clock()) > 0:
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running], timeout=None if left_s == math.inf else left_s)
        raise
    finally:
        # Its error holds this frame. If that held it, both would wait for the garbage collector.
        del running
