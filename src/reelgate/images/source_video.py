"""A finished video of this gateway as what another one is made of."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from reelgate.domain.picture import MAX_PICTURE_BYTES, Picture, picture_too_large, read_picture
from reelgate.domain.reference import OWN, Kind, Reference, Role
from reelgate.errors import VideoExpired

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reelgate.domain.video import Video
    from reelgate.media.storage import Storage
    from reelgate.providers.base import Provider


def own_video(video: Video, role: Role) -> Reference:
    """A video by the id that it has at the account that made it."""
    return Reference(Kind.VIDEO, role, f"{OWN}{video.provider_id}")


async def read_video(video: Video, storage: Storage, provider: Provider, param: str) -> Picture:
    """A finished video's file, to be sent to whoever goes on with it.

    Args:
        video: a completed one.
        storage: where finished files are kept.
        provider: who made it, and is asked where nothing is kept.
        param: the field that names it, for errors.

    Raises:
        RequestTooLarge: it is larger than a reference may be.
        VideoExpired: it is not there any more.
        StorageFailed, UpstreamError: it cannot be read.
    """
    content = bytearray()
    async with chunks_of(video, storage, provider) as chunks:
        async for chunk in chunks:
            content += chunk
            if len(content) > MAX_PICTURE_BYTES:
                raise picture_too_large(param)
    return read_picture(bytes(content), param, Kind.VIDEO)


@asynccontextmanager
async def chunks_of(
    video: Video, storage: Storage, provider: Provider
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The file's bytes, from where it is."""
    if video.file is not None:
        async with storage.reading(video.file.key, 0, video.file.size_bytes) as chunks:
            yield chunks
    elif video.expires_at is not None:
        # It was kept once.
        raise VideoExpired
    else:
        async with provider.open_asset(video.provider_id or "") as asset:
            yield asset.chunks
