"""Keeps finished videos: fetch, check, store, remove."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

from reelgate.domain.video import KeptFile
from reelgate.errors import StorageFailed
from reelgate.media.disk import Upload, run_in_thread
from reelgate.media.mp4 import probe
from reelgate.media.receive import SLOW_AFTER_S, Incoming, Intake, Limits, Received, receive
from reelgate.media.scratch import Scratch, append
from reelgate.media.storage import Storage

DEFAULT_MAX_FILE_BYTES = 4 * 1024**3
DEFAULT_MIN_FREE_BYTES = 64 * 1024**2

THUMBNAIL_TYPE = "image/webp"

_MAX_PROBES = 2
"""Decoding takes a picture's memory and a processor each."""


Decoding = Callable[[], AbstractAsyncContextManager[bool]]
"""Entered around the decoding of a video; its value says whether to decode at all."""


@asynccontextmanager
async def always() -> AsyncIterator[bool]:
    yield True


class Keeper:
    """Brings finished videos into the storage, and removes them."""

    def __init__(
        self,
        storage: Storage,
        scratch_dir: Path,
        *,
        max_file_bytes: int = DEFAULT_MAX_FILE_BYTES,
        min_free_bytes: int = DEFAULT_MIN_FREE_BYTES,
    ) -> None:
        """Keep into `storage`.

        Args:
            storage: Where the files go.
            scratch_dir: Where they are checked before, unless the storage has a place for that.
            max_file_bytes: A larger video is refused.
            min_free_bytes: What a download leaves free on the disk, so that the database, which
                is often on the same one, can go on when videos fill it.
        """
        self._storage = storage
        self._scratch = Scratch(storage.scratch_dir or scratch_dir)
        self._limits = Limits(max_file_bytes, min_free_bytes)
        # Not left to the threads' own queue, so that a cancelled video leaves the queue at once.
        self._probes = asyncio.Semaphore(_MAX_PROBES)
        # Threads of their own: the C library keeps fragmented memory for each thread that decoded.
        self._decoders = ThreadPoolExecutor(_MAX_PROBES, "decode")

    def prepare(self) -> None:
        """Remove what a killed process left half-written.

        Raises:
            StorageFailed: the scratch folder cannot be made or written.
        """
        self._scratch.prepare()

    def close(self) -> None:
        """End the threads and remove what this process left half-written."""
        self._decoders.shutdown()
        self._scratch.close()

    async def keep(
        self,
        video_id: str,
        asset: Incoming,
        *,
        decoding: Decoding = always,
        slow_after_s: float = SLOW_AFTER_S,
        asked_s: float = 0.0,
    ) -> KeptFile:
        """Fetch, check and store a finished video and its first frame.

        Keeping the same video again replaces the files by the same ones.

        Args:
            video_id: which one.
            asset: its file.
            decoding: entered around the decoding; its value says whether to decode.
            slow_after_s: how long it may come too slowly.
            asked_s: how long a video was asked for; 0 where that is the model's choice.

        Raises:
            UpstreamBadResponse: what the upstream serves is no playable MP4.
            AnswerLost: it broke off, or came too slowly; fetching it again may help.
            TooLargeToKeep: by the limits.
            StorageFailed: it could not be stored; nothing stays behind.
            UpstreamError: whatever reading `asset` raises.
        """
        video_key, picture_key = file_key(video_id), thumbnail_key(video_id)
        async with self._scratch.file() as video, self._scratch.file() as picture:
            intake = await receive(asset, video, self._limits, slow_after_s)
            async with self._probes, decoding() as decodes:
                received, drawn, placeholder = await run_in_thread(
                    _finish,
                    intake,
                    picture if decodes else None,
                    asked_s,
                    threads=self._decoders,
                )
            uploads = [Upload(video_key, video, received.content_type)]
            if drawn:
                uploads.append(Upload(picture_key, picture, THUMBNAIL_TYPE))
            stored = await self._storage.put(*uploads)
        return KeptFile(
            key=video_key,
            size_bytes=received.size_bytes,
            sha256=received.sha256,
            content_type=received.content_type,
            thumbnail_key=picture_key if picture_key in stored else None,
            placeholder=placeholder,
        )

    async def forget(self, kept: KeptFile) -> None:
        """Remove a video's files; they need not be there.

        Raises:
            StorageFailed: the storage did not remove them.
        """
        await self._storage.delete(kept.key)
        if kept.thumbnail_key is not None:
            await self._storage.delete(kept.thumbnail_key)

    async def discard(self, video_id: str) -> None:
        """Remove whatever files a video may have; they need not be there.

        Raises:
            StorageFailed: the storage did not remove them.
        """
        for key in (file_key(video_id), thumbnail_key(video_id)):
            await self._storage.delete(key)


def file_key(video_id: str) -> str:
    """Under which key a video is stored."""
    return f"{video_id}.mp4"


def thumbnail_key(video_id: str) -> str:
    """Under which key its first frame is stored."""
    return f"{video_id}.webp"


PLACEHOLDER_SHARE = 0.5
"""A card is no longer than this share of the video that was asked for."""


def _finish(
    intake: Intake, picture: Path | None, asked_s: float
) -> tuple[Received, bool, str | None]:
    """Write the end of the video, check it, and draw its first frame if `picture` has a path.

    Returns what was received, whether the frame was drawn, and why it is taken for a placeholder:
    only where it is both far too short and a still picture.
    """
    received = intake.finish()
    if picture is None:
        return received, False, None
    found = probe(intake.path, asked_s * PLACEHOLDER_SHARE)
    placeholder = None
    if found.is_still:
        length = f"{found.duration_s or 0.0:.1f} s long where {asked_s:g} s were asked for"
        placeholder = f"it is {length}, and all its pictures are the same"
    thumbnail = found.thumbnail
    if thumbnail is None:
        return received, False, placeholder
    try:
        append(picture, thumbnail, min_free_bytes=0)
    except StorageFailed:
        # A paid video must not fail for its thumbnail.
        with suppress(OSError):
            picture.unlink(missing_ok=True)
        return received, False, placeholder
    return received, True, placeholder
