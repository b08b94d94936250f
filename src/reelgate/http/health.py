"""Whether the gateway is alive, and whether it may be sent work."""

import math

from fastapi import APIRouter, Request, Response

from reelgate.http.auth import context_of
from reelgate.http.schemas import Health, HealthCredential, Ready, ReadyReason
from reelgate.providers.base import Provider
from reelgate.version import VERSION

router = APIRouter(tags=["Gateway"])

NOT_READY = 503


@router.get("/health", summary="Is the gateway alive, and is it real?")
async def health(request: Request) -> Health:
    """200 as long as the process answers; `/ready` tells whether it may be sent work."""
    ctx = context_of(request)
    return Health(
        version=VERSION,
        provider=next(iter(ctx.providers)),
        providers=list(ctx.providers),
        sandbox=ctx.sandbox,
        jobs_open=await ctx.readiness.jobs_open(),
        credentials=[
            credential_of(provider, ctx.service.now()) for provider in ctx.service.providers
        ],
    )


def credential_of(provider: Provider, now_s: float) -> HealthCredential:
    """How an account's credential is."""
    end = provider.expiry
    if end is None:
        return HealthCredential(provider=provider.name, expires_at=None, problem=None)
    return HealthCredential(
        provider=provider.name,
        expires_at=None if math.isinf(end.left_s) else round(now_s + end.left_s),
        problem=end.told() if end.is_over or end.is_near else None,
    )


@router.get(
    "/ready",
    summary="May the gateway be sent work?",
    responses={NOT_READY: {"model": Ready, "description": "It may not: `reasons` tells why."}},
)
async def ready(request: Request, response: Response) -> Ready:
    """200 when a new job would be taken and could be finished, as far as is known; else 503."""
    verdict = await context_of(request).readiness.verdict()
    response.headers["Cache-Control"] = "no-store"
    if not verdict.is_ready:
        response.status_code = NOT_READY
    return Ready(
        status="ready" if verdict.is_ready else "not_ready",
        reasons=[ReadyReason.model_validate(reason) for reason in verdict.reasons],
        warnings=[ReadyReason.model_validate(warning) for warning in verdict.warnings],
    )
