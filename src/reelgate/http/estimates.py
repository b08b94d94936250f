"""What a video would cost and take, before anything is paid."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from reelgate.domain.picture import is_data_url
from reelgate.http.auth import AuthenticatedRequest, AuthenticatedRoute, ReadingRoute
from reelgate.http.openapi import CREATE_BODY, REFUSED
from reelgate.http.parsing import check_once
from reelgate.http.request_form import read_video_body
from reelgate.http.request_shapes import shapes_of
from reelgate.http.schemas import VideoWarning
from reelgate.providers.base import can_preview
from reelgate.service.estimates import Expected

router = APIRouter(prefix="/v1", tags=["Videos"], route_class=ReadingRoute)
by_model = APIRouter(prefix="/v1", tags=["Statistics"], route_class=AuthenticatedRoute)

NO_STORE = {"Cache-Control": "no-store"}
MAX_SHOWN_CHARS = 2000
"""Of a text in the upstream's request: a whole prompt, and no picture."""


class TimesOfKind(BaseModel):
    """How long jobs like this one took, from accepted to ready."""

    jobs: int
    p10_s: float
    p50_s: float
    p90_s: float
    curve: list[float] = Field(description="In equal steps from 0 s to the 99th percentile.")


class Estimate(BaseModel):
    """What a video of this kind is likely to take."""

    times: TimesOfKind | None = Field(description="Null until three jobs of this kind are known.")
    typical_s: list[float] | None = Field(description="The shortest and longest published times.")
    cost: float | None = Field(description="By its model's price, or as the last one like it did.")
    cost_unit: Literal["credits", "usd"] | None = Field(description="What `cost` counts.")


class EstimatedPrice(BaseModel):
    """What it would cost."""

    amount: float
    unit: Literal["credits", "usd"] = Field(description="`credits`: the provider's own.")
    certainty: str = Field(
        description="`official`, `seen` or `configured` as in `capabilities.price`; `learned`: as "
        "the last video like it did."
    )


class EstimateRefusal(BaseModel):
    """Why the key that asks would be refused this video, whatever it has spent."""

    code: str
    message: str


class VideoEstimate(BaseModel):
    """What a request would cost and take; nothing is made."""

    object: Literal["video.estimate"] = "video.estimate"
    model: str = Field(description="Who would make it, also where a virtual model is asked for.")
    provider: str
    price: EstimatedPrice | None = Field(description="Null where nobody knows.")
    price_usd: float | None = Field(description="The same in dollars, where that is known.")
    times: TimesOfKind | None = Field(description="Null until three jobs of this kind are known.")
    typical_s: list[float] | None = Field(description="The shortest and longest published times.")
    refusal: EstimateRefusal | None
    route: dict[str, Any] | None = Field(description="How a virtual model's target was chosen.")
    warnings: list[VideoWarning]
    upstream_request: dict[str, Any] | None = Field(
        description="What would be sent, without credentials; null where that is not known."
    )


@router.post(
    "/videos/estimate",
    response_model=VideoEstimate,
    summary="What a video would cost and take",
    responses=REFUSED,
    openapi_extra=CREATE_BODY,
)
async def estimate_video(request: AuthenticatedRequest) -> JSONResponse:
    """For the body of `POST /v1/videos`: checked like that, and nothing is made or paid."""
    service = request.service
    async with AsyncExitStack() as stack:
        body, _ = await read_video_body(request, stack, shapes_of(request).video)
        model = service.catalog.find(body.model or service.catalog.default)
        wanted, warnings, _ = body.for_model(model)
        expected = await service.estimates.expected(wanted, request.owner)
    told = [{"param": each.param, "message": each.message} for each in warnings]
    return JSONResponse(described(expected) | {"warnings": told}, headers=NO_STORE)


def described(expected: Expected) -> dict[str, Any]:
    """An estimate as the answer tells it, but for the warnings."""
    quote, refusal = expected.quote, expected.refusal
    return {
        "object": "video.estimate",
        "model": expected.model.id,
        "provider": expected.model.provider,
        "price": None
        if quote.price is None
        else {
            "amount": quote.price.value,
            "unit": quote.price.unit.value,
            "certainty": quote.certainty,
        },
        "price_usd": None if quote.usd is None else quote.usd.value,
        "times": None if expected.times is None else asdict(expected.times),
        "typical_s": expected.typical_s,
        "refusal": None if refusal is None else {"code": refusal.code, "message": refusal.message},
        "route": None if expected.route is None else expected.route.described(),
        "upstream_request": upstream_request(expected),
    }


def upstream_request(expected: Expected) -> dict[str, Any] | None:
    """The submit that would be sent, without credentials, and with addresses in place of files."""
    if not can_preview(expected.provider):
        return None
    call = expected.provider.preview(expected.request)
    told = {"query": dict(call.query), "json": call.json, "form": call.form and list(call.form)}
    given = {name: shown(value) for name, value in told.items() if value}
    return {"method": call.method, "path": call.path, **given}


def shown(value: object) -> object:
    """A value of the upstream's request; of one that holds a file, its beginning."""
    if isinstance(value, str):
        is_whole = len(value) <= MAX_SHOWN_CHARS and not is_data_url(value)
        return value if is_whole else f"{value[:40]}... ({len(value)} characters)"
    if isinstance(value, Mapping):
        return {name: shown(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [shown(each) for each in value]
    return value


@by_model.get(
    "/estimate",
    summary="What a model's videos are likely to take",
    response_model=Estimate,
    responses=REFUSED,
)
async def get_estimate(
    request: AuthenticatedRequest,
    model: Annotated[str, Query(description="A model's id or alias.")],
    duration: Annotated[str | None, Query(description="As in a request.")] = None,
    resolution: Annotated[str | None, Query(description="As in a request.")] = None,
) -> JSONResponse:
    """From the times and costs of earlier jobs with the same model, duration and resolution."""
    request.check_may_list()
    check_once(name for name, _ in request.query_params.multi_items())
    found = request.service.catalog.find(model)
    number = int(duration) if duration and duration.isdecimal() else duration
    wanted = found.sample(duration=number, resolution=resolution)
    told = described(await request.service.estimates.expected(wanted, request.owner))
    price = told["price"] or {"amount": None, "unit": None}
    return JSONResponse(
        {
            "times": told["times"],
            "typical_s": told["typical_s"],
            "cost": price["amount"],
            "cost_unit": price["unit"],
        },
        headers=NO_STORE,
    )
