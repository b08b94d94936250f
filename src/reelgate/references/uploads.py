"""Uploads to the upstream, each picture once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from reelgate.clock import Clock

KNOWN_FOR_S = 3600.0
"""How long an address is used again; nobody documents how long the upstream keeps it."""
MAX_KNOWN = 1000


@dataclass(frozen=True, slots=True)
class Known:
    """An address, and when it was made (monotonic seconds)."""

    address: str
    at_s: float


class Uploads:
    """The addresses that pictures have got, so that a retry does not upload its picture again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._running: dict[str, asyncio.Task[str]] = {}

    async def address_of(self, key: str, upload: Callable[[], Coroutine[Any, Any, str]]) -> str:
        """The address of the picture with this key; who asks meanwhile shares the upload.

        Raises:
            UpstreamError: it was not taken, and is tried anew when somebody asks again.
        """
        known = self._known.get(key)
        if known is not None and self._clock.monotonic() - known.at_s < KNOWN_FOR_S:
            return known.address
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = asyncio.create_task(self._upload(key, upload))
            running.add_done_callback(seen)
        # Whoever goes away must not end the upload that others wait for.
        return await asyncio.shield(running)

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._running.values():
            task.cancel()
        if self._running:
            await asyncio.wait(list(self._running.values()))

    async def _upload(self, key: str, upload: Callable[[], Coroutine[Any, Any, str]]) -> str:
        try:
            address = await upload()
        finally:
            del self._running[key]
        self._known[key] = Known(address, self._clock.monotonic())
        self._known.move_to_end(key)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return address


def seen(task: asyncio.Task[str]) -> None:
    """Take note of a failure that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
