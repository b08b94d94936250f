"""Where finished videos play."""

from __future__ import annotations

from collections.abc import Mapping

from reelgate.providers.base import Provider
from reelgate.video import Video


def video_url(video: Video, providers: Mapping[str, Provider]) -> str | None:
    """Where anybody can play a video once it is ready; None before it was accepted."""
    provider = providers.get(video.provider)
    if provider is None or video.provider_id is None:
        return None
    return provider.video_url(video.provider_id)
