"""What all processes that use one upstream account must agree on: who may submit, and when.

Decided here, purely; `shared_account.py` asks and tells the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from reelgate.db.database import Database
from reelgate.db.group_commit import Work

T = TypeVar("T")

PLENTY = 2**31
"""Room without end."""
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
    """What is known of everybody's looks: how many videos render, and how long no one may look."""

    rendering: int = 0
    rest_s: float = 0.0


class Account(Protocol):
    """One upstream account, as all the processes that use it count it together."""

    room: int
    """How many more submits it had room for after the last one that it took."""

    async def admit(self, intent: Work[T]) -> T:
        """Run the change that makes an intent to submit durable, if the account has room for it.

        Raises:
            NotNow: it has none; nothing was changed.
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
        """The upstream asked for a rest from looks: nobody looks for so long.

        Raises:
            StorageFailed: the database cannot be used.
        """
        ...

    async def watched(self) -> PollState:
        """What is known of everybody's looks.

        Raises:
            StorageFailed: the database cannot be used.
        """
        ...


class LocalAccount:
    """An account that no other process uses: what this one counts itself is all there is."""

    def __init__(self, database: Database) -> None:
        self.room = PLENTY
        self._database = database

    async def admit(self, intent: Work[T]) -> T:
        """Just do it."""
        return await self._database.write(intent)

    async def settled(self, *, accepted: bool) -> None:
        """Nobody else need know."""

    async def rest(self, seconds: float) -> None:
        """Nobody else need know."""

    async def rest_polls(self, seconds: float) -> None:
        """Nobody else need know."""

    async def watched(self) -> PollState:
        """Nobody else looks."""
        return PollState()


@dataclass(frozen=True, slots=True)
class Waiter:
    """A process that waits for room; Unix seconds: since when, and when it asked last."""

    process: int
    since: float
    asked_at: float


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account's row, as one process sees it while it holds the row's lock.

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


def room_in(standing: AccountState, limits: AccountLimits, process: int) -> int:
    """How many submits this process may make now.

    Each process that has waited for longer is left room for one, so that none starves because
    another's own videos end and make room again and again.
    """
    if standing.rest_s:
        return 0
    free = min(limits.in_flight - standing.in_flight, limits.submits - standing.submitting)
    if standing.cautious:
        free = min(free, 1 if standing.now >= standing.trial_until else 0)
    own = next((one.since for one in standing.waiting if one.process == process), standing.now)
    ahead = [one for one in others_of(standing, process) if one.since < own]
    return max(0, free - len(ahead))


def others_of(standing: AccountState, process: int) -> list[Waiter]:
    """The other processes that still wait for room."""
    oldest = standing.now - WAITING_S
    return [one for one in standing.waiting if one.process != process and one.asked_at >= oldest]


def after(standing: AccountState, process: int, *, entered: int, turned_away: int) -> AccountState:
    """The account once so many submits of this process were let in, and so many were not."""
    waiting = others_of(standing, process)
    if turned_away and not standing.rest_s:
        since = min((one.since for one in standing.waiting if one.process == process), default=None)
        if entered or since is None:
            since = standing.now
        waiting.append(Waiter(process, since, standing.now))
    return replace(
        standing,
        in_flight=standing.in_flight + entered,
        submitting=standing.submitting + entered,
        trial_until=standing.now + TRIAL_S
        if standing.cautious and entered
        else standing.trial_until,
        waiting=tuple(waiting),
    )
