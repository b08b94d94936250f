"""The `content` list in which some vendors take a prompt and what a video is made from."""

from __future__ import annotations

from typing import Any

from reelgate.domain.reference import Reference, Role
from reelgate.domain.video import VideoRequest
from reelgate.providers.base import Pictures
from reelgate.providers.payload import source_of


def content_of(request: VideoRequest, pictures: Pictures) -> list[dict[str, Any]]:
    """The prompt first, then each reference: `{"type": "image_url", "image_url": {"url"}, "role"}`.

    The order counts: prompts name references by their number.
    """
    parts = [part_of(each, pictures) for each in request.references]
    return [{"type": "text", "text": request.prompt}, *parts]


def part_of(reference: Reference, pictures: Pictures) -> dict[str, Any]:
    """One reference."""
    kind = f"{reference.kind}_url"
    return {"type": kind, kind: {"url": source_of(reference, pictures)}, "role": role_of(reference)}


def role_of(reference: Reference) -> str:
    """What a reference is for, by the vendors' names."""
    if reference.role is Role.REFERENCE:
        return f"reference_{reference.kind}"
    return reference.role.value
