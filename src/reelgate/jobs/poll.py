"""Polls a job that renders until it is ready."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import assert_never

import structlog

from reelgate.domain.polls import Poll, PollOutcome
from reelgate.domain.retry import pause_s
from reelgate.domain.video import Failure, State, Video
from reelgate.errors import RateLimited, UpstreamError, UpstreamTimeout
from reelgate.jobs.context import JobContext, Pause, fail
from reelgate.polling.schedule import next_poll_s
from reelgate.polling.waiting import WaitingJob
from reelgate.providers.base import Ended, Failed, PollResult, Ready, Running

log = structlog.get_logger()

ENDED_GRACE_S = 45.0
"""How long a job that its upstream calls over may lack its file: first the word may change, then
the file appear."""
ENDED_POLLS = 3
ENDED_GAP_S = 10.0
"""Longest time between the polls of such a job."""
LATE_GAP_S = 1.0
"""Least time between polls of a job whose time is over while none of them was answered."""
FOUND_GRACE_S = 600.0
"""What a job found at a start has left at least: the wall clock, which alone knows its age then,
may be wrong by hours."""


class PollLoop:
    """The polls of one video; times are seconds since its submit was accepted."""

    def __init__(self, video: Video, context: JobContext) -> None:
        self._video = video
        self._context = context
        self._provider = context.providers[video.provider]
        self._limiter = context.upstreams[video.provider].poll_limiter
        self._watch = self._provider.watch(video.provider_id or "")
        age_s = age_by_wall_clock_s(video, context)
        timeout_s = context.limits.job_timeout_s
        self._submitted_s = context.clock.monotonic() - max(0.0, age_s)
        self._age_is_likely = 0 <= age_s < timeout_s
        self._deadline_s = max(timeout_s, age_s + min(timeout_s, FOUND_GRACE_S))
        self._was_not_ready = False
        self._pushed_at = video.pushed_at
        self._ended_at_s: float | None = None
        self._ended_polls = 0
        # Zero for a job taken over as well: if its first poll is overdue, it is due now.
        self._polled_at_s = 0.0
        self._not_before_s = 0.0
        self._failures = 0
        # One step on average. Jobs that were submitted together must not be polled together.
        self._phase = 1.5 - context.rng.random()

    async def run(self, pause: Pause) -> Video:
        """Poll at the right moments until the video is ready, has failed or is out of time."""
        try:
            return await self._run(pause)
        finally:
            self._context.videos.forget_polls(self._video)

    async def _run(self, pause: Pause) -> Video:
        distributions = self._context.distributions
        waiting = await distributions.join(self._video, self._provider)
        try:
            with self._limiter.waiting():
                result = await self._until_over(waiting, pause)
        finally:
            distributions.leave(waiting)
        unseen_s = self._polled_at_s - waiting.not_ready_at_s if isinstance(result, Ready) else None
        self._context.telemetry.polled(self._video, waiting.polls, unseen_s)
        return await (self._give_up() if result is None else self._act(result, waiting))

    async def _until_over(self, waiting: WaitingJob, pause: Pause) -> Ready | Failed | None:
        while True:
            wait_s = await self._next_poll_s(waiting) - self._elapsed_s
            await pause.sleep(self._video, wait_s, wakes=self._is_push)
            if (gap_s := self._gap_left_s) > 0:
                await pause.sleep(self._video, gap_s)
            await self._take_turn(pause)
            result = await self._poll(waiting)
            # Only after a poll that was answered: a job that was taken over late may be ready all
            # the same.
            if result is not None or (self._is_late and self._was_not_ready):
                return result

    @property
    def _elapsed_s(self) -> float:
        return self._context.clock.monotonic() - self._submitted_s

    def _is_push(self, latest: Video) -> bool:
        """Whether the upstream has said since that there is something to see."""
        if latest.pushed_at is None or latest.pushed_at == self._pushed_at:
            return False
        self._pushed_at = latest.pushed_at
        return True

    @property
    def _gap_left_s(self) -> float:
        """How long until the upstream lets the job be polled again, whoever says otherwise."""
        if not self._polled_at_s:
            return 0.0
        return self._polled_at_s + self._provider.min_poll_gap_s - self._elapsed_s

    @property
    def _is_late(self) -> bool:
        return self._elapsed_s >= self._deadline_s

    async def _next_poll_s(self, waiting: WaitingJob) -> float:
        if self._is_late and self._polled_at_s:
            gap_s = max(LATE_GAP_S, self._provider.min_poll_gap_s)
            return max(self._polled_at_s + gap_s, self._not_before_s)
        next_s = await self._next_by_distribution_s(waiting)
        if self._ended_at_s is not None:
            next_s = max(min(next_s, self._polled_at_s + ENDED_GAP_S), self._not_before_s)
        return max(next_s, self._polled_at_s + self._provider.min_poll_gap_s)

    async def _next_by_distribution_s(self, waiting: WaitingJob) -> float:
        distribution, pace = await self._context.distributions.pace(
            self._video, self._provider, waiting
        )
        return next_poll_s(
            distribution,
            self._polled_at_s,
            pace,
            deadline_s=self._deadline_s,
            not_before_s=self._not_before_s,
            phase=self._phase,
            polls=waiting.polls,
        )

    async def _take_turn(self, pause: Pause) -> None:
        """A poll that is due waits for its turn, and for another if the account rests then."""
        while True:
            if (turn_s := self._limiter.turn_s()) > 0:
                await pause.sleep(self._video, turn_s)
            if not await self._limiter.rest_s():
                return

    async def _poll(self, waiting: WaitingJob) -> Ready | Failed | None:
        """The end of the rendering, if this poll shows it."""
        self._polled_at_s = self._elapsed_s
        waiting.polls += 1
        try:
            result = await self._watch.poll()
        except RateLimited as error:
            self._note(PollOutcome.RATE_LIMITED)
            began_s = self._submitted_s + self._polled_at_s
            await self._limiter.refused(error, began_s, self._context.rng.random())
            return None
        except UpstreamError as error:
            self._note(PollOutcome.ERROR)
            self._leave_alone(error)
            return None
        self._failures = 0
        self._limiter.answered()
        match self._end_of(result):
            case None:
                self._note(PollOutcome.NOT_READY)
                self._was_not_ready = True
                waiting.not_ready_at_s = self._polled_at_s
                return None
            case Ready() as ready:
                self._note(PollOutcome.READY)
                return ready
            case Failed() as failed:
                self._note(PollOutcome.FAILED)
                return failed

    def _end_of(self, result: PollResult) -> Ready | Failed | None:
        match result:
            case Running():
                self._ended_at_s, self._ended_polls = None, 0
                return None
            case Ended():
                return result.failed if self._has_really_ended() else None
            case Ready() | Failed():
                return result
            case _:
                assert_never(result)

    def _note(self, outcome: PollOutcome) -> None:
        """Keep for the timeline when this poll began, by the wall clock."""
        began_at = self._context.clock.now() - (self._elapsed_s - self._polled_at_s)
        self._context.videos.note_poll(self._video, Poll(round(began_at, 3), outcome.value))

    def _has_really_ended(self) -> bool:
        """Whether the upstream has called the job over for long enough."""
        if self._ended_at_s is None:
            self._ended_at_s = self._polled_at_s
        self._ended_polls += 1
        ended_for_s = self._polled_at_s - self._ended_at_s
        return self._ended_polls >= ENDED_POLLS and ended_for_s >= ENDED_GRACE_S

    def _leave_alone(self, error: UpstreamError) -> None:
        """A poll that failed says nothing about the job, only when to poll again."""
        self._failures += 1
        pause = pause_s(error, self._failures, self._context.rng.random())
        self._not_before_s = self._elapsed_s + pause
        log.info("poll_failed", video=self._video.id, error=error.message, pause_s=round(pause, 1))

    async def _act(self, result: Ready | Failed, waiting: WaitingJob) -> Video:
        match result:
            case Ready():
                timeline = replace(self._video.timeline, ready_at=self._context.clock.now())
                cost = result.cost or self._video.cost
                move = self._context.videos.move(
                    self._video, State.FETCHING, timeline=timeline, cost=cost
                )
                if not self._age_is_likely:
                    return await move
                # Side by side, so that one commit has both.
                video, _ = await asyncio.gather(
                    move, self._context.distributions.teach(waiting, self._polled_at_s)
                )
                return video
            case Failed():
                failure = Failure(result.code, result.message)
                return await fail(self._video, failure, self._context, upstream=result.upstream)
            case _:
                assert_never(result)

    async def _give_up(self) -> Video:
        limit_s = self._context.limits.job_timeout_s
        message = (
            f"{self._video.provider} did not finish the video within {limit_s:.0f} s. It may still"
            " finish it, and charge for it."
        )
        return await fail(self._video, Failure(UpstreamTimeout.code, message), self._context)


def age_by_wall_clock_s(video: Video, context: JobContext) -> float:
    """How long ago the submit was accepted: only the wall clock bridges a restart.

    Negative, or more than can be, where that clock was set meanwhile.
    """
    now = context.clock.now()
    return now - (video.timeline.submitted_at or now)
