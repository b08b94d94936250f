"""Links that show one video to whoever has them, until they expire.

A link is signed with what is kept of its owner's key: revoking the key ends its links. It reads
one video and nothing else.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from reelgate.domain.signed import about_of, signed, until_of
from reelgate.domain.video import Video
from reelgate.errors import VideoNotFound
from reelgate.http.auth import (
    AuthenticatedRequest,
    AuthenticatedRoute,
    Context,
    context_of,
)
from reelgate.http.content import Variant, content_of
from reelgate.http.openapi import NOT_FOUND, body_schema_of
from reelgate.http.parsing import read_json, validated
from reelgate.http.schemas import Share, Shared, ShareRequest
from reelgate.http.videos import VideoId

making = APIRouter(prefix="/v1/videos", tags=["Videos"], route_class=AuthenticatedRoute)
showing = APIRouter(prefix="/shared", include_in_schema=False)

PURPOSE = "share"
GONE = "this link shows nothing: it has expired, or it is not whole"


@making.post(
    "/{video_id}/share",
    summary="A link that shows one video to whoever has it, until it expires",
    responses=NOT_FOUND,
    openapi_extra=body_schema_of(ShareRequest, required=False),
)
async def share_video(video_id: VideoId, request: AuthenticatedRequest) -> Share:
    """The link; it reads this video only, and ends with the API key that made it."""
    video = await request.service.find(video_id, request.owner)
    told = await read_json(request) if await request.body() else {}
    return share_of(video, request, validated(ShareRequest, told).expires_in_s)


def share_of(video: Video, request: AuthenticatedRequest, expires_in_s: int) -> Share:
    """A link to a video of the request's owner.

    Raises:
        VideoNotFound: the owner's key is gone by now.
    """
    until = int(request.service.now()) + expires_in_s
    secrets = request.ctx.secrets_of(video.owner)
    if not secrets:
        raise VideoNotFound(GONE)
    token = signed(f"{video.owner}:{video.id}", purpose=PURPOSE, until=until, secret=secrets[0])
    return Share(
        url=request.ctx.own_url(request, f"/#/shared/{token}"),
        content_url=request.ctx.own_url(request, f"/shared/{token}/content"),
        expires_at=until,
    )


@showing.get("/{token}")
async def get_shared(token: str, request: Request, response: Response) -> Shared:
    """What there is to see."""
    video, until = await shared(token, context_of(request))
    response.headers["Cache-Control"] = "no-store"
    return Shared(
        prompt=video.request.prompt,
        model=video.request.model,
        created_at=int(video.timeline.created_at),
        expires_at=until,
    )


@showing.get("/{token}/content", response_class=Response)
async def get_shared_content(
    token: str, request: Request, variant: Annotated[Variant, Query()] = "video"
) -> Response:
    """The video's bytes, or its first frame."""
    ctx = context_of(request)
    video, _ = await shared(token, ctx)
    return await content_of(video, variant, request, ctx)


async def shared(token: str, ctx: Context) -> tuple[Video, int]:
    """The video that a link shows, and until when.

    Raises:
        VideoNotFound: it shows none, or no longer.
    """
    owner, _, video_id = (about_of(token) or "").rpartition(":")
    await ctx.gatekeeper.session(None)
    now = ctx.service.now()
    for secret in ctx.secrets_of(owner):
        until = until_of(token, purpose=PURPOSE, secret=secret, now=now)
        if until is not None:
            return await ctx.service.find(video_id, owner), until
    raise VideoNotFound(GONE)
