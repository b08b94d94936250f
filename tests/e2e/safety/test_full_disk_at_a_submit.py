"""What becomes of a submit whose outcome finds the database's disk full."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog

from reelgate.db.admission import Admission, AdmissionOptions
from reelgate.db.changes import Changes
from reelgate.db.database import open_database
from reelgate.db.migrate import migrate
from reelgate.domain.price import Money, Unit
from reelgate.domain.video import State, VideoRequest
from reelgate.errors import InsufficientCredits, RateLimited
from reelgate.jobs import submit as submits
from reelgate.limits.submits import SubmitPermit
from reelgate.providers.base import Submission
from tests.db.factories import NOW, a_video
from tests.e2e.processes.job_context import context_on
from tests.gateway import soon
from tests.tiny_disk import fill, tiny_disk

MIB = 1024 * 1024
ACCEPTED = Submission("provider-id", "", Money(5, Unit.CREDITS))
REFUSED = RateLimited("slow down", retry_after_s=0.0)
SPENT = InsufficientCredits("the account is empty")


class FillsTheDisk:
    """An upstream whose answer comes just when there is no byte left."""

    def __init__(self, answer: Submission | Exception, disk: Path, full: ExitStack) -> None:
        self._answer = answer
        self._disk = disk
        self._full = full

    def typical_s(self, _request: VideoRequest) -> tuple[float, float]:
        return 1.0, 2.0

    async def submit(self, _request: VideoRequest, **_more: object) -> Submission:
        self._full.enter_context(fill(self._disk))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        pytest.param(ACCEPTED, State.RENDERING, id="accepted"),
        pytest.param(REFUSED, State.QUEUED, id="refused for now"),
        pytest.param(SPENT, State.FAILED, id="refused for good"),
    ],
)
async def test_what_the_upstream_answered_is_written_down_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Submission | Exception, state: State
) -> None:
    monkeypatch.setattr(submits, "REMEMBER_PAUSE_S", 0.01)
    with tiny_disk(tmp_path / "disk", MIB) as disk, ExitStack() as full:
        database = open_database(f"sqlite:///{disk}/reelgate.sqlite")
        await migrate(database)
        context = context_on(database, FillsTheDisk(answer, disk, full), Changes())
        video, _ = await Admission(database).admit(a_video(), AdmissionOptions(now=NOW))
        permit = SubmitPermit(context.upstreams["imagine"].submit_limiter, video.owner)
        assert permit.try_take()
        with structlog.testing.capture_logs() as log:
            sending = asyncio.create_task(submits.submit(video, permit, context))
            await soon(lambda: any(line["event"] == "submit_not_recorded" for line in log))
            full.close()
            sent, _ = await sending
        assert (sent.state, sent.attempts) == (state, 1)
        assert await context.videos.find(video.id) == sent
        await database.close()
