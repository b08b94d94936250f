"""A video as the OpenAI Videos shape shows it, with our additions under one key."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from reelgate.domain.charge import charge_of
from reelgate.domain.sizes import frame_size
from reelgate.domain.video import Timeline, Video

STAGES = tuple(field.name for field in fields(Timeline))


def video_object(video: Video, *, now: float, video_url: str) -> dict[str, Any]:
    """The public object as of `now`; times are Unix seconds, `video_url` is where it plays."""
    wanted, charged = video.request, charge_of(video)
    return {
        "id": video.id,
        "object": "video",
        "model": wanted.model,
        "status": video.status.value,
        "progress": video.progress(now),
        "created_at": int(video.timeline.created_at),
        "completed_at": whole(video.timeline.completed_at),
        "expires_at": whole(video.expires_at),
        "prompt": wanted.prompt,
        "seconds": "" if wanted.duration is None else str(wanted.duration),
        "size": frame_size(wanted.aspect_ratio, wanted.resolution) or "auto",
        "remixed_from_video_id": video.remixed_from,
        "error": error_of(video),
        "metadata": dict(video.metadata),
        "reelgate": {
            "key": video.owner or None,
            "provider": video.provider,
            "provider_id": video.provider_id,
            "batch_id": video.batch_id,
            "video_url": video_url,
            "operation": "generate" if wanted.source is None else wanted.source.role.value,
            "aspect_ratio": wanted.aspect_ratio,
            "resolution": wanted.resolution,
            "charge": charged.charge.value,
            "cost": None if charged.cost is None else charged.cost.value,
            "cost_unit": None if charged.cost is None else charged.cost.unit.value,
            "charge_reason": charged.why,
            "attempts": video.attempts,
            "eta_s": video.eta_s(now),
            "warnings": warnings_of(video),
            "correction": correction_of(video),
            "route": None if video.route is None else video.route.described(),
            "timeline": {
                **{stage: getattr(video.timeline, stage) for stage in STAGES},
                "polls": polls_of(video),
            },
        },
    }


def polls_of(video: Video) -> dict[str, Any] | None:
    """How often it was polled, when, and what that showed; None where none is known."""
    if video.polls is None:
        return None
    data = [{"at": poll.at, "outcome": poll.outcome} for poll in video.polls.kept]
    return {"count": video.polls.count, "data": data}


def warnings_of(video: Video) -> list[dict[str, str]]:
    """What was left out of its request, and why."""
    return [{"param": each.param, "message": each.message} for each in video.warnings]


def error_of(video: Video) -> dict[str, str] | None:
    """Why it failed; None while it has not."""
    if video.failure is None:
        return None
    return {"code": video.failure.code, "message": video.failure.message}


def correction_of(video: Video) -> dict[str, Any] | None:
    """The failure that it was told to have ended with before; None where there was none."""
    if video.corrects is None:
        return None
    told = video.corrects
    return {"code": told.code, "message": told.message, "failed_at": whole(told.failed_at)}


def whole(moment: float | None) -> int | None:
    """A time in whole seconds, as OpenAI writes them."""
    return None if moment is None else int(moment)
