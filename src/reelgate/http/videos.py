"""The job shape: OpenAI's Videos API, and what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from reelgate.db.admission import AdmissionResult
from reelgate.db.video_page import Page
from reelgate.domain.api_keys import ID_PREFIX
from reelgate.domain.catalog import Model
from reelgate.domain.reference import Reference
from reelgate.domain.video import STATUS, Caller, State, Video, VideoStatus
from reelgate.errors import (
    InvalidRequest,
    Problem,
    ReelgateError,
    ShuttingDown,
    UpstreamTimeout,
    brief,
)
from reelgate.http.auth import AuthenticatedRequest, AuthenticatedRoute, Context
from reelgate.http.content import Variant, content_of
from reelgate.http.errors import error_response
from reelgate.http.events import EventStream
from reelgate.http.idempotency import admission_options
from reelgate.http.openapi import CREATE_BODY, NOT_FOUND, REFUSED, body_schema_of
from reelgate.http.parsing import check_once, read_json, validated
from reelgate.http.request_form import read_video_body
from reelgate.http.request_shapes import shapes_of
from reelgate.http.schemas import (
    Ordering,
    RemixRequest,
    VideoDeleted,
    VideoList,
    VideoObject,
    VideoResponse,
    video_object,
)
from reelgate.http.streaming import BlockingResponse, StreamedResponse, failure_of
from reelgate.http.video_request import VideoCreate, request_of
from reelgate.images.fetch import Read
from reelgate.service.videos import NewVideo
from reelgate.webhooks.events import check_endpoint


class SyncResponse(BlockingResponse):
    """Raw `video/mp4`, or why there is none."""

    async def finish(self, video: Video, scope: Scope, receive: Receive, send: Send) -> bool:
        try:
            check_finished(video, closing=self.is_closing)
            response = await content_of(video, "video", Request(scope), self.ctx)
        except ReelgateError as error:
            await error_response(error, self.extra_headers)(scope, receive, send)
            return True
        await response(
            scope, receive, with_headers(send, self.extra_headers | timing_headers(video))
        )
        return not isinstance(response, StreamedResponse) or response.sent_whole


def check_finished(video: Video, *, closing: bool) -> None:
    """Raise the error of a video that is not completed."""
    if video.state is State.FAILED:
        raise failure_of(video)
    if closing and not video.is_over:
        raise ShuttingDown(retry_after_s=5)
    if not video.is_over:
        message = "the video is not ready yet: the same request sent again joins it at no cost"
        raise UpstreamTimeout(message, retry_after_s=5)


def timing_headers(video: Video) -> dict[str, str]:
    """The model and the seconds between submit and ready, as headers."""
    times = video.timeline
    took_s = (times.ready_at or 0.0) - (times.submitted_at or times.ready_at or 0.0)
    return {"X-Model": video.request.model, "X-Inference-Time-S": f"{took_s:.3f}"}


def with_headers(send: Send, headers: dict[str, str]) -> Send:

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with_headers


router = APIRouter(prefix="/v1/videos", tags=["Videos"], route_class=AuthenticatedRoute)

POLL_AFTER_MS = "2000"
"""OpenAI's SDK keeps to the first `openai-poll-after-ms` it is sent."""

MAX_SEARCH_CHARS = 200
MAX_TIME = 1e11
"""Unix seconds: beyond every video, and within what an id can hold."""

EVERYBODY = "all"
"""How a query names the videos of every key, and those made without one."""

VideoId = Annotated[str, Path(description="The video's id: `video_...`.")]


@router.post(
    "",
    response_model=VideoObject,
    summary="Ask for a video; follow it by its id",
    responses=REFUSED,
    openapi_extra=CREATE_BODY,
)
async def create_video(request: AuthenticatedRequest) -> Response:
    """The video object, at once."""
    video, attached = await create(request, Caller.NONE)
    return shown(video, request, attached=attached)


