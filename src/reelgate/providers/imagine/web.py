"""imagine.art's web API, with the account's own token."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from urllib.parse import quote
from uuid import uuid4

from reelgate.catalog import Model
from reelgate.expiry import Expiry
from reelgate.picture import Picture
from reelgate.providers.base import Asset, Submission
from reelgate.providers.http import FilePart, HttpClient
from reelgate.providers.imagine.answers import (
    read_submission,
    read_upload,
    refusal,
    submit_refusal,
)
from reelgate.providers.imagine.asset_host import AssetHost
from reelgate.providers.imagine.credentials import ImagineAccount
from reelgate.providers.imagine.models import imagine_models
from reelgate.providers.imagine.submit import submit_parts, upload_parts
from reelgate.providers.imagine.times import typical_s
from reelgate.providers.imagine.watch import ImagineWatch
from reelgate.video import VideoRequest

SUBMIT_TIMEOUT_S = 60.0
UPLOAD_TIMEOUT_S = 120.0


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
        public_asset_url: where callers can play the videos, when that is not `hosts.asset_url`.
        time_scale: how much faster than the published times the upstream works (a sandbox).
    """

    def __init__(
        self,
        http: HttpClient,
        hosts: ImagineHosts,
        account: ImagineAccount,
        *,
        name: str = "imagine",
        public_asset_url: str | None = None,
        time_scale: float = 1.0,
    ) -> None:
        self._http = http
        self._api_url = hosts.api_url.rstrip("/")
        self._asset_host = AssetHost(http, hosts.asset_url)
        self._public_host = AssetHost(http, public_asset_url or hosts.asset_url)
        self._account = account
        self._name = name
        self._models = imagine_models(name)
        self._time_scale = time_scale

    @property
    def name(self) -> str:
        """Stands in stored jobs, so it never changes."""
        return self._name

    @property
    def models(self) -> tuple[Model, ...]:
        """The web API's models; the one with published defaults comes first."""
        return self._models

    @property
    def expiry(self) -> Expiry | None:
        """When the token ends; None where it does not tell."""
        return self._account.credentials.expiry

    def typical_s(self, request: VideoRequest) -> tuple[float, float] | None:
        """The shortest and longest usual rendering time in seconds; None where none is told."""
        usual_s = typical_s(request)
        if usual_s is None:
            return None
        return usual_s[0] * self._time_scale, usual_s[1] * self._time_scale

    async def upload_reference(self, picture: Picture) -> str:
        """Put a reference picture among the account's assets, which costs nothing.

        Returns:
            Its address.

        Raises:
            UpstreamError: it was not taken; sending it again does no harm.
        """
        credentials = self._account.credentials
        answer = await self._http.post_form(
            f"{self._api_url}/assets/upload",
            upload_parts(picture, self._account),
            headers={"Authorization": f"Bearer {credentials.bearer()}"},
            timeout_s=UPLOAD_TIMEOUT_S,
            file=FilePart("file", picture.file_name, picture.media_type, picture.content),
        )
        if not answer.ok:
            raise refusal(answer, hide=credentials.hide)
        return read_upload(answer, hide=credentials.hide)

    async def submit(self, request: VideoRequest) -> Submission:
        """Ask for the video. This spends credits and is never idempotent.

        Raises:
            UpstreamError: `surely_refused` tells whether it may be sent again.
        """
        credentials = self._account.credentials
        parts = submit_parts(request, self._account, str(uuid4()))
        answer = await self._http.post_form(
            f"{self._api_url}/video/upload",
            parts,
            headers={"Authorization": f"Bearer {credentials.bearer()}"},
            timeout_s=SUBMIT_TIMEOUT_S,
        )
        if not answer.ok:
            raise submit_refusal(answer, hide=credentials.hide)
        return read_submission(answer, hide=credentials.hide)

    def watch(self, provider_id: str) -> ImagineWatch:
        """A way to look at an accepted job; makes no request by itself."""
        return ImagineWatch(
            self._http,
            f"{self._api_url}/assets/{quote(provider_id, safe='')}/status",
            self._asset_host,
            self._account.credentials,
            provider_id,
        )

    async def cancel(self, _provider_id: str) -> bool:
        """Always False: the web API is not known to stop a job."""
        return False

    def open_asset(
        self, provider_id: str, *, range_header: str | None = None
    ) -> AbstractAsyncContextManager[Asset]:
        """Read the finished video.

        Raises:
            VideoExpired: it is gone.
            UpstreamError: it could not be opened, or broke off.
        """
        return self._asset_host.open(provider_id, range_header)

    def video_url(self, provider_id: str) -> str:
        """The address at which anybody can play the finished video."""
        return self._public_host.url(provider_id)
