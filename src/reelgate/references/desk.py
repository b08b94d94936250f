"""Takes reference pictures in and puts them where the upstream can read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from reelgate.clock import Clock
from reelgate.outbound import open_session
from reelgate.picture import Picture, is_data_url, read_data_url
from reelgate.providers.base import Provider
from reelgate.references.fetch import FETCH_TIMEOUT_S, PictureFetcher
from reelgate.references.uploads import Uploads
from reelgate.video import VideoRequest

MAX_AT_ONCE = 8
"""Pictures in memory at once: at 20 MB each they would otherwise fill it."""


class References:
    """Everything about reference pictures that needs the network."""

    def __init__(
        self, providers: Mapping[str, Provider], fetcher: PictureFetcher, uploads: Uploads
    ) -> None:
        self._providers = providers
        self._fetcher = fetcher
        self._uploads = uploads
        self._room = asyncio.Semaphore(MAX_AT_ONCE)

    async def place(
        self, request: VideoRequest, provider: str, read: Callable[[], Awaitable[Picture]]
    ) -> VideoRequest:
        """The request with its picture uploaded to its provider.

        `read` gets the picture into memory, and is called when there is room for it.

        Raises:
            InvalidRequest, RequestTooLarge: the picture cannot be used; nothing was uploaded.
            UpstreamError: the provider did not take it.
        """
        async with self._room:
            picture = await read()
            upload = partial(self._providers[provider].upload_reference, picture)
            url = await self._uploads.address_of(f"{provider}/{picture.digest}", upload)
        return replace(request, reference_url=url, reference_digest=picture.digest)

    async def at(self, url: str) -> Picture:
        """The picture that an address means: fetched, or read out of a `data:` URL.

        Raises:
            InvalidRequest, RequestTooLarge: it cannot be used.
        """
        return read_data_url(url) if is_data_url(url) else await self._fetcher.fetch(url)


@asynccontextmanager
async def open_references(
    providers: Mapping[str, Provider], clock: Clock, *, allow_private: bool
) -> AsyncIterator[References]:
    """The desk with its HTTP client; `allow_private` lets it fetch from private networks too."""
    uploads = Uploads(clock)
    async with open_session(allow_private=allow_private, timeout_s=FETCH_TIMEOUT_S) as session:
        try:
            yield References(
                providers, PictureFetcher(session, allow_private=allow_private), uploads
            )
        finally:
            await uploads.stop()
