"""How a job of imagine.art's web API is polled, and what its end is told as."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import assert_never

from reelgate.errors import (
    ModerationBlocked,
    RangeNotSatisfiable,
    RateLimited,
    UpstreamError,
    UpstreamFault,
    UpstreamUnauthorized,
    VideoExpired,
)
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.net.redact import fit_to_tell, redacted
from reelgate.providers.assets import FIRST_BYTES, FTYP_END, is_video_start
from reelgate.providers.base import Asset, Ended, Failed, PollResult, Ready, Running
from reelgate.providers.errors import MODERATION_WORDS
from reelgate.providers.imagine.asset_host import POLL_TIMEOUT_S, AssetHost
from reelgate.providers.imagine.credentials import Credentials, authorized
from reelgate.providers.imagine.wire import UPSTREAM, Report, read_report, refusal
from reelgate.providers.words import Word

OVER_WITHOUT = frozenset({Word.MODERATED, Word.ENDED})
MOST_LEFT_OUT = 7
"""Polls in a row that leave the status endpoint out once it has failed again and again."""


class ImaginePoller:
    """Asks the status endpoint, which alone can show a failure, and then the asset host.

    Where the status endpoint fails or does not serve this account, the asset host alone decides,
    and the status endpoint is asked again at the next poll, then after two, four and eight: a
    running job costs about one request per poll either way.
    """

    def __init__(
        self,
        http: HttpClient,
        status_url: str,
        asset_host: AssetHost,
        credentials: Credentials,
        provider_id: str,
    ) -> None:
        self._http = http
        self._status_url = status_url
        self._asset_host = asset_host
        self._credentials = credentials
        self._provider_id = provider_id
        self._status_failures = 0
        self._leave_out = 0

    async def poll(self) -> PollResult:
        """One poll.

        Raises:
            UpstreamError: the poll itself failed, which says nothing about the job.
        """
        report = await self._report()
        if report.word is Word.RUNNING and not report.generated:
            return Running()
        # A failure that comes with a video's address may be a stale word: the file decides.
        if report.word is Word.FAILED and not report.generated:
            return failed(report, self._credentials)
        try:
            served = await self._asset_host.serves_video(self._provider_id, told=report.generated)
        except UpstreamError:
            # What is over without a video need not be asked of a host that cannot tell.
            if report.generated or report.word not in OVER_WITHOUT:
                raise
            served = False
        if not served and report.generated:
            served = await self._is_served_as_told(report.address)
        return Ready() if served else unserved(report, self._credentials)

    async def open_told(
        self, range_header: str | None
    ) -> AbstractAsyncContextManager[Asset] | None:
        """The video at the address that the status endpoint tells; None where it tells no other."""
        try:
            report = await self._ask()
        except UpstreamError:
            return None
        return await self._told(report.address, range_header)

    async def _told(
        self, address: str, range_header: str | None
    ) -> AbstractAsyncContextManager[Asset] | None:
        if not self._asset_host.is_another(address, self._provider_id):
            return None
        try:
            bearer = await self._credentials.bearer()
        except UpstreamError:
            bearer = ""
        return self._asset_host.open_told(address, bearer, range_header)

    async def _is_served_as_told(self, address: str) -> bool:
        told = await self._told(address, FIRST_BYTES)
        if told is None:
            return False
        try:
            async with asyncio.timeout(POLL_TIMEOUT_S), told as asset:
                start = b""
                async for chunk in asset.chunks:
                    start += chunk
                    if len(start) >= FTYP_END:
                        break
                return is_video_start(start)
        except (UpstreamError, VideoExpired, RangeNotSatisfiable, TimeoutError):
            return False

    async def _report(self) -> Report:
        """What the status endpoint says; nothing where the asset host is to decide alone.

        Raises:
            UpstreamError: it failed for the first time, or asks to slow down.
        """
        if self._leave_out:
            self._leave_out -= 1
            return Report()
        try:
            report = await self._ask()
        except RateLimited:
            raise
        except UpstreamError as error:
            self._status_failures += 1
            self._leave_out = min(2 ** (self._status_failures - 1) - 1, MOST_LEFT_OUT)
            if error.temporary and self._status_failures == 1:
                raise
            return Report()
        self._status_failures = 0
        return report

    async def _ask(self) -> Report:
        async def send(headers: Mapping[str, str]) -> HttpResponse:
            return await self._http.request(
                "GET",
                self._status_url,
                headers={**headers, "Accept": "application/json"},
                timeout_s=POLL_TIMEOUT_S,
            )

        try:
            response = await authorized(self._credentials, send)
        except UpstreamUnauthorized:
            return Report()
        if not response.ok:
            raise refusal(response, hide=self._credentials.hide)
        return read_report(response)


def failed(report: Report, credentials: Credentials) -> Failed:
    """The end of a job without a video, in the upstream's word and with its reason if it told one.

    The reason is told where it is a plain sentence; whatever it is, it is for the log.
    """
    moderated = report.word is Word.MODERATED or MODERATION_WORDS.search(
        report.reason.replace("_", " ")
    )
    code = ModerationBlocked.code if moderated else UpstreamFault.code
    did = "'s moderation stopped this video" if moderated else " ended this job without a video"
    word = fit_to_tell(credentials.hide(report.name))
    status = f' (status "{word}")' if word else ""
    return Failed(
        code,
        f"{UPSTREAM}{did}{status}{told_reason(credentials.hide(report.reason))}",
        redacted(credentials.hide(f"{report.name}: {report.reason}")),
    )


def told_reason(reason: str) -> str:
    """The end of the sentence that says why."""
    if not reason:
        return " and told no reason."
    told = fit_to_tell(reason)
    return f': "{told}".' if told else "; its reason is in the gateway's log."


def unserved(report: Report, credentials: Credentials) -> PollResult:
    """What a job is whose file is not served although it may be done."""
    match report.word:
        case Word.FAILED | Word.MODERATED:
            return Ended(failed(report, credentials))
        case Word.ENDED | Word.DONE:
            # With an address the video exists, and the asset host is late.
            return Running() if report.generated else Ended(failed(report, credentials))
        case Word.RUNNING | Word.SILENT:
            return Running()
        case _:
            assert_never(report.word)
