"""One process's end of an account that others use as well, on a real Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace

import pytest

from reelgate.clock import SystemClock
from reelgate.db.admission import Admission, AdmissionOptions
from reelgate.db.changes import Changes
from reelgate.db.database import open_database
from reelgate.db.postgres.database import PostgresDatabase
from reelgate.db.videos import LostRace, Videos
from reelgate.domain.video import State, Video
from reelgate.errors import RateLimited
from reelgate.limits.account import PLENTY, AccountLimits, NoPermit
from reelgate.limits.polls import PollLimiter
from reelgate.limits.postgres import PostgresAccount
from tests.db.factories import NOW, a_video

ACCOUNT = "imagine"
LIMITS = AccountLimits(in_flight=7, submits=5)
BUDGET_PER_S = 12.0
LONG_S = 60.0


class Member:
    """One process's part."""

    def __init__(self, database: PostgresDatabase, limits: AccountLimits) -> None:
        self.videos = Videos(database, Changes())
        self.account = PostgresAccount(database, ACCOUNT, limits)
        self.polls = PollLimiter(self.account, SystemClock(), BUDGET_PER_S)
        self._admission = Admission(database)

    async def queued(self) -> Video:
        video = replace(a_video(), provider=ACCOUNT)
        return (await self._admission.admit(video, AdmissionOptions(now=NOW)))[0]

    async def begin(self, video: Video) -> Video | NoPermit:
        """Note the intent to submit, if that may be."""
        try:
            return await self.videos.move(
                video, State.SUBMITTING, self.account.admit, attempts=video.attempts + 1
            )
        except NoPermit as refusal:
            return refusal

    async def begin_some(self, number: int) -> list[Video]:
        """Queue so many videos and begin those that may be."""
        queued = [await self.queued() for _ in range(number)]
        outcomes = await asyncio.gather(*(self.begin(video) for video in queued))
        return [outcome for outcome in outcomes if isinstance(outcome, Video)]

    async def refused_for_s(self) -> float:
        """When to ask again; it must be refused now."""
        outcome = await self.begin(await self.queued())
        assert isinstance(outcome, NoPermit)
        return outcome.retry_s


@pytest.fixture
async def pair(postgres_url: str) -> AsyncIterator[tuple[Member, Member]]:
    async with AsyncExitStack() as stack:
        members = []
        for _ in range(2):
            database = open_database(postgres_url)
            assert isinstance(database, PostgresDatabase)
            stack.push_async_callback(database.close)
            members.append(Member(database, LIMITS))
        yield members[0], members[1]


async def rush(pair: tuple[Member, Member]) -> list[Video]:
    """Both begin as many as they may, at the same time."""
    begun = await asyncio.gather(*(one.begin_some(20) for one in pair))
    return [video for some in begun for video in some]


async def test_of_a_rush_of_two_processes_only_as_many_get_in_as_may_be(
    pair: tuple[Member, Member],
) -> None:
    begun = await rush(pair)
    assert len(begun) == LIMITS.submits
    rendering = [await pair[0].videos.move(video, State.RENDERING) for video in begun]
    assert len(await rush(pair)) == LIMITS.in_flight - LIMITS.submits
    assert not await rush(pair)
    await pair[0].videos.move(rendering[0], State.FETCHING)
    assert len(await rush(pair)) == 1


async def test_what_a_killed_process_was_submitting_counts_until_it_is_settled(
    pair: tuple[Member, Member],
) -> None:
    stuck = await pair[0].begin_some(LIMITS.submits)
    await pair[1].refused_for_s()
    await pair[1].videos.move(stuck[0], State.FAILED)
    assert len(await pair[1].begin_some(2)) == 1


async def test_an_account_with_room_is_not_counted_anew(pair: tuple[Member, Member]) -> None:
    await pair[0].begin_some(2)
    assert (len(await pair[1].begin_some(1)), pair[1].account.room) == (1, PLENTY)


async def test_a_rest_holds_for_all_and_a_shorter_one_does_not_end_it(
    pair: tuple[Member, Member],
) -> None:
    ours, theirs = pair
    await ours.account.rest(LONG_S)
    await theirs.account.rest(0.2)
    assert LONG_S / 2 < await theirs.refused_for_s() <= LONG_S


async def test_after_a_rest_one_tries_at_a_time(pair: tuple[Member, Member]) -> None:
    ours, theirs = pair
    await ours.account.rest(0.0)
    assert len(await ours.begin_some(1)) == 1
    await theirs.refused_for_s()
    await ours.refused_for_s()
    await ours.account.settled(accepted=False)
    assert len(await theirs.begin_some(1)) == 1
    await ours.refused_for_s()
    await theirs.account.settled(accepted=True)
    assert len(await ours.begin_some(3)) == 3


async def test_an_intent_that_lost_its_race_takes_no_room(pair: tuple[Member, Member]) -> None:
    ours = pair[0]
    await ours.begin_some(LIMITS.submits - 1)
    gone = await ours.queued()
    await ours.videos.move(gone, State.FAILED)
    # Full by what the row says, so that it is counted.
    left = await ours.queued()
    outcomes = await asyncio.gather(ours.begin(gone), ours.begin(left), return_exceptions=True)
    assert isinstance(outcomes[0], LostRace)
    assert isinstance(outcomes[1], Video)


async def test_the_budget_of_polls_is_divided_by_the_jobs_that_each_waits_for(
    pair: tuple[Member, Member],
) -> None:
    ours, theirs = pair
    for video in await ours.begin_some(4):
        await ours.videos.move(video, State.RENDERING)
    with ExitStack() as stack:
        for polls in (ours.polls, ours.polls, ours.polls, theirs.polls):
            stack.enter_context(polls.waiting())
        assert await ours.polls.budget_per_s() == BUDGET_PER_S * 3 / 4
        assert await theirs.polls.budget_per_s() == BUDGET_PER_S / 4


async def test_a_rest_from_polls_is_known_to_all(pair: tuple[Member, Member]) -> None:
    ours, theirs = pair
    await ours.polls.refused(RateLimited(retry_after_s=LONG_S), SystemClock().monotonic(), 0.5)
    for one in (ours, theirs):
        assert LONG_S / 2 < await one.polls.rest_s() <= 2 * LONG_S
