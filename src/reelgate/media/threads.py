"""Work on files, in threads: a thread cannot be stopped, so whoever began it waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def to_its_end(work: Callable[[*Ts], T], *arguments: *Ts) -> T:
    """Do it in a thread. A cancelled caller goes on only when the thread is done.

    What a caller then removes, no thread is still writing.
    """
    running = asyncio.get_running_loop().run_in_executor(None, work, *arguments)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        raise
