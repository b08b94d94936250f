"""The picture that a request for a video starts from."""

from __future__ import annotations

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
from reelgate.references import Read, References
from reelgate.video import VideoRequest


async def request_of(
    body: VideoCreate, upload: Upload | None, model: Model, references: References, owner: str
) -> VideoRequest:
    """The complete request; a picture is touched only once everything else has been found good.

    Raises:
        InvalidRequest, RequestTooLarge: naming each field that cannot be taken.
        UpstreamError: the provider did not take the picture.
    """
    source, name = source_of(body, upload)
    wanted = body.for_model(model, reference=name)
    if source is None:
        return wanted
    return await references.place(wanted, model.provider, owner, source)


def source_of(body: VideoCreate, upload: Upload | None) -> tuple[str | Read | None, str | None]:
    """Where the request's picture is and what to call it; nothing where it has none."""
    if upload is not None and body.input_reference is not None:
        raise unusable("is sent twice, as a file and as an address: send one of them")
    if upload is not None:
        return partial(read_upload, upload), "a file"
    if body.input_reference is not None:
        url = body.input_reference.image_url
        return url, url
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
