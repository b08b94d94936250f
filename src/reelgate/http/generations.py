"""The blocking shape: one request, one finished video, as long as `Prefer` waits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response
from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from reelgate.db.admission import AdmissionResult
from reelgate.domain.video import Caller, State, Video
from reelgate.domain.video_object import warnings_of
from reelgate.http.auth import AuthenticatedRequest, AuthenticatedRoute, Context
from reelgate.http.errors import ProblemResponse, body_of, error_response
from reelgate.http.idempotency import admission_options
from reelgate.http.openapi import json_or_form
from reelgate.http.request_form import read_video_body
from reelgate.http.request_shapes import shapes_of
from reelgate.http.schemas import GenerationResult
from reelgate.http.streaming import BlockingResponse, failure_of
from reelgate.http.video_request import GenerationRequest, request_of
from reelgate.service.videos import NewVideo

LONGEST_WAIT_S = 86_400.0
"""A number beyond all sense would become infinite, and be echoed as such."""


@dataclass(frozen=True, slots=True)
class Preference:
    """What a caller prefers: `wait_s` caps the wait, `respond_async` wants 202 in its place."""

    wait_s: float | None = None
    respond_async: bool = False

    def applied(self) -> str | None:
        """What `Preference-Applied` echoes; None where nothing was asked."""
        parts = ["respond-async"] if self.respond_async else []
        if self.wait_s is not None:
            parts.append(f"wait={self.wait_s:.0f}")
        return ", ".join(parts) or None


def parse_prefer(header: str | None) -> Preference:
    """Read a `Prefer` header; what is unknown or makes no sense is ignored, as the RFC asks."""
    wait_s: float | None = None
    respond_async = False
    for part in (header or "").split(","):
        name, _, value = part.partition(";")[0].partition("=")
        value = value.strip().strip('"')
        match name.strip().lower():
            case "respond-async":
                respond_async = True
            case "wait" if wait_s is None and value.isascii() and value.isdigit():
                wait_s = min(float(value), LONGEST_WAIT_S)
            case _:
                continue
    return Preference(wait_s, respond_async)


class GenerationResponse(BlockingResponse):
    """`COMPLETED` or `PROCESSING` with a `video_url`, or why there is none."""

    def __init__(
        self,
        ctx: Context,
        video: Video,
        preference: Preference,
        *,
        attached: bool,
    ) -> None:
        super().__init__(ctx, video, attached=attached)
        self._preference = preference
        self._started = False
        if applied := preference.applied():
            self.extra_headers["Preference-Applied"] = applied

    def limit_s(self) -> float:
        """The caller may shorten the wait, not lengthen it."""
        asked_s = self._preference.wait_s
        limit_s = super().limit_s()
        return limit_s if asked_s is None else min(limit_s, asked_s)

    def heartbeat_every_s(self) -> float:
        """As the settings say."""
        return self.ctx.settings.heartbeat_s

    async def send_heartbeat(self, send: Send) -> None:
        """Send a blank, which JSON may begin with, and before the first one the answer's head."""
        if not self._started:
            self._started = True
            headers = {"Content-Type": "application/json"} | self.extra_headers
            raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": 200, "headers": raw})
        await send({"type": "http.response.body", "body": b" ", "more_body": True})

    async def finish(self, video: Video, scope: Scope, receive: Receive, send: Send) -> bool:
        """Send the answer, or the rest of it where heartbeats have sent its head."""
        if self._started:
            late = self._late_response(video, Request(scope))
            await send({"type": "http.response.body", "body": late.body})
        else:
            await self._response(video, Request(scope))(scope, receive, send)
        return True

    def _response(self, video: Video, request: Request) -> Response:
        if video.state is State.FAILED:
            return error_response(failure_of(video), self.extra_headers)
        if not video.is_over and (self._preference.respond_async or self.is_closing):
            location = {"Location": f"/v1/videos/{video.id}"}
            return JSONResponse(self._body(video, request), 202, self.extra_headers | location)
        return JSONResponse(self._body(video, request), headers=self.extra_headers)

    def _body(self, video: Video, request: Request) -> dict[str, Any]:
        body = {
            "id": video.provider_id or "",
            "status": "COMPLETED" if video.state is State.COMPLETED else "PROCESSING",
            "video_url": self.ctx.video_url(request, video),
            "batch_id": video.batch_id or "",
        }
        # Nothing new where nothing was left out: some read this answer strictly.
        return body | ({"warnings": warnings_of(video)} if video.warnings else {})

    def _late_response(self, video: Video, request: Request) -> Response:
        """With heartbeats the status line has gone out as 200: a failure is told in the body."""
        if video.state is State.FAILED:
            error = body_of(failure_of(video))["error"]
            return ProblemResponse({"status": "FAILED", "error": error})
        return JSONResponse(self._body(video, request))


