"""The submit: the one step that costs money, and the one that is never done twice."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, assert_never
from uuid import uuid4

import structlog

from reelgate.db.videos import LostRace
from reelgate.domain.retry import LONGEST_RETRY_AFTER_S, SendAgain, after_failed_submit
from reelgate.domain.video import Failure, State, Video, VideoRequest
from reelgate.errors import (
    DatabaseAway,
    ProxyAnswered,
    RateLimited,
    ReferenceExpired,
    StorageFailed,
    SubmissionUnknown,
    UpstreamError,
    UpstreamUnavailable,
)
from reelgate.jobs.context import JobContext, fail
from reelgate.limits.account import Account, NoPermit
from reelgate.limits.submits import SubmitPermit
from reelgate.polling.forecast import Forecast
from reelgate.providers.base import Pictures, Provider, Submission, can_reconcile
from reelgate.retrying import Failed, retry

log = structlog.get_logger()

INTENT_FRESH_S = 10.0
"""A process that was paused for longer between its intent to send and the sending does not send."""
PROXY_REST_S = 10.0
"""How long an account rests when a proxy answered in the upstream's place."""
REMEMBER_S = 300.0
"""How long the database is tried for the outcome of a submit, which nobody can ask for again."""
REMEMBER_PAUSE_S = 1.0
"""No longer, or a process that dies soon after the database is back takes the answer with it."""
RECEIPT_AFTER_S = 1.0
"""How long a change may take before its submit is kept in a file as well."""
BARE_EVERY = 5
"""Every so many tries to write an accepted job down leave out all that it could do without."""


async def submit(video: Video, permit: SubmitPermit, context: JobContext) -> tuple[Video, float]:
    """Send a queued video to its provider once, or take it back into the queue of its account.

    Must not be interrupted between the intent and the answer: shield it.

    Returns:
        The video, and for how many seconds to leave it alone before the next step.
    """
    # What can go wrong goes wrong before anything is sent.
    try:
        pictures = await context.load_references(video.request)
    except ReferenceExpired as error:
        return await fail(video, Failure(error.code, error.message), context), 0.0
    forecast = await context.distributions.forecast(video, context.providers[video.provider])
    account = context.upstreams[video.provider].account
    began_s = context.clock.monotonic()
    try:
        video = await record_intent(video, account, context)
    except NoPermit as refusal:
        permit.turned_away(refusal, jitter=0.5 + context.rng.random())
        return video, 0.0
    permit.admitted(account.room)
    accepted = False
    try:
        if context.clock.monotonic() - began_s > INTENT_FRESH_S:
            # Others may be about to give this submit up.
            log.warning("intent_too_old", video=video.id)
            return await written_down(partial(back_in_queue, video, context), video, context), 0.0
        try:
            submission = await send(video, pictures, context)
        except UpstreamError as error:
            return await refused(video, error, context)
        except Exception:
            log.exception("submit_broke", video=video.id)
            failure = Failure(SubmissionUnknown.code, str(SubmissionUnknown()))
            return await lost(video, failure, context), 0.0
        accepted = True
        log.info("submit_accepted", video=video.id, provider_id=submission.provider_id)
        return await started(video, submission, forecast, context), 0.0
    finally:
        await account.settled(accepted=accepted)


async def send(video: Video, pictures: Pictures, context: JobContext) -> Submission:
    """The one request that costs money; on record while it waits for its answer.

    Raises:
        UpstreamError: `surely_refused` tells whether it may be sent again.
    """
    context.sending.add(video.id)
    try:
        provider = context.providers[video.provider]
        request = await uploaded(video.provider_request, provider, pictures)
        marker, base = video.marker or "", context.upstreams[video.provider].push_base
        push_url = f"{base}/v1/pushes/{video.id}/{marker}" if base else ""
        return await provider.submit(request, marker=marker, pictures=pictures, push_url=push_url)
    finally:
        context.sending.discard(video.id)