@router.get("/{video_id}", response_model=VideoObject, summary="One video", responses=NOT_FOUND)
async def get_video(video_id: VideoId, request: AuthenticatedRequest) -> Response:
    """The video object; 200 for every video that exists, failed ones too."""
    return shown(await request.service.find(video_id, request.sees), request)


@router.post(
    "/sync",
    response_class=Response,
    summary="Ask for a video and get its bytes",
    responses=REFUSED | {200: {"content": {"video/mp4": {}}}},
    openapi_extra=CREATE_BODY,
)
async def create_video_sync(request: AuthenticatedRequest) -> Response:
    """Raw `video/mp4` once it is finished."""
    video, attached = await create(request, Caller.WAITING)
    return SyncResponse(request.ctx, video, attached=attached)


@router.get("", summary="List videos", response_model=VideoList, responses=REFUSED)
async def list_videos(
    request: AuthenticatedRequest,
    after: Annotated[str | None, Query(description="The last id of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Annotated[Ordering, Query(description="By age: newest or oldest first.")] = "desc",
    status: Annotated[VideoStatus | None, Query(description="Only those that stand so.")] = None,
    model: Annotated[str | None, Query(description="Only those of this model.")] = None,
    key: Annotated[
        str | None,
        Query(
            description="Only those of this API key; empty: those made without one; `all`: "
            "everybody's. Another's than the caller's own takes the scope `operate`."
        ),
    ] = None,
    q: Annotated[
        str | None,
        Query(
            max_length=MAX_SEARCH_CHARS,
            description="All these words stand in the prompt.",
        ),
    ] = None,
    created_after: Annotated[
        float | None, Query(ge=0, le=MAX_TIME, description="Unix seconds; this moment included.")
    ] = None,
    created_before: Annotated[
        float | None, Query(ge=0, le=MAX_TIME, description="Unix seconds; this moment excluded.")
    ] = None,
) -> Response:
    """One page, and whether more follows."""
    request.check_may_list()
    check_once(name for name, _ in request.query_params.multi_items())
    states = tuple(state for state, shown in STATUS.items() if shown is status)
    named = request.service.catalog.stored_name(model) if model else model
    words = tuple((q or "").split())
    page = Page(
        owner_of(request, key),
        limit + 1,
        order,
        after,
        states,
        named,
        words,
        created_after,
        created_before,
    )
    found = await request.service.page(page)
    data = [video_object(video, request, request.ctx) for video in found[:limit]]
    return VideoResponse(
        {
            "object": "list",
            "data": data,
            "has_more": len(found) > limit,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }
    )


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
        409: {"description": "It is not finished yet."},
        410: {"description": "The file is no longer kept."},
        416: {"description": "The range lies beyond the end."},
    },
)
async def get_content(
    video_id: VideoId,
    request: AuthenticatedRequest,
    variant: Annotated[Variant, Query(description="`thumbnail`: the first frame.")] = "video",
) -> Response:
    """`Range`, `ETag`, `If-None-Match` and `HEAD` work."""
    check_once(name for name, _ in request.query_params.multi_items())
    return await content_of(
        await request.service.find(video_id, request.sees), variant, request, request.ctx
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
async def get_events(video_id: VideoId, request: AuthenticatedRequest) -> Response:
    """`event: video` with the object on every change, until the video is over."""
    return EventStream(request, request.ctx, await request.service.find(video_id, request.sees))


@router.post(
    "/{video_id}/cancel", response_model=VideoObject, summary="Stop a video", responses=NOT_FOUND
)
async def cancel_video(video_id: VideoId, request: AuthenticatedRequest) -> Response:
    """The object, failed with `cancelled`; unchanged if the video was over already."""
    return shown(await request.service.cancel(video_id, request.owner), request)


@router.post(
    "/{video_id}/reconcile",
    response_model=VideoObject,
    summary="Look whether a failed video was made after all",
    responses=NOT_FOUND,
)
async def reconcile_video(video_id: VideoId, request: AuthenticatedRequest) -> Response:
    """The object; it goes on from there if a lost submit's job was found, or a late one is ready.

    The gateway does so by itself: for an hour after a lost submit, for a day after a time-out.
    """
    return shown(await request.service.reconcile(video_id, request.owner), request)


@router.delete("/{video_id}", summary="Forget a video and its files", responses=NOT_FOUND)
async def delete_video(video_id: VideoId, request: AuthenticatedRequest) -> VideoDeleted:
    """A running video is cancelled first."""
    await request.service.delete(video_id, request.owner)
    return VideoDeleted(id=video_id)


@router.post(
    "/{video_id}/remix",
    response_model=VideoObject,
    summary="The same settings with another prompt",
    responses=REFUSED,
    openapi_extra=body_schema_of(RemixRequest),
)
async def remix_video(video_id: VideoId, request: AuthenticatedRequest) -> Response:
    """A new video with `remixed_from_video_id`."""
    video = await request.service.find(video_id, request.owner)
    body = validated(RemixRequest, await read_json(request))
    wanted = request.service.remix_request(video, body.prompt)
    await request.ctx.references.renew(wanted)
    options = admission_options(request.headers, request.service, adopts=False)
    new_video = NewVideo(request=wanted, owner=request.owner, remixed_from=video_id)
    video, result = await request.service.create(new_video, options)
    return shown(video, request, attached=result is not AdmissionResult.NEW)


def owner_of(request: AuthenticatedRequest, key: str | None) -> str | None:
    """Whose videos are listed; None: everybody's.

    Raises:
        InvalidRequest: `key` is none, or another's and the caller may not operate.
    """
    request.check_key(key)
    if key is not None and key not in {EVERYBODY, ""} and not key.startswith(ID_PREFIX):
        message = (
            f"key {brief(key)} is not allowed: use `{EVERYBODY}`, an id (`key_...`), or nothing "
            "for what was made without a key"
        )
        raise InvalidRequest(problems=(Problem("key", message, key),))
    if key is None:
        return request.owner
    return None if key == EVERYBODY else key


async def create(request: AuthenticatedRequest, caller: Caller) -> tuple[Video, bool]:
    """Read the body and create or find its job; whether it existed before."""
    # A form may hold files, which lie in temporary files as long as the stack is open.
    async with AsyncExitStack() as stack:
        body, files = await read_video_body(request, stack, shapes_of(request).video)
        named = request.service.catalog.default if body.model is None else body.model
        model = request.service.catalog.find(named)
        return await admitted(request, body, files, model, caller=caller)


async def admitted(
    request: AuthenticatedRequest,
    body: VideoCreate,
    files: Mapping[str, Read],
    model: Model,
    *,
    caller: Caller = Caller.NONE,
    source: Reference | None = None,
    made_from: str | None = None,
) -> tuple[Video, bool]:
    """Create a body's job, or find it; whether it existed before.

    Args:
        request: who asks.
        body: what for.
        files: what reads the files that came with it.
        model: who makes it.
        caller: whether somebody waits.
        source: the video that is changed or gone on with.
        made_from: the id of that, where it is one of ours.
    """
    check_webhook(body.webhook_url, request.ctx)
    wanted, warnings = await request_of(
        body,
        files,
        model,
        request.ctx.references,
        request.owner,
        source,
        is_ours=made_from is not None,
    )
    new_video = NewVideo(
        request=wanted,
        owner=request.owner,
        caller=caller,
        metadata=body.metadata or {},
        remixed_from=made_from,
        webhook_url=body.webhook_url,
        warnings=warnings,
    )
    options = admission_options(request.headers, request.service, adopts=caller is Caller.WAITING)
    video, result = await request.service.create(new_video, options)
    return video, result is not AdmissionResult.NEW


def check_webhook(url: str | None, ctx: Context) -> None:
    """Refuse an address that no webhook could be sent to.

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


def shown(video: Video, request: AuthenticatedRequest, *, attached: bool = False) -> Response:
    headers = {"Reelgate-Video-Id": video.id, "openai-poll-after-ms": POLL_AFTER_MS}
    if attached:
        headers["Reelgate-Attached"] = "true"
    return VideoResponse(video_object(video, request, request.ctx), headers=headers)
