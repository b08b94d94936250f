"""Fetching a ready video's file and keeping it."""

from __future__ import annotations

from dataclasses import replace

import structlog

from reelgate.errors import StorageFailed, UpstreamError, VideoExpired
from reelgate.retry import backoff_s, may_fetch_again
from reelgate.store.videos import LostRace
from reelgate.video import Failure, KeptFile, State, Video
from reelgate.worker.ending import fail
from reelgate.worker.pause import Pause
from reelgate.worker.tools import Tools

log = structlog.get_logger()


async def fetch(video: Video, tools: Tools, pause: Pause) -> Video:
    """Keep the file, again and again where that helps, and complete the video.

    Raises:
        LostRace: the video was cancelled or taken over; no file of a cancelled one stays.
    """
    try:
        return await fetch_patiently(video, tools, pause)
    except LostRace:
        await tidy(video, tools)
        raise


async def tidy(video: Video, tools: Tools) -> None:
    """Remove what was kept of a video that ended without one, or that was forgotten."""
    latest = await tools.videos.find(video.id)
    if tools.keeper is not None and (latest is None or latest.state is State.FAILED):
        await tools.keeper.discard(video.id)


async def fetch_patiently(video: Video, tools: Tools, pause: Pause) -> Video:
    """Try as often as it helps."""
    limits = tools.limits
    began_s = tools.clock.monotonic()
    failures = upstream_failures = 0
    while True:
        try:
            file = await pause.until(video, keep(video, tools))
        except (UpstreamError, VideoExpired, StorageFailed) as error:
            failures += 1
            upstream_failures += not isinstance(error, StorageFailed)
            log.warning("fetch_failed", video=video.id, error=error.message, attempt=failures)
            if not may_fetch_again(
                error,
                attempts=upstream_failures,
                limit=limits.fetch_attempts,
                waited_s=tools.clock.monotonic() - began_s,
                patience_s=limits.storage_patience_s,
            ):
                return await fail(video, Failure(error.code, error.message), tools)
        else:
            return await complete(video, file, tools)
        await pause.sleep(video, backoff_s(failures, tools.dice.random()))


async def keep(video: Video, tools: Tools) -> KeptFile | None:
    """Read the file from the upstream into our storage; None where files stay upstream."""
    if tools.keeper is None:
        return None
    provider = tools.providers[video.provider]
    async with provider.open_asset(video.provider_id or "") as asset:
        return await tools.keeper.keep(video.id, asset)


async def complete(video: Video, file: KeptFile | None, tools: Tools) -> Video:
    """The caller can have it."""
    now = tools.clock.now()
    kept_for_s = tools.limits.retention_s
    completed = await tools.videos.move(
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
