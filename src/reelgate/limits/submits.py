"""Who may submit next on one upstream account: permits, and the queue for them."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from reelgate.clock import TICK_S
from reelgate.limits.account import (
    PLENTY,
    RETRY_S,
    AccountLimits,
    AccountState,
    NoPermit,
    answered,
    rested,
    room_in,
)

HERE = 0
"""The number of this process among those that this process counts: itself alone."""


@dataclass(slots=True, eq=False)
class QueuedSubmit:
    """A job in its owner's queue: the lower its number, the earlier it came.

    Equal to itself alone: a gateway that stops looks thousands up.
    """

    number: int
    admitted: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class SubmitLimiter:
    """Gives permits to a bounded number of jobs, fairly between owners.

    A job holds its permit from its submit until its rendering has ended. What the account allows
    is decided as it is for all processes together (`room_in`); this is the part that one process
    can tell by itself, without the database, and the queue for it.

    Where other processes use the account as well, a job that has a permit may still be turned away
    by the account itself. Then one job at a time asks again, the first in the queue.
    """

    def __init__(self, limit: int = PLENTY, submits: int = PLENTY) -> None:
        """`limit` jobs may be under way, and `submits` of them be waiting for their answer.

        What waits for its answer when the process dies may or may not have been accepted: the
        fewer, the less is lost.
        """
        self._limits = AccountLimits(limit, submits)
        self._state = AccountState(now=0.0)
        self._room = PLENTY
        self._numbers = itertools.count()
        self._queues: OrderedDict[str, deque[QueuedSubmit]] = OrderedDict()
        self._retry: asyncio.TimerHandle | None = None

    def next_number(self) -> int:
        """The number of a job that has just come."""
        return next(self._numbers)

    def closed_because(self) -> str | None:
        """Why no job gets a permit now; None where one does."""
        state = self._now()
        if state.rest_s:
            return f"it asked for a rest of {state.rest_s:.0f} s more"
        if state.in_flight >= self._limits.in_flight or self._room <= 0:
            return "it has as many videos under way as it may; new ones wait in line"
        return None

    def try_enter(self) -> bool:
        """Take a permit if there is one that nobody is queued for."""
        if self._queues or not self._is_open():
            return False
        self._admit()
        return True

    async def enter(self, owner: str, number: int, *, first: bool = False) -> None:
        """Wait for a permit; whoever gets one says `settled` after its submit and then leaves.

        `first`: it is the turn of this owner, whose job was turned away from the account.
        """
        submit = QueuedSubmit(number)
        self._join(owner, submit)
        if first:
            self._queues.move_to_end(owner, last=False)
        self._admit_queued()
        try:
            await submit.admitted
        except asyncio.CancelledError:
            self._withdraw(owner, submit)
            raise

    def occupy(self) -> None:
        """Count a job that is under way already."""
        self._count(in_flight=1)

    def settled(self, *, accepted: bool) -> None:
        """A submit has had its answer."""
        self._state = answered(self._state, accepted=accepted)
        self._ask_again()

    def leave(self) -> None:
        """Give a permit back."""
        self._count(in_flight=-1)
        self._ask_again()

    def rest(self, seconds: float) -> None:
        """Give no permits for this long, and one at a time until a submit is accepted."""
        self._state = rested(self._now(), seconds)
        self._ask_after_rest()

    def _ask_after_rest(self) -> None:
        rest_s = self._now().rest_s
        if rest_s:
            # A timer may be early: event loops count whole milliseconds.
            asyncio.get_running_loop().call_later(rest_s + TICK_S, self._ask_after_rest)
        else:
            self._ask_again()

    def told(self, room: int, retry_s: float = RETRY_S) -> None:
        """The account says how many more it takes; if none, it is asked again after a while."""
        self._room = room
        if room <= 0:
            if self._retry is not None:
                self._retry.cancel()
            loop = asyncio.get_running_loop()
            self._retry = loop.call_later(retry_s, self._ask_again)
        self._admit_queued()

    def turned_away(self, refusal: NoPermit, *, jitter: float) -> None:
        """The account did not admit a job that had a permit; it joins the queue again."""
        self._count(in_flight=-1, submitting=-1)
        if refusal.rests:
            self.rest(refusal.retry_s)
        self.told(0, refusal.retry_s if refusal.rests else refusal.retry_s * jitter)

    def _now(self) -> AccountState:
        # A process knows when its own submits are answered: while one is under way, none is tried.
        state = self._state
        state.trial_until = math.inf if state.submitting > 0 else 0.0
        state.now = asyncio.get_running_loop().time()
        return state

    def _count(self, *, in_flight: int = 0, submitting: int = 0) -> None:
        self._state.in_flight += in_flight
        self._state.submitting += submitting

    def _ask_again(self) -> None:
        """Something has changed, or time has passed: there may be room for one."""
        self._room = max(1, self._room)
        self._admit_queued()

    def _admit_queued(self) -> None:
        while self._queues and self._is_open():
            owner, queue = next(iter(self._queues.items()))
            # The owner goes to the back: a thousand jobs of one do not starve another's one.
            self._queues.move_to_end(owner)
            submit = queue.popleft()
            if not queue:
                del self._queues[owner]
            if not submit.admitted.done():
                self._admit()
                submit.admitted.set_result(None)

    def _admit(self) -> None:
        self._count(in_flight=1, submitting=1)
        self._room -= 1

    def _is_open(self) -> bool:
        return self._room > 0 and room_in(self._now(), self._limits, HERE) > 0

    def _join(self, owner: str, submit: QueuedSubmit) -> None:
        queue = self._queues.setdefault(owner, deque())
        if not queue or queue[-1].number < submit.number:
            queue.append(submit)
            return
        earlier = itertools.takewhile(lambda other: other.number < submit.number, queue)
        queue.insert(sum(1 for _ in earlier), submit)

    def _withdraw(self, owner: str, submit: QueuedSubmit) -> None:
        if submit.admitted.done() and not submit.admitted.cancelled():
            self._count(submitting=-1)
            self.leave()
            return
        queue = self._queues.get(owner)
        if queue is not None and submit in queue:
            queue.remove(submit)
            if not queue:
                del self._queues[owner]


class SubmitPermit:
    """One job's permit to submit and render; given back once, however the job ends."""

    __slots__ = ("_limiter", "_number", "_owner", "_taken", "_was_turned_away")

    def __init__(self, limiter: SubmitLimiter, owner: str) -> None:
        self._limiter = limiter
        self._owner = owner
        self._number = limiter.next_number()
        self._was_turned_away = False
        self._taken = False

    def try_take(self) -> bool:
        """Take the permit if that needs no waiting; returns whether it was taken."""
        self._taken = self._limiter.try_enter()
        return self._taken

    async def take(self) -> None:
        """Wait for the permit."""
        await self._limiter.enter(self._owner, self._number, first=self._was_turned_away)
        self._taken = True

    def occupy(self) -> None:
        """The job is under way already: it has the permit, whether or not there is room."""
        if not self._taken:
            self._limiter.occupy()
            self._taken = True

    def admitted(self, room: int) -> None:
        """The account has admitted the job, and has room for so many more."""
        self._was_turned_away = False
        self._limiter.told(room)

    def turned_away(self, refusal: NoPermit, *, jitter: float) -> None:
        """The account has no room; the job must take its permit again."""
        self._taken = False
        self._was_turned_away = True
        self._limiter.turned_away(refusal, jitter=jitter)

    def settled(self, *, accepted: bool) -> None:
        """The submit has had its answer."""
        if self._taken:
            self._limiter.settled(accepted=accepted)

    def give_back(self) -> None:
        """The job needs the permit no longer."""
        if self._taken:
            self._taken = False
            self._limiter.leave()
