"""What upstreams' answers hold, read whatever their shape, and what goes into requests to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from reelgate.domain.reference import Reference, Role
from reelgate.domain.video import VideoRequest
from reelgate.net.client import HttpResponse
from reelgate.providers.base import Pictures

PROVIDER_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.:~=/-]{0,510}[A-Za-z0-9_.:~=-])?", re.ASCII)
"""An upstream's id of a job as it may stand in a path."""


def payload_of(response: HttpResponse) -> Mapping[str, Any]:
    """The JSON object of an answer, or the first of an array; an empty one where there is none."""
    return first_object(response.json())


def first_object(payload: object) -> dict[str, Any]:
    """The object, or the first one of an array; an empty one when there is neither."""
    if isinstance(payload, list) and payload:
        payload = payload[0]
    return payload if isinstance(payload, dict) else {}


def is_provider_id(text: str) -> bool:
    """Whether a text can stand in a path and leads nowhere else."""
    return bool(PROVIDER_ID.fullmatch(text)) and not {"", ".", ".."} & set(text.split("/"))


def in_path(provider_id: str) -> str:
    """An id as it stands in a path."""
    return quote(provider_id, safe="/:~=")


def source_of(reference: Reference, pictures: Pictures) -> str:
    """Where an upstream gets a reference from: its bytes in a `data:` URL, or its address."""
    picture = pictures.get(reference.url)
    return reference.url if picture is None else picture.data_url


def text_in(holder: Mapping[str, Any], *names: str) -> str:
    """The first of these that is a text with something in it; empty where none is."""
    return next(
        (value.strip() for name in names if isinstance(value := holder.get(name), str) and value),
        "",
    )


def percent(value: object, *, of: float = 100.0) -> int | None:
    """A progress as an upstream tells it, in whole percent; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    share = 100.0 * value / of
    return int(share) if 0 <= share <= 100 else None  # noqa: PLR2004


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
