"""Fetching a ready video's file and keeping it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial

import structlog

from reelgate.db.videos import LostRace
from reelgate.domain.retry import before_next_fetch_s, fetch_failure, may_fetch_again
from reelgate.domain.video import Failure, KeptFile, State, Video
from reelgate.errors import (
    InternalError,
    ModerationBlocked,
    ReelgateError,
    StorageFailed,
    TooLargeToKeep,
    UnplayableVideo,
    UpstreamBadResponse,
)
from reelgate.jobs.context import JobContext, Pause, fail
from reelgate.media.keeper import always
from reelgate.media.receive import SLOW_AFTER_S
from reelgate.providers.base import Provider
from reelgate.retrying import Failed, retry

log = structlog.get_logger()

FIRST_BYTES_RANGE = "bytes=0-11"


async def fetch(
    video: Video, context: JobContext, pause: Pause, *, taken_over: bool = False
) -> Video:
    """Keep the file, again and again where that helps, and complete the video.

    `taken_over`: another process, or an earlier one, has begun to fetch it and did not end.

    Raises:
        LostRace: the video was cancelled or taken over; no file of a cancelled one stays.
    """
    try:
        return await until_kept(video, context, pause, taken_over=taken_over)
    except LostRace:
        await tidy(video, context)
        raise


async def tidy(video: Video, context: JobContext) -> None:
    """Remove what was kept of a video that ended without one, or that was forgotten."""
    latest = await context.videos.find(video.id)
    if context.keeper is not None and (latest is None or latest.state is State.FAILED):
        try:
            await context.keeper.discard(video.id)
        except StorageFailed as error:
            log.warning("file_not_removed", video=video.id, error=error.message)


async def until_kept(video: Video, context: JobContext, pause: Pause, *, taken_over: bool) -> Video:
    """Try until it is kept, or for as long as a whole job may take.

    The time counts from here, so that neither a restart nor a clock that was set ends a video that
    has been paid for before it was really tried.
    """
    retries = FetchRetries(video, context)

    async def attempt() -> KeptFile | None:
        slow_after_s = retries.slow_after_s
        keeping = keep_or_raise(video, context, slow_after_s=slow_after_s, taken_over=taken_over)
        return await pause.until(video, keeping)

    try:
        file = await retry(
            attempt,
            retries.pause_s,
            clock=context.clock.monotonic,
            sleep=partial(pause.sleep, video),
        )
    except ReelgateError as error:
        return await fail(video, fetch_failure(error, retries.waited_s), context)
    return await complete(video, file, context)


class FetchRetries:
    """Whether and when one video's file is fetched again."""

    def __init__(self, video: Video, context: JobContext) -> None:
        self._video = video
        self._context = context
        self._patience_s = context.limits.job_timeout_s
        self._unplayable = 0
        self.waited_s = 0.0
        self.slow_after_s = SLOW_AFTER_S
        """For how long the next download may come too slowly."""

    def pause_s(self, failed: Failed) -> float | None:
        """The seconds until the next attempt; None to give up."""
        error = failed.error
        if not isinstance(error, ReelgateError):
            return None
        self._unplayable += isinstance(error, UnplayableVideo)
        self.waited_s = failed.waited_s
        if not may_fetch_again(
            error,
            unplayable=self._unplayable,
            limit=self._context.limits.unplayable_files,
            waited_s=self.waited_s,
            patience_s=self._patience_s,
        ):
            return None
        left_s = self._patience_s - self.waited_s
        self.slow_after_s = allowed_to_be_slow_s(failed.failures, left_s=left_s)
        draw = self._context.rng.random()
        again_in_s = before_next_fetch_s(
            error, failed.failures, draw, waited_s=self.waited_s, left_s=left_s
        )
        log.warning(
            "fetch_failed",
            video=self._video.id,
            error=error.message,
            attempt=failed.failures,
            again_in_s=round(again_in_s, 1),
        )
        return again_in_s


