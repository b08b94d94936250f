"""OpenAI's routes that make a video of another one: `edits` and `extensions`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

from fastapi import APIRouter, Response

from reelgate.domain.catalog import Catalog, Model
from reelgate.domain.fields import MEDIA, Source
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.domain.video import Video
from reelgate.errors import InvalidRequest, Problem
from reelgate.http.auth import AuthenticatedRequest, AuthenticatedRoute
from reelgate.http.content import check_finished
from reelgate.http.openapi import CHANGE_BODY, REFUSED
from reelgate.http.reference_fields import SOURCE, UPLOADED, SourceVideo
from reelgate.http.request_form import read_video_body
from reelgate.http.request_shapes import shapes_of
from reelgate.http.schemas import VideoObject
from reelgate.http.videos import admitted, shown
from reelgate.images.fetch import Read
from reelgate.images.source_video import own_video, read_video

router = APIRouter(prefix="/v1/videos", tags=["Videos"], route_class=AuthenticatedRoute)

DOES = {Role.EDIT: "edits", Role.EXTEND: "extends"}
KEPT = f"{UPLOADED}{SOURCE}"
"""The name of a source video's bytes that are read from our storage."""


@router.post(
    "/edits",
    response_model=VideoObject,
    summary="Change a video as a prompt says",
    responses=REFUSED,
    openapi_extra=CHANGE_BODY,
)
async def edit_video(request: AuthenticatedRequest) -> Response:
    """A new video, made by a model that can: `capabilities.edits` tells."""
    return await change(request, Role.EDIT)


@router.post(
    "/extensions",
    response_model=VideoObject,
    summary="Let a video go on as a prompt says",
    responses=REFUSED,
    openapi_extra=CHANGE_BODY,
)
async def extend_video(request: AuthenticatedRequest) -> Response:
    """A new video, made by a model that can: `capabilities.extensions` tells."""
    return await change(request, Role.EXTEND)


async def change(request: AuthenticatedRequest, role: Role) -> Response:
    """Make a video of another one."""
    async with AsyncExitStack() as stack:
        body, files = await read_video_body(request, stack, shapes_of(request).change)
        made = None
        if body.video.id is not None:
            made = await request.service.find(body.video.id, request.owner)
            check_finished(made)
        model = model_for(body.model, made, role, request.service.catalog)
        source, reads = source_of(body.video, made, model, role, request)
        video, attached = await admitted(
            request,
            body,
            {**files, **reads},
            model,
            source=source,
            made_from=None if made is None else made.id,
        )
    return shown(video, request, attached=attached)


def model_for(named: str | None, made: Video | None, role: Role, catalog: Catalog) -> Model:
    """Who is asked: whom the request names, else who made the video, else the default.

    Raises:
        InvalidRequest: that one cannot do it, with those that can.
        ModelNotFound, InvalidRequest: it names none, or several.
    """
    if named is None and made is not None:
        named = catalog.name_at(made.provider, made.provider_request.model) or made.request.model
    model = catalog.find(named or catalog.default)
    if MEDIA[role].name in model.rows:
        return model
    able = catalog.taking(MEDIA[role].name)
    instead = f"use one of {', '.join(able)}" if able else "no model of this gateway does"
    message = f"{model.id} {DOES[role]} no videos: {instead}"
    raise InvalidRequest(problems=(Problem("model", message, named, able),))


def source_of(
    told: SourceVideo, made: Video | None, model: Model, role: Role, request: AuthenticatedRequest
) -> tuple[Reference, Mapping[str, Read]]:
    """The video that is changed or gone on with, and what reads it where it is one of ours.

    By its id at the account that made it, where that is the one that is asked and takes ids; else
    by its bytes.
    """
    if made is None:
        return Reference(Kind.VIDEO, role, told.video_url or ""), {}
    row = model.rows[MEDIA[role].name]
    if Source.OWN in row.sources and made.provider == model.provider and made.provider_id:
        return own_video(made, role), {}
    provider = request.ctx.provider_of(made)
    read = partial(read_video, made, request.ctx.storage, provider, SOURCE)
    return Reference(Kind.VIDEO, role, KEPT), {KEPT: read}
