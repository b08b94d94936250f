"""A video's public object, with links as the caller reaches the gateway."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from reelgate import video_object as public
from reelgate.http.context import Context
from reelgate.video import Video


def video_object(video: Video, request: Request, ctx: Context) -> dict[str, Any]:
    """The public object; times are Unix seconds."""
    return public.video_object(
        video, now=ctx.service.now(), video_url=ctx.video_url(request, video)
    )
