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
        return urljoin(self.settings.public_url or str(request.base_url), url)


async def context_of(request: Request) -> Context:
    """The context that the app factory left for the routes.

    A coroutine, because FastAPI calls a plain function in a thread, which costs as much as the
    rest of a small request.
    """
    context: Context = request.app.state.context
    return context


Ctx = Annotated[Context, Depends(context_of)]


async def owner_of(request: Request, ctx: Ctx) -> str:
    """Whose videos this request may see."""
    return await ctx.gatekeeper.identify(request.headers.get("authorization"))


Owner = Annotated[str, Depends(owner_of)]
