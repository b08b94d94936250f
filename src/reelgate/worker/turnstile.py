"""Who may submit next on one upstream account."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

UNLIMITED = 2**31


class Turnstile:
    """Lets a bounded number of jobs in, fairly between owners, and none while the account rests.

    A job is in from its submit until its rendering has ended. When the upstream says "slow down",
    the account rests for all jobs at once; afterwards they are let through one by one until a
    submit is accepted, so that the crowd does not run into the same answer together.
    """

    def __init__(self, limit: int = UNLIMITED, submits: int = UNLIMITED) -> None:
        """`limit` jobs may be under way, and `submits` of them be waiting for their answer.

        What waits for its answer when the process dies may or may not have been accepted: the
        fewer, the less is lost.
        """
        self._limit = limit
        self._submits = submits
        self._inside = 0
        self._trying = 0
        self._cautious = False
        self._rests_until_s = 0.0
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def try_enter(self) -> bool:
        """Take a place if one is free and nobody is in line for it."""
        if self._lines or not self._is_open():
            return False
        self._inside += 1
        self._trying += 1
        return True

    async def enter(self, owner: str) -> None:
        """Wait for a place; whoever gets one says `settled` after its submit and then leaves."""
        ticket = asyncio.get_running_loop().create_future()
        self._lines.setdefault(owner, deque()).append(ticket)
        self._let_in()
        try:
            await ticket
        except asyncio.CancelledError:
            self._withdraw(owner, ticket)
            raise

    def occupy(self) -> None:
        """Take a place without waiting: the job is under way already."""
        self._inside += 1

    def settled(self, *, accepted: bool) -> None:
        """A submit has had its answer."""
        self._trying -= 1
        if accepted:
            self._cautious = False
        self._let_in()

    def leave(self) -> None:
        """Give the place back."""
        self._inside -= 1
        self._let_in()

    def rest(self, seconds: float) -> None:
        """Let nobody in for this long, and be careful afterwards."""
        loop = asyncio.get_running_loop()
        self._cautious = True
        self._rests_until_s = max(self._rests_until_s, loop.time() + seconds)
        loop.call_at(self._rests_until_s, self._let_in)

    def _let_in(self) -> None:
        while self._lines and self._is_open():
            owner, line = next(iter(self._lines.items()))
            # The owner goes to the back: a thousand jobs of one do not starve another's one.
            self._lines.move_to_end(owner)
            ticket = line.popleft()
            if not line:
                del self._lines[owner]
            if not ticket.done():
                self._inside += 1
                self._trying += 1
                ticket.set_result(None)

    def _is_open(self) -> bool:
        if asyncio.get_running_loop().time() < self._rests_until_s:
            return False
        submits = 1 if self._cautious else self._submits
        return self._trying < submits and self._inside < self._limit

    def _withdraw(self, owner: str, ticket: asyncio.Future[None]) -> None:
        if ticket.done() and not ticket.cancelled():
            self._trying -= 1
            self.leave()
            return
        line = self._lines.get(owner)
        if line is not None and ticket in line:
            line.remove(ticket)
            if not line:
                del self._lines[owner]


class Place:
    """One job's place behind the turnstile; given back once, however the job ends."""

    def __init__(self, turnstile: Turnstile, owner: str) -> None:
        self._turnstile = turnstile
        self._owner = owner
        self._taken = False

    def try_take(self) -> bool:
        """Take a place if that needs no waiting."""
        self._taken = self._turnstile.try_enter()
        return self._taken

    async def take(self) -> None:
        """Wait for a place."""
        await self._turnstile.enter(self._owner)
        self._taken = True

    def occupy(self) -> None:
        """The job is under way: it has a place, whether or not there is one."""
        if not self._taken:
            self._turnstile.occupy()
            self._taken = True

    def settled(self, *, accepted: bool) -> None:
        """The submit has had its answer."""
        self._turnstile.settled(accepted=accepted)

    def give_back(self) -> None:
        """The job needs its place no longer."""
        if self._taken:
            self._taken = False
            self._turnstile.leave()
