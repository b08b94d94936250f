"""Who may submit next on one upstream account: permits, and the queue for them."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from reelgate.limits.account import PLENTY, RETRY_S, NoPermit


@dataclass(slots=True)
class QueuedSubmit:
    """A job's place in its owner's line: the lower its number, the earlier it came."""

    number: int
    call: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class SubmitLimiter:
    """Lets a bounded number of jobs in, fairly between owners, and none while the account rests.

    A job is in from its submit until its rendering has ended. When the upstream says "slow down",
    the account rests for all jobs at once; afterwards they are let through one by one until a
    submit is accepted, so that the crowd does not run into the same answer together.

    Where other processes use the account as well, a job that was let in here may still be turned
    away by the account itself. Then one job at a time asks again, the first in line.
    """

    def __init__(self, limit: int = PLENTY, submits: int = PLENTY) -> None:
        """`limit` jobs may be under way, and `submits` of them be waiting for their answer.

        What waits for its answer when the process dies may or may not have been accepted: the
        fewer, the less is lost.
        """
        self._limit = limit
        self._submits = submits
        self._inside = 0
        self._trying = 0
        self._room = PLENTY
        self._cautious = False
        self._rests_until_s = 0.0
        self._numbers = itertools.count()
        self._lines: OrderedDict[str, deque[QueuedSubmit]] = OrderedDict()
        self._retry: asyncio.TimerHandle | None = None

    def next_number(self) -> int:
        """The number of a job that has just come."""
        return next(self._numbers)

    def closed_because(self) -> str | None:
        """Why no job is let in now; None where one is."""
        rest_s = self._rests_until_s - asyncio.get_running_loop().time()
        if rest_s > 0:
            return f"it asked for a rest of {rest_s:.0f} s more"
        if self._inside >= self._limit or self._room <= 0:
            return "it has as many videos under way as it may; new ones wait in line"
        return None

    def try_enter(self) -> bool:
        """Take a place if one is free and nobody is in line for it."""
        if self._lines or not self._is_open():
            return False
        self._admit()
        return True

    async def enter(self, owner: str, number: int, *, first: bool = False) -> None:
        """Wait for a place; whoever gets one says `settled` after its submit and then leaves.

        `first`: it is the owner's turn, who was turned away from the account.
        """
        ticket = QueuedSubmit(number)
        self._join(owner, ticket)
        if first:
            self._lines.move_to_end(owner, last=False)
        self._let_in()
        try:
            await ticket.call
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
        self._ask_again()

    def leave(self) -> None:
        """Give the place back."""
        self._inside -= 1
        self._ask_again()

    def rest(self, seconds: float) -> None:
        """Let nobody in for this long, and be careful afterwards."""
        loop = asyncio.get_running_loop()
        self._cautious = True
        self._rests_until_s = max(self._rests_until_s, loop.time() + seconds)
        loop.call_at(self._rests_until_s, self._ask_again)

    def told(self, room: int, retry_s: float = RETRY_S) -> None:
        """The account says how many more it takes; if none, it is asked again after a while."""
        self._room = room
        if room <= 0:
            if self._retry is not None:
                self._retry.cancel()
            loop = asyncio.get_running_loop()
            self._retry = loop.call_later(retry_s, self._ask_again)
        self._let_in()

    def turned_away(self, refusal: NoPermit, *, jitter: float) -> None:
        """The account did not take a job that was let in; that job joins the line again."""
        self._inside -= 1
        self._trying -= 1
        if refusal.rests:
            self.rest(refusal.retry_s)
        self.told(0, refusal.retry_s if refusal.rests else refusal.retry_s * jitter)

    def _ask_again(self) -> None:
        """Something has changed, or time has passed: there may be room for one."""
        self._room = max(1, self._room)
        self._let_in()

    def _let_in(self) -> None:
        while self._lines and self._is_open():
            owner, line = next(iter(self._lines.items()))
            # The owner goes to the back: a thousand jobs of one do not starve another's one.
            self._lines.move_to_end(owner)
            ticket = line.popleft()
            if not line:
                del self._lines[owner]
            if not ticket.call.done():
                self._admit()
                ticket.call.set_result(None)

    def _admit(self) -> None:
        self._inside += 1
        self._trying += 1
        self._room -= 1

    def _is_open(self) -> bool:
        if asyncio.get_running_loop().time() < self._rests_until_s:
            return False
        submits = 1 if self._cautious else self._submits
        return self._room > 0 and self._trying < submits and self._inside < self._limit

    def _join(self, owner: str, ticket: QueuedSubmit) -> None:
        line = self._lines.setdefault(owner, deque())
        if not line or line[-1].number < ticket.number:
            line.append(ticket)
            return
        earlier = itertools.takewhile(lambda other: other.number < ticket.number, line)
        line.insert(sum(1 for _ in earlier), ticket)

    def _withdraw(self, owner: str, ticket: QueuedSubmit) -> None:
        if ticket.call.done() and not ticket.call.cancelled():
            self._trying -= 1
            self.leave()
            return
        line = self._lines.get(owner)
        if line is not None and ticket in line:
            line.remove(ticket)
            if not line:
                del self._lines[owner]


class SubmitPermit:
    """One job's place behind the turnstile; given back once, however the job ends."""

    __slots__ = ("_number", "_owner", "_taken", "_turnstile", "_was_turned_away")

    def __init__(self, turnstile: SubmitLimiter, owner: str) -> None:
        self._turnstile = turnstile
        self._owner = owner
        self._number = turnstile.next_number()
        self._was_turned_away = False
        self._taken = False

    def try_take(self) -> bool:
        """Take a place if that needs no waiting."""
        self._taken = self._turnstile.try_enter()
        return self._taken

    async def take(self) -> None:
        """Wait for a place."""
        await self._turnstile.enter(self._owner, self._number, first=self._was_turned_away)
        self._taken = True

    def occupy(self) -> None:
        """The job is under way: it has a place, whether or not there is one."""
        if not self._taken:
            self._turnstile.occupy()
            self._taken = True

    def admitted(self, room: int) -> None:
        """The account has taken the job, and would take so many more."""
        self._was_turned_away = False
        self._turnstile.told(room)

    def turned_away(self, refusal: NoPermit, *, jitter: float) -> None:
        """The account has no room; the job is to wait for its place again."""
        self._taken = False
        self._was_turned_away = True
        self._turnstile.turned_away(refusal, jitter=jitter)

    def settled(self, *, accepted: bool) -> None:
        """The submit has had its answer."""
        if self._taken:
            self._turnstile.settled(accepted=accepted)

    def give_back(self) -> None:
        """The job needs its place no longer."""
        if self._taken:
            self._taken = False
            self._turnstile.leave()
