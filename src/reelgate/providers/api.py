"""What all providers that are reached with an API key have in common.

A provider of this kind says what it sends and how it reads what comes back; sending, secrets,
errors, polls and files are here. Credentials go to the origin of the API's address only, whatever
address an answer names.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlencode, urljoin

from reelgate.domain.catalog import Model
from reelgate.domain.picture import Picture
from reelgate.domain.price import Money
from reelgate.domain.video import NAMED, VideoRequest
from reelgate.errors import (
    ModerationBlocked,
    ProxyAnswered,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamFault,
    UpstreamUnauthorized,
    VideoExpired,
)
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.net.redact import MASK, fit_to_tell, redacted
from reelgate.providers import errors as generic
from reelgate.providers.assets import FreshAddresses, opened, origin_of
from reelgate.providers.base import (
    NO_PICTURES,
    Asset,
    CancelOutcome,
    Ended,
    Failed,
    Pictures,
    PollResult,
    Ready,
    Running,
    Submission,
)
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.expiry import CredentialEnd
from reelgate.providers.payload import is_provider_id, payload_of
from reelgate.providers.words import Word

SUBMIT_TIMEOUT_S = 60.0
REQUEST_TIMEOUT_S = 15.0
NOT_FOUND = 404
TOO_MANY_REQUESTS = 429
TOO_LATE = frozenset({400, NOT_FOUND, 409, 422})
"""How vendors refuse to stop a job that is over, or that they do not know any more."""
SAID_OF_THE_REQUEST = frozenset(
    {400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 422, 431, 451}
)
"""Statuses by which whoever answers, the upstream or a proxy, has judged a request instead of
carrying it out (RFC 9110, 15.5)."""
REASONS_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class ApiAccount:
    """One account at an API.

    Attributes:
        name: stands in stored jobs.
        base_url: the API's base; requests with the key go nowhere else.
        key: the API key.
        time_scale: how long one of the vendor's seconds takes: 1 at the real one, less at a
            stand-in that is faster.
    """

    name: str
    base_url: str
    key: str = field(repr=False)
    time_scale: float = 1.0


class ApiProvider(ABC):
    """One account at an API as a `Provider`.

    A subclass sets these attributes and says what is sent and how answers are read.

    Attributes:
        upstream: the vendor's name in messages.
        renew: what to do about a key that is refused, a sentence.
        poll_gap_s: the least seconds between two polls of one job.
        typical: the shortest and longest published rendering time in seconds; None: none is.
        key_opens_files: whether files at the API's own origin want the key, too.
        needs_key: whether nobody may ask without one.
    """

    upstream: str
    renew: str
    poll_gap_s: float = 1.0
    typical: ClassVar[tuple[float, float] | None] = None
    key_opens_files: bool = False
    needs_key: bool = True

    def __init__(self, http: HttpClient, account: ApiAccount, models: Iterable[Model]) -> None:
        self._http = http
        self._account = account
        self._base_url = account.base_url.rstrip("/")
        self._origin = origin_of(self._base_url)
        self._models = {model.id: model for model in models}
        self.addresses = FreshAddresses()

    @property
    def name(self) -> str:
        """Stands in stored jobs, so it never changes."""
        return self._account.name

    @property
    def _key(self) -> str:
        """Never an attribute of its own: what shows attributes must not show it."""
        return self._account.key.strip()

    @property
    def models(self) -> tuple[Model, ...]:
        """The models it makes videos with."""
        return tuple(self._models.values())

    @property
    def expiry(self) -> CredentialEnd | None:
        """Nothing tells when a key ends."""
        return None

    @property
    def uploads(self) -> bool:
        """Pictures go along with the submit."""
        return False

    @property
    def min_poll_gap_s(self) -> float:
        """What the vendor asks for, in seconds of the account's own time."""
        return self.poll_gap_s * self._account.time_scale

    def typical_s(self, _request: VideoRequest) -> tuple[float, float] | None:
        """The published times in seconds."""
        if self.typical is None:
            return None
        shortest_s, longest_s = self.typical
        return shortest_s * self._account.time_scale, longest_s * self._account.time_scale

    async def upload_reference(self, _picture: Picture) -> str:
        """Pictures go along with the submit.

        Raises:
            UpstreamError: always.
        """
        message = f"{self.upstream} keeps no pictures."
        raise UpstreamError(message)

    # What a provider says

    @abstractmethod
    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """The submit; see `Provider.submit`."""

    @abstractmethod
    def id_of(self, payload: Mapping[str, Any]) -> object:
        """The id in the answer to an accepted submit, to be stored and polled by."""

    def id_path(self, _request: VideoRequest) -> str:
        """What comes before the id where a job is kept, if the request says where that is."""
        return ""

    @abstractmethod
    def poll_call(self, provider_id: str) -> Call:
        """The request that asks for a job."""

    @abstractmethod
    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """What the answer to it says."""

    @abstractmethod
    def error_of(self, response: HttpResponse) -> VendorError | None:
        """The vendor's own error object in an answer of any status; None where there is none."""

    def cancel_call(self, _provider_id: str) -> Call | None:
        """The request that stops a job; None where nothing does."""
        return None

    def read_cancel(self, response: HttpResponse) -> CancelOutcome:
        """What the answer to it says; only where it is a success, or says that it is too late."""
        return CancelOutcome.STOPPED if response.ok else CancelOutcome.IMPOSSIBLE

    def cost_in(self, _payload: Mapping[str, Any]) -> Money | None:
        """The price in the answer to an accepted submit, where it is told so early."""
        return None

    def key_headers(self) -> Mapping[str, str]:
        """The headers that carry the key."""
        return {"Authorization": f"Bearer {self._key}"}

    def key_opens(self, url: str) -> bool:
        """Whether a request for a video at this address carries the key."""
        return self.key_opens_files and origin_of(url) == self._origin

    async def report(self, provider_id: str) -> Report:
        """What the upstream says of a job, in as many requests as it takes.

        Raises:
            UpstreamError: it cannot be asked.
        """
        response = await self.ask(self.poll_call(provider_id))
        # One that is not known (any more) may have been made all the same.
        return (
            Report(word=Word.SILENT) if response is None else self.read_report(payload_of(response))
        )

    # What all of them do alike

    async def submit(
        self,
        request: VideoRequest,
        *,
        marker: str = "",
        pictures: Pictures = NO_PICTURES,
        push_url: str = "",
    ) -> Submission:
        """Ask for the video. This spends credits and is never idempotent.

        Raises:
            UpstreamError: `surely_refused` tells whether it may be sent again.
        """
        call = self.submit_call(request, marker=marker, pictures=pictures, push_url=push_url)
        response = await self._post(call)
        if not response.ok or self.error_of(response) is not None:
            raise self.submit_refusal(response)
        payload = payload_of(response)
        provider_id = self.id_of(payload)
        if isinstance(provider_id, str) and is_provider_id(provider_id):
            return Submission(self.id_path(request) + provider_id, cost=self.cost_in(payload))
        message = f"{self.upstream} named no video in its answer to the submit."
        raise UpstreamBadResponse(message, upstream=redacted(self.hide(response.text)))

    def preview(self, request: VideoRequest) -> Call:
        """The submit as it would be sent, without credentials."""
        return self.submit_call(request, marker="", pictures=NO_PICTURES, push_url="")

    def watch(self, provider_id: str) -> ApiPoller:
        """A way to poll an accepted job; makes no request by itself."""
        return ApiPoller(self, provider_id)

    async def cancel(self, provider_id: str) -> CancelOutcome:
        """Stop the upstream's work.

        Raises:
            UpstreamError: the attempt failed.
        """
        call = self.cancel_call(provider_id)
        if call is None:
            return CancelOutcome.IMPOSSIBLE
        response = await self._send(call)
        if response.ok or response.status in TOO_LATE:
            return self.read_cancel(response)
        raise self.refusal(response)

    @asynccontextmanager
    async def open_asset(
        self, provider_id: str, *, range_header: str | None = None
    ) -> AsyncIterator[Asset]:
        """Read the finished video from where the upstream says now that it is.

        Raises:
            VideoExpired: it is gone.
            UpstreamError: it could not be opened, or broke off.
        """
        told = self.addresses.take(provider_id) or (await self.report(provider_id)).url
        if not told:
            message = f"{self.upstream} does not tell where this video is."
            raise VideoExpired(message)
        url = urljoin(f"{self._base_url}/", told)
        opening = opened(
            self._http,
            url,
            upstream=self.upstream,
            refuse=self.refusal,
            range_header=range_header,
            headers=self._checked_key() if self.key_opens(url) else None,
            is_told=origin_of(url) != self._origin,
        )
        async with opening as asset:
            yield asset

    def video_url(self, _provider_id: str) -> str:
        """Empty: an upstream's address may end or hold a key, so the gateway's own is told."""
        return ""

    async def ask(self, call: Call) -> HttpResponse | None:
        """The answer to a request that may be sent twice; None where it is "not found".

        Raises:
            UpstreamError: it is an error.
        """
        response = await self._send(call)
        error = self.error_of(response)
        if response.ok and error is None:
            return response
        if response.status == NOT_FOUND:
            return None
        raise self.refusal(response)

    def refusal(self, response: HttpResponse) -> UpstreamError:
        """The error that an answer stands for: the vendor's own words first, then its status."""
        error = self.error_of(response) or VendorError()
        return generic.refusal(
            response,
            upstream=self.upstream,
            renew=self.renew,
            hide=self.hide,
            says=error.says or None,
            kind=error.kind,
            wait_s=error.wait_s,
        )

    def submit_refusal(self, response: HttpResponse) -> UpstreamError:
        """The same of a submit.

        Whatever is not surely said of the request itself, in the vendor's own words where a proxy
        in between says it as well, may have been accepted.
        """
        error, own = self.refusal(response), self.error_of(response)
        says_so = own is not None and (
            response.ok
            or response.status == TOO_MANY_REQUESTS
            or (own.kind is not None and own.kind.surely_refused)
        )
        if not error.surely_refused or says_so or response.status in SAID_OF_THE_REQUEST:
            return error
        message = f"HTTP {response.status} came back for {self.upstream}, but not in its own words."
        wait_s = generic.retry_after_s(response)
        return ProxyAnswered(message, retry_after_s=wait_s, upstream=error.upstream)

    def failed(self, report: Report) -> Failed:
        """The end of a job without a video, with the reason where one is told."""
        status, reason = self.hide(report.status), self.hide(report.reason)
        moderated = report.word is Word.MODERATED or generic.MODERATION_WORDS.search(
            reason.replace("_", " ")
        )
        code = ModerationBlocked.code if moderated else UpstreamFault.code
        did = "'s moderation stopped this video" if moderated else " ended this job without a video"
        word, told = fit_to_tell(status), fit_to_tell(reason[:REASONS_SHOWN_CHARS])
        named = f' (status "{word}")' if word else ""
        because = f': "{told}".' if told else " and told no reason."
        message = f"{self.upstream}{did}{named}{because}"
        return Failed(code, message, redacted(f"{status}: {reason}"))

    def values(self, request: VideoRequest) -> dict[str, Any]:
        """What a request says, by the names that the model's fields have on the wire."""
        model = self._models.get(request.model)
        found: dict[str, Any] = {}
        for row in model.fields if model else ():
            named = row.name in NAMED
            value = getattr(request, row.name) if named else request.options.get(row.name)
            if row.wire is not None and value is not None:
                found[row.wire] = value
        return found

    def hide(self, text: str) -> str:
        """A text without our key, should the upstream repeat it."""
        return text.replace(self._key, MASK) if self._key else text

    async def _post(self, call: Call) -> HttpResponse:
        """Send a request that must not be sent twice."""
        url, headers = self._address(call), self._headers(call)
        if call.form is not None:
            return await self._http.post_form(
                url, call.form, headers=headers, timeout_s=SUBMIT_TIMEOUT_S, file=call.file
            )
        headers["Content-Type"] = "application/json"
        body = json.dumps(call.json).encode()
        return await self._http.post(url, body, headers=headers, timeout_s=SUBMIT_TIMEOUT_S)

    async def _send(self, call: Call) -> HttpResponse:
        url, headers = self._address(call), self._headers(call)
        return await self._http.request(
            call.method, url, headers=headers, timeout_s=REQUEST_TIMEOUT_S
        )

    def _address(self, call: Call) -> str:
        """Where a request goes.

        Raises:
            UpstreamBadResponse: elsewhere than to the account's own origin.
        """
        url = call.path if "://" in call.path else f"{self._base_url}/{call.path.lstrip('/')}"
        if origin_of(url) != self._origin:
            message = f"{self.upstream} names an address that is not its own."
            raise UpstreamBadResponse(message)
        return f"{url}?{urlencode(call.query)}" if call.query else url

    def _headers(self, call: Call) -> dict[str, str]:
        return {**self._checked_key(), "Accept": "application/json", **call.headers}

    def _checked_key(self) -> Mapping[str, str]:
        if not self._key and not self.needs_key:
            return {}
        if not self._key.isascii() or not self._key.isprintable() or not self._key:
            message = f"The account {self.name} holds no key that could be sent. {self.renew}"
            raise UpstreamUnauthorized(message)
        return self.key_headers()


class ApiPoller:
    """Polls one job."""

    def __init__(self, provider: ApiProvider, provider_id: str) -> None:
        self._provider = provider
        self._provider_id = provider_id

    async def poll(self) -> PollResult:
        """One poll.

        Raises:
            UpstreamError: it failed, which says nothing about the job.
        """
        report = await self._provider.report(self._provider_id)
        match report.word:
            case Word.FAILED:
                return self._provider.failed(report)
            # The file itself is checked when it is fetched, again and again if need be.
            case Word.DONE | Word.SILENT if report.url:
                self._provider.addresses.note(self._provider_id, report.url)
                return Ready(report.cost)
            case Word.MODERATED | Word.ENDED | Word.DONE:
                return Ended(self._provider.failed(report))
            case _:
                return Running(None if report.progress is None else min(report.progress, 99))
