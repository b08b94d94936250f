"""Takes a finished video from the upstream into a scratch file, in constant memory."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from reelgate.errors import AnswerLost, TooLargeToKeep, UpstreamBadResponse
from reelgate.media.boxes import HEAD_BYTES, is_mp4
from reelgate.media.scratch import append

_WRITE_BYTES = 1024 * 1024
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")


class Incoming(Protocol):
    """A finished video while it is being read: `reelgate.providers.base.Asset` is one.

    Told by its shape, because the rooms do not import each other.
    """

    @property
    def chunks(self) -> AsyncIterator[bytes]:
        """The file."""
        ...

    @property
    def content_type(self) -> str:
        """As the upstream declares it."""
        ...

    @property
    def length_bytes(self) -> int | None:
        """As the upstream declares it."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest file that is taken, and what the disk must have left at any time; bytes."""

    max_file_bytes: int
    min_free_bytes: int


@dataclass(frozen=True, slots=True)
class Received:
    """What was written: a complete file of the MP4 family, as far as its length tells."""

    size_bytes: int
    sha256: str
    content_type: str


async def receive(asset: Incoming, path: Path, limits: Limits) -> Received:
    """Write a video to an existing empty file.

    Raises:
        UpstreamBadResponse: it is something else than an MP4.
        AnswerLost: it broke off before its declared length.
        TooLargeToKeep: by the limits.
        StorageFailed: the disk is full.
        UpstreamError: whatever reading it raises.
    """
    _check_size(asset.length_bytes or 0, limits)
    intake = _Intake(path, limits)
    async for chunk in asset.chunks:
        if intake.add(chunk):
            _check_type(intake.head, asset.content_type)
            await intake.write()
    _check_complete(intake.size_bytes, asset.length_bytes)
    _check_type(intake.head, asset.content_type)
    await intake.write()
    return Received(intake.size_bytes, intake.digest.hexdigest(), video_type(asset.content_type))


@dataclass(slots=True)
class _Intake:
    path: Path
    limits: Limits
    size_bytes: int = 0
    head: bytes = b""
    pending: bytearray = field(default_factory=bytearray)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, chunk: bytes) -> bool:
        """Whether so much is pending that it should be written."""
        self.size_bytes += len(chunk)
        _check_size(self.size_bytes, self.limits)
        if len(self.head) < HEAD_BYTES:
            self.head = (self.head + chunk)[:HEAD_BYTES]
        self.pending += chunk
        return len(self.pending) >= _WRITE_BYTES

    async def write(self) -> None:
        """Hash and write what is pending, in another thread."""
        data, self.pending = self.pending, bytearray()
        await asyncio.to_thread(self._write, data)

    def _write(self, data: bytearray) -> None:
        self.digest.update(data)
        append(self.path, data, min_free_bytes=self.limits.min_free_bytes)


def _check_size(size_bytes: int, limits: Limits) -> None:
    if size_bytes > limits.max_file_bytes:
        message = f"The finished video is larger than the limit of {limits.max_file_bytes} bytes."
        raise TooLargeToKeep(message)


def _check_complete(size_bytes: int, declared_bytes: int | None) -> None:
    if declared_bytes is not None and size_bytes < declared_bytes:
        message = f"The upstream broke off after {size_bytes} of {declared_bytes} bytes."
        raise AnswerLost(message)


def _check_type(head: bytes, content_type: str) -> None:
    if is_mp4(head):
        return
    declared = media_type(content_type)
    message = (
        f"The upstream served {declared or 'something of no known type'} that is no MP4 video."
    )
    raise UpstreamBadResponse(message)


def media_type(content_type: str) -> str | None:
    """A content type without its parameters; None where it is not one (RFC 9110, 8.3.1)."""
    essence = content_type.partition(";")[0].strip().lower()
    return essence if _MEDIA_TYPE.fullmatch(essence) else None


def video_type(content_type: str) -> str:
    """How an MP4 that was declared like this is served: as a video in any case."""
    declared = media_type(content_type)
    return declared if declared and declared.startswith("video/") else "video/mp4"
