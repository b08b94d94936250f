"""How late the event loop comes to what is due: everything else waits as long."""

from __future__ import annotations

import asyncio

from reelgate.telemetry.instruments import Histogram

EVERY_S = 1.0


async def watch_loop(lag: Histogram) -> None:
    """Measure it, for ever."""
    clock = asyncio.get_running_loop().time
    while True:
        due_s = clock() + EVERY_S
        await asyncio.sleep(EVERY_S)
        lag.observe(max(0.0, clock() - due_s))