async def uploaded(request: VideoRequest, provider: Provider, pictures: Pictures) -> VideoRequest:
    """A request whose references, if we keep them, are where a provider that uploads reads them.

    Raises:
        UpstreamError: one was not taken, and nothing was submitted.
    """
    if not pictures or not provider.uploads:
        return request
    placed = []
    for each in request.references:
        picture, url = pictures.get(each.url), each.url
        try:
            url = each.url if picture is None else await provider.upload_reference(picture)
        except UpstreamError as error:
            if error.surely_refused:
                raise
            raise UpstreamUnavailable(error.message, upstream=error.upstream) from error
        placed.append(replace(each, url=url))
    return replace(request, references=tuple(placed))


async def record_intent(video: Video, account: Account, context: JobContext) -> Video:
    """Make it durable that a submit may happen from now on.

    Raises:
        NotNow: the account has no room for it.
    """
    now = context.clock.now()
    timeline = replace(video.timeline, submitting_at=now)
    return await context.videos.move(
        video,
        State.SUBMITTING,
        account.admit,
        attempts=video.attempts + 1,
        marker=str(uuid4()),
        # Should a process fail it that does not know how to look for it, it is looked for at once.
        recheck_at=now,
        timeline=timeline,
    )


async def written_down(
    outcome: Callable[[], Awaitable[Video]], video: Video, context: JobContext
) -> Video:
    """What the upstream answered, in the database, however often that must be asked.

    Raises:
        LostRace: somebody else has ended the job.
        Exception: the last failure, whatever it was, once the time for it is over.
    """

    def decide(failed: Failed) -> float | None:
        error = failed.error
        if isinstance(error, LostRace):
            return None
        if failed.failures == 1:
            exc_info = None if isinstance(error, StorageFailed) else error
            log.warning("submit_not_recorded", video=video.id, error=str(error), exc_info=exc_info)
        # A database that is away is waited for: only this process knows the answer.
        is_over = failed.waited_s >= REMEMBER_S and not isinstance(error, DatabaseAway)
        if is_over or context.stopping.is_set():
            log.error("submit_never_recorded", video=video.id, error=str(error))
            return None
        return REMEMBER_PAUSE_S

    return await retry(outcome, decide, clock=context.clock.monotonic)


async def started(
    video: Video, submission: Submission, forecast: Forecast, context: JobContext
) -> Video:
    """Write down that the upstream is at work; without what cannot be written, if need be."""
    bare = partial(rendering, video, Submission(submission.provider_id), None, context)
    tries = itertools.count(1)

    async def outcome() -> Video:
        if next(tries) % BARE_EVERY == 0:
            return await bare()
        try:
            return await rendering(video, submission, forecast, context)
        except (LostRace, StorageFailed):
            raise
        except Exception:
            log.exception("submission_not_storable", video=video.id)
            return await bare()

    return await with_receipt(written_down(outcome, video, context), video, submission, context)


async def with_receipt(
    writing: Coroutine[Any, Any, Video], video: Video, submission: Submission, context: JobContext
) -> Video:
    """See an accepted submit written down; one that takes long is kept beside the database.

    Raises:
        LostRace: somebody else has ended the job.
        Exception: it could not be written down; the receipt stays for the next process.
    """
    receipts, submitted_at = context.receipts, context.clock.now()
    task = asyncio.ensure_future(writing)
    await asyncio.wait([task], timeout=RECEIPT_AFTER_S)
    if receipts is None or (task.done() and task.exception() is None):
        return await task
    receipts.keep(video, submission, submitted_at)
    try:
        written = await task
    except LostRace:
        receipts.drop(video.id)
        raise
    receipts.drop(video.id)
    return written


async def rendering(
    video: Video, submission: Submission, forecast: Forecast | None, context: JobContext
) -> Video:
    """The upstream is at work."""
    try:
        return await context.videos.move(
            video,
            State.RENDERING,
            provider_id=submission.provider_id,
            batch_id=submission.batch_id,
            cost=submission.cost,
            forecast=forecast,
            recheck_at=None,
            timeline=replace(video.timeline, submitted_at=context.clock.now()),
        )
    except LostRace:
        return await accepted_too_late(video, submission, context)


