"""The submit: the one step that costs money, and the one that is never done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import assert_never

import structlog

from reelgate.errors import RateLimited, StorageFailed, UpstreamError
from reelgate.pacing import Forecast
from reelgate.providers.base import Submission
from reelgate.retry import SendAgain, after_failed_submit
from reelgate.store.account import Account, NotNow
from reelgate.store.videos import LostRace
from reelgate.video import Failure, State, Video
from reelgate.worker.ending import fail
from reelgate.worker.tools import Tools
from reelgate.worker.turnstile import Place

log = structlog.get_logger()

INTENT_FRESH_S = 10.0
"""A process that was paused for longer between its intent to send and the sending does not send."""
REMEMBER_S = 300.0
"""How long the database is tried for the outcome of a submit, which nobody can ask for again."""
REMEMBER_PAUSE_S = 1.0
"""No longer, or a process that dies soon after the database is back takes the answer with it."""


async def submit(video: Video, place: Place, tools: Tools) -> tuple[Video, float]:
    """Send a queued video to its provider once, or take it back into the line for its account.

    Must not be interrupted between the intent and the answer: shield it.

    Returns:
        The video, and for how many seconds to leave it alone before the next step.
    """
    law = await tools.laws.of(video, tools.providers[video.provider])
    account = tools.upstreams[video.provider].account
    began_s = tools.clock.monotonic()
    try:
        video = await note_intent(video, account, tools)
    except NotNow as refusal:
        place.turned_away(refusal, jitter=0.5 + tools.dice.random())
        return video, 0.0
    place.admitted(account.room)
    accepted = False
    try:
        if tools.clock.monotonic() - began_s > INTENT_FRESH_S:
            # Others may be about to give this submit up.
            log.warning("intent_too_old", video=video.id)
            return await written_down(partial(back_in_line, video, tools), video, tools), 0.0
        try:
            submission = await tools.providers[video.provider].submit(video.request)
        except UpstreamError as error:
            return await refused(video, error, tools)
        accepted = True
        forecast = Forecast.of(law)
        outcome = partial(rendering, video, submission, forecast, tools)
        return await written_down(outcome, video, tools), 0.0
    finally:
        await account.settled(accepted=accepted)


async def note_intent(video: Video, account: Account, tools: Tools) -> Video:
    """Make it durable that a submit may happen from now on.

    Raises:
        NotNow: the account has no room for it.
    """
    timeline = replace(video.timeline, submitting_at=tools.clock.now())
    return await tools.videos.move(
        video,
        State.SUBMITTING,
        account.admit,
        attempts=video.attempts + 1,
        timeline=timeline,
    )


async def written_down(
    outcome: Callable[[], Awaitable[Video]], video: Video, tools: Tools
) -> Video:
    """What the upstream answered, in the database, however often that must be asked."""
    gives_up_s = tools.clock.monotonic() + REMEMBER_S
    while True:
        try:
            return await outcome()
        except StorageFailed as error:
            log.warning("submit_not_recorded", video=video.id, error=error.message)
            if tools.clock.monotonic() >= gives_up_s:
                raise
        await asyncio.sleep(REMEMBER_PAUSE_S)


async def rendering(
    video: Video, submission: Submission, forecast: Forecast, tools: Tools
) -> Video:
    """The upstream is at work."""
    try:
        return await tools.videos.move(
            video,
            State.RENDERING,
            provider_id=submission.provider_id,
            batch_id=submission.batch_id,
            cost=submission.cost,
            forecast=forecast,
            timeline=replace(video.timeline, submitted_at=tools.clock.now()),
        )
    except LostRace:
        await abandon(video, submission, tools)
        raise


async def back_in_line(video: Video, tools: Tools) -> Video:
    """The upstream has surely not taken it."""
    return await tools.videos.move(video, State.QUEUED)


async def abandon(video: Video, submission: Submission, tools: Tools) -> None:
    """The job ended while its submit was under way: stop the upstream's work where it can be."""
    log.warning("accepted_too_late", video=video.id, provider_id=submission.provider_id)
    try:
        await tools.providers[video.provider].cancel(submission.provider_id)
    except UpstreamError as error:
        log.warning("cancel_failed", video=video.id, error=error.message)


async def refused(video: Video, error: UpstreamError, tools: Tools) -> tuple[Video, float]:
    """Back to the queue for a while, or the end."""
    decision = after_failed_submit(
        error,
        attempts=video.attempts,
        limit=tools.limits.submit_attempts,
        draw=tools.dice.random(),
    )
    log.warning(
        "submit_failed",
        video=video.id,
        error=error.message,
        upstream=error.upstream,
        attempt=video.attempts,
    )
    match decision:
        case SendAgain():
            if isinstance(error, RateLimited):
                upstream = tools.upstreams[video.provider]
                upstream.turnstile.rest(decision.delay_s)
                await upstream.account.rest(decision.delay_s)
            outcome = partial(back_in_line, video, tools)
            return await written_down(outcome, video, tools), decision.delay_s
        case Failure():
            outcome = partial(fail, video, decision, tools)
            return await written_down(outcome, video, tools), 0.0
        case _:
            assert_never(decision)
