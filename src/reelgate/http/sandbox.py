"""The sandbox's videos, passed through so that the gateway's port is enough to play them."""

from fastapi import APIRouter, Request, Response

from reelgate.http.auth import context_of
from reelgate.http.content import PassThrough

router = APIRouter(include_in_schema=False)


@router.api_route("/sandbox/processed/{provider_id}", methods=["GET", "HEAD"])
async def play(provider_id: str, request: Request) -> Response:
    """What `video_url` points at while the sandbox stands in for imagine.art."""
    return PassThrough(request, context_of(request).provider, provider_id)
