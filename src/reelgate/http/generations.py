"""The blocking shape: one request, one finished video."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response
from fastapi.responses import JSONResponse

from reelgate.http.context import Guarded, Visit
from reelgate.http.document import body_of
from reelgate.http.generation_answer import GenerationAnswer
from reelgate.http.ordering import terms_of
from reelgate.http.parsing import read_json, validated
from reelgate.http.prefer import parse_prefer
from reelgate.http.schemas import ErrorAnswer, GenerationRequest, GenerationResult
from reelgate.service import Order
from reelgate.store.admission import Origin
from reelgate.video import Caller

router = APIRouter(tags=["Blocking"], route_class=Guarded)

SEED_MODEL = "imagine-text-to-video"

DESCRIPTION = """Answers once, with a playable `video_url`. No polling.

After the wait limit (300 s) the job goes on and the answer is `PROCESSING` with the same
`video_url`; the same request sent again joins that job and costs nothing.
`Prefer: wait=N` caps the wait at N seconds, `Prefer: respond-async` answers 202 at once."""

RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"description": "Accepted (`Prefer: respond-async`): `Location` tells where to look."},
    400: {"model": ErrorAnswer, "description": "The body cannot be read."},
    402: {"model": ErrorAnswer, "description": "The upstream account has no credits left."},
    404: {"model": ErrorAnswer, "description": "There is no such model."},
    413: {"model": ErrorAnswer, "description": "The body is too large."},
    415: {"model": ErrorAnswer, "description": "The body is not JSON."},
    422: {"model": ErrorAnswer, "description": "A value the model does not take."},
    429: {"model": ErrorAnswer, "description": "Too many requests, after our own retries."},
    502: {"model": ErrorAnswer, "description": "The upstream failed or refused the job."},
    504: {"model": ErrorAnswer, "description": "The upstream did not finish in time."},
}

PreferHeader = Annotated[
    list[str] | None,
    Header(alias="Prefer", description="`wait=N` or `respond-async` (RFC 7240)."),
]
BODY = body_of(GenerationRequest)


@router.post(
    f"/v1/{SEED_MODEL}/generations",
    response_model=GenerationResult,
    summary="Make a video with imagine-text-to-video and wait for it",
    description=DESCRIPTION,
    responses=RESPONSES,
    openapi_extra=BODY,
)
async def generate_imagine(visit: Visit, prefer: PreferHeader = None) -> Response:
    """The user's specification to the letter."""
    return await generate(SEED_MODEL, visit, prefer)


@router.post(
    "/v1/{model}/generations",
    response_model=GenerationResult,
    summary="Make a video with any model and wait for it",
    description=DESCRIPTION,
    responses=RESPONSES,
    openapi_extra=BODY,
)
async def generate_any(
    model: Annotated[str, Path(description="A model's id or alias, from `GET /v1/models`.")],
    visit: Visit,
    prefer: PreferHeader = None,
) -> Response:
    """The same for every model."""
    return await generate(model, visit, prefer)


async def generate(name: str, visit: Visit, prefer: Sequence[str] | None) -> Response:
    """Validate, find or make the job, and wait for it as the caller prefers."""
    model = visit.service.catalog.find(name)
    wanted = model.request(**validated(GenerationRequest, await read_json(visit)).model_dump())
    preference = parse_prefer(", ".join(prefer or ()))
    at_once = preference.respond_async and not preference.wait_s
    order = Order(
        request=wanted, owner=visit.owner, caller=Caller.NONE if at_once else Caller.WAITING
    )
    terms = terms_of(visit.headers, visit.service, adopts=not at_once)
    video, origin = await visit.service.order(order, terms)
    if at_once:
        return accepted(video.id, preference.applied())
    return GenerationAnswer(visit.ctx, video, preference, attached=origin is not Origin.NEW)


def accepted(video_id: str, applied: str | None) -> Response:
    """202: the job is durable, and `Location` tells where to follow it."""
    headers = {"Location": f"/v1/videos/{video_id}", "Reelgate-Video-Id": video_id}
    if applied:
        headers["Preference-Applied"] = applied
    return JSONResponse({"id": video_id, "status": "QUEUED"}, 202, headers)
