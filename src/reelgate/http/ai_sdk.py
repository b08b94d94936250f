"""/v1/ai: what the Vercel AI SDK's `generateVideo()` says to a gateway.

The wire is that of the npm package `@ai-sdk/gateway` 4 (its video model): `video-model` waits and
answers one Server-Sent Event, `video-model/start` and `video-model/status` poll. The video comes in
the answer as base64, because the SDK downloads from no address of a private network.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, StrictStr
from starlette.types import Message, Receive, Scope, Send

from reelgate.db.admission import AdmissionResult
from reelgate.domain.api_keys import Scope as KeyScope
from reelgate.domain.charge import Charge, charge_of
from reelgate.domain.video import Caller, State, Video
from reelgate.errors import Cancelled, ReelgateError, StorageFailed
from reelgate.http.ai_sdk_request import VideoCall
from reelgate.http.auth import AuthenticatedRequest, AuthenticatedRoute, Context
from reelgate.http.content import content_of
from reelgate.http.errors import body_of, error_response, headers_of
from reelgate.http.idempotency import admission_options
from reelgate.http.parsing import read_json, validated
from reelgate.http.streaming import BlockingResponse, StreamedResponse
from reelgate.http.videos import check_finished, check_webhook
from reelgate.service.videos import NewVideo

HEARTBEAT_S = 15.0
"""Node's own client gives up on an answer that does not begin or go on for five minutes."""
HEARTBEAT = b": waiting\n\n"
EVENT_STREAM = "text/event-stream"
NOT_AGAIN = 422
"""The SDK sends a request again by itself after 408, 409, 429 and 5xx, but not after this."""


class Operation(BaseModel):
    """What `start` answered."""

    id: StrictStr


class Status(BaseModel):
    """Which video is asked about."""

    operation: Operation


class ReadingRoute(AuthenticatedRoute):
    """A `POST` that only reads."""

    scope = KeyScope.READ


router = APIRouter(prefix="/v1/ai", include_in_schema=False, route_class=AuthenticatedRoute)
status_router = APIRouter(prefix="/v1/ai", include_in_schema=False, route_class=ReadingRoute)

ModelId = Annotated[str | None, Header(alias="ai-model-id")]


@router.post("/video-model")
async def generate(request: AuthenticatedRequest, model: ModelId = None) -> Response:
    """The finished video, in one event."""
    video, attached = await create(request, model, Caller.WAITING)
    return EventResponse(request.ctx, video, attached=attached)


@router.post("/video-model/start")
async def start(request: AuthenticatedRequest, model: ModelId = None) -> Response:
    """What to ask about."""
    video, _ = await create(request, model, Caller.NONE)
    return JSONResponse({"operation": {"id": video.id}} | told_of(video))


@status_router.post("/video-model/status")
async def status(request: AuthenticatedRequest) -> Response:
    """How a video stands; once it is finished, the video."""
    asked = validated(Status, await read_json(request))
    video = await request.service.find(asked.operation.id, request.owner)
    if video.failure is not None:
        if video.failure.code == Cancelled.code:
            return JSONResponse({"status": "cancelled"} | metadata_of(video))
        told = {"status": "error", "error": video.failure.message}
        return JSONResponse(told | metadata_of(video))
    if video.state is not State.COMPLETED:
        return JSONResponse({"status": "pending"} | told_of(video))
    return StatusResponse(video, request, request.ctx)


async def create(
    request: AuthenticatedRequest, named: str | None, caller: Caller
) -> tuple[Video, bool]:
    """Find or make the job; whether it existed before."""
    ctx, service = request.ctx, request.service
    model = service.catalog.find(named or service.catalog.default)
    body = validated(VideoCall, await read_json(request))
    check_webhook(body.webhook_url, ctx)
    wanted, warnings = body.for_model(model)
    wanted = await ctx.references.place(wanted, model.provider, request.owner)
    new_video = NewVideo(
        request=wanted,
        owner=request.owner,
        caller=caller,
        webhook_url=body.webhook_url,
        warnings=warnings,
    )
    adopts = caller is Caller.WAITING
    options = admission_options(request.headers, service, adopts=adopts)
    video, result = await service.create(new_video, options)
    return video, result is not AdmissionResult.NEW


def told_of(video: Video) -> dict[str, Any]:
    """The warnings and the metadata of a video."""
    warnings = [
        {"type": "unsupported", "feature": each.param, "details": each.message}
        for each in video.warnings
    ]
    return {"warnings": warnings} | metadata_of(video)