async def lost(video: Video, failure: Failure, context: JobContext) -> Video:
    """Nobody can tell whether the upstream has taken it: it is looked for where that is possible.

    Until then it stays as it is, and whoever finds it so later looks for it, too.
    """
    if can_reconcile(context.providers[video.provider]):
        context.lost[video.id] = failure
        return video
    return await written_down(partial(fail, video, failure, context), video, context)


async def back_in_queue(video: Video, context: JobContext) -> Video:
    """The upstream has surely not taken it."""
    return await context.videos.move(video, State.QUEUED, marker="", recheck_at=None)


async def accepted_too_late(video: Video, submission: Submission, context: JobContext) -> Video:
    """The job ended while its submit was under way.

    One that was given up as lost is found herewith. Of one that was cancelled the upstream's work
    is stopped where it can be, and what it has cost is noted.

    Raises:
        LostRace: it is not this process's any more; it may be known already, by a commit whose
            answer was lost, or by its receipt.
    """
    latest = await context.videos.find(video.id)
    if latest is not None and latest.provider_id == submission.provider_id:
        raise LostRace(video.id)
    log.warning("accepted_too_late", video=video.id, provider_id=submission.provider_id)
    if latest is not None and latest.is_lost and latest.attempts == video.attempts:
        return await corrected(latest, submission, context)
    if latest is not None:
        await context.rechecks.note_accepted(
            latest, submission.provider_id, submission.batch_id, submission.cost
        )
    await stop_upstream(video, submission, context)
    raise LostRace(video.id)


async def corrected(video: Video, submission: Submission, context: JobContext) -> Video:
    """Go on with a job that was given up before the answer to its submit came."""
    timeline = replace(video.timeline, submitted_at=context.clock.now(), completed_at=None)
    return await context.videos.move(
        video,
        State.RENDERING,
        provider_id=submission.provider_id,
        batch_id=submission.batch_id,
        cost=submission.cost,
        failure=None,
        recheck_at=None,
        corrects=video.correction(),
        timeline=timeline,
    )


async def stop_upstream(video: Video, submission: Submission, context: JobContext) -> None:
    """Stop the upstream's work where that can be done."""
    try:
        await context.providers[video.provider].cancel(submission.provider_id)
    except UpstreamError as error:
        log.warning("cancel_failed", video=video.id, error=error.message)


async def refused(video: Video, error: UpstreamError, context: JobContext) -> tuple[Video, float]:
    """Back to the queue for a while, or the end."""
    decision = after_failed_submit(
        error,
        attempts=video.attempts,
        limit=context.limits.submit_attempts,
        draw=context.rng.random(),
        moderated_again=context.limits.moderated_again,
    )
    log.warning(
        "submit_failed",
        video=video.id,
        error=error.message,
        upstream=error.upstream,
        attempt=video.attempts,
    )
    if isinstance(error, ProxyAnswered):
        # Each further job would end unknown as well: let them try one by one.
        asked_s = min(error.retry_after_s or 0.0, LONGEST_RETRY_AFTER_S)
        await rest(video, max(asked_s, PROXY_REST_S), context)
    if (choice := context.next_target(video, error)) is not None:
        if isinstance(error, RateLimited):
            await rest(video, error.retry_after_s or PROXY_REST_S, context)
        log.info("rerouted", video=video.id, model=choice.model.id, why=choice.route.why)
        outcome = partial(
            context.videos.reroute,
            video,
            choice.model.provider,
            choice.request,
            choice.route,
            choice.estimate,
        )
        return await written_down(outcome, video, context), 0.0
    match decision:
        case SendAgain():
            if isinstance(error, RateLimited):
                await rest(video, decision.delay_s, context)
            outcome = partial(back_in_queue, video, context)
            return await written_down(outcome, video, context), decision.delay_s
        case Failure() if not error.surely_refused:
            return await lost(video, decision, context), 0.0
        case Failure():
            outcome = partial(fail, video, decision, context)
            return await written_down(outcome, video, context), 0.0
        case _:
            assert_never(decision)


async def rest(video: Video, seconds: float, context: JobContext) -> None:
    """Let nobody submit on the video's account for so long."""
    upstream = context.upstreams[video.provider]
    upstream.submit_limiter.rest(seconds)
    await upstream.account.rest(seconds)
