"""Runs jobs, each from wherever it stands to its end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar, assert_never

import structlog

from reelgate.db.changes import Changes
from reelgate.db.videos import LostRace
from reelgate.domain.video import Failure, State, Video, VideoRequest
from reelgate.errors import (
    DatabaseAway,
    InternalError,
    ModelNotFound,
    StorageFailed,
    SubmissionUnknown,
)
from reelgate.jobs.context import JobContext, Pause, fail, stage_of
from reelgate.jobs.engine import ReleaseJob, TakenOver
from reelgate.jobs.fetch import fetch
from reelgate.jobs.poll import PollLoop
from reelgate.jobs.reconcile import search
from reelgate.jobs.submit import submit
from reelgate.limits.submits import SubmitPermit

log = structlog.get_logger()
T = TypeVar("T")

DATABASE_PAUSE_S = 5.0
"""How long to leave a database that does not answer."""


NOT_OURS_PAUSE_S = 5.0
"""How long to leave a video to a process that knows its provider, or all of its request."""

MISTAKE_PAUSES_S = (1.0, 5.0, 30.0, 120.0, 600.0)
"""How long to leave a video after the program made one mistake with it, two, and so on."""


class JobRunner:
    """Every job of this process; a waiting job is one coroutine that sleeps."""

    def __init__(self, context: JobContext, changes: Changes) -> None:
        self._context = context
        self._changes = changes
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._mistakes: Counter[str] = Counter()

    async def run(self, video_id: str, made: Video | None = None) -> None:
        """Run one video to its end, or until somebody else has taken it over.

        Args:
            video_id: which one.
            made: the video itself where it has just been made and nobody else can run it.

        Raises:
            HandBack: it is not finished, and must be run again later or by another process.
            TakenOver: another process runs it already.
        """
        if self._stopping:
            raise ReleaseJob
        task = asyncio.create_task(self._run(video_id, made))
        self._tasks.add(task)
        try:
            await task
        except LostRace as race:
            await self._check_over(video_id, race)
        except StorageFailed as error:
            if not isinstance(error, DatabaseAway):
                log.warning("database_failed", video=video_id, error=error.message)
            raise ReleaseJob(DATABASE_PAUSE_S) from error
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            raise ReleaseJob from None
        except ReleaseJob:
            raise
        except Exception as error:
            log.exception("job_broke", video=video_id)
            raise self._after_mistake(video_id) from error
        else:
            self._mistakes.pop(video_id, None)
        finally:
            self._tasks.discard(task)

    def _after_mistake(self, video_id: str) -> ReleaseJob:
        """Whatever went wrong, the job goes on."""
        self._mistakes[video_id] += 1
        last = len(MISTAKE_PAUSES_S)
        return ReleaseJob(MISTAKE_PAUSES_S[min(self._mistakes[video_id], last) - 1])

    async def stop(self) -> None:
        """Let go of every job; a submit under way is first seen to its end."""
        self._stopping = True
        self._context.stopping.set()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, video_id: str, made: Video | None) -> None:
        with self._changes.subscribe(video_id) as subscription:
            pause = Pause(subscription)
            video = made or await self._context.videos.claim(video_id)
            if video is None:
                return
            log.debug("claimed", video=video.id, state=video.state.value, epoch=video.epoch)
            if video.provider not in self._context.providers:
                raise ReleaseJob(NOT_OURS_PAUSE_S)
            permit = self._permit_of(video)
            try:
                # What is found being fetched was begun by a process that did not end it.
                taken_over = video.state is State.FETCHING
                while not video.is_over:
                    account = video.provider
                    with self._context.telemetry.running(video):
                        video = await self._safe_step(video, pause, permit, taken_over=taken_over)
                    if video.provider != account:
                        permit.give_back()
                        permit = self._permit_of(video)
            finally:
                permit.give_back()

    def _permit_of(self, video: Video) -> SubmitPermit:
        return SubmitPermit(self._context.upstreams[video.provider].submit_limiter, video.owner)

    async def _safe_step(
        self, video: Video, pause: Pause, permit: SubmitPermit, *, taken_over: bool
    ) -> Video:
        """A mistake in the program ends a job that was never sent, and is told as what it is.

        One that may have been paid for goes on later instead.
        """
        try:
            return await self._step(video, pause, permit, taken_over=taken_over)
        except (LostRace, StorageFailed, ReleaseJob):
            raise
        except Exception:
            if not await self._was_never_sent(video):
                raise
            log.exception("step_failed", video=video.id, state=video.state.value)
            return await fail(
                video, Failure(InternalError.code, str(InternalError())), self._context
            )

    async def _was_never_sent(self, video: Video) -> bool:
        """Whether the step that failed left the video where it found it, in the queue."""
        if video.state is not State.QUEUED:
            return False
        latest = await self._context.videos.find(video.id)
        return latest is not None and stage_of(latest) == stage_of(video)

    async def _step(
        self, video: Video, pause: Pause, permit: SubmitPermit, *, taken_over: bool
    ) -> Video:
        match video.state:
            case State.QUEUED if not self._can_ask_for(video.provider_request, video.provider):
                return await self._leave(video)
            case State.QUEUED:
                return await self._submit(video, pause, permit)
            case State.SUBMITTING:
                return await self._reconcile(video, pause)
            case State.RENDERING:
                permit.occupy()
                return await PollLoop(video, self._context).run(pause)
            case State.FETCHING:
                permit.give_back()
                return await fetch(video, self._context, pause, taken_over=taken_over)
            case State.COMPLETED | State.FAILED:
                return video
            case _:
                assert_never(video.state)

    def _can_ask_for(self, request: VideoRequest, provider: str) -> bool:
        """Whether all of a request is known here: a newer version may have taken it.

        What is left out of a submit would be missing in a video that is paid for.
        """
        return any(model.takes(request) for model in self._context.providers[provider].models)

    async def _leave(self, video: Video) -> Video:
        """Leave a job to a version that knows all of its request, as long as one may come.

        Raises:
            HandBack: one may.
        """
        age_s = self._context.clock.now() - video.timeline.created_at
        if age_s < self._context.limits.job_timeout_s:
            raise ReleaseJob(NOT_OURS_PAUSE_S)
        asked = ", ".join([f"the model {video.request.model}", *video.request.options])
        message = f"no gateway that runs here knows {asked}: nothing was sent"
        return await fail(video, Failure(ModelNotFound.code, message), self._context)

    async def _submit(self, video: Video, pause: Pause, permit: SubmitPermit) -> Video:
        """Wait for a turn, send, and leave the upstream alone where it asks for that."""
        if not permit.try_take():
            await pause.until(video, permit.take())
        sent, rest_s = video, 0.0
        try:
            sent, rest_s = await run_to_end(submit(video, permit, self._context))
        finally:
            permit.settled(accepted=sent.state is State.RENDERING)
        if sent.state is State.QUEUED:
            permit.give_back()
            await pause.sleep(sent, rest_s)
        return sent

    async def _check_over(self, video_id: str, race: LostRace) -> None:
        """A race is lost to whoever ended the video or to whoever runs it now.

        Raises:
            TakenOver: it goes on.
            HandBack: the database cannot tell.
        """
        log.debug("lost_race", video=video_id)
        try:
            video = await self._context.videos.find(video_id)
        except StorageFailed as error:
            raise ReleaseJob(DATABASE_PAUSE_S) from error
        if video is not None and not video.is_over:
            raise TakenOver(video_id) from race

    async def _reconcile(self, video: Video, pause: Pause) -> Video:
        """A submit whose outcome is not known: its job is looked for where that can be done.

        One of this process is looked for at once. While another process, which made it, may live,
        it is left to that one: a paused process may still write down that the upstream has
        accepted. The wait is measured here, from when the video was found, so that no two clocks
        are compared. See docs/adr/0008-a-submit-found-under-way.md.
        """
        failure = self._context.lost.pop(video.id, None)
        if failure is None:
            failure = Failure(SubmissionUnknown.code, str(SubmissionUnknown()))
            try:
                await pause.sleep(video, self._context.limits.submit_lease_s)
            except LostRace:
                claimed = await self._context.videos.claim(video.id)
                if claimed is None:
                    raise
                return claimed
        return await search(video, failure, self._context, pause)


async def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """See work to its end even when cancelled meanwhile; the cancellation follows then."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
    finally:
        # Its error holds this frame. If that held it, both would wait for the garbage collector.
        del task
