"""Numbers for those who run the gateway, and what the next video is likely to take."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from reelgate.domain.price import MICROS
from reelgate.domain.usage import totals
from reelgate.http.auth import AuthenticatedRequest, AuthenticatedRoute
from reelgate.http.openapi import NOT_FOUND
from reelgate.http.videos import VideoId
from reelgate.version import VERSION

if TYPE_CHECKING:
    from reelgate.db.statistics import Overview
    from reelgate.db.webhook_log import Delivery

router = APIRouter(prefix="/v1", route_class=AuthenticatedRoute)

DAY_S = 86400
MAX_DELIVERIES = 100
STARTED_S = time.monotonic()


class Delay(BaseModel):
    """How long something took, over the latest videos; null where there is none."""

    jobs: int
    p50_s: float | None
    p90_s: float | None


class DayStats(BaseModel):
    """The videos of one model that were asked for on one day (UTC)."""

    day: str
    model: str
    jobs: int
    completed: int
    failed: int
    credits: int
    usd: float = Field(description="With the credits whose price is known.")


class FailureStats(BaseModel):
    """The videos that failed with one `error.code`."""

    code: str
    jobs: int
    last_at: float


class KeyStats(BaseModel):
    """What one API key has asked for; the id is empty for videos made without keys."""

    id: str
    name: str | None
    jobs: int
    open: int
    credits: int
    usd: float


class CredentialStats(BaseModel):
    """An upstream's credential."""

    provider: str
    expires_at: float | None = Field(description="Unix seconds; null where it does not tell.")
    credits: int | None = Field(description="What is left, where the upstream tells.")


class PollStats(BaseModel):
    """How often this process has polled, since it began, for jobs that are done with it."""

    jobs: int
    polls: int


class ProcessStats(BaseModel):
    """The process that answers."""

    version: str
    uptime_s: float


class Stats(BaseModel):
    """The last 30 days: all of it for the operator, a key's own videos for everybody else."""

    states: dict[str, int] = Field(description="Jobs by the gateway's own states.")
    days: list[DayStats]
    kept: Delay = Field(description="From found ready to kept here.")
    unseen: Delay = Field(description="How long a video may have been ready before it was found.")
    failures: list[FailureStats]
    keys: list[KeyStats]
    credentials: list[CredentialStats]
    polls: PollStats
    process: ProcessStats


class WebhookLine(BaseModel):
    """One delivery of a webhook."""

    id: str
    event: str
    url: str
    state: str
    attempts: int
    created_at: float
    tried_at: float | None
    status: int | None = Field(description="Of the endpoint's last answer.")
    error: str | None


class WebhookLines(BaseModel):
    """The log of one video."""

    object: Literal["list"] = "list"
    data: list[WebhookLine]


@router.get("/stats", tags=["Statistics"], summary="How the gateway does", response_model=Stats)
async def get_stats(request: AuthenticatedRequest) -> JSONResponse:
    """The last 30 days, and this process since it began."""
    # Loaded by the first who asks: a gateway that nobody watches does without.
    from reelgate.db.statistics import Statistics  # noqa: PLC0415

    request.check_may_list()
    ctx = request.ctx
    polls = ctx.telemetry.metrics.polls
    everything = request.is_operator
    found = await Statistics(ctx.database).overview(
        request.service.now(), None if everything else request.owner
    )
    rates = request.service.estimates.usd_per_credit
    return JSONResponse(
        {
            "states": found.states,
            "days": days(found, rates),
            "kept": delay(found.kept_s),
            "unseen": delay(found.unseen_s),
            "failures": [asdict(each) for each in found.failures],
            "keys": keys(found, rates),
            "credentials": await credentials(request) if everything else [],
            "polls": {"jobs": polls.count, "polls": int(polls.total)},
            "process": {"version": VERSION, "uptime_s": round(time.monotonic() - STARTED_S, 1)},
        },
        headers={"Cache-Control": "no-store"},
    )


@router.get(
    "/videos/{video_id}/webhooks",
    tags=["Videos"],
    summary="Who was told of a video, and how that went",
    response_model=WebhookLines,
    responses=NOT_FOUND,
)
async def get_webhooks(video_id: VideoId, request: AuthenticatedRequest) -> JSONResponse:
    """The latest deliveries first."""
    from reelgate.db.webhook_log import WebhookLog  # noqa: PLC0415

    video = await request.service.find(video_id, request.sees)
    found = await WebhookLog(request.ctx.database).page(limit=MAX_DELIVERIES, video_id=video.id)
    return JSONResponse({"object": "list", "data": [line_of(each) for each in found]})


def days(found: Overview, usd_per_credit: Mapping[str, Decimal]) -> list[dict[str, Any]]:
    """What each model was asked for on each day."""
    by_day = totals(found.usage, lambda each: (each.day, each.model), usd_per_credit)
    return [
        {
            "day": date_of(day),
            "model": model,
            "jobs": each.jobs,
            "completed": each.completed,
            "failed": each.failed,
            "credits": each.credits,
            "usd": each.usd / MICROS,
        }
        for (day, model), each in sorted(by_day.items())
    ]


def keys(found: Overview, usd_per_credit: Mapping[str, Decimal]) -> list[dict[str, Any]]:
    """What each key has asked for, the busiest first."""
    by_key = totals(found.usage, lambda each: each.owner, usd_per_credit)
    return [
        {
            "id": key,
            "name": found.keys[key].name,
            "jobs": each.jobs,
            "open": found.keys[key].open,
            "credits": each.credits,
            "usd": each.usd / MICROS,
        }
        for key, each in sorted(by_key.items(), key=lambda item: -item[1].jobs)
    ]


def date_of(day: int) -> str:
    """A day as ISO 8601 writes it."""
    return datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()


def delay(ordered: Sequence[float]) -> dict[str, float | int | None]:
    """The middle of some times and what nine of ten stay under."""
    if not ordered:
        return {"jobs": 0, "p50_s": None, "p90_s": None}
    p50, p90 = (round(ordered[int(part * (len(ordered) - 1))], 2) for part in (0.5, 0.9))
    return {"jobs": len(ordered), "p50_s": p50, "p90_s": p90}


async def credentials(request: AuthenticatedRequest) -> list[dict[str, Any]]:
    """Every upstream's credential, when it ends, and the credits that are left."""
    left = await request.ctx.scrape.credits_left()
    now = request.service.now()
    ends = {provider.name: provider.expiry for provider in request.service.providers}
    return [
        {
            "provider": name,
            "expires_at": (
                None if expiry is None or math.isinf(expiry.left_s) else round(now + expiry.left_s)
            ),
            "credits": left.get(name),
        }
        for name, expiry in ends.items()
    ]


def line_of(delivery: Delivery) -> dict[str, Any]:
    """A line of the log; an endpoint's address may hold a secret of its own behind the `?`."""
    message = delivery.message
    return {
        "id": message.id,
        "event": message.event,
        "url": message.url.partition("?")[0],
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "created_at": delivery.created_at,
        "tried_at": delivery.tried_at,
        "status": delivery.status,
        "error": delivery.error,
    }
