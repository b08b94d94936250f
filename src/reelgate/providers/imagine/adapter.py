"""imagine.art's web API as a provider, with the account's own token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode
from uuid import uuid4

from reelgate.domain.catalog import Model
from reelgate.domain.picture import Picture
from reelgate.domain.reference import Kind
from reelgate.domain.video import VideoRequest
from reelgate.errors import UpstreamBadResponse, VideoExpired
from reelgate.net.client import FilePart, HttpClient, HttpResponse
from reelgate.providers.base import (
    NO_PICTURES,
    Asset,
    CancelOutcome,
    Candidate,
    Pictures,
    Submission,
)
from reelgate.providers.call import Call
from reelgate.providers.expiry import CredentialEnd
from reelgate.providers.imagine.account import AccountLookUps
from reelgate.providers.imagine.asset_host import AssetHost
from reelgate.providers.imagine.credentials import (
    AccountEnd,
    Credentials,
    ImagineAccount,
    authorized,
)
from reelgate.providers.imagine.listing import (
    MAX_PAGES,
    PAGE_SIZE,
    ListedJob,
    candidates,
    read_list,
)
from reelgate.providers.imagine.models import PICTURES_ONLY, imagine_models, typical_s
from reelgate.providers.imagine.poller import ImaginePoller
from reelgate.providers.imagine.refusals import error_sentence
from reelgate.providers.imagine.wire import (
    carries_marker,
    preview_parts,
    read_submission,
    read_upload,
    refusal,
    submit_parts,
    submit_refusal,
    upload_parts,
)
from reelgate.providers.listed import EARLIER_S

SUBMIT_TIMEOUT_S = 60.0
UPLOAD_TIMEOUT_S = 120.0
LIST_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class ImagineHosts:
    """Base addresses; settings, so that the sandbox can stand in for each."""

    api_url: str = "https://imagine.vyro.ai/v1"
    asset_url: str = "https://asset.imagine.art/processed"
    auth_url: str = "https://auth.vyro.ai/apis/v1"
    team_url: str = "https://teams-imagine.vyro.ai/v1"


class ImagineWeb:
    """One imagine.art account as a `Provider`.

    Args:
        http: the shared client.
        hosts: where to send what.
        account: who pays.
        name: stands in stored jobs; the embedded sandbox has another one.
        models: what the account offers; None: our own table.
        public_asset_url: where callers can play the videos, when that is not `hosts.asset_url`.
        time_scale: how much faster than the published times the upstream works (a sandbox).
        reference_parts: the parts of a submit by which references go there, by their kind.
    """

    def __init__(
        self,
        http: HttpClient,
        hosts: ImagineHosts,
        account: ImagineAccount,
        *,
        name: str = "imagine",
        models: tuple[Model, ...] | None = None,
        public_asset_url: str | None = None,
        time_scale: float = 1.0,
        reference_parts: Mapping[Kind, str] = PICTURES_ONLY,
    ) -> None:
        self._http = http
        self._api_url = hosts.api_url.rstrip("/")
        self._team_url = hosts.team_url
        self._asset_host = AssetHost(
            http, hosts.asset_url, (hosts.api_url, hosts.auth_url, hosts.team_url)
        )
        self._public_host = AssetHost(http, public_asset_url or hosts.asset_url)
        self._account = account
        self._name = name
        self._models = imagine_models(name) if models is None else models
        self._own_fields = {model.id: model.own_fields() for model in self._models}
        self._time_scale = time_scale
        self._reference_parts = reference_parts

    def use(self, credentials: Credentials) -> None:
        """Send these from now on: a credential that is kept goes before one of the settings."""
        self._account = replace(self._account, credentials=credentials)

    @property
    def name(self) -> str:
        """Stands in stored jobs, so it never changes."""
        return self._name

    @property
    def models(self) -> tuple[Model, ...]:
        """The web API's models; the one with published defaults comes first."""
        return self._models

    @property
    def expiry(self) -> CredentialEnd | None:
        """When the credential ends; None where it does not tell."""
        ends = self._account.credentials.expiry
        return AccountEnd(self._account, ends) if self._account.lacks_parent else ends

    @property
    def uploads(self) -> bool:
        """Pictures are put among the account's assets."""
        return True

    @property
    def min_poll_gap_s(self) -> float:
        """No gap is asked for."""
        return 0.0

    def typical_s(self, request: VideoRequest) -> tuple[float, float] | None:
        """The shortest and longest usual rendering time in seconds; None where none is told."""
        usual_s = typical_s(request)
        if usual_s is None:
            return None
        return usual_s[0] * self._time_scale, usual_s[1] * self._time_scale

    async def credits_left(self) -> int | None:
        """What the organisation has left that videos are booked on.

        Raises:
            UpstreamError: it is not told.
        """
        look_ups = AccountLookUps(
            self._http, self._api_url, self._team_url, self._account.credentials
        )
        return await look_ups.credits_left(self._account.organisation())

    async def upload_reference(self, picture: Picture) -> str:
        """Put a reference picture among the account's assets, which costs nothing.

        Returns:
            Its address.

        Raises:
            UpstreamError: it was not taken; sending it again does no harm.
        """
        credentials = self._account.credentials
        await credentials.bearer()
        parts = upload_parts(picture, self._account)
        file = FilePart("file", picture.file_name, picture.media_type, picture.content)

        async def send(headers: Mapping[str, str]) -> HttpResponse:
            return await self._http.post_form(
                f"{self._api_url}/assets/upload",
                parts,
                headers=headers,
                timeout_s=UPLOAD_TIMEOUT_S,
                file=file,
            )

        response = await authorized(credentials, send)
        if not response.ok:
            raise refusal(response, hide=credentials.hide)
        return read_upload(response, hide=credentials.hide)

    async def submit(
        self,
        request: VideoRequest,
        *,
        marker: str = "",
        pictures: Pictures = NO_PICTURES,  # noqa: ARG002 - they were uploaded
        push_url: str = "",  # noqa: ARG002 - nothing is pushed
    ) -> Submission:
        """Ask for the video. This spends credits and is never idempotent.

        `marker` goes along as the `placeholderUuid`, which the account's list may tell.

        Raises:
            UpstreamError: `surely_refused` tells whether it may be sent again.
        """
        credentials = self._account.credentials
        # Before organisation and folder, which a dead credential does not tell.
        await credentials.bearer()
        fields = self._own_fields.get(request.model, ())
        marker = marker or str(uuid4())
        parts = submit_parts(request, self._account, marker, fields, self._reference_parts)

        async def send(headers: Mapping[str, str]) -> HttpResponse:
            return await self._http.post_form(
                f"{self._api_url}/video/upload",
                parts,
                headers=headers,
                timeout_s=SUBMIT_TIMEOUT_S,
            )

        # Anybody on the way may say 401: only in imagine.art's own words is it sent again.
        response = await authorized(
            credentials, send, lambda refused: error_sentence(refused) is not None
        )
        if not response.ok:
            raise submit_refusal(response, hide=credentials.hide)
        return read_submission(response, hide=credentials.hide)

    def preview(self, request: VideoRequest) -> Call:
        """The submit as it would be sent, without credentials and what is the account's own."""
        fields = self._own_fields.get(request.model, ())
        parts = preview_parts(request, fields, self._reference_parts)
        return Call(method="POST", path="/video/upload", form=parts)

    async def reconcile(
        self, request: VideoRequest, since: float, *, marker: str = ""
    ) -> Sequence[Candidate]:
        """The finished jobs in the account's own list that may be this submit's; costs nothing.

        Raises:
            UpstreamError: the list cannot be had; `temporary` tells whether waiting helps.
        """
        jobs: list[ListedJob] = []
        for page in range(MAX_PAGES):
            found, count = await self._listed(page * PAGE_SIZE)
            jobs += found
            told = [job.created_at for job in found if job.created_at is not None]
            if count < PAGE_SIZE or (told and max(told) < since - EARLIER_S):
                break
        return candidates(jobs, request, since, marker if carries_marker(request) else "")

    async def _listed(self, offset: int) -> tuple[list[ListedJob], int]:
        credentials = self._account.credentials
        await credentials.bearer()
        asked = [
            ("status", "finished"),
            ("service", "image"),
            ("service", "video"),
            ("limit", str(PAGE_SIZE)),
            ("offset", str(offset)),
            ("org_id", self._account.organisation()),
        ]

        async def send(headers: Mapping[str, str]) -> HttpResponse:
            return await self._http.request(
                "GET",
                f"{self._api_url}/assets/status?{urlencode(asked)}",
                headers=headers,
                timeout_s=LIST_TIMEOUT_S,
            )

        response = await authorized(credentials, send)
        if not response.ok:
            raise refusal(response, hide=credentials.hide)
        return read_list(response, self._asset_host.base)

    def watch(self, provider_id: str) -> ImaginePoller:
        """A way to poll an accepted job; makes no request by itself."""
        return ImaginePoller(
            self._http,
            f"{self._api_url}/assets/{quote(provider_id, safe='')}/status",
            self._asset_host,
            self._account.credentials,
            provider_id,
        )

    async def cancel(self, _provider_id: str) -> CancelOutcome:
        """The web API is not known to stop a job."""
        return CancelOutcome.IMPOSSIBLE

    @asynccontextmanager
    async def open_asset(
        self, provider_id: str, *, range_header: str | None = None
    ) -> AsyncIterator[Asset]:
        """Read the finished video; where it is not at its usual address, at the one that is told.

        Raises:
            VideoExpired: it is gone.
            UpstreamError: it could not be opened, or broke off.
        """
        async with AsyncExitStack() as stack:
            usual = self._asset_host.open(provider_id, range_header)
            try:
                asset = await stack.enter_async_context(usual)
            except (VideoExpired, UpstreamBadResponse):
                told = await self.watch(provider_id).open_told(range_header)
                if told is None:
                    raise
                asset = await stack.enter_async_context(told)
            yield asset

    def video_url(self, provider_id: str) -> str:
        """The address at which anybody can play the finished video."""
        return self._public_host.url(provider_id)