router = APIRouter(tags=["Blocking"], route_class=AuthenticatedRoute)

SEED_MODEL = "imagine-text-to-video"

DESCRIPTION = """Answers once, with a playable `video_url`. No polling.

After the wait limit (300 s) the job goes on and the answer is `PROCESSING` with the same
`video_url`; the same request sent again joins that job and costs nothing.
`Prefer: wait=N` caps the wait at N seconds, `Prefer: respond-async` answers 202 at once."""

RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"description": "Accepted (`Prefer: respond-async`): `Location` tells where to look."},
    400: {"description": "The body cannot be read."},
    402: {"description": "The upstream account has no credits left."},
    404: {"description": "There is no such model."},
    413: {"description": "The body is too large."},
    415: {"description": "The body is neither JSON nor a form."},
    422: {"description": "A value the model does not take."},
    429: {"description": "Too many requests, after our own retries."},
    502: {"description": "The upstream failed or refused the job."},
    504: {"description": "The upstream did not finish in time."},
}

PreferHeader = Annotated[
    list[str] | None,
    Header(alias="Prefer", description="`wait=N` or `respond-async` (RFC 7240)."),
]
BODY = json_or_form(GenerationRequest)


@router.post(
    f"/v1/{SEED_MODEL}/generations",
    response_model=GenerationResult,
    summary="Make a video with imagine-text-to-video and wait for it",
    description=DESCRIPTION,
    responses=RESPONSES,
    openapi_extra=BODY,
)
async def generate_imagine(request: AuthenticatedRequest, prefer: PreferHeader = None) -> Response:
    """The user's specification to the letter."""
    return await generate(SEED_MODEL, request, prefer)


@router.post(
    "/v1/{model:path}/generations",
    response_model=GenerationResult,
    summary="Make a video with any model and wait for it",
    description=DESCRIPTION,
    responses=RESPONSES,
    openapi_extra=BODY,
)
async def generate_any(
    model: Annotated[str, Path(description="A model's id or alias, from `GET /v1/models`.")],
    request: AuthenticatedRequest,
    prefer: PreferHeader = None,
) -> Response:
    """The same for every model."""
    return await generate(model, request, prefer)


async def generate(
    name: str, request: AuthenticatedRequest, prefer: Sequence[str] | None
) -> Response:
    """Validate, find or make the job, and wait for it as the caller prefers."""
    model = request.service.catalog.find(name)
    preference = parse_prefer(", ".join(prefer or ()))
    at_once = preference.respond_async and not preference.wait_s
    # A form may hold files, which lie in temporary files as long as the stack is open.
    async with AsyncExitStack() as stack:
        shapes = shapes_of(request)
        body, files = await read_video_body(request, stack, shapes.generation)
        wanted, warnings = await request_of(
            body, files, model, request.ctx.references, request.owner
        )
        new_video = NewVideo(
            request=wanted,
            owner=request.owner,
            caller=Caller.NONE if at_once else Caller.WAITING,
            warnings=warnings,
        )
        options = admission_options(request.headers, request.service, adopts=not at_once)
        video, result = await request.service.create(new_video, options)
    if at_once:
        return accepted(video.id, preference.applied())
    return GenerationResponse(
        request.ctx, video, preference, attached=result is not AdmissionResult.NEW
    )


def accepted(video_id: str, applied: str | None) -> Response:
    """202: the job is durable, and `Location` tells where to follow it."""
    headers = {"Location": f"/v1/videos/{video_id}", "Reelgate-Video-Id": video_id}
    if applied:
        headers["Preference-Applied"] = applied
    return JSONResponse({"id": video_id, "status": "QUEUED"}, 202, headers)
