"""Looks at one job of imagine.art."""

from __future__ import annotations

from typing import assert_never

from reelgate.errors import (
    ModerationBlocked,
    RateLimited,
    UpstreamError,
    UpstreamFault,
    UpstreamUnauthorized,
)
from reelgate.providers.base import Ended, Failed, Look, Ready, Running
from reelgate.providers.http import HttpClient
from reelgate.providers.imagine.answers import UPSTREAM, Report, read_report, refusal
from reelgate.providers.imagine.asset_host import LOOK_TIMEOUT_S, AssetHost
from reelgate.providers.imagine.credentials import Credentials
from reelgate.providers.imagine.words import Word
from reelgate.providers.redact import fit_to_tell, redacted
from reelgate.providers.refusal import MODERATION_WORDS

OVER_WITHOUT = frozenset({Word.MODERATED, Word.ENDED})
MOST_LEFT_OUT = 7
"""Looks in a row that leave the status endpoint out once it has failed again and again."""


class ImagineWatch:
    """Asks the status endpoint, which alone can show a failure, and then the asset host.

    Where the status endpoint fails or does not serve this account, the asset host alone decides,
    and the status endpoint is asked again at the next look, then after two, four and eight: a
    running job costs about one request per look either way.
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
            return failed(report, self._credentials)
        try:
            served = await self._asset_host.serves_video(self._provider_id, told=report.generated)
        except UpstreamError:
            # What is over without a video need not be asked of a host that cannot tell.
            if report.generated or report.word not in OVER_WITHOUT:
                raise
            served = False
        return Ready() if served else unserved(report, self._credentials)

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
        try:
            bearer = self._credentials.bearer()
        except UpstreamUnauthorized:
            return Report()
        answer = await self._http.request(
            "GET",
            self._status_url,
            headers={"Authorization": f"Bearer {bearer}", "Accept": "application/json"},
            timeout_s=LOOK_TIMEOUT_S,
        )
        if not answer.ok:
            raise refusal(answer, hide=self._credentials.hide)
        return read_report(answer)


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


def unserved(report: Report, credentials: Credentials) -> Look:
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
