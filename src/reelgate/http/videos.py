"""The job shape: OpenAI's Videos API, and what it lacks."""

from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse

from reelgate.http.content import Variant, content_of
from reelgate.http.context import Context, Guarded, Visit
from reelgate.http.document import CREATE_BODY, NOT_FOUND, REFUSED, body_of
from reelgate.http.events import EventStream
from reelgate.http.ordering import terms_of
from reelgate.http.parsing import check_once, read_json, validated
from reelgate.http.reference import request_of
from reelgate.http.schemas import (
    ErrorAnswer,
    Ordering,
    RemixRequest,
    VideoDeleted,
    VideoList,
    VideoObject,
)
from reelgate.http.sync import SyncAnswer
from reelgate.http.video_object import video_object
from reelgate.http.video_request import read_video_create
from reelgate.service import Order
from reelgate.store.admission import Origin
from reelgate.store.videos import Page
from reelgate.video import STATUS, Caller, Video, VideoStatus
from reelgate.webhooks.endpoint import check_endpoint

router = APIRouter(prefix="/v1/videos", tags=["Videos"], route_class=Guarded)

POLL_AFTER_MS = "2000"
"""OpenAI's SDK keeps to the first `openai-poll-after-ms` it is sent."""

VideoId = Annotated[str, Path(description="The video's id: `video_...`.")]


@router.post(
    "",
    response_model=VideoObject,
    summary="Ask for a video; follow it by its id",
    responses=REFUSED,
    openapi_extra=CREATE_BODY,
)
async def create_video(visit: Visit) -> Response:
    """The video object, at once."""
    video, attached = await order(visit, Caller.NONE)
    return shown(video, visit, attached=attached)


@router.post(
    "/sync",
    response_class=Response,
    summary="Ask for a video and get its bytes",
    responses=REFUSED | {200: {"content": {"video/mp4": {}}}},
    openapi_extra=CREATE_BODY,
)
async def create_video_sync(visit: Visit) -> Response:
    """Raw `video/mp4` once it is finished."""
    video, attached = await order(visit, Caller.WAITING)
    return SyncAnswer(visit.ctx, video, attached=attached)


