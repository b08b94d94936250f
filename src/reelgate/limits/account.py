"""One upstream account: how many submits it has room for, and when it rests. Pure.

Two keepers hold such a state: `submits.py` for one process, in memory, and `postgres.py` for all
processes together, in the account's row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from reelgate.db.database import Database
from reelgate.db.group_commit import Work

T = TypeVar("T")

PLENTY = 2**31
"""No limit."""
TRIAL_S = 20.0
"""How long the one submit that is tried after a rest keeps others from trying, unless its answer
comes sooner: its process may have been killed."""
RETRY_S = 0.5
"""When to ask again for room that was taken."""
WAITING_S = 2.0
"""A process that waited for room and has not asked for so long waits no longer."""


class NoPermit(Exception):
    """The account takes no submit now."""

    def __init__(self, retry_s: float, *, rests: bool = False) -> None:
        """`retry_s`: when to ask again; `rests`: the upstream itself has asked for that."""
        super().__init__(f"not now; ask again in {retry_s:.1f} s")
        self.retry_s = retry_s
        self.rests = rests


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """How many videos may be under way, and how many submits of them wait for their answer."""

    in_flight: int = PLENTY
    submits: int = PLENTY


@dataclass(frozen=True, slots=True)
class PollState:
    """The polls of all processes: how many videos render, and how long nobody may poll."""

    rendering: int = 0
    rest_s: float = 0.0


class Account(Protocol):
    """One upstream account, as all the processes that use it count it together."""

    room: int
    """How many more submits it had room for after the last one that it took."""

    async def admit(self, intent: Work[T]) -> T:
        """Run the change that makes an intent to submit durable, if the account has room for it.

        Raises:
            NoPermit: it has none; nothing was changed.
            StorageFailed: the database cannot be used; nothing was changed.
        """
        ...

    async def settled(self, *, accepted: bool) -> None:
        """A submit that was admitted has had its answer."""
        ...

    async def rest(self, seconds: float) -> None:
        """The upstream asked for a rest: nobody submits for so long, and then one after the other.

        Raises:
            StorageFailed: the database cannot be used.
        """
        ...

    async def rest_polls(self, seconds: float) -> None:
        """The upstream asked for a rest from polls: nobody polls for so long.

        Raises:
            StorageFailed: the database cannot be used.
        """
        ...

    async def watched(self) -> PollState:
        """What is known of the polls of all processes.

        Raises:
            StorageFailed: the database cannot be used.
        """
        ...


class LocalAccount:
    """An account that no other process uses: what this process counts is all there is."""

    def __init__(self, database: Database) -> None:
        self.room = PLENTY
        self._database = database

    async def admit(self, intent: Work[T]) -> T:
        """Run the change."""
        return await self._database.write(intent)

    async def settled(self, *, accepted: bool) -> None:
        """There is nobody else to tell."""

    async def rest(self, seconds: float) -> None:
        """There is nobody else to tell."""

    async def rest_polls(self, seconds: float) -> None:
        """There is nobody else to tell."""

    async def watched(self) -> PollState:
        """Nobody else polls."""
        return PollState()


@dataclass(frozen=True, slots=True)
class Waiter:
    """A process that waits for room; Unix seconds: since when, and when it asked last."""

    process: int
    since: float
    asked_at: float


@dataclass(slots=True)
class AccountState:
    """An account's row, as one process sees it while it holds the row's lock.

    Not frozen: one process counts each step of each submit in it, and a copy takes ten times as
    long as a sum.

    Attributes:
        now: the database's time; this and all times are Unix seconds.
        in_flight: videos under way, or more: it counts all that came, and few of those that went.
        submitting: those of them whose submit has no answer yet, or more.
        rests_until: the upstream asked for so long a rest from submits.
        cautious: no submit has been accepted since then.
        trial_until: so long a cautious account waits for the answer to the one submit it tries.
        waiting: the processes that wait for room.
    """

    now: float
    in_flight: int = 0
    submitting: int = 0
    rests_until: float = 0.0
    cautious: bool = False
    trial_until: float = 0.0
    waiting: Sequence[Waiter] = ()

    @property
    def rest_s(self) -> float:
        """How long the account still rests."""
        return max(0.0, self.rests_until - self.now)


def room_in(state: AccountState, limits: AccountLimits, process: int) -> int:
    """How many submits this process may make now.

    Each process that has waited for longer is left room for one, so that none starves because
    another's own videos end and make room again and again.
    """
    if state.rest_s:
        return 0
    free = min(limits.in_flight - state.in_flight, limits.submits - state.submitting)
    if state.cautious:
        free = min(free, 1 if state.now >= state.trial_until else 0)
    if not state.waiting:
        return max(0, free)
    own = next((one.since for one in state.waiting if one.process == process), state.now)
    ahead = [one for one in others_of(state, process) if one.since < own]
    return max(0, free - len(ahead))


def others_of(state: AccountState, process: int) -> list[Waiter]:
    """The other processes that still wait for room."""
    oldest = state.now - WAITING_S
    return [one for one in state.waiting if one.process != process and one.asked_at >= oldest]


def after(state: AccountState, process: int, *, entered: int, turned_away: int) -> AccountState:
    """The account once so many submits of this process were let in, and so many were not."""
    waiting = others_of(state, process)
    if turned_away and not state.rest_s:
        since = min((one.since for one in state.waiting if one.process == process), default=None)
        if entered or since is None:
            since = state.now
        waiting.append(Waiter(process, since, state.now))
    return replace(
        state,
        in_flight=state.in_flight + entered,
        submitting=state.submitting + entered,
        trial_until=state.now + TRIAL_S if state.cautious and entered else state.trial_until,
        waiting=tuple(waiting),
    )


def rested(state: AccountState, seconds: float) -> AccountState:
    """The account once the upstream has asked for a rest; a longer rest stays as it is."""
    return replace(state, rests_until=max(state.rests_until, state.now + seconds), cautious=True)


def answered(state: AccountState, *, accepted: bool) -> AccountState:
    """The account once one of its submits has had its answer."""
    return replace(
        state,
        submitting=state.submitting - 1,
        trial_until=0.0,
        cautious=state.cautious and not accepted,
    )
