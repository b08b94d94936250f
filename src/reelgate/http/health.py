"""Whether the gateway works."""

from fastapi import APIRouter, Request

from reelgate.http.context import context_of
from reelgate.http.schemas import Health
from reelgate.version import VERSION

router = APIRouter(tags=["Gateway"])


@router.get("/health", summary="Is the gateway well, and is it real?")
async def health(request: Request) -> Health:
    """200 when the database answers."""
    ctx = context_of(request)
    return Health(
        version=VERSION,
        provider=ctx.provider.name,
        sandbox=ctx.sandbox,
        jobs_open=await ctx.service.count_open(),
    )
