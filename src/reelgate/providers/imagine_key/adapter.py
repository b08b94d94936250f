"""imagine.art's key-based API as a provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import quote

from yarl import URL

from reelgate.domain.catalog import Model
from reelgate.domain.picture import Picture
from reelgate.domain.video import VideoRequest
from reelgate.errors import (
    AnswerLost,
    ModerationBlocked,
    UpstreamError,
    UpstreamFault,
    UpstreamUnauthorized,
    VideoExpired,
)
from reelgate.net.client import HTTP_OK, Answer, HttpClient
from reelgate.net.redact import MASK, fit_to_tell, redacted
from reelgate.providers.base import Asset, Ended, Failed, PollResult, Ready, Running, Submission
from reelgate.providers.errors import MODERATION_WORDS
from reelgate.providers.expiry import Expiry
from reelgate.providers.imagine.asset_host import (
    AS_IT_IS,
    FIRST_BYTES,
    check_asset,
    first_bytes,
    length_bytes,
)
from reelgate.providers.imagine.credentials import clean_token
from reelgate.providers.imagine.wire import FTYP_END, is_temporary, is_video_start
from reelgate.providers.imagine.words import Word
from reelgate.providers.imagine_key.models import ROWS, TYPICAL_S, Row, key_models
from reelgate.providers.imagine_key.wire import (
    UPSTREAM,
    Report,
    read_report,
    read_submission,
    refusal,
    submit_parts,
    submit_refusal,
)

SUBMIT_TIMEOUT_S = 60.0
POLL_TIMEOUT_S = 10.0
NOT_FOUND = 404
STATUS_PATHS = ("assets/{id}/status", "video/status/{id}")
"""The second one is asked where the first knows no such job [official]."""


class ImagineKey:
    """One API key as a `Provider`.

    Args:
        http: a client that keeps to the key's requests a minute.
        api_url: the API's base.
        key: the API key.
        name: stands in stored jobs.
        rows: the models.
        time_scale: how much faster than the published times the upstream works (a stand-in).
    """

    def __init__(
        self,
        http: HttpClient,
        api_url: str,
        key: str,
        *,
        name: str = "imagine_key",
        rows: Iterable[Row] = ROWS,
        time_scale: float = 1.0,
    ) -> None:
        listed = tuple(rows)
        self._http = http
        self._api_url = api_url.rstrip("/")
        self._key = clean_token(key)
        self._name = name
        self._styles = {row.id: row.style for row in listed}
        self._models = key_models(name, listed)
        self._time_scale = time_scale
        self._status_path = 0

    @property
    def name(self) -> str:
        """Stands in stored jobs, so it never changes."""
        return self._name

    @property
    def models(self) -> tuple[Model, ...]:
        """The models of the table and of the settings."""
        return self._models

    @property
    def expiry(self) -> Expiry | None:
        """Nothing tells when a key ends."""
        return None

    def typical_s(self, _request: VideoRequest) -> tuple[float, float] | None:
        """The published times in seconds."""
        return TYPICAL_S[0] * self._time_scale, TYPICAL_S[1] * self._time_scale

    async def upload_reference(self, _picture: Picture) -> str:
        """No model of this provider takes a picture.

        Raises:
            UpstreamError: always.
        """
        message = f"{UPSTREAM} keeps no pictures."
        raise UpstreamError(message)

    async def submit(self, request: VideoRequest) -> Submission:
        """Ask for the video. This spends credits and is never idempotent.

        Raises:
            UpstreamError: `surely_refused` tells whether it may be sent again.
        """
        answer = await self._http.post_form(
            f"{self._api_url}/video/text-to-video",
            submit_parts(request, self._styles.get(request.model, request.model)),
            headers=self._headers(),
            timeout_s=SUBMIT_TIMEOUT_S,
        )
        if not answer.ok:
            raise submit_refusal(answer, hide=self._hide)
        return read_submission(answer, hide=self._hide)

    def watch(self, provider_id: str) -> KeyPoller:
        """A way to poll an accepted job; makes no request by itself."""
        return KeyPoller(self, provider_id)

    async def cancel(self, provider_id: str) -> bool:
        """Delete the job; whether credits come back is not documented.

        Raises:
            UpstreamError: the attempt failed.
        """
        url = f"{self._api_url}/video/delete/{quote(provider_id, safe='')}"
        answer = await self._ask("DELETE", url)
        if answer.ok or answer.status == NOT_FOUND:
            return answer.ok
        raise refusal(answer, hide=self._hide)

    def open_asset(
        self, provider_id: str, *, range_header: str | None = None
    ) -> AbstractAsyncContextManager[Asset]:
        """Read the finished video from where the API says that it is.

        Raises:
            VideoExpired: it is gone.
            UpstreamError: it could not be opened, or broke off.
        """
        return self._open(provider_id, range_header)

    def video_url(self, _provider_id: str) -> str:
        """Empty: the address is only in the API's answers, so that the gateway's own is told."""
        return ""

    async def report(self, provider_id: str) -> Report:
        """What the API knows of a job; silent where neither path knows it.

        Raises:
            UpstreamError: it cannot be asked.
        """
        for _ in STATUS_PATHS:
            path = STATUS_PATHS[self._status_path].format(id=quote(provider_id, safe=""))
            answer = await self._ask("GET", f"{self._api_url}/{path}")
            if answer.ok:
                return read_report(answer)
            if answer.status != NOT_FOUND:
                raise refusal(answer, hide=self._hide)
            # The other path is asked first from now on.
            self._status_path = 1 - self._status_path
        return Report(Word.SILENT)

    async def serves_video(self, url: str) -> bool:
        """Whether a file that begins as a video does is really there.

        Raises:
            UpstreamError: its host cannot tell for now.
        """
        headers = {**AS_IT_IS, "Range": FIRST_BYTES}
        try:
            async with (
                asyncio.timeout(POLL_TIMEOUT_S),
                self._http.stream(url, headers=headers, is_told=self._is_foreign(url)) as stream,
            ):
                if stream.status in HTTP_OK:
                    return is_video_start(await first_bytes(stream, FTYP_END))
                answer = Answer(stream.status, stream.headers)
        except TimeoutError as error:
            message = "The host of the video did not send its first bytes in time."
            raise AnswerLost(message) from error
        if is_temporary(answer):
            raise refusal(answer)
        return False

    def failed(self, report: Report) -> Failed:
        """The end of a job without a video, with the reason where one is told."""
        name, reason = self._hide(report.name), self._hide(report.reason)
        is_moderation = report.word is Word.MODERATED or MODERATION_WORDS.search(reason)
        code = ModerationBlocked.code if is_moderation else UpstreamFault.code
        told = fit_to_tell(reason) if reason else None
        because = f': "{told}".' if told else " and told no reason."
        word = fit_to_tell(name)
        status = f' (status "{word}")' if word else ""
        message = f"{UPSTREAM} ended this job without a video{status}{because}"
        return Failed(code, message, redacted(f"{name}: {reason}"))

    @asynccontextmanager
    async def _open(self, provider_id: str, range_header: str | None) -> AsyncIterator[Asset]:
        report = await self.report(provider_id)
        if not report.url:
            message = f"{UPSTREAM} no longer tells where this video is."
            raise VideoExpired(message)
        headers = AS_IT_IS if range_header is None else {**AS_IT_IS, "Range": range_header}
        is_foreign = self._is_foreign(report.url)
        async with self._http.stream(report.url, headers=headers, is_told=is_foreign) as stream:
            check_asset(stream)
            content_range = stream.headers.get("Content-Range")
            yield Asset(stream.chunks, stream.content_type, length_bytes(stream), content_range)

    def _is_foreign(self, url: str) -> bool:
        """Whether an address that the API told lies elsewhere: then it must be a public one."""
        try:
            return URL(url).origin() != URL(self._api_url).origin()
        except ValueError:
            return True

    async def _ask(self, method: str, url: str) -> Answer:
        headers = {**self._headers(), "Accept": "application/json"}
        return await self._http.request(method, url, headers=headers, timeout_s=POLL_TIMEOUT_S)

    def _headers(self) -> dict[str, str]:
        if not self._key.isascii() or not self._key.isprintable() or not self._key:
            message = "IMAGINE_API_KEY holds no key that could be sent."
            raise UpstreamUnauthorized(message)
        return {"Authorization": f"Bearer {self._key}"}

    def _hide(self, text: str) -> str:
        return text.replace(self._key, MASK) if self._key else text


class KeyPoller:
    """Asks for one job."""

    def __init__(self, provider: ImagineKey, provider_id: str) -> None:
        self._provider = provider
        self._provider_id = provider_id

    async def look(self) -> PollResult:
        """One poll.

        Raises:
            UpstreamError: it failed, which says nothing about the job.
        """
        report = await self._provider.report(self._provider_id)
        if report.url:
            return Ready() if await self._provider.serves_video(report.url) else Running()
        if report.word is Word.FAILED:
            return self._provider.failed(report)
        if report.word in {Word.MODERATED, Word.ENDED, Word.DONE}:
            return Ended(self._provider.failed(report))
        return Running()