def metadata_of(video: Video) -> dict[str, Any]:
    charged = charge_of(video)
    told = {"id": video.id, "model": video.request.model, "charge": charged.charge.value}
    return {"providerMetadata": {"reelgate": told}}


def around(video: Video, outcome: Mapping[str, str]) -> tuple[bytes, bytes]:
    """A finished video's document, before and after its bytes."""
    media_type = video.file.content_type if video.file else "video/mp4"
    mark = "\0"
    file = {"type": "base64", "mediaType": media_type, "data": mark}
    document = json.dumps({**outcome, "videos": [file], **told_of(video)})
    before, after = document.split(json.dumps(mark)[1:-1], 1)
    return before.encode(), after.encode()


class Base64Sender:
    """Passes a file's bytes on as base64, between two halves of a document, in constant memory."""

    def __init__(self, send: Send, head: Message | None, before: bytes, after: bytes) -> None:
        """`head` begins the response; None where it has begun."""
        self._send = send
        self._head = head
        self._before = before
        self._after = after
        self._rest = b""

    async def __call__(self, message: Message) -> None:
        """Take a message of the file's own response.

        Raises:
            StorageFailed: that response is not the file.
        """
        if message["type"] == "http.response.start":
            if message["status"] != 200:  # noqa: PLR2004
                raise StorageFailed("the video's file cannot be read")
            if self._head is not None:
                await self._send(self._head)
            await self._send_body(self._before)
            return
        data = self._rest + message.get("body", b"")
        more = message.get("more_body", False)
        # Three bytes make four letters.
        whole = len(data) - len(data) % 3 if more else len(data)
        self._rest = data[whole:]
        await self._send_body(b64encode(data[:whole]))
        if not more:
            await self._send({"type": "http.response.body", "body": self._after})

    async def _send_body(self, body: bytes) -> None:
        if body:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})


def head_of(media_type: str, headers: Mapping[str, str]) -> Message:
    all_headers = {"Content-Type": media_type, "Cache-Control": "no-store", **headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in all_headers.items()]
    return {"type": "http.response.start", "status": 200, "headers": raw}


class StatusResponse(Response):
    """A finished video as JSON."""

    def __init__(self, video: Video, request: Request, ctx: Context) -> None:
        super().__init__()
        self._video = video
        self._request = request
        self._ctx = ctx

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            content = await content_of(self._video, "video", self._request, self._ctx)
            before, after = around(self._video, {"status": "completed"})
            sender = Base64Sender(send, head_of("application/json", {}), before, after)
            await content(scope, receive, sender)
        except ReelgateError as error:
            await error_response(error)(scope, receive, send)


class EventResponse(BlockingResponse):
    """A finished video, or why there is none, as one Server-Sent Event."""

    _head_is_sent = False

    def heartbeat_every_s(self) -> float:
        return HEARTBEAT_S

    async def send_heartbeat(self, send: Send) -> None:
        """Send a comment, and before the first one the answer's head."""
        if not self._head_is_sent:
            self._head_is_sent = True
            await send(head_of(EVENT_STREAM, self.extra_headers))
        await send({"type": "http.response.body", "body": HEARTBEAT, "more_body": True})

    async def finish(self, video: Video, scope: Scope, receive: Receive, send: Send) -> bool:
        """Send the event; whether the caller has received it."""
        try:
            check_finished(video, closing=self.is_closing)
            content = await content_of(video, "video", Request(scope), self.ctx)
            before, after = around(video, {"type": "result"})
            head = None if self._head_is_sent else head_of(EVENT_STREAM, self.extra_headers)
            await content(
                scope, receive, Base64Sender(send, head, b"data: " + before, after + b"\n\n")
            )
        except ReelgateError as error:
            await self._refuse(error, video, scope, receive, send)
            return True
        return not isinstance(content, StreamedResponse) or content.sent_whole

    async def _refuse(
        self, error: ReelgateError, video: Video, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Say so with a status after which the SDK does not pay again unasked."""
        status = status_of(error, video)
        told = body_of(error)["error"]
        if not self._head_is_sent:
            headers = self.extra_headers | headers_of(error)
            await JSONResponse({"error": told}, status, headers)(scope, receive, send)
            return
        event = {"type": "error", "message": told["message"], "errorType": told["type"]}
        event |= {"statusCode": status, "param": told["param"]}
        body = b"data: " + json.dumps(event).encode() + b"\n\n"
        await send({"type": "http.response.body", "body": body})


def status_of(error: ReelgateError, video: Video) -> int:
    """The error's own status, unless the video failed and may have been paid for."""
    is_paid = video.failure is not None and charge_of(video).charge is not Charge.FREE
    return NOT_AGAIN if is_paid else error.status
