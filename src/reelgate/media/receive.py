"""Receives a finished video from the upstream into a scratch file, in constant memory."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from reelgate.errors import (
    AnswerLost,
    TooLargeToKeep,
    UnplayableVideo,
    UpstreamBadResponse,
    UpstreamError,
)
from reelgate.media.disk import disk_errors, run_in_thread
from reelgate.media.mp4 import HEAD_BYTES, is_cut_off, is_mp4
from reelgate.media.scratch import append

SLOW_AFTER_S = 20.0
MIN_BYTES_PER_S = 8 * 1024
_WRITE_BYTES = 1024 * 1024
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")


class Incoming(Protocol):
    """A finished video while it is being read: `reelgate.providers.base.Asset` is one.

    A protocol, because media imports no provider.
    """

    @property
    def chunks(self) -> AsyncIterator[bytes]: ...

    @property
    def content_type(self) -> str:
        """As the upstream declares it."""
        ...

    @property
    def length_bytes(self) -> int | None: ...


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


async def receive(
    asset: Incoming, path: Path, limits: Limits, slow_after_s: float = SLOW_AFTER_S
) -> Intake:
    """Read a video to its end and write all but the last of it; `Intake.finish` writes that.

    Raises:
        UpstreamBadResponse: it is something else than an MP4.
        AnswerLost: it broke off before its declared length, or came too slowly for `slow_after_s`.
        TooLargeToKeep: by the limits.
        StorageFailed: the disk is full.
        UpstreamError: whatever reading it raises.
    """
    _check_size(asset.length_bytes or 0, limits)
    intake = Intake(path, limits, video_type(asset.content_type), asset.length_bytes)
    async for chunk in at_min_speed(asset.chunks, slow_after_s):
        if intake.add(chunk):
            _check_type(intake.head, asset.content_type)
            await run_in_thread(intake.write)
    _check_complete(intake)
    _check_type(intake.head, asset.content_type)
    return intake


async def at_min_speed(chunks: AsyncIterator[bytes], slow_after_s: float) -> AsyncIterator[bytes]:
    """The same chunks, as long as they come at `MIN_BYTES_PER_S` on average.

    A connection that sends a byte now and then would otherwise hold its job for ever. The time that
    the reader itself takes does not count.

    Raises:
        AnswerLost: they came more slowly for `slow_after_s`.
    """
    clock = asyncio.get_running_loop().time
    ends_at_s, due_bytes = clock() + slow_after_s, slow_after_s * MIN_BYTES_PER_S
    while True:
        try:
            async with asyncio.timeout_at(ends_at_s):
                chunk = await anext(chunks, None)
        except TimeoutError as exc:
            message = f"The upstream sent the video slower than {MIN_BYTES_PER_S} bytes a second."
            raise AnswerLost(message) from exc
        if chunk is None:
            return
        came_at_s = clock()
        yield chunk
        due_bytes -= len(chunk)
        ends_at_s += clock() - came_at_s
        if due_bytes <= 0:
            ends_at_s, due_bytes = clock() + slow_after_s, slow_after_s * MIN_BYTES_PER_S


@dataclass(slots=True)
class Intake:
    """A video on its way into a scratch file."""

    path: Path
    limits: Limits
    content_type: str
    declared_bytes: int | None
    size_bytes: int = 0
    head: bytes = b""
    _pending: bytearray = field(default_factory=bytearray)
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, chunk: bytes) -> bool:
        """Take a chunk; returns whether enough is pending to be written."""
        self.size_bytes += len(chunk)
        _check_size(self.size_bytes, self.limits)
        if len(self.head) < HEAD_BYTES:
            self.head = (self.head + chunk)[:HEAD_BYTES]
        self._pending += chunk
        return len(self._pending) >= _WRITE_BYTES

    def write(self) -> None:
        """Hash and write what is pending, in a thread.

        Raises:
            StorageFailed: the disk is full.
        """
        self._digest.update(self._pending)
        append(self.path, self._pending, min_free_bytes=self.limits.min_free_bytes)
        self._pending.clear()

    def finish(self) -> Received:
        """Write what is left and check that the video is complete, in a thread.

        Raises:
            UnplayableVideo: its end is missing, though all that was declared has arrived.
            AnswerLost: its end is missing.
            StorageFailed: the disk is full, or fails otherwise.
        """
        self.write()
        with disk_errors(), self.path.open("rb") as file:
            if is_cut_off(file, self.size_bytes):
                raise _cut_off(self.size_bytes, self.declared_bytes)
        return Received(self.size_bytes, self._digest.hexdigest(), self.content_type)


def _check_size(size_bytes: int, limits: Limits) -> None:
    if size_bytes > limits.max_file_bytes:
        message = f"The finished video is larger than the limit of {limits.max_file_bytes} bytes."
        raise TooLargeToKeep(message)


def _check_complete(intake: Intake) -> None:
    declared_bytes = intake.declared_bytes
    if declared_bytes is not None and intake.size_bytes < declared_bytes:
        message = f"The upstream broke off after {intake.size_bytes} of {declared_bytes} bytes."
        raise AnswerLost(message)


def _cut_off(size_bytes: int, declared_bytes: int | None) -> UpstreamError:
    if declared_bytes is None:
        message = f"The upstream broke off after {size_bytes} bytes."
        return AnswerLost(message)
    message = "The upstream's file is not complete, though all of it arrived."
    return UnplayableVideo(message)


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
