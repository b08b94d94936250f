"""Keeps references for providers that take them in the submit itself, until it is over.

A file is stored under a key that begins with its digest, and the request holds the key. Each key
is used for a while only, and stays for longer than that: whoever removes a file that is old and
in no unfinished job's request removes nothing that somebody is about to use.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from uuid import uuid4

import structlog

from reelgate.clock import Clock
from reelgate.db.kept_references import KeptReferences
from reelgate.domain.picture import SUFFIXES, Picture
from reelgate.domain.video import VideoRequest
from reelgate.errors import ReferenceExpired, VideoExpired
from reelgate.media.disk import Upload, run_in_thread
from reelgate.media.scratch import Scratch, append
from reelgate.media.storage import Storage

log = structlog.get_logger()

SCHEME = "kept:"
"""Begins the address of a kept reference."""
USED_FOR_S = 600.0
"""How long a key is given to further requests with the same file."""
KEPT_FOR_S = 1800.0
"""The least time a file is kept: from its key to a job that has it in the database."""
MIN_FREE_BYTES = 64 * 1024**2
MEDIA_TYPES = {suffix: media_type for media_type, suffix in SUFFIXES.items()}


class ReferenceKeeper:
    """References in our storage."""

    def __init__(
        self, storage: Storage, rows: KeptReferences, clock: Clock, scratch_dir: Path
    ) -> None:
        """`scratch_dir`: where a file is made, unless the storage has a place for that."""
        self._storage = storage
        self._rows = rows
        self._clock = clock
        self._scratch = Scratch(storage.scratch_dir or scratch_dir)

    def close(self) -> None:
        """Remove what this process left half-written."""
        self._scratch.close()

    async def keep(self, picture: Picture) -> str:
        """Store a reference.

        Returns:
            The address to put in the request.

        Raises:
            StorageFailed: it could not be stored.
        """
        key = f"reference-{picture.digest}-{uuid4().hex[:8]}{SUFFIXES[picture.media_type]}"
        await self._rows.add(key, self._clock.now())
        async with self._scratch.file() as path:
            await run_in_thread(write, path, picture.content)
            await self._storage.put(Upload(key, path, picture.media_type))
        return SCHEME + key

    async def load(self, request: VideoRequest) -> Mapping[str, Picture]:
        """The kept references of a request, by their addresses.

        Raises:
            ReferenceExpired: one is not kept any more.
            StorageFailed: the storage cannot be read.
        """
        return {url: await self._read(url.removeprefix(SCHEME)) for url in kept_by(request)}

    async def renew(self, request: VideoRequest) -> None:
        """See to it that a request's kept references are there for one more job.

        Raises:
            ReferenceExpired: one is not kept any more.
        """
        keys = {url.removeprefix(SCHEME) for url in kept_by(request)}
        if keys and not await self._rows.renew(keys, self._clock.now()):
            raise ReferenceExpired

    async def remove_unused(self) -> None:
        """Remove what no unfinished job needs.

        Raises:
            StorageFailed: the database or the storage cannot be used.
        """
        before = self._clock.now() - KEPT_FOR_S
        for key in await self._rows.unused(before):
            if await self._rows.retire(key, before):
                await self._storage.delete(key)
                await self._rows.forget(key)
                log.info("reference_removed", key=key)

    async def _read(self, key: str) -> Picture:
        stored = await self._storage.head(key)
        if stored is None:
            raise ReferenceExpired
        content = bytearray()
        try:
            async with self._storage.reading(key, 0, stored.size_bytes) as chunks:
                async for chunk in chunks:
                    content += chunk
        except VideoExpired as error:
            raise ReferenceExpired from error
        return Picture(bytes(content), MEDIA_TYPES[PurePosixPath(key).suffix])


def kept_by(request: VideoRequest) -> list[str]:
    """The addresses of a request's kept references."""
    return [each.url for each in request.references if each.url.startswith(SCHEME)]


def write(path: Path, content: bytes) -> None:
    append(path, content, min_free_bytes=MIN_FREE_BYTES)
