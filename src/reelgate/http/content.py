"""A finished video's bytes: ranges and entity tags, streamed in constant memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reelgate.domain.video import KeptFile, State, Video
from reelgate.errors import (
    RangeNotSatisfiable,
    ReelgateError,
    VideoExpired,
    VideoNotFound,
    VideoNotReady,
)
from reelgate.http.auth import Context, context_of
from reelgate.http.connections import room_for_file
from reelgate.http.errors import error_response
from reelgate.http.streaming import StreamedResponse
from reelgate.media.keeper import THUMBNAIL_TYPE
from reelgate.media.ranges import ByteRange, entity_tag, not_modified, unsatisfied, wanted
from reelgate.media.receive import video_type
from reelgate.media.storage import Storage
from reelgate.providers.base import Asset, Provider

RANGED = frozenset({"GET", "HEAD"})
"""The methods for which a range means anything (RFC 9110, section 14.2)."""


class PassThrough(StreamedResponse):
    """Streams the upstream's file as fast as the caller reads it."""

    def __init__(self, request: Request, provider: Provider, provider_id: str) -> None:
        super().__init__()
        # No entity tag is given out here, so an `If-Range` can only be about something else: then
        # the whole file is the answer (RFC 9110, section 13.1.5).
        whole = request.method not in RANGED or "if-range" in request.headers
        self._range = None if whole else request.headers.get("range")
        self._provider = provider
        self._provider_id = provider_id

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open the upstream's file and send it on."""
        started = False
        try:
            async with self._provider.open_asset(
                self._provider_id, range_header=self._range
            ) as asset:
                started = True
                await send(head_of(asset))
                await send_body(asset, send, skip=scope["method"] == "HEAD")
        except ReelgateError as error:
            if started:
                raise
            await error_response(error)(scope, receive, send)


