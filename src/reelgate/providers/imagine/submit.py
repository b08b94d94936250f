"""What a submit to imagine.art says (`POST {api}/video/upload`)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from reelgate.picture import Picture
from reelgate.providers.imagine.credentials import ImagineAccount
from reelgate.providers.imagine.models import SEED_MODEL
from reelgate.video import VideoRequest

Parts = list[tuple[str, str]]


def submit_parts(request: VideoRequest, account: ImagineAccount, placeholder_uuid: str) -> Parts:
    """The text parts of the form, in the order in which the vendor's own client sends them.

    Args:
        request: what was asked for.
        account: who pays.
        placeholder_uuid: new for each submit; also names a reference picture.

    Raises:
        UpstreamError: the account does not tell its organisation.
    """
    return [
        *_video(request),
        *_place(account),
        *_reference(request, placeholder_uuid),
        *(_enhancement(request, placeholder_uuid) if request.model == SEED_MODEL else ()),
    ]


def upload_parts(picture: Picture, account: ImagineAccount) -> Parts:
    """The text parts that go with a reference picture (`POST {api}/assets/upload`).

    The title is the picture's digest: a person who finds it in the gallery can tell what it was.

    Raises:
        UpstreamError: the account does not tell its organisation.
    """
    return [
        ("ref_service", "0"),
        ("title", f"reelgate-{picture.digest[:16]}"),
        ("org_id", account.organisation()),
    ]


def _video(request: VideoRequest) -> Iterator[tuple[str, str]]:
    yield "prompt", request.prompt
    yield "style_id", str(request.style_id)
    yield "variation", "image_to_video" if request.reference_url else "text_to_video"
    if request.aspect_ratio is not None:
        yield "aspect_ratio", request.aspect_ratio
    yield "count", "1"
    if request.duration is not None:
        yield "duration", str(request.duration)
    if request.resolution is not None:
        yield "resolution", request.resolution


def _place(account: ImagineAccount) -> Iterator[tuple[str, str]]:
    yield "org_id", account.organisation()
    if parent_id := account.parent_id.strip():
        yield "parent_id", parent_id


def _reference(request: VideoRequest, picture_id: str) -> Iterator[tuple[str, str]]:
    if request.reference_url:
        yield "image_url", _json({"url": request.reference_url, "id": picture_id})


def _enhancement(request: VideoRequest, placeholder_uuid: str) -> Iterator[tuple[str, str]]:
    yield "is_enhance", "1" if request.is_enhance else "0"
    yield "enhancer_id", "seedance_t2v_prompt_enhancer"
    yield "clientVersion", "1"
    metadata = {
        "placeholderUuid": placeholder_uuid,
        "promptWithoutManipulation": request.prompt,
        "modeId": 0,
    }
    yield "metadata", _json(metadata)
    yield "use_plugin", "true"


def _json(value: dict[str, object] | dict[str, str]) -> str:
    return json.dumps(value, ensure_ascii=False)
