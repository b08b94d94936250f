"""The host that serves imagine.art's finished videos. It asks for no credentials."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from urllib.parse import quote

from yarl import URL

from reelgate.errors import AnswerLost, RangeNotSatisfiable, UpstreamBadResponse, VideoExpired
from reelgate.net.client import HTTP_OK, MAX_REDIRECTS, Answer, HttpClient, Stream
from reelgate.providers.base import Asset
from reelgate.providers.errors import retry_after_s
from reelgate.providers.imagine.wire import (
    FTYP_END,
    is_temporary,
    is_video_start,
    is_video_type,
    refusal,
)

POLL_TIMEOUT_S = 10.0
FIRST_BYTES = "bytes=0-11"
# An expired link is answered with any of these, or with a page and status 200.
GONE = frozenset({401, 403, 404, 410})
NOT_THERE = frozenset({404, 410})
NO_SUCH_METHOD = frozenset({405, 501})
RANGE_NOT_SATISFIABLE = 416
TOO_MANY_REQUESTS = 429
PAGE_TYPES = frozenset({"text/html", "text/xml", "application/xml", "application/json"})
# A video is compressed already, and a compressed answer would tell a wrong length.
AS_IT_IS = {"Accept-Encoding": "identity"}


class AssetHost:
    """Finished videos by their job's id."""

    def __init__(self, http: HttpClient, url: str, known: Collection[str] = ()) -> None:
        """`url`: what the addresses begin with; `known`: the vendor's hosts in the settings."""
        self._http = http
        self._url = url.rstrip("/")
        self._origins = frozenset(origin_of(each) for each in (url, *known))
        self._knows_no_head = False

    @property
    def base(self) -> str:
        """What the address of every video begins with."""
        return self._url

    def url(self, provider_id: str) -> str:
        """The address of a job's video."""
        return f"{self._url}/{quote(provider_id, safe='')}"

    async def serves_video(self, provider_id: str, *, told: bool = False) -> bool:
        """Whether the video is really there: a success that says, or begins like, a video.

        An expired or moved link may answer 200 with a page, so the status alone proves nothing. Nor
        does a `HEAD` that is refused: a host may serve what it does not tell of, and then the first
        bytes of a `GET` decide.

        Args:
            provider_id: the job's.
            told: the upstream says otherwise that the job is done, so that "not found" is no
                answer yet.

        Raises:
            UpstreamError: the host cannot tell for now.
        """
        if self._knows_no_head:
            return await self._starts_like_video(provider_id)
        answer = await self._head(provider_id)
        if answer is not None and answer.ok and is_video_type(answer.content_type):
            return True
        if answer is not None and answer.status in NOT_THERE and not told:
            return False
        if answer is not None and answer.status == TOO_MANY_REQUESTS:
            raise refusal(answer)
        served = await self._starts_like_video(provider_id)
        self._knows_no_head = served and answer is not None and answer.status in NO_SUCH_METHOD
        return served

    @asynccontextmanager
    async def open(self, provider_id: str, range_header: str | None) -> AsyncIterator[Asset]:
        """Read a finished video, or the range of it that an HTTP Range header names.

        Raises:
            VideoExpired: it is gone.
            RangeNotSatisfiable: the range lies beyond its end.
            UpstreamError: it could not be opened, or broke off.
        """
        headers = AS_IT_IS if range_header is None else {**AS_IT_IS, "Range": range_header}
        async with self._http.stream(self.url(provider_id), headers=headers) as stream:
            check_asset(stream)
            content_range = stream.headers.get("Content-Range")
            if not stream.is_compressed or content_range is None:
                yield Asset(stream.chunks, stream.content_type, length_bytes(stream), content_range)
                return
        # A range of the compressed bytes is of use to nobody: then the whole is the answer.
        async with self.open(provider_id, None) as asset:
            yield asset

    def is_another(self, address: str, provider_id: str) -> bool:
        """Whether an address that the upstream told is one that was not asked yet."""
        return address.startswith(("http://", "https://")) and address != self.url(provider_id)

    @asynccontextmanager
    async def open_told(
        self, address: str, bearer: str, range_header: str | None
    ) -> AsyncIterator[Asset]:
        """Read a finished video at an address that the upstream told.

        The bearer goes along to the vendor's hosts only; any other must be a public one.

        Raises:
            VideoExpired: it is not there.
            UpstreamError: it could not be opened, or may not be asked.
        """
        headers = dict(AS_IT_IS)
        is_known = origin_of(address) in self._origins
        if is_known and bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        if range_header is not None:
            headers["Range"] = range_header
        async with self._http.stream(address, headers=headers, is_told=not is_known) as stream:
            check_asset(stream)
            content_range = stream.headers.get("Content-Range")
            yield Asset(stream.chunks, stream.content_type, length_bytes(stream), content_range)

    async def _head(self, provider_id: str) -> Answer | None:
        """The answer to a `HEAD`; None where it broke, which tells nothing of a `GET`."""
        try:
            return await self._http.request(
                "HEAD",
                self.url(provider_id),
                headers=AS_IT_IS,
                timeout_s=POLL_TIMEOUT_S,
                redirects=MAX_REDIRECTS,
            )
        except (AnswerLost, UpstreamBadResponse):
            return None

    async def _starts_like_video(self, provider_id: str) -> bool:
        headers = {**AS_IT_IS, "Range": FIRST_BYTES}
        url = self.url(provider_id)
        try:
            async with (
                asyncio.timeout(POLL_TIMEOUT_S),
                self._http.stream(url, headers=headers) as stream,
            ):
                if stream.status in HTTP_OK:
                    return is_video_start(await first_bytes(stream, FTYP_END))
                answer = Answer(stream.status, stream.headers)
        except TimeoutError as exc:
            message = "The asset host did not send the video's first bytes in time."
            raise AnswerLost(message) from exc
        if is_temporary(answer):
            raise refusal(answer)
        return False


def origin_of(address: str) -> str:
    """Scheme, host and port; empty where there is none."""
    try:
        return str(URL(address).origin())
    except ValueError:
        return ""


def check_asset(stream: Stream) -> None:
    """Refuse an answer that should be a video and is none.

    Raises:
        VideoExpired: it is gone.
        RangeNotSatisfiable: the range lies beyond its end.
        UpstreamError: anything else.
    """
    if stream.status in HTTP_OK and stream.content_type not in PAGE_TYPES:
        return
    if stream.status in GONE:
        message = "imagine.art no longer serves this video."
        wait_s = retry_after_s(Answer(stream.status, stream.headers))
        raise VideoExpired(message, retry_after_s=wait_s)
    if stream.status == RANGE_NOT_SATISFIABLE:
        raise RangeNotSatisfiable
    if stream.status in HTTP_OK:
        message = "imagine.art answered with a page where the video should be."
        raise UpstreamBadResponse(message)
    raise refusal(Answer(stream.status, stream.headers))


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
