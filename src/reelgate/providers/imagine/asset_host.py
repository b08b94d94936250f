"""The host that serves imagine.art's finished videos. It asks for no credentials."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from urllib.parse import quote

from reelgate.errors import AnswerLost, UpstreamBadResponse
from reelgate.net.client import MAX_REDIRECTS, HttpClient, HttpResponse
from reelgate.providers.assets import (
    AS_IT_IS,
    begins_as_video,
    is_video_type,
    opened,
    origin_of,
)
from reelgate.providers.base import Asset
from reelgate.providers.imagine.wire import UPSTREAM, refusal

POLL_TIMEOUT_S = 10.0
NOT_THERE = frozenset({404, 410})
NO_SUCH_METHOD = frozenset({405, 501})
TOO_MANY_REQUESTS = 429


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
        response = await self._head(provider_id)
        if response is not None and response.ok and is_video_type(response.content_type):
            return True
        if response is not None and response.status in NOT_THERE and not told:
            return False
        if response is not None and response.status == TOO_MANY_REQUESTS:
            raise refusal(response)
        served = await self._starts_like_video(provider_id)
        self._knows_no_head = served and response is not None and response.status in NO_SUCH_METHOD
        return served

    def open(
        self, provider_id: str, range_header: str | None
    ) -> AbstractAsyncContextManager[Asset]:
        """Read a finished video, or the range of it that an HTTP Range header names.

        Raises:
            VideoExpired: it is gone.
            RangeNotSatisfiable: the range lies beyond its end.
            UpstreamError: it could not be opened, or broke off.
        """
        return opened(
            self._http,
            self.url(provider_id),
            upstream=UPSTREAM,
            refuse=refusal,
            range_header=range_header,
        )

    def is_another(self, address: str, provider_id: str) -> bool:
        """Whether an address that the upstream told is one that was not asked yet."""
        return address.startswith(("http://", "https://")) and address != self.url(provider_id)

    def open_told(
        self, address: str, bearer: str, range_header: str | None
    ) -> AbstractAsyncContextManager[Asset]:
        """Read a finished video at an address that the upstream told.

        The bearer goes along to the vendor's hosts only; any other must be a public one.

        Raises:
            VideoExpired: it is not there.
            UpstreamError: it could not be opened, or may not be asked.
        """
        is_known = origin_of(address) in self._origins
        return opened(
            self._http,
            address,
            upstream=UPSTREAM,
            refuse=refusal,
            range_header=range_header,
            headers={"Authorization": f"Bearer {bearer}"} if is_known and bearer else None,
            is_told=not is_known,
        )

    async def _head(self, provider_id: str) -> HttpResponse | None:
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
        return await begins_as_video(self._http, self.url(provider_id), refuse=refusal)
