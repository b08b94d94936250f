"""What every route works with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urljoin

from fastapi import Depends, Request

from reelgate.gatekeeper import Gatekeeper
from reelgate.media.storage import Storage
from reelgate.providers.base import Provider
from reelgate.references import References
from reelgate.service import Service
from reelgate.settings import Settings
from reelgate.video import Video


@dataclass(frozen=True, slots=True)
class Context:
    """Handed to the app factory; the same for all requests."""

    service: Service
    settings: Settings
    provider: Provider
    storage: Storage
    gatekeeper: Gatekeeper
    references: References
    hand_over: Callable[[], Awaitable[None]]
    """Gives the jobs to other processes, where there are others."""

    @property
    def sandbox(self) -> bool:
        """Whether videos are made by the sandbox, not for real."""
        return self.settings.uses_sandbox

    def provider_of(self, video: Video) -> Provider:
        """The provider that made a video.

        Raises:
            VideoExpired: this gateway no longer knows that provider.
        """
        return self.service.provider_of(video)

    def video_url(self, request: Request, video: Video) -> str:
        """Where the video plays: at the provider, else, before that is known, at the gateway."""
        url = self.service.video_url(video) or f"/v1/videos/{video.id}/content"
        if not url.startswith("/"):
            return url
        return (
            urljoin(self.settings.public_url, url) if self.settings.public_url else at(request, url)
        )


def at(request: Request, path: str) -> str:
    """A path of this gateway, at the address by which the caller reaches it."""
    host = request.headers.get("host") or request.base_url.netloc
    return f"{request.scope['scheme']}://{host}{path}"


def context_of(request: Request) -> Context:
    """The context that the app factory left for the routes."""
    context: Context = request.app.state.context
    return context


async def known_context_of(request: Request) -> Context:
    """The same for FastAPI, which calls what is no coroutine in a thread: that costs more."""
    return context_of(request)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who was let in; `owner` tells whose videos it may see."""

    request: Request
    ctx: Context
    owner: str

    @property
    def service(self) -> Service:
        """The use cases."""
        return self.ctx.service


async def visit_of(request: Request) -> Visit:
    """Let the caller in.

    Raises:
        InvalidApiKey: nobody knows the key.
        RateLimited: it has called too often.
    """
    ctx = context_of(request)
    owner = await ctx.gatekeeper.identify(request.headers.get("authorization"))
    return Visit(request, ctx, owner)


Ctx = Annotated[Context, Depends(known_context_of)]
# One dependency for what nearly every route needs: FastAPI takes some 15 us for each.
Visiting = Annotated[Visit, Depends(visit_of)]
