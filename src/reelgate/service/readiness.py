"""Whether the gateway may be sent work, and why not; what changes by itself is told to the log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from reelgate.cache import Cache
from reelgate.clock import Clock
from reelgate.db.database import Database
from reelgate.errors import ReelgateError
from reelgate.providers.expiry import CredentialEnd
from reelgate.service.videos import Load

log = structlog.get_logger()

DATABASE_TIMEOUT_S = 2.0
STORAGE_TIMEOUT_S = 5.0
COUNT_TIMEOUT_S = 0.5
"""`/health` answers within a second, whatever the database does."""
FRESH_S = 1.0
"""How long what was found is told again: anybody may ask, and as often as they like."""
STORAGE_FRESH_S = 15.0
"""A bucket charges for being asked."""
ROUND_S = 15.0
AWAY_ROUND_S = 1.0
"""How often a database that is away is tried, so that its end is noticed while nobody calls."""
SOON_S = 0.05
"""A clock that is read a moment too early has nothing due."""

T = TypeVar("T")
Check = Callable[[], Awaitable[None]]
"""Raises where something is the matter."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why no work should be sent, or soon none: a code that does not change, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What keeps the gateway from taking work, and what may do so soon."""

    reasons: Sequence[Reason] = ()
    warnings: Sequence[Reason] = ()

    @property
    def is_ready(self) -> bool:
        """Whether it may be sent work."""
        return not self.reasons


class Remembered(Generic[T]):
    """A question that is asked once in a while, however many want the answer."""

    def __init__(
        self, ask: Callable[[], Awaitable[T]], timeout_s: float, fresh_s: float, clock: Clock
    ) -> None:
        """Ask no longer than `timeout_s`, and anew once the answer is `fresh_s` old."""
        self._ask = ask
        self._timeout_s = timeout_s
        self._answers: Cache[None, T | ReelgateError] = Cache(fresh_s, clock)

    async def answer(self) -> T:
        """The answer.

        Raises:
            TimeoutError: there is none yet.
            ReelgateError: whatever the question raises.
        """
        try:
            # Not cancelled: a driver that is cancelled may take longer than one left alone.
            answer = await self._answers.get(None, self._outcome, timeout_s=self._timeout_s)
        except TimeoutError:
            message = f"no answer within {self._timeout_s:g} s"
            raise TimeoutError(message) from None
        if isinstance(answer, ReelgateError):
            raise answer
        return answer

    async def close(self) -> None:
        """Ask no more."""
        await self._answers.close()

    async def _outcome(self) -> T | ReelgateError:
        """A failure is an answer, too, and is remembered as one."""
        try:
            return await self._ask()
        except ReelgateError as error:
            return error


async def problem_of(question: Remembered[None]) -> str | None:
    """Why a check fails; None where it does not."""
    try:
        await question.answer()
    except TimeoutError as error:
        return str(error)
    except ReelgateError as error:
        return error.message
    return None


class Readiness:
    """Knows what everything that a job needs is like now."""

    def __init__(
        self,
        *,
        database: Database,
        check_storage: Check,
        expiries: Sequence[CredentialEnd | None],
        load: Load,
        count_open: Callable[[], Awaitable[int]],
        is_closing: Callable[[], bool],
        full_accounts: Callable[[], Mapping[str, str]],
        clock: Clock,
    ) -> None:
        """Ask these.

        Args:
            database: where the jobs are.
            check_storage: raises where finished files could not be kept.
            expiries: when each upstream account's credential ends; None where that is not known.
            load: whether there is too much work.
            count_open: counts the jobs that are open.
            is_closing: whether the gateway is about to stop.
            full_accounts: the upstream accounts that take no submit now, and why.
            clock: the time.
        """
        self._database = database
        self._reading = Remembered(database.check, DATABASE_TIMEOUT_S, FRESH_S, clock)
        self._storing = Remembered(check_storage, STORAGE_TIMEOUT_S, STORAGE_FRESH_S, clock)
        self._storage_was_away = False
        self._expiries = [expiry for expiry in expiries if expiry is not None]
        self._account_count = len(expiries)
        self._load = load
        self._counting = Remembered(count_open, COUNT_TIMEOUT_S, 0.0, clock)
        self._is_closing = is_closing
        self._full_accounts = full_accounts

    async def verdict(self) -> Verdict:
        """What is the matter now."""
        reasons = [Reason("stopping", "The gateway is about to stop.")] * self._is_closing()
        of_database, storage = await asyncio.gather(self._of_database(), problem_of(self._storing))
        reasons += of_database
        if storage is not None:
            reasons.append(Reason("storage", f"Finished videos cannot be kept: {storage}"))
        ended = [Reason("credential", expiry.told()) for expiry in self._expiries if expiry.is_over]
        ending = [
            Reason("credential", expiry.told()) for expiry in self._expiries if expiry.is_near
        ]
        # As long as one account can make videos, the gateway can take work.
        if len(ended) < self._account_count:
            ended, ending = [], [*ended, *ending]
        full = [Reason("account", why) for why in self._full_accounts().values()]
        return Verdict([*reasons, *ended], [*ending, *full])

    async def _of_database(self) -> list[Reason]:
        problem = self._database.outage.reason or await problem_of(self._reading)
        if problem:
            return [Reason("database", f"The database cannot be used: {problem}")]
        try:
            return [Reason("overloaded", full)] if (full := await self._load.full()) else []
        except ReelgateError as error:
            return [Reason("database", error.message)]

    async def jobs_open(self) -> int | None:
        """How many jobs are open; None while the database does not tell at once."""
        if self._database.outage:
            return None
        try:
            return await self._counting.answer()
        except (TimeoutError, ReelgateError):
            return None

    async def close(self) -> None:
        """Ask no more."""
        for question in (self._reading, self._storing, self._counting):
            await question.close()

    async def run(self) -> None:
        """Look at what changes by itself, for ever, and tell the log."""
        while True:
            for expiry in self._expiries:
                expiry.tell_log()
            await self._tell_of_storage()
            if self._database.outage:
                await self._try_database()
            await self._wait()

    async def _wait(self) -> None:
        """Until something is due, or the database goes away."""
        if self._database.outage:
            await asyncio.sleep(AWAY_ROUND_S)
            return
        due_s = min([ROUND_S, *(expiry.next_s + SOON_S for expiry in self._expiries)])
        with suppress(TimeoutError):
            async with asyncio.timeout(due_s):
                await self._database.outage.began()

    async def _try_database(self) -> None:
        try:
            await self._database.probe()
        except ReelgateError:
            # The outage goes on, and the log has it.
            return

    async def _tell_of_storage(self) -> None:
        problem = await problem_of(self._storing)
        if problem is not None and not self._storage_was_away:
            log.error("storage_away", error=f"finished videos cannot be kept: {problem}")
        if problem is None and self._storage_was_away:
            log.warning("storage_back")
        self._storage_was_away = problem is not None
