"""Looks at failed jobs again whose failure may turn out to be none.

A job whose submit was lost is looked for in the upstream's list for an hour. One that was not ready
in our time is polled for a day. If its video is found it goes on from there.
See docs/adr/0022-lost-submits-are-looked-for.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import assert_never

import structlog

from reelgate.db.videos import LostRace
from reelgate.domain.video import Failure, State, Video
from reelgate.errors import DatabaseAway, StorageFailed, UpstreamError
from reelgate.jobs.context import JobContext, recheck_gap_s
from reelgate.jobs.reconcile import NotFound, look_up, with_candidates
from reelgate.providers.base import Ended, Failed, Ready, Running

log = structlog.get_logger()

EVERY_S = 15.0
"""Time between two rounds, in seconds of the upstream."""
AT_ONCE = 100
SLOWEST_S = 60.0
"""A look at one job that takes longer is given up until its next time."""

Resume = Callable[[Video], Awaitable[None]]
"""Lets a worker run a video again that had ended."""


class FollowUp:
    """Rounds over the failed jobs that are due; many processes may make them side by side."""

    def __init__(self, context: JobContext, resume: Resume) -> None:
        self._context = context
        self._resume = resume

    async def run(self) -> None:
        """Go round for ever, at first over all of them: time has passed since the last process."""
        is_first = True
        while True:
            try:
                await self.round(all_of_them=is_first)
                is_first = False
            except DatabaseAway:
                # The log has it.
                pass
            except StorageFailed as error:
                log.warning("follow_up_failed", error=error.message)
            except Exception:
                log.exception("follow_up_failed")
            await asyncio.sleep(EVERY_S * min(up.unit_s for up in self._context.upstreams.values()))

    async def round(self, *, all_of_them: bool = False) -> None:
        """Look at what is due.

        Raises:
            StorageFailed: the database cannot be used.
        """
        now = self._context.clock.now()
        until = float("inf") if all_of_them else now
        for video in await self._context.rechecks.due(self._context.providers, until, AT_ONCE):
            await self.check(video)

    async def check(self, video: Video) -> Video:
        """Look at one failed video now, if that may help; how it stands then.

        Raises:
            StorageFailed: the database cannot be used.
        """
        if video.provider not in self._context.providers:
            return video
        gap_s = recheck_gap_s(video, self._context)
        recheck_at = None if gap_s is None else self._context.clock.now() + gap_s
        # Whoever notes the next time first has this one.
        if not await self._context.rechecks.note(video, recheck_at, video.failure):
            return await self._latest(video)
        video = replace(video, recheck_at=recheck_at)
        try:
            async with asyncio.timeout(SLOWEST_S):
                found = await self._look(video)
        except LostRace:
            return await self._latest(video)
        except TimeoutError:
            return video
        if found is None:
            return await self._latest(video)
        log.info("failure_corrected", video=video.id, code=found.corrects and found.corrects.code)
        await self._resume(found)
        return found

    async def _look(self, video: Video) -> Video | None:
        if video.is_late:
            return await self._poll(video)
        if not video.is_lost:
            return None
        found = await look_up(video, self._context)
        if isinstance(found, NotFound):
            await self._name(video, found)
            return None
        return found

    async def _name(self, video: Video, found: NotFound) -> None:
        """Say in its failure which jobs may be its own."""
        if video.failure is None or found.candidates is None:
            return
        told: Failure = with_candidates(video.failure, found.candidates)
        if told != video.failure:
            await self._context.rechecks.note(video, video.recheck_at, told)

    async def _poll(self, video: Video) -> Video | None:
        """One poll of a job that ran out of our time."""
        limiter = self._context.upstreams[video.provider].poll_limiter
        await asyncio.sleep(max(limiter.turn_s(), await limiter.rest_s()))
        provider = self._context.providers[video.provider]
        try:
            result = await provider.watch(video.provider_id or "").poll()
        except UpstreamError as error:
            log.info("poll_failed", video=video.id, error=error.message)
            return None
        match result:
            case Ready():
                return await self._ready(video, result)
            case Failed():
                # It has ended without a video: there is nothing to wait for.
                log.info("late_job_failed", video=video.id, code=result.code)
                await self._context.rechecks.note(video, None, video.failure)
                return None
            case Running() | Ended():
                return None
            case _:
                assert_never(result)

    async def _ready(self, video: Video, result: Ready) -> Video:
        timeline = replace(video.timeline, ready_at=self._context.clock.now(), completed_at=None)
        return await self._context.videos.move(
            video,
            State.FETCHING,
            failure=None,
            recheck_at=None,
            corrects=video.correction(),
            timeline=timeline,
            cost=result.cost or video.cost,
        )

    async def _latest(self, video: Video) -> Video:
        return await self._context.videos.find(video.id) or video
