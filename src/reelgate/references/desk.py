"""Takes reference pictures in and puts them where the upstream can read them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from reelgate.clock import Clock
from reelgate.open_files import for_requests
from reelgate.outbound import open_session
from reelgate.picture import Picture, is_data_url, read_data_url
from reelgate.providers.base import Provider
from reelgate.references.fetch import PictureFetcher, Read
from reelgate.references.permits import FairPermits
from reelgate.references.uploads import Uploads
from reelgate.video import VideoRequest

MAX_AT_ONCE, MAX_AT_ONCE_OF_OWNER = 8, 4
"""Pictures in memory at once: at 20 MB each they would otherwise fill it."""
MAX_FETCHES, MAX_FETCHES_OF_OWNER = 64, 8
"""Servers that are asked for a picture at once; while they say nothing they cost no memory."""


class References:
    """Everything about reference pictures that needs the network."""

    def __init__(
        self, providers: Mapping[str, Provider], fetcher: PictureFetcher, uploads: Uploads
    ) -> None:
        self._providers = providers
        self._fetcher = fetcher
        self._uploads = uploads
        self._room = FairPermits(MAX_AT_ONCE, MAX_AT_ONCE_OF_OWNER)
        self._fetches = FairPermits(for_requests(MAX_FETCHES), MAX_FETCHES_OF_OWNER)

    async def place(
        self, request: VideoRequest, provider: str, owner: str, source: str | Read
    ) -> VideoRequest:
        """The request with its picture uploaded to its provider.

        Args:
            request: the request without it.
            provider: who is to read the picture.
            owner: who asks; one who asks for many does not keep others waiting.
            source: the picture's address, or a `data:` URL, or what gets it into memory; nothing
                is read before there is room for it.

        Raises:
            InvalidRequest, RequestTooLarge: the picture cannot be used; nothing was uploaded.
            UpstreamError: the provider did not take it.
        """
        async with self._opened(source, owner) as read, self._room.held(owner):
            picture = await read()
            upload = partial(self._providers[provider].upload_reference, picture)
            url = await self._uploads.address_of(f"{provider}/{picture.digest}", upload)
        return replace(request, reference_url=url, reference_digest=picture.digest)

    @asynccontextmanager
    async def _opened(self, source: str | Read, owner: str) -> AsyncIterator[Read]:
        """What gets the picture into memory, once its server has begun to answer."""
        if not isinstance(source, str):
            yield source
        elif is_data_url(source):
            yield partial(decoded, source)
        else:
            async with self._fetches.held(owner), self._fetcher.opened(source) as read:
                yield read


async def decoded(url: str) -> Picture:
    """The picture in a `data:` URL."""
    return read_data_url(url)


@asynccontextmanager
async def open_references(
    providers: Mapping[str, Provider], clock: Clock, *, allow_private: bool
) -> AsyncIterator[References]:
    """The desk with its HTTP client; `allow_private` lets it fetch from private networks too."""
    uploads = Uploads(clock)
    async with open_session(allow_private=allow_private) as session:
        try:
            yield References(
                providers, PictureFetcher(session, allow_private=allow_private), uploads
            )
        finally:
            await uploads.stop()