@router.get("", summary="List videos", response_model=VideoList, responses=REFUSED)
async def list_videos(
    visit: Visit,
    after: Annotated[str | None, Query(description="The last id of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Annotated[Ordering, Query(description="By age: newest or oldest first.")] = "desc",
    status: Annotated[VideoStatus | None, Query(description="Only those that stand so.")] = None,
    model: Annotated[str | None, Query(description="Only those of this model.")] = None,
) -> Response:
    """One page, and whether more follows."""
    visit.check_may_list()
    check_once(name for name, _ in visit.query_params.multi_items())
    states = tuple(state for state, shown in STATUS.items() if shown is status)
    named = visit.service.catalog.aliases().get(model, model) if model else model
    found = await visit.service.page(Page(visit.owner, limit + 1, order, after, states, named))
    data = [video_object(video, visit, visit.ctx) for video in found[:limit]]
    return JSONResponse(
        {
            "object": "list",
            "data": data,
            "has_more": len(found) > limit,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }
    )


@router.get("/{video_id}", response_model=VideoObject, summary="One video", responses=NOT_FOUND)
async def get_video(video_id: VideoId, visit: Visit) -> Response:
    """The video object; 200 for every video that exists, failed ones too."""
    return shown(await visit.service.find(video_id, visit.owner), visit)


@router.head("/{video_id}/content", include_in_schema=False)
@router.get(
    "/{video_id}/content",
    response_class=Response,
    summary="The video's bytes, or its first frame",
    responses=NOT_FOUND
    | {
        200: {"content": {"video/mp4": {}, "image/webp": {}}},
        206: {"description": "The range that was asked for."},
        304: {"description": "You have it already."},
        409: {"model": ErrorAnswer, "description": "It is not finished yet."},
        410: {"model": ErrorAnswer, "description": "The file is no longer kept."},
        416: {"model": ErrorAnswer, "description": "The range lies beyond the end."},
    },
)
async def get_content(
    video_id: VideoId,
    visit: Visit,
    variant: Annotated[Variant, Query(description="`thumbnail`: the first frame.")] = "video",
) -> Response:
    """`Range`, `ETag`, `If-None-Match` and `HEAD` work."""
    check_once(name for name, _ in visit.query_params.multi_items())
    return await content_of(
        await visit.service.find(video_id, visit.owner), variant, visit, visit.ctx
    )


@router.get(
    "/{video_id}/events",
    response_class=Response,
    summary="Follow a video as Server-Sent Events",
    responses=NOT_FOUND
    | {
        200: {"content": {"text/event-stream": {}}},
        204: {"description": "`Last-Event-ID` was the last there is."},
    },
)
async def get_events(video_id: VideoId, visit: Visit) -> Response:
    """`event: video` with the object on every change, until the video is over."""
    return EventStream(visit, visit.ctx, await visit.service.find(video_id, visit.owner))


@router.post(
    "/{video_id}/cancel", response_model=VideoObject, summary="Stop a video", responses=NOT_FOUND
)
async def cancel_video(video_id: VideoId, visit: Visit) -> Response:
    """The object, failed with `cancelled`; unchanged if the video was over already."""
    return shown(await visit.service.cancel(video_id, visit.owner), visit)


@router.delete("/{video_id}", summary="Forget a video and its files", responses=NOT_FOUND)
async def delete_video(video_id: VideoId, visit: Visit) -> VideoDeleted:
    """A running video is cancelled first."""
    await visit.service.delete(video_id, visit.owner)
    return VideoDeleted(id=video_id)


@router.post(
    "/{video_id}/remix",
    response_model=VideoObject,
    summary="The same settings with another prompt",
    responses=REFUSED,
    openapi_extra=body_of(RemixRequest),
)
async def remix_video(video_id: VideoId, visit: Visit) -> Response:
    """A new video with `remixed_from_video_id`."""
    video = await visit.service.find(video_id, visit.owner)
    body = validated(RemixRequest, await read_json(visit))
    wanted = visit.service.remixed(video, body.prompt)
    terms = terms_of(visit.headers, visit.service, adopts=False)
    order = Order(request=wanted, owner=visit.owner, remixed_from=video_id)
    video, origin = await visit.service.order(order, terms)
    return shown(video, visit, attached=origin is not Origin.NEW)


async def order(visit: Visit, caller: Caller) -> tuple[Video, bool]:
    """Read the request's body and find or make its job; whether it existed before."""
    # A form may hold a picture, which lies in a temporary file as long as the stack is open.
    async with AsyncExitStack() as stack:
        body, upload = await read_video_create(visit, stack)
        check_webhook(body.webhook_url, visit.ctx)
        named = visit.ctx.settings.default_model if body.model is None else body.model
        model = visit.service.catalog.find(named)
        wanted = Order(
            request=await request_of(body, upload, model, visit.ctx.references, visit.owner),
            owner=visit.owner,
            caller=caller,
            metadata=body.metadata or {},
            webhook_url=body.webhook_url,
        )
        terms = terms_of(visit.headers, visit.service, adopts=caller is Caller.WAITING)
        video, origin = await visit.service.order(wanted, terms)
        return video, origin is not Origin.NEW


def check_webhook(url: str | None, ctx: Context) -> None:
    """Refuse an address at which nobody could be told.

    Raises:
        InvalidRequest: naming `webhook_url`.
    """
    settings = ctx.settings
    if url is not None:
        check_endpoint(
            url,
            can_sign=bool(settings.webhook_keys),
            allow_private=settings.webhook_allow_private,
        )


def shown(video: Video, visit: Visit, *, attached: bool = False) -> Response:
    """The video object as an answer."""
    headers = {"Reelgate-Video-Id": video.id, "openai-poll-after-ms": POLL_AFTER_MS}
    if attached:
        headers["Reelgate-Attached"] = "true"
    return JSONResponse(video_object(video, visit, visit.ctx), headers=headers)
