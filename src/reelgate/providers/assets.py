"""Finished videos at an upstream's addresses: whether one is there, and reading it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from reelgate.errors import (
    AnswerLost,
    RangeNotSatisfiable,
    UpstreamBadResponse,
    UpstreamError,
    VideoExpired,
)
from reelgate.net.client import HTTP_OK, HttpClient, HttpResponse, Stream
from reelgate.net.transport import read_url
from reelgate.providers.base import Asset
from reelgate.providers.errors import retry_after_s

FIRST_BYTES = "bytes=0-11"
FIRST_BYTES_TIMEOUT_S = 10.0
# An expired link is answered with any of these, or with a page and status 200.
GONE = frozenset({401, 403, 404, 410})
RANGE_NOT_SATISFIABLE = 416
PAGE_TYPES = frozenset({"text/html", "text/xml", "application/xml", "application/json"})
# A video is compressed already, and a compressed answer would tell a wrong length.
AS_IT_IS = {"Accept-Encoding": "identity"}

ADDRESS_FRESH_S = 5.0
MOST_ADDRESSES = 1000

FTYP = b"ftyp"
FTYP_OFFSET = 4
FTYP_END = FTYP_OFFSET + len(FTYP)

Refuse = Callable[[HttpResponse], UpstreamError]
"""The error that an answer without success stands for at one upstream."""


class FreshAddresses:
    """The addresses that polls have just told, for the fetches that follow at once.

    They would be asked for again else, sooner than some upstreams want to be.
    """

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, float]] = {}

    def note(self, provider_id: str, url: str) -> None:
        """Keep where a video is."""
        if len(self._told) >= MOST_ADDRESSES:
            del self._told[next(iter(self._told))]
        self._told[provider_id] = (url, asyncio.get_running_loop().time())

    def take(self, provider_id: str) -> str:
        """Where it is, once: a second attempt must ask. Empty where that was not told just now."""
        url, told_at_s = self._told.pop(provider_id, ("", 0.0))
        return url if asyncio.get_running_loop().time() - told_at_s < ADDRESS_FRESH_S else ""


@asynccontextmanager
async def opened(
    http: HttpClient,
    url: str,
    *,
    upstream: str,
    refuse: Refuse,
    range_header: str | None = None,
    headers: Mapping[str, str] | None = None,
    is_told: bool = False,
) -> AsyncIterator[Asset]:
    """Read the video at an address, or the range of it that an HTTP Range header names.

    Args:
        http: sends the request.
        url: the address.
        upstream: the upstream's name in messages.
        refuse: what its other answers mean.
        range_header: the range; None: the whole.
        headers: credentials, where the address needs some.
        is_told: an answer named the address, so that it must be a public one.

    Raises:
        VideoExpired: it is gone.
        RangeNotSatisfiable: the range lies beyond its end.
        UpstreamError: it could not be opened, or broke off.
    """
    sent = {**(headers or {}), **AS_IT_IS}
    if range_header is not None:
        sent["Range"] = range_header
    async with http.stream(url, headers=sent, is_told=is_told) as stream:
        check_asset(stream, upstream, refuse)
        content_range = stream.headers.get("Content-Range")
        if not stream.is_compressed or content_range is None:
            yield Asset(stream.chunks, stream.content_type, length_bytes(stream), content_range)
            return
    # A range of the compressed bytes is of use to nobody: then the whole is the answer.
    whole = opened(http, url, upstream=upstream, refuse=refuse, headers=headers, is_told=is_told)
    async with whole as asset:
        yield asset


async def begins_as_video(
    http: HttpClient,
    url: str,
    *,
    refuse: Refuse,
    headers: Mapping[str, str] | None = None,
    is_told: bool = False,
) -> bool:
    """Whether a file that begins as a video does is really at an address.

    Raises:
        UpstreamError: its host cannot tell for now.
    """
    sent = {**(headers or {}), **AS_IT_IS, "Range": FIRST_BYTES}
    try:
        async with (
            asyncio.timeout(FIRST_BYTES_TIMEOUT_S),
            http.stream(url, headers=sent, is_told=is_told) as stream,
        ):
            if stream.status in HTTP_OK:
                return is_video_start(await first_bytes(stream, FTYP_END))
            response = HttpResponse(stream.status, stream.headers)
    except TimeoutError as error:
        message = "The host of the video did not send its first bytes in time."
        raise AnswerLost(message) from error
    refused = refuse(response)
    if refused.temporary:
        raise refused
    return False


def check_asset(stream: Stream, upstream: str, refuse: Refuse) -> None:
    """Refuse an answer that should be a video and is none.

    Raises:
        VideoExpired: it is gone.
        RangeNotSatisfiable: the range lies beyond its end.
        UpstreamError: anything else.
    """
    if stream.status in HTTP_OK and stream.content_type not in PAGE_TYPES:
        return
    if stream.status in GONE:
        message = f"{upstream} no longer serves this video."
        wait_s = retry_after_s(HttpResponse(stream.status, stream.headers))
        raise VideoExpired(message, retry_after_s=wait_s)
    if stream.status == RANGE_NOT_SATISFIABLE:
        raise RangeNotSatisfiable
    if stream.status in HTTP_OK:
        message = f"{upstream} answered with a page where the video should be."
        raise UpstreamBadResponse(message)
    raise refuse(HttpResponse(stream.status, stream.headers))


async def first_bytes(stream: Stream, count: int) -> bytes:
    """The first bytes of a body, fewer where it is shorter."""
    start = b""
    async for chunk in stream.chunks:
        start += chunk
        if len(start) >= count:
            break
    return start[:count]


def length_bytes(stream: Stream) -> int | None:
    """How long the body will be, where the upstream says so."""
    if stream.is_compressed:
        return None
    value = stream.headers.get("Content-Length", "")
    return int(value) if value.isascii() and value.isdigit() else None


def is_video_type(content_type: str) -> bool:
    """Whether a bare media type says video."""
    return content_type.startswith("video/")


def is_video_start(start: bytes) -> bool:
    """Whether a file begins as MP4 files do (ISO/IEC 14496-12: a `ftyp` box comes first)."""
    return start[FTYP_OFFSET:FTYP_END] == FTYP


def origin_of(address: str) -> str:
    """Scheme, host and port; empty where there is none."""
    try:
        return str(read_url(address).origin())
    except ValueError:
        return ""
