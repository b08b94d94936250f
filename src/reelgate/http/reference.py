"""The picture that a request for a video starts from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from reelgate.catalog import Model
from reelgate.http.video_request import Upload, VideoCreate
from reelgate.picture import (
    MAX_PICTURE_BYTES,
    Picture,
    picture_too_large,
    read_picture,
    unusable,
)
from reelgate.references import References
from reelgate.video import VideoRequest


async def request_of(
    body: VideoCreate, upload: Upload | None, model: Model, references: References
) -> VideoRequest:
    """The complete request; a picture is touched only once everything else has been found good.

    Raises:
        InvalidRequest, RequestTooLarge: naming each field that cannot be taken.
        UpstreamError: the provider did not take the picture.
    """
    read, name = source_of(body, upload, references)
    wanted = body.for_model(model, reference=name)
    return wanted if read is None else await references.place(wanted, model.provider, read)


def source_of(
    body: VideoCreate, upload: Upload | None, references: References
) -> tuple[Callable[[], Awaitable[Picture]] | None, str | None]:
    """How to read the request's picture and what to call it; nothing where it has none."""
    if upload is not None and body.input_reference is not None:
        raise unusable("is sent twice, as a file and as an address: send one of them")
    if upload is not None:
        return partial(read_upload, upload), "a file"
    if body.input_reference is not None:
        url = body.input_reference.image_url
        return partial(references.at, url), url
    return None, None


async def read_upload(upload: Upload) -> Picture:
    """The picture in a form's file.

    Raises:
        InvalidRequest, RequestTooLarge: it cannot be used.
    """
    if isinstance(upload, Picture):
        return upload
    if (upload.size or 0) > MAX_PICTURE_BYTES:
        raise picture_too_large()
    return read_picture(await upload.read())
