"""How a job ends."""

from __future__ import annotations

from dataclasses import replace

import structlog

from reelgate.video import Failure, State, Video
from reelgate.worker.tools import Tools

log = structlog.get_logger()


async def fail(video: Video, failure: Failure, tools: Tools, *, upstream: str = "") -> Video:
    """End a job without a video; `upstream` is what its provider said, redacted, for the log."""
    timeline = replace(video.timeline, completed_at=tools.clock.now())
    failed = await tools.videos.move(video, State.FAILED, failure=failure, timeline=timeline)
    said = {"upstream": upstream} if upstream else {}
    log.warning("video_failed", video=video.id, code=failure.code, message=failure.message, **said)
    return failed
