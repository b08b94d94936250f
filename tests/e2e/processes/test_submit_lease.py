"""A submit that another process began: who may end it, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NoReturn

import pytest

from reelgate.clock import SystemClock
from reelgate.db.admission import Admission, AdmissionOptions
from reelgate.db.changes import Changes
from reelgate.db.database import Database, open_database
from reelgate.db.durations import Durations
from reelgate.db.migrate import migrate
from reelgate.db.videos import Videos
from reelgate.domain.video import Failure, State, Video, VideoRequest
from reelgate.jobs.engine import TakenOver
from reelgate.jobs.runner import JobRunner
from reelgate.jobs.submit import INTENT_FRESH_S, submit
from reelgate.limits.submits import SubmitPermit
from reelgate.polling.observations import Observation
from reelgate.polling.waiting import Record
from tests.db.factories import NOW, a_video
from tests.e2e.processes.job_context import context_on

GONE = Failure("rate_limited", "somebody else ended it")
SHORT_LEASE_S = 0.2
MIDDLE_LEASE_S = 2.0
LONG_LEASE_S = 60.0


class NeverAsked:
    """A provider that must not be sent anything."""

    def typical_s(self, _request: VideoRequest) -> tuple[float, float]:
        return 1.0, 2.0

    async def submit(self, _request: VideoRequest, **_more: object) -> NoReturn:
        pytest.fail("sent")


class Paused(SystemClock):
    """A clock of a process that is paused between any two looks at it."""

    _at_s = 0.0

    def monotonic(self) -> float:
        self._at_s += INTENT_FRESH_S + 1
        return self._at_s


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = open_database(database_url)
    await migrate(opened)
    yield opened
    await opened.close()


def a_worker(database: Database, lease_s: float) -> tuple[JobRunner, Videos]:
    changes = Changes()
    context = context_on(database, NeverAsked(), changes, lease_s=lease_s)
    return JobRunner(context, changes), context.videos


async def being_submitted(database: Database, videos: Videos) -> Video:
    """A video whose submit some process has begun."""
    video, _ = await Admission(database).admit(a_video(), AdmissionOptions(now=NOW))
    claimed = await videos.claim(video.id)
    assert claimed is not None
    return await videos.move(claimed, State.SUBMITTING, attempts=1)


async def test_a_submit_nobody_ends_within_its_lease_has_an_unknown_outcome(
    database: Database,
) -> None:
    worker, videos = a_worker(database, SHORT_LEASE_S)
    video = await being_submitted(database, videos)
    await worker.run(video.id)
    ended = await videos.find(video.id)
    assert ended is not None
    assert ended.failure is not None
    assert (ended.state, ended.failure.code) == (State.FAILED, "submission_unknown")


async def test_a_submit_belongs_to_its_own_process_until_its_lease_has_run_out(
    database: Database,
) -> None:
    worker, videos = a_worker(database, LONG_LEASE_S)
    video = await being_submitted(database, videos)
    watching = asyncio.create_task(worker.run(video.id))
    ended = await videos.move(video, State.FAILED, failure=GONE)
    await watching
    assert await videos.find(video.id) == ended


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_later_attempt_is_not_failed_for_an_earlier_one(database: Database) -> None:
    """The watcher heard nothing of it, as if its line to the database had been down."""
    changes = Changes()
    context = context_on(database, NeverAsked(), changes, lease_s=MIDDLE_LEASE_S)
    videos = Videos(database, Changes())
    video = await being_submitted(database, videos)
    with changes.subscribe(video.id) as subscription:
        watching = asyncio.create_task(JobRunner(context, changes).run(video.id))
        found = await subscription.next()
    assert found == video
    queued = await videos.move(video, State.QUEUED)
    again = await videos.move(queued, State.SUBMITTING, attempts=2)
    with pytest.raises(TakenOver):
        await watching
    assert await videos.find(video.id) == again


async def test_a_process_paused_before_the_sending_does_not_send(database: Database) -> None:
    context = context_on(database, NeverAsked(), Changes(), clock=Paused())
    await Durations(database).add({"any": Record(Observation(1.0, 2.0), NOW, 0.0)})
    video, _ = await Admission(database).admit(a_video(), AdmissionOptions(now=NOW))
    permit = SubmitPermit(context.upstreams["imagine"].submit_limiter, video.owner)
    assert permit.try_take()
    sent, rest_s = await submit(video, permit, context)
    assert (sent.state, sent.attempts, rest_s) == (State.QUEUED, 1, 0.0)