def allowed_to_be_slow_s(failures: int, *, left_s: float) -> float:
    """For how long a download may come too slowly: longer after each failure.

    So a host that is always slow gets its video through in the end, and one that trickles is left
    when the time is over.
    """
    return min(SLOW_AFTER_S * 2.0 ** min(failures, 10), max(SLOW_AFTER_S, left_s))


async def keep_or_raise(
    video: Video, context: JobContext, *, slow_after_s: float, taken_over: bool
) -> KeptFile | None:
    """Keep the file, or say as an error of ours why not.

    A mistake in the program is no reason to give up a video that has been paid for, either: the
    operator is shown it whole.

    Raises:
        LostRace: it is no longer this process's to fetch.
        ReelgateError: it could not be fetched or kept this time.
    """
    try:
        return await keep(video, context, slow_after_s=slow_after_s, taken_over=taken_over)
    except TooLargeToKeep as error:
        # It can still be had where it is.
        log.warning("file_left_upstream", video=video.id, error=error.message)
        return None
    except (LostRace, ReelgateError):
        raise
    except Exception as error:
        log.exception("fetch_broke", video=video.id)
        raise InternalError from error


async def keep(
    video: Video, context: JobContext, *, slow_after_s: float, taken_over: bool
) -> KeptFile | None:
    """Read the file from the upstream into our storage; None where files stay upstream."""
    provider = context.providers[video.provider]
    if context.keeper is None:
        await check_is_served(video, provider)
        return None
    async with provider.open_asset(video.provider_id or "") as asset:
        return await context.keeper.keep(
            video.id,
            asset,
            decoding=partial(decoding, video, context) if taken_over else always,
            slow_after_s=slow_after_s,
            asked_s=asked_s_of(video),
        )


def asked_s_of(video: Video) -> float:
    """How long a video was asked for; 0 where that is the model's choice."""
    duration = video.request.duration
    return float(duration) if isinstance(duration, int) else 0.0


async def check_is_served(video: Video, provider: Provider) -> None:
    """A video that stays upstream is completed once a caller can really read it there.

    Raises:
        ReelgateError: nobody can for now.
    """
    async with provider.open_asset(
        video.provider_id or "", range_header=FIRST_BYTES_RANGE
    ) as asset:
        if not await anext(asset.chunks, b""):
            message = "The upstream serves an empty file."
            raise UpstreamBadResponse(message)


@asynccontextmanager
async def decoding(video: Video, context: JobContext) -> AsyncIterator[bool]:
    """Whether to decode the file of a video that was taken over; on record while it is done.

    A file can take so much memory that the process is killed. Whoever takes such a video over
    notes down that it decodes it. Who finds that note knows of two that did not survive, and keeps
    the file undecoded. The usual way, in one process from first to last, costs no write.
    """
    if video.decodings:
        log.error("kept_undecoded", video=video.id, note="two processes ended while they had it")
        yield False
        return
    await context.videos.note_decodings(video, 1)
    try:
        yield True
    finally:
        with suppress(StorageFailed, LostRace):
            await context.videos.note_decodings(video, 0)


async def complete(video: Video, file: KeptFile | None, context: JobContext) -> Video:
    """The caller can have it."""
    if file is not None and file.placeholder is not None:
        return await refuse_placeholder(video, file, context)
    now = context.clock.now()
    kept_for_s = context.limits.retention_s
    completed = await context.videos.move(
        video,
        State.COMPLETED,
        # Nobody asks how far it is any more, and every reader would parse it.
        forecast=None,
        file=file,
        timeline=replace(video.timeline, completed_at=now),
        expires_at=now + kept_for_s if file is not None and kept_for_s else None,
    )
    log.info("video_completed", video=video.id, attempts=video.attempts)
    return completed


async def refuse_placeholder(video: Video, file: KeptFile, context: JobContext) -> Video:
    """The upstream served a card in place of the video: its moderation does so.

    The file is kept as evidence, and as a video if we are wrong.
    """
    message = (
        f"What {video.provider} served is no video but a placeholder, as its moderation serves:"
        f" {file.placeholder}. The file is kept in the storage as {file.key}."
    )
    failure = Failure(ModerationBlocked.code, message)
    return await fail(video, failure, context, file=file)
