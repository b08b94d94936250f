"""Looks at one job of imagine.art."""

from __future__ import annotations

from typing import assert_never

from reelgate.errors import UpstreamUnauthorized
from reelgate.providers.answer import Answer
from reelgate.providers.base import Failed, Look, Ready, Running
from reelgate.providers.http import HttpClient
from reelgate.providers.imagine.answers import Report, Word, is_temporary, read_report, refusal
from reelgate.providers.imagine.asset_host import LOOK_TIMEOUT_S, AssetHost
from reelgate.providers.imagine.credentials import Credentials

GAVE_UP = Failed("upstream_failed", "imagine.art gave up on this video and gave no reason.")


class ImagineWatch:
    """Asks the status endpoint, which alone can show a failure, and then the asset host.

    Where the status endpoint does not serve this account, the asset host alone decides from then
    on. A running job costs one request per look either way.
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
        self._status_answers = True

    async def look(self) -> Look:
        """One look.

        Raises:
            UpstreamError: the look itself failed, which says nothing about the job.
        """
        report = await self._report()
        if report.word is Word.RUNNING and not report.generated:
            return Running()
        # A failure that comes with a video's address may be a stale word: the file decides.
        if report.word is Word.FAILED and not report.generated:
            return GAVE_UP
        if await self._asset_host.serves_video(self._provider_id, told=report.generated):
            return Ready()
        return unserved(report.word)

    async def _report(self) -> Report:
        if not self._status_answers:
            return Report()
        try:
            bearer = self._credentials.bearer()
        except UpstreamUnauthorized:
            self._status_answers = False
            return Report()
        return self._read(
            await self._http.request(
                "GET",
                self._status_url,
                headers={"Authorization": f"Bearer {bearer}", "Accept": "application/json"},
                timeout_s=LOOK_TIMEOUT_S,
            )
        )

    def _read(self, answer: Answer) -> Report:
        if answer.ok:
            return read_report(answer)
        if is_temporary(answer):
            raise refusal(answer, hide=self._credentials.hide)
        self._status_answers = False
        return Report()


def unserved(word: Word) -> Look:
    """What a job is whose file is not served although it may be done."""
    match word:
        case Word.FAILED:
            return GAVE_UP
        case Word.RUNNING | Word.SILENT:
            return Running()
        case _:
            assert_never(word)
