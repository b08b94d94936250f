"""A video that stays upstream, streamed through to the caller."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from reelgate.errors import ReelgateError
from reelgate.http.problems import answer
from reelgate.http.streamed import StreamedAnswer
from reelgate.media.receive import video_type
from reelgate.providers.base import Asset, Provider

RANGED = frozenset({"GET", "HEAD"})
"""The methods for which a range means anything (RFC 9110, section 14.2)."""


class PassThrough(StreamedAnswer):
    """Reads from the upstream as fast as the caller takes it; nothing is held in memory."""

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
            await answer(error)(scope, receive, send)


def head_of(asset: Asset) -> dict[str, object]:
    """The head of the answer: as the upstream's own was, but for a type that names no video."""
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
