"""Permits that owners get in turn: whoever asks for many keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairPermits:
    """A semaphore with a queue for each owner, served in turn."""

    def __init__(self, total: int, per_owner: int) -> None:
        """`total` may be held at once, and `per_owner` of them by one owner.

        The owner of everything where there are no keys, "", may hold them all.
        """
        self._free = total
        self._per_owner = per_owner
        self._held: Counter[str] = Counter()
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def held(self, owner: str) -> AsyncIterator[None]:
        """Hold a permit, once there is one for this owner."""
        await self._acquire(owner)
        try:
            yield
        finally:
            self._release(owner)

    async def _acquire(self, owner: str) -> None:
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(owner, deque()).append(ticket)
        self._hand_out()
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled():
                self._release(owner)
            raise

    def _release(self, owner: str) -> None:
        self._free += 1
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        self._hand_out()

    def _hand_out(self) -> None:
        while self._free and (owner := self._next_owner()) is not None:
            queue = self._queues[owner]
            ticket = queue.popleft()
            # The owner goes to the back.
            self._queues.move_to_end(owner)
            if not queue:
                del self._queues[owner]
            if not ticket.done():
                self._free -= 1
                self._held[owner] += 1
                ticket.set_result(None)

    def _next_owner(self) -> str | None:
        """Of those who may have one, whoever holds the fewest; of several, who waits longest."""
        may = (o for o in self._queues if not o or self._held[o] < self._per_owner)
        return min(may, key=self._held.__getitem__, default=None)