def head_of(asset: Asset) -> dict[str, object]:
    """The upstream's own head, with a video type where its type is none."""
    headers = {"content-type": video_type(asset.content_type), "accept-ranges": "bytes"}
    if asset.length_bytes is not None:
        headers["content-length"] = str(asset.length_bytes)
    if asset.content_range is not None:
        headers["content-range"] = asset.content_range
    return {
        "type": "http.response.start",
        "status": 200 if asset.content_range is None else 206,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


async def send_body(asset: Asset, send: Send, *, skip: bool) -> None:
    """The bytes, unless only the head was asked for."""
    if not skip:
        async for chunk in asset.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


Variant = Literal["video", "thumbnail"]

PRESIGNED_FOR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A stored file as a caller may read it."""

    key: str
    size_bytes: int
    etag: str
    content_type: str
    filename: str


async def content_of(video: Video, variant: Variant, request: Request, ctx: Context) -> Response:
    """The response with a video's bytes, or its thumbnail's.

    Raises:
        VideoNotReady: the video is still on its way.
        VideoNotFound: the video failed, or has no thumbnail.
        VideoExpired: the file is no longer kept.
        StorageFailed: the storage cannot be asked.
    """
    check_finished(video)
    if video.file is None:
        return upstream_content(video, variant, request, ctx)
    piece = await piece_of(video, video.file, variant, ctx.storage)
    if ctx.settings.redirect_content and request.method == "GET":
        # An address is signed for one method, so a HEAD is answered here.
        url = await ctx.storage.presigned_url(piece.key, PRESIGNED_FOR_S)
        if url is not None:
            return RedirectResponse(url)
    # The response to a POST is the whole file, whatever `Range` says.
    asked = request.headers if request.method in RANGED else Headers()
    return StoredFileResponse(piece, ctx.storage, asked)


def check_finished(video: Video) -> None:
    """Only a completed video has content."""
    if video.state is State.FAILED:
        code = video.failure.code if video.failure else "unknown"
        message = f"video {video.id!r} failed ({code}), so it has no content"
        raise VideoNotFound(message)
    if video.state is not State.COMPLETED:
        raise VideoNotReady(retry_after_s=5)


def upstream_content(video: Video, variant: Variant, request: Request, ctx: Context) -> Response:
    """A video that was never kept is streamed through; one that was is gone."""
    if video.expires_at is not None:
        raise VideoExpired
    if variant == "thumbnail":
        message = f"video {video.id!r} has no thumbnail: its file is not kept here"
        raise VideoNotFound(message)
    return PassThrough(request, ctx.provider_of(video), video.provider_id or "")


async def piece_of(video: Video, file: KeptFile, variant: Variant, storage: Storage) -> Piece:
    if variant == "video":
        etag = entity_tag(file.sha256)
        return Piece(file.key, file.size_bytes, etag, file.content_type, f"{video.id}.mp4")
    stored = await storage.head(file.thumbnail_key) if file.thumbnail_key else None
    if stored is None:
        message = f"video {video.id!r} has no thumbnail"
        raise VideoNotFound(message)
    # The thumbnail follows from the video, so the video's digest tells it apart as well.
    etag = entity_tag(f"{file.sha256}-thumbnail")
    return Piece(stored.key, stored.size_bytes, etag, THUMBNAIL_TYPE, f"{video.id}.webp")


class StoredFileResponse(StreamedResponse):
    """Sends a stored file, or the range of it that was asked for (RFC 9110, sections 13 and 14)."""

    def __init__(self, piece: Piece, storage: Storage, asked: Headers) -> None:
        super().__init__()
        self._piece = piece
        self._storage = storage
        self._asked = asked

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what the conditions and the range leave to send."""
        known = ", ".join(self._asked.getlist("if-none-match"))
        if not_modified(known or None, self._piece.etag):
            await Response(status_code=304, headers={"ETag": self._piece.etag})(
                scope, receive, send
            )
            return
        try:
            part = wanted(
                self._asked.get("range"),
                self._piece.size_bytes,
                etag=self._piece.etag,
                if_range=self._asked.get("if-range"),
            )
        except RangeNotSatisfiable as error:
            marks = {"Content-Range": unsatisfied(self._piece.size_bytes)}
            await error_response(error, marks)(scope, receive, send)
            return
        await self._send(part, scope, receive, send)

    async def _send(
        self, part: ByteRange | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        bounds = part or ByteRange(0, self._piece.size_bytes)
        start = {
            "type": "http.response.start",
            "status": 200 if part is None else 206,
            "headers": self._head(part, bounds),
        }
        if scope["method"] == "HEAD":
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        started = False
        try:
            with room_for_file(scope):
                reading = self._storage.reading(self._piece.key, bounds.start, bounds.stop)
                async with reading as chunks:
                    started = True
                    await send(start)
                    async for chunk in chunks:
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                    await send({"type": "http.response.body", "body": b""})
        except ReelgateError as error:
            if started:
                raise
            await error_response(error)(scope, receive, send)

    def _head(self, part: ByteRange | None, bounds: ByteRange) -> list[tuple[bytes, bytes]]:
        headers = {
            "accept-ranges": "bytes",
            "content-disposition": f'inline; filename="{self._piece.filename}"',
            "content-length": str(bounds.length_bytes),
            "content-type": self._piece.content_type,
            "etag": self._piece.etag,
        }
        if part is not None:
            headers["content-range"] = part.content_range(self._piece.size_bytes)
        return [(name.encode(), value.encode()) for name, value in headers.items()]


sandbox_router = APIRouter(include_in_schema=False)


@sandbox_router.api_route("/sandbox/processed/{provider_id}", methods=["GET", "HEAD"])
async def play(provider_id: str, request: Request) -> Response:
    """What `video_url` points at for the first stand-in."""
    return await play_of(next(iter(context_of(request).providers)), provider_id, request)


@sandbox_router.api_route("/sandbox/processed/{name}/{provider_id}", methods=["GET", "HEAD"])
async def play_of(name: str, provider_id: str, request: Request) -> Response:
    """What `video_url` points at for each other stand-in."""
    ctx = context_of(request)
    if name not in ctx.stand_ins:
        raise VideoNotFound
    return PassThrough(request, ctx.providers[name], provider_id)
